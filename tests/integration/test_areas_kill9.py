"""An engine with areas, killed again and again: both logs lead to what they left, and no record
and no order between them is lost or doubled."""

import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from embedded_runs import plant, replay
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import decode_area
from lifeline.engine.command import Command
from lifeline.engine.entry import decode
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record, first_break
from plant_files import AREA_RULES, AREA_TAGS, HEAD

CHILD = Path(__file__).with_name("areas_child.py")
KILLS = 6
AREAS = """\
areas:
  - path: hefei/shushan
    ladders: [{id: gas.ladder, select: {rule: gas.high}, count: points, off_delay: 50 ms}]
    halt_work: [{id: rain.halt, when: {rule: rain.high}, release_after: 50 ms}]
  - path: hefei
    ladders: [{id: city.ladder, count: areas, counts: {yellow: 1}, off_delay: 50 ms}]
"""


def life(path: Path, seed: int, tens: int, after_s: float = 0.0, wrong: bool = False) -> None:
    """One life, ended by kill -9 shortly after so many times ten entries, or (0) in order."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(path), str(seed), *(["wrong"] if wrong else [])],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if tens == 0:
            assert child.stdout.readline() == "stopped\n"
            assert child.wait(180) == 0
        else:
            for _ in range(tens):
                assert child.stdout.readline() == "sent\n"
            threading.Event().wait(after_s)
            assert child.poll() is None, "it ended by itself"
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(180)
        if child.stdout is not None:
            child.stdout.close()


def whole(records: dict[tuple[str, int], bytes]) -> dict[str, list[Record]]:
    """Records by site, each site's chain unbroken from its first record."""
    by_site: dict[str, list[Record]] = {}
    for _, data in sorted(records.items()):
        record = decode_record(data)
        by_site.setdefault(record.site, []).append(record)
    for found in by_site.values():
        assert [r.seq for r in found] == list(range(1, len(found) + 1))
        assert first_break(found) is None
    return by_site


def killed(tmp_path: Path, kills: int, wrong: bool = False) -> Path:
    """The storage directory of an engine that was killed so often, and then stopped in order."""
    seed = random.SystemRandom().randrange(1, 2**31)
    print("seed", seed)
    chance = random.Random(seed)
    files = plant(tmp_path, head=HEAD + AREAS, rules=AREA_RULES, tags=AREA_TAGS)
    path = tmp_path / "lifeline.yaml"
    for n in range(kills):
        life(path, seed + n, chance.randint(2, 8), chance.uniform(0.0, 0.1), wrong)
    life(path, 0, 0)
    return files.storage.directory


def test_kills_lose_and_double_nothing_between_the_stages(tmp_path: Path) -> None:
    verdict(killed(tmp_path, KILLS))


def test_an_engine_that_moves_its_cursor_too_early_is_caught(tmp_path: Path) -> None:
    directory = killed(tmp_path, KILLS // 2, wrong=True)
    with pytest.raises(AssertionError, match=r"every record was heard|each in its place"):
        verdict(directory)


def verdict(directory: Path) -> None:
    """Both logs lead to what they left; between them nothing is lost, and nothing done twice."""
    sites = replay(directory)
    assert sites.outbox == sites.records
    by_site = whole(sites.records)

    reader, core = LogReader.open(directory / "areas"), AreaCore()
    made: dict[tuple[str, int], bytes] = {}
    orders: list[Command] = []
    while entries := reader.read(core.position, 1_000):
        for position, data in entries:
            out = core.step(position, decode_area(data))
            made |= {(r.site, r.seq): r.encode() for r in out}
            orders += [order.command for order in out.orders]
    assert {(r.site, r.seq): r.data for r in reader.records(0, 1_000_000)} == made
    reader.close()
    by_area = whole(made)

    heads = {s: (f[-1].seq, f[-1].hash) for s, f in by_site.items() if s != "_engine"}
    heard = {s: core.heard(s) for s in heads}
    found = {s: (h.seq, h.hash) for s, h in heard.items() if h}
    assert found == heads, "every record was heard"
    assert "doubts" not in core.counters(), "each in its place"
    assert not [r for found in by_area.values() for r in found if r.rule == "area.gap"]

    log = LogReader.open(directory)
    logged: Counter[str] = Counter()
    after = 0
    while rows := log.read(after, 1_000):
        payloads = (decode(data).payload for _, data in rows)
        logged.update(p.id for p in payloads if isinstance(p, Command))
        after = rows[-1][0]
    log.close()
    assert set(logged) == {order.id for order in orders}, "every order reached the sites' log"
    carried = Counter(
        r.detail["command"] for f in by_site.values() for r in f if "command" in r.detail
    )
    assert max(carried.values()) == 1, "and was carried out once, however often it came"
    assert {r.rule for r in by_area["area:hefei/shushan"]} >= {"gas.ladder", "rain.halt"}
    assert "area:hefei" in by_area
    halted = [r for f in by_site.values() for r in f if r.rule == "rain.halt"]
    assert {r.site for r in halted} == {"east", "west"}
    assert len(halted) > KILLS // 2, "there was much to lose"
