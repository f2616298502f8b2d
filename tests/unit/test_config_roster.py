"""The roster: written as YAML or a spreadsheet, with every mistake named by file and line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.calls.configuration import WEEK_MINUTES, Roster, pack, unpack, within_hours
from lifeline.engine.config import check, check_calls, load, schemas
from lifeline.engine.config.hours import gaps, merged, read_hours, shown
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import MINUTE_NS
from plant_files import HEAD, PlantFiles

TODAY = datetime.now(UTC).date()
FRESH = (TODAY - timedelta(days=30)).isoformat()
OLD = (TODAY - timedelta(days=366)).isoformat()
ROSTER = f"""\
version: 1
zone: Asia/Shanghai
persons:
  - {{id: zhang, name: 张伟, channels: ["json://127.0.0.1:1/z"], hours: mon-fri 08:00-18:00, stand_in: li, verified: {FRESH}}}
  - {{id: li, name: 李娜, channels: ["json://127.0.0.1:1/l"], verified: {FRESH}}}
  - {{id: boss, channels: [{{name: sms, url: "json://127.0.0.1:1/b"}}], verified: {FRESH}}}
chains:
  - {{site: east, call: [zhang, [li, boss]], answer_within: {{orange: 3 min}}}}
  - {{area: hefei, call: [{{persons: boss, levels: [red]}}, li]}}
