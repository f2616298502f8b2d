"""docs/alarm-table.md shows the alarm table that the engine runs, and sees a change of any cell."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from doc_programs import doc_program
from lifeline.engine import alarm_table
from lifeline.engine.alarm_table import CELLS, Event
from lifeline.engine.keeping import MAX_MAINTENANCE_NS, MAX_OUT_OF_SERVICE_NS
from lifeline.engine.limits import DAY_NS, HOUR_NS, MAX_SHELVE_NS
from lifeline.engine.record import AlarmState, Transition

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "alarm-table.md").read_text("utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """docs/alarm_table_page.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location("alarm_table_page", DOCS / "alarm_table_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_table_that_the_engine_runs(generator: ModuleType) -> None:
    assert generator.replaced(PAGE, generator.drawn()) == PAGE, (
        "the alarm table has changed: python docs/alarm_table_page.py draws it anew"
    )


@pytest.mark.parametrize("state", AlarmState)
@pytest.mark.parametrize("event", Event)
def test_a_changed_cell_changes_the_page(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, state: AlarmState, event: Event
) -> None:
    before = generator.drawn()
    silent = CELLS[state][event][1] in (
        alarm_table.NOTHING,
        alarm_table.REFUSED,
        alarm_table.IMPOSSIBLE,
    )
    other = (AlarmState.SHELVED, Transition.SHELVED) if silent else (state, alarm_table.IMPOSSIBLE)
    monkeypatch.setitem(CELLS[state], event, other)
    assert generator.drawn() != before


def test_a_page_without_its_marks_is_refused(generator: ModuleType) -> None:
    with pytest.raises(ValueError, match="no part between"):
        generator.replaced(PAGE.replace(generator.END, ""), "")


def test_the_longest_shelves_are_those_of_the_engine() -> None:
    found = re.findall(
        r"blue (\d+) days, yellow (\d+) days, orange (\d+) days?, red (\d+) (\w+)", PAGE
    )
    units = {"hours": HOUR_NS, "days": DAY_NS}
    spans = [
        (*(int(n) * DAY_NS for n in (blue, yellow, orange)), int(red) * units[unit])
        for blue, yellow, orange, red, unit in found
    ]
    assert spans == [MAX_SHELVE_NS, MAX_OUT_OF_SERVICE_NS]
    assert MAX_MAINTENANCE_NS == MAX_SHELVE_NS


def test_the_picture_shows_the_table_that_the_engine_runs() -> None:
    picture = doc_program("alarm_states")
    assert (DOCS / "alarm-states.svg").read_text("utf-8") == picture.drawn(), (
        "the alarm table has changed: python docs/alarm_states.py draws it anew"
    )


def test_a_change_of_where_a_cell_leads_changes_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = doc_program("alarm_states")
    before = picture.drawn()
    for state, event in [(s, e) for s in AlarmState for e, _ in picture.moves(s)]:
        with monkeypatch.context() as patch:
            patch.setitem(CELLS[state], event, (state, CELLS[state][event][1]))
            assert picture.drawn() != before, (state, event)


def test_the_picture_is_drawn_within_itself() -> None:
    picture = doc_program("alarm_states")
    root = ElementTree.fromstring(picture.drawn())
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        left, top = float(box.get("x", 0)), float(box.get("y", 0))
        assert 0 <= left <= left + float(box.get("width", 0)) <= picture.WIDTH
        assert 0 <= top <= top + float(box.get("height", 0)) <= picture.HEIGHT
    for away in picture.AWAY:
        assert len(picture.notes(away)) * 15 + 64 <= picture.TALL[1] + 15
