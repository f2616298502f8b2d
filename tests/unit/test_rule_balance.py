"""`balance`: by hand, as it is written, and through the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from battery.drive import LINK, SITE, START, Drive, ns, path
from lifeline.engine.config import check, load
from lifeline.engine.configuration import Configuration, Sensor
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Rule, Select
from lifeline.rules.balance_spec import stored_volume
from plant_files import PlantFiles

FLOW, PRESSURE = "pipe.water.flow", "pipe.water.pressure"
ALARM = "it~line"
HOUR = 3600
WRITTEN = """
id: it
kind: balance
inflow: {sensor: IN, systematic: 0.1 %, random: 0.25 %}
outflow: {sensor: OUT, systematic: 0.1 %, random: 0.25 %}
window: 1h
loss: {yellow: 0.5 %, red: 3 %}
deadband: 0.1 %
"""
STORED = "stored: {sensor: P, quantity: pipe.water.pressure, stores: 4.8 m3/bar, absolute: 5 kPa}\n"


def rule_of(text: str, name: str = FLOW) -> Rule:
    """The rule as the core has it."""
    kind = kind_named("balance")
    model = kind.author_model.model_validate(yaml.safe_load(text))
    judgement = kind.compile(model, quantity(name), "")
    return Rule(model.id, model.kind, Select(), (judgement,), **model.beside(Path()))


def drive_of(text: str) -> Drive:
    sensors = tuple(
        Sensor(
            name, 0, 0, FLOW if name != "P" else PRESSURE, "m3/h" if name != "P" else "kPa", "line",
            interval=10 * SECOND_NS, stale=120 * SECOND_NS,
        )
        for name in ("IN", "OUT", "P")
    )  # fmt: skip
    return Drive(Configuration((SITE,), (LINK,), sensors, (rule_of(text),)))


def steady(
    drive: Drive, first: int, last: int, inflow: float, outflow: float, kpa: float = 500.0
) -> list[Any]:
    """All three every ten seconds, from `first` to before `last`."""
    made = []
    for second in range(first, last, 10):
        made += drive.tick(second)
        made += drive.samples((0, second, inflow), (1, second, outflow), (2, second, kpa))
    return [record for record in made if record.rule == "it"]


def said(drive: Drive) -> dict[str, Any]:
    """In m3."""
    found = drive.core.said(SITE.id, ALARM)
    return {name: x / 3600.0 if isinstance(x, float) else x for name, x in found.items()}


# --- by hand ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("window", "random", "pack", "both"),
    [("5 min", 0.065, 0.57, 1.2), ("1h", 0.019, 0.05, 0.3), ("24h", 0.004, 0.002, 0.28)],
)
def test_the_uncertainties_of_the_page_are_those_of_the_kernel(
    window: str, random: float, pack: float, both: float
) -> None:
    """Two meters of 0.1 % systematic and 0.25 % random at 1,000 m3/h, two pressures of 5 kPa.

    The example of API TR 1149's method: systematic errors stay √2 × 0.1 % of the flow whatever the window, random ones
    fall with the root of the readings, what is stored with the window itself.
    """
    stored = STORED.replace("sensor: P", 'sensor: "P*"')
    text = WRITTEN.replace("1h", window) + stored
    names = (("IN", FLOW), ("OUT", FLOW), ("P1", PRESSURE), ("P2", PRESSURE))
    sensors = tuple(Sensor(n, 0, 0, q, "1", "line", interval=10 * SECOND_NS) for n, q in names)
    drive = Drive(Configuration((SITE,), (LINK,), sensors, (rule_of(text),)))
    span = {"5 min": 300, "1h": HOUR, "24h": 24 * HOUR}[window]
    # Begin at a pane, so that the window is whole at the end.
    begin = -(START // SECOND_NS) % (span // 12)
    times = np.arange(begin, begin + span + 10, 10)
    rows = [(s, int(t), x) for t in times for s, x in enumerate((1000.0, 1000.0, 500.0, 400.0))]
    drive.samples(*rows)
    found, readings = said(drive), span / 10
    share = 100.0 / found["throughput"]
    assert random == pytest.approx(0.25 * np.sqrt(2 / readings), rel=0.06)
    assert pack == pytest.approx(100 * 4.8 * 0.05 * 2 / (1000 * span / HOUR), rel=0.1)
    # The window is eleven to twelve twelfths of what is written.
    assert found["throughput"] == pytest.approx(1000 * span / HOUR * 11.0 / 12, rel=0.1)
    parts = np.array([100 * random, 100 * 0.1 * np.sqrt(2), 100 * pack]) / 100
    assert 2 * found["uncertainty"] * share == pytest.approx(2 * np.sqrt((parts**2).sum()), rel=0.1)
    assert 2 * found["uncertainty"] * share == pytest.approx(both, rel=0.11)


def test_what_comes_in_and_does_not_go_out_is_stored_or_lost() -> None:
    """A tank: 60 m3/h in, 48 out, area 12 m2. In 50 min 10 m3 stay, which is 5/6 m of level."""
    text = """
