"""docs/alarm-table.md shows the alarm table that the engine runs, and sees a change of any cell."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from lifeline.engine import alarm_table
from lifeline.engine.alarm_table import CELLS, Event
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
    found = re.search(
        r"\(blue (\d) days, yellow (\d) days, orange (\d) day, red (\d) hours\)", PAGE
    )
    assert found is not None
    blue, yellow, orange, red = map(int, found.groups())
    assert (blue * DAY_NS, yellow * DAY_NS, orange * DAY_NS, red * HOUR_NS) == MAX_SHELVE_NS