"""
TABLE = f"""\
人员,姓名,站点,区域,顺序,级别,联系方式,值班时间,时区,替班,核实日期,备注
zhang,张伟,east,,1,,json://127.0.0.1:1/z,mon-fri 08:00-18:00,Asia/Shanghai,li,{FRESH},白班
li,李娜,east,,2,,json://127.0.0.1:1/l,,Asia/Shanghai,,{FRESH},
boss,,east,,2,,json://127.0.0.1:1/b,,Asia/Shanghai,,{FRESH},
boss,,,hefei,1,红,,,,,,
li,,,hefei,2,,,,,,,
"""


def plant_with(
    directory: Path, roster: str = ROSTER, name: str = "roster.yaml", more: str = ""
) -> Path:
    head = HEAD + f"calls: {{roster: {name}{more}}}\n"
    (directory / name).write_text(roster, encoding="utf-8")
    return PlantFiles(head=head).write(directory)


def told(path: Path) -> list[str]:
    return [f"{p.severity} {p.text()}" for p in check(path) if p.where.startswith("roster")]


def test_a_spreadsheet_says_what_the_document_says(tmp_path: Path) -> None:
    written = load(plant_with(tmp_path)).calls
    assert written is not None
    table = load(plant_with(tmp_path, TABLE, "roster.csv")).calls
    assert table is not None
    for site in ("east", "west"):
        for level in (3, 4):
            one, other = Roster(written.configuration), Roster(table.configuration)
            assert one.steps(site, level) == other.steps(site, level)
    assert written.configuration.persons == table.configuration.persons
    assert [c.verified for c in table.contacts] == [FRESH] * 3
    gbk = tmp_path / "gbk"
    gbk.mkdir()
    path = plant_with(gbk, TABLE, "roster.csv")
    (gbk / "roster.csv").write_bytes(TABLE.encode("gb18030"))
    assert load(path).calls is not None


def test_the_order_is_site_then_areas_from_near_to_far(tmp_path: Path) -> None:
    spec = load(plant_with(tmp_path)).calls
    assert spec is not None
    roster = Roster(spec.configuration)
    assert roster.steps("east", 4) == (("zhang",), ("li", "boss"))
    assert roster.steps("west", 4) == (("boss",), ("li",))
    assert roster.steps("west", 3) == (("li",),)
    assert roster.within("east", 3) == 3 * MINUTE_NS
    assert roster.within("west", 3) == 15 * MINUTE_NS
    assert unpack(pack(spec.configuration)) == spec.configuration


def test_a_good_roster_has_nothing_to_mend(tmp_path: Path) -> None:
    path = plant_with(tmp_path)
    assert told(path) == []
    plant, problems = check_calls(path)
    assert plant is not None
    assert problems == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("call: [zhang, [li", "call: [zhnag, [li", "roster.yaml:8: unknown person; found 'zhnag'; expected boss, li or zhang; did you mean zhang?"),
        ("stand_in: li", "stand_in: le", "roster.yaml:4: unknown person; found 'le'"),
        ("id: boss", "id: li", "roster.yaml:6: the person stands twice; found 'li'"),
        ("stand_in: li", "stand_in: zhang", "roster.yaml:4: stand-ins stand in for each other"),
        ("site: east", "site: eats", "roster.yaml:8: unknown site; found 'eats'"),
        ("mon-fri 08:00-18:00", "mon-fri 08:00-25:00", "roster.yaml:4: hours: hours cannot be read"),
        ("json://127.0.0.1:1/b", "nothing://x", "roster.yaml:6: the channel cannot be used"),
        ("zone: Asia/Shanghai", "zone: Asia/Shanghei", "roster.yaml:2: zone: unknown time zone"),
        ("orange: 3 min", "orange: 3 s", "a time to answer is between 10 s and a day"),
        ("answer_within: {orange", "answer_with: {orange", "roster.yaml:8: unknown key; found 'answer_with'"),
        ("area: hefei", "site: east", "roster.yaml:9: the place has two chains; found 'east'"),
        ("[li, boss]", "[li, li]", "roster.yaml:8: the person stands twice in the step; found 'li'"),
        ("{name: sms, url:", "{name: sms, url_env: X, url:", "a channel has one of url, url_file and url_env"),
        (f"verified: {FRESH}}}\nchains", "verified: 2999-01-01}\nchains", "roster.yaml:6: verified lies in the future"),
    ],
)  # fmt: skip
def test_mistakes_are_errors_with_their_line(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in ROSTER
    found = told(plant_with(tmp_path, ROSTER.replace(old, new, 1)))
    assert any(line.startswith("error") and expected in line for line in found), found


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (f"l\"], verified: {FRESH}", f"l\"], verified: {OLD}", f"roster.yaml:5: the contact was verified more than a year ago; found li: {OLD}"),
        (f"l\"], verified: {FRESH}", "l\"]", "roster.yaml:5: nobody has verified the contact; found 'li'"),
        ("channels: [\"json://127.0.0.1:1/l\"]", "channels: []", "roster.yaml:5: the person cannot be reached: no channel"),
        (", li]}", "]}", "roster.yaml:1: nobody is called for orange; found west"),
        ("area: hefei,", "area: hefei/shushan/east,", "roster.yaml:1: nobody is called for red; found west"),
        ("\"json://127.0.0.1:1/l\"", "\"mailto://u:pw@example.com\"", "roster.yaml:5: a secret stands in the roster"),
        ("\"json://127.0.0.1:1/l\"", "\"file:/no/such/file\"", "roster.yaml:5: url_file: no such file on this machine"),
        ("\"json://127.0.0.1:1/l\"", "\"env:NO_SUCH_VARIABLE\"", "roster.yaml:5: url_env: the variable is not set here"),
        ("[li, boss]", "boss", ""),
    ],
)  # fmt: skip
def test_what_a_call_would_find_out_too_late_is_warned_of(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    assert old in ROSTER
    found = told(plant_with(tmp_path, ROSTER.replace(old, new, 1)))
    assert all(line.startswith("warning") for line in found)
    assert any(expected in line for line in found) or (not expected and not found), found


def test_hours_without_anybody_are_named_in_local_time(tmp_path: Path) -> None:
    roster = ROSTER.replace(", stand_in: li", "").replace(
        "call: [zhang, [li, boss]]", "call: [zhang], last: true"
    )
    (found,) = [line for line in told(plant_with(tmp_path, roster)) if "on duty" in line]
    assert "roster.yaml:8: hours in which nobody of the red chain is on duty, at east" in found
    assert "mon 18:00 to tue 08:00" in found
    assert "fri 18:00 to mon 08:00" in found


def test_rows_of_a_table_are_told_by_their_line(tmp_path: Path) -> None:
    bad = TABLE.replace("boss,,,hefei,1,红", "boss,老板,west,hefei,x,红")
    found = told(plant_with(tmp_path, bad, "roster.csv"))
    assert "error roster.csv:5: a row is about a site or an area; found 'hefei'" in found
    bad = TABLE.replace("li,,,hefei,2", "li,别人,,hefei,二")
    found = told(plant_with(tmp_path, bad, "roster.csv"))
    assert any("roster.csv:6: the person has another name in an earlier row" in x for x in found)
    assert any("roster.csv:6: order is a number" in x for x in found)


def test_a_roster_that_is_not_there_and_levels_without_red_are_errors(tmp_path: Path) -> None:
    path = PlantFiles(head=HEAD + "calls: {roster: none.yaml}\n").write(tmp_path)
    assert any("no such roster" in p.text() for p in check(path))
    path = plant_with(tmp_path, more=", levels: [orange]")
    assert any("red always calls" in p.text() for p in check(path))


def test_the_schemas_take_what_the_engine_takes(tmp_path: Path) -> None:
    documents = schemas()
    value = yaml.safe_load(ROSTER.replace(FRESH, f'"{FRESH}"'))
    jsonschema.validate(value, documents["roster.yaml"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**value, "people": []}, documents["roster.yaml"])
    names = [f["name"] for f in documents["roster.csv"]["fields"]]
    assert names[:2] == ["person", "name"]
    assert json.dumps(documents["lifeline.yaml"]).count("CallsModel") >= 1


@pytest.mark.parametrize(
    ("written", "minutes"),
    [
        ("mon 08:00-18:00", 600),
        ("mon-fri 08:00-18:00", 3_000),
        ("sat,sun", 2_880),
        ("fri-mon 00:00-24:00", 5_760),
        ("20:00-08:00", 7 * 720),
        ("周一至周五 8:00至18:00", 3_000),
        ("周六、周日", 2_880),
    ],
)
def test_hours_are_read(written: str, minutes: int) -> None:
    assert sum(ends - begins for begins, ends in read_hours([written])) == minutes


@pytest.mark.parametrize(
    "written", ["", "monday", "mon 8-18", "mon 08:00-08:00", "mon 08:61-09:00"]
)
def test_other_hours_are_refused(written: str) -> None:
    with pytest.raises(SpecError):
        read_hours([written])


spans = st.lists(st.tuples(st.integers(0, WEEK_MINUTES), st.integers(0, WEEK_MINUTES)).map(lambda s: (min(s), max(s))), max_size=8)  # fmt: skip


@given(spans, st.integers(0, WEEK_MINUTES - 1))
def test_gaps_are_what_no_span_holds(written: list[tuple[int, int]], minute: int) -> None:
    held = within_hours(merged(written), minute)
    assert held == any(begins <= minute < ends for begins, ends in written)
    assert within_hours(tuple(gaps(written)), minute) != held


def test_a_span_is_shown_as_people_say_it() -> None:
    assert shown((480, 1_080)) == "mon 08:00 to mon 18:00"