id: it
kind: balance
inflow: {sensor: IN, absolute: 0.1 m3/h, quantity: pipe.water.flow}
outflow: {sensor: OUT, absolute: 0.1 m3/h, quantity: pipe.water.flow}
stored: {sensor: L, quantity: drain.level, stores: 12 m3/m}
window: 1h
of: volume
loss: {yellow: 1 m3, red: 5 m3}
min_span: 10 min
"""
    sensors = (
        Sensor("IN", 0, 0, FLOW, "m3/h", "line", interval=60 * SECOND_NS),
        Sensor("OUT", 0, 0, FLOW, "m3/h", "line", interval=60 * SECOND_NS),
        Sensor("L", 0, 0, "drain.level", "m", "line", interval=60 * SECOND_NS),
    )
    for lost in (0.0, 2.0):
        drive = Drive(Configuration((SITE,), (LINK,), sensors, (rule_of(text),)))
        for minute in range(51):
            height = 2.0 + minute / 50 * (10.0 - lost) / 12
            drive.samples((0, 60 * minute, 60.0), (1, 60 * minute, 48.0), (2, 60 * minute, height))
        assert said(drive)["imbalance"] == pytest.approx(lost, abs=1e-9)
        assert drive.state(ALARM) == (
            ("unacknowledged", "yellow") if lost else ("normal", "normal")
        )


def test_a_window_that_moves_forgets() -> None:
    drive = drive_of(WRITTEN)
    steady(drive, 0, 2 * HOUR, 1000.0, 980.0)
    assert said(drive)["imbalance"] == pytest.approx(20.0 * 11.5 / 12, rel=0.05)
    steady(drive, 2 * HOUR, 4 * HOUR, 1000.0, 1000.0)
    assert said(drive)["imbalance"] == pytest.approx(0.0, abs=1e-9)


# --- levels -----------------------------------------------------------------------------------------
def test_a_loss_is_raised_at_its_share_of_the_flow_and_returns_when_it_left_the_window() -> None:
    drive = drive_of(WRITTEN)
    assert steady(drive, 0, HOUR, 1000.0, 1000.0) == []
    (raised,) = steady(drive, HOUR, 2 * HOUR, 1000.0, 990.0)
    assert path([raised]) == ["raised yellow"]
    # One percent has filled half of the window.
    assert (raised.time - ns(HOUR)) / SECOND_NS == pytest.approx(HOUR / 2, rel=0.1)
    assert raised.value == pytest.approx(0.5, abs=0.01)
    assert (raised.unit, raised.subject, raised.asset) == ("%", "line", "line")
    returned = steady(drive, 2 * HOUR, 4 * HOUR, 1000.0, 1000.0)
    assert path(returned) == ["returned normal"]


def test_what_the_meters_cannot_tell_is_no_imbalance() -> None:
    """2 × √2 × 0.1 % is 0.28 %: a loss of 0.2 % is none by a limit of 0.1 %, and one with coverage 0."""
    text = WRITTEN.replace("0.5 %, red: 3 %", "0.1 %").replace("deadband: 0.1 %", "")
    for coverage, state in ((2, "normal"), (0, "yellow")):
        drive = drive_of(text + f"coverage: {coverage}\n")
        steady(drive, 0, 2 * HOUR, 1000.0, 998.0)
        assert drive.state(ALARM)[1] == state
        assert said(drive)["imbalance"] / said(drive)["throughput"] == pytest.approx(0.002)


def test_a_gain_is_told_apart() -> None:
    drive = drive_of(WRITTEN.replace("loss", "gain"))
    made = steady(drive, 0, 2 * HOUR, 1000.0, 1010.0)
    assert path(made) == ["raised yellow"]
    assert made[0].value == pytest.approx(-1.0, abs=0.1)
    assert made[0].limit == -0.5


def test_limits_in_uncertainties() -> None:
    text = WRITTEN.replace("0.5 %, red: 3 %", "3, red: 20").replace(
        "deadband: 0.1 %", "of: uncertainty"
    )
    drive = drive_of(text)
    made = steady(drive, 0, 2 * HOUR, 1000.0, 990.0)
    assert path(made) == ["raised yellow"]
    assert made[0].value == pytest.approx(10.0 / np.hypot(1.0, 0.99), rel=0.02)


def test_packing_is_no_loss_and_without_pressures_it_is() -> None:
    """960 m3/h come out while 2,400 kPa × 0.048 m3/kPa are packed within two hours."""
    for text, state in ((WRITTEN + STORED, "normal"), (WRITTEN, "red")):
        drive = drive_of(text)
        for second in range(0, 2 * HOUR, 10):
            kpa = 500.0 + second / 3.0
            out = 1000.0 - 0.048 / 3.0 * 3600.0
            drive.samples((0, second, 1000.0), (1, second, out), (2, second, kpa))
        assert drive.state(ALARM)[1] == state


def test_less_than_min_flow_is_not_judged() -> None:
    drive = drive_of(WRITTEN + "min_flow: 50 m3/h\n")
    assert steady(drive, 0, 2 * HOUR, 10.0, 0.0) == []
    assert said(drive)["reason"] == "too little flows"


# --- members ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("quality", [Quality.FAULT, Quality.CALIBRATION])
def test_after_a_bad_member_nothing_is_guessed(quality: int) -> None:
    drive = drive_of(WRITTEN)
    steady(drive, 0, 2 * HOUR, 1000.0, 1000.0)
    drive.samples((0, 2 * HOUR, 1000.0), (1, 2 * HOUR, 0.0, quality))
    assert "bad, silent" in said(drive)["reason"]
    # The meter is exchanged; meanwhile all that comes in seems lost.
    for second in range(2 * HOUR + 10, 2 * HOUR + 1200, 10):
        drive.samples((0, second, 1000.0))
    assert drive.state(ALARM) == ("normal", "normal")
    made = steady(drive, 2 * HOUR + 1200, 2 * HOUR + 1200 + HOUR // 2, 1000.0, 980.0)
    assert [r.transition for r in made if r.level_after != "normal"] == []
    assert "too short" in said(drive)["reason"]
    made = steady(drive, 3 * HOUR + 1200, 3 * HOUR + 1300, 1000.0, 980.0)
    assert path([r for r in made if r.level_after != "normal"]) == []  # another gap: half an hour


def test_a_standing_loss_does_not_clear_by_silence_and_is_unknown() -> None:
    drive = drive_of(WRITTEN)
    steady(drive, 0, 2 * HOUR, 1000.0, 980.0)
    assert drive.state(ALARM) == ("unacknowledged", "yellow")
    made = []
    for second in range(2 * HOUR, 3 * HOUR, 10):
        made += drive.tick(second)
        made += drive.samples((0, second, 1000.0), (2, second, 500.0))
    assert [r.transition for r in made if r.rule == "it"] == ["unknown"]
    assert drive.state(ALARM) == ("unacknowledged", "yellow")


def test_what_is_suspect_leaves_no_trace_in_the_flows() -> None:
    drive, other = drive_of(WRITTEN), drive_of(WRITTEN)
    for one, odd in ((drive, True), (other, False)):
        for second in range(0, 2 * HOUR, 10):
            rows: list[Any] = [(0, second, 1000.0), (1, second, 1000.0), (2, second, 500.0)]
            if second == 5000:
                rows[0] = (0, second, 9e9, Quality.UNCERTAIN) if odd else rows[0]
            one.samples(*rows)
    assert said(drive)["imbalance"] == pytest.approx(said(other)["imbalance"], abs=1e-9)
    assert drive.state(ALARM) == ("normal", "normal")


# --- as it is written -------------------------------------------------------------------------------
def test_volumes_by_a_unit() -> None:
    assert stored_volume("4.8 m3/bar", quantity(PRESSURE)) == pytest.approx(0.048)
    assert stored_volume("1000 L/m", quantity("drain.level")) == pytest.approx(1.0)
    for text in ("4.8 m3", "4.8 kg/bar", "4.8 m3/h"):
        with pytest.raises(SpecError):
            stored_volume(text, quantity(PRESSURE))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("systematic: 0.1 %, random: 0.25 %}\nout", "}\nout", "how well these meters measure"),
        ("0.1 %, random", "0.1 m3, random", "not a share"),
        ("0.1 %, random", "-0.1 %, random", "not negative"),
        ("window: 1h", "window: 0s", "must not be zero"),
        ("0.5 %", "0.5 m3", "not a share"),
        ("0.5 %", "-0.5 %", "more than zero"),
        ("loss", "of: uncertainty\ncoverage: 0\nloss", "uncertainties need uncertainties"),
        ("loss", "of: volume\nmin_flow: 5 m3/h\nloss", "whatever flows"),
        ("window: 1h", "window: 1h\nmax_gap: 40 min", "longer than the window"),
        (
            "window: 1h",
            "window: 1h\nstored: {sensor: P, quantity: nothing, stores: 1 m3/bar}",
            "nothing",
        ),
        ("random: 0.25 %}\nwin", "absolute: 5 kPa}\nwin", "which quantity"),
        ("sensor: IN", "sensr: IN", "unknown key"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = WRITTEN.replace(old, new, 1)
    assert text != WRITTEN
    assert message in told(tmp_path, text)


TAGS = """\
id,site,quantity,unit,low,high,reports,asset
IN,east,pipe.water.flow,m3/h,0,2000,periodic 10s,line
OUT,east,pipe.water.flow,m3/h,0,2000,periodic 10s,line
P,east,pipe.water.pressure,kPa,0,4000,periodic 10s,line
"""


def written(directory: Path, text: str) -> Path:
    rules = "rules:\n  - " + text.strip().replace("\n", "\n    ") + "\n"
    sites = "sites:\n  - {id: east, area: hefei/shushan/east}\n"
    return PlantFiles(rules=rules, tags=TAGS, sites=sites).write(directory)


def told(directory: Path, text: str) -> str:
    return "\n".join(problem.text() for problem in check(written(directory, text)))


def test_a_rule_in_a_file_is_the_rule(tmp_path: Path) -> None:
    text = WRITTEN + STORED
    (rule,) = [r for r in load(written(tmp_path, text)).configuration.rules if r.id == "it"]
    assert rule.members == rule_of(text).members
    assert rule.judgements == rule_of(text).judgements
    assert told(tmp_path, text) == ""


@pytest.mark.parametrize(
    ("tags", "rule", "message"),
    [
        ("OUT,east", "P2,east", "no sensor for a member that it needs; found OUT"),
        (
            "m3/h,0,2000,periodic 10s,line\nOUT",
            "m3/h,0,2000,periodic 10s,\nOUT",
            "no asset has all",
        ),
        (
            "periodic 10s,line\nP",
            "periodic 10 min,line\nP",
            "speaks more seldom than its value counts",
        ),
    ],
)
def test_what_the_plant_does_not_have_is_said(
    tmp_path: Path, tags: str, rule: str, message: str
) -> None:
    assert tags in TAGS
    path = written(tmp_path, WRITTEN)
    (tmp_path / "sensors.csv").write_text(TAGS.replace(tags, rule, 1), "utf-8")
    assert message in "\n".join(problem.text() for problem in check(path))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            "inflow: {sensor: 'I*', systematic: 0.1 %}\noutflow: {sensor: '*N', systematic: 1 %}",
            "twice",
        ),
        ("inflow: {sensor: 'M*', systematic: 0.1 %}", "too many members; found 18 at east/line"),
    ],
)
def test_a_group_that_cannot_be_is_an_error(tmp_path: Path, more: str, message: str) -> None:
    text = "\n".join(x for x in WRITTEN.splitlines() if not more.startswith(x.split(":")[0] + ":"))
    if "outflow" in more:
        text = "\n".join(x for x in text.splitlines() if not x.startswith("outflow"))
    path = written(tmp_path, text + "\n" + more + "\n")
    meters = "".join(
        f"M{i},east,pipe.water.flow,m3/h,0,2000,periodic 10s,line\n" for i in range(17)
    )
    (tmp_path / "sensors.csv").write_text(TAGS + meters, "utf-8")
    problems = [problem for problem in check(path) if message in problem.text()]
    assert [problem.severity for problem in problems] == ["error"]


def test_the_window_of_a_snapshot_goes_on() -> None:
    text = WRITTEN + STORED
    drive = drive_of(text)
    steady(drive, 0, HOUR, 1000.0, 985.0)
    again = drive_of(text)
    again.core = type(again.core).restore(drive.core.snapshot())
    for one in (drive, again):
        one.core.step(
            one.core.position + 1,
            drive.log[-1].__class__(drive.log[-1].header, Frame.of([0], [ns(HOUR)], [1000.0])),
        )
    assert drive.core.snapshot() == again.core.snapshot()
