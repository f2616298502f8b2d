"""The oracle's alarm table is the page's, cell by cell, and an alarm follows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from oracle.table import AWAY, EVENTS, IMPOSSIBLE, NOTHING, REFUSED, STATES, TABLE, Alarm

PAGE = Path(__file__).parents[2] / "docs" / "semantics.md"

# Copied from docs/semantics.md §6; the first test holds the copy to the page.
HEAD = (
    "| state \\ event | rise | rise_covered | fall | return | return_latching "
    "| acknowledge | acknowledge_latching | reset | shelve | suppress | remove "
    "| end_active | end_normal | end_unanswered | end_latched | end_kept | realarm "
    "| flap | withdraw | unknown | known | actual |"
)
ROWS = (
    (
        "| normal | U raised | D raised | – | – | – | refused | refused | refused "
        "| S shelved | (nothing) | O out_of_service | refused | refused | refused "
        "| refused | refused | – | D flapping | (nothing) | (nothing) | (nothing) | – |"
    ),
    (
        "| unacknowledged | U level | U level | U level | R returned | R returned "
        "| A acknowledged | A acknowledged | refused | S shelved | D suppressed "
        "| O out_of_service | refused | refused | refused | refused | refused | – | – "
        "| N withdrawn | U unknown | U known | U actual |"
    ),
    (
        "| acknowledged | U level | A level | A level | N cleared | L latched | refused "
        "| refused | refused | S shelved | D suppressed | O out_of_service | refused "
        "| refused | refused | refused | refused | U realarm | – | N withdrawn "
        "| A unknown | A known | A actual |"
    ),
    (
        "| returned_unacknowledged | U raised | U raised | – | – | – | N acknowledged "
        "| L acknowledged | refused | S shelved | D suppressed | O out_of_service "
        "| refused | refused | refused | refused | refused | – | D flapping "
        "| N withdrawn | R unknown | R known | – |"
    ),
    (
        "| shelved | U raised/level | S raised/level | S level | S returned | S returned "
        "| refused | refused | refused | S shelved | (nothing) | O out_of_service "
        "| U unshelved | N unshelved | R unshelved | L unshelved | D unshelved | – | – "
        "| N withdrawn | S unknown | S known | (nothing) |"
    ),
    (
        "| latched | U raised | U raised | – | – | – | refused | refused | N reset "
        "| S shelved | D suppressed | O out_of_service | refused | refused | refused "
        "| refused | refused | – | D flapping | N withdrawn | L unknown | L known | – |"
    ),
    (
        "| suppressed_by_design | U raised/level | D raised/level | D level | D returned "
        "| D returned | refused | refused | refused | S shelved | (nothing) "
        "| O out_of_service | U unsuppressed | N unsuppressed | R unsuppressed "
        "| L unsuppressed | (nothing) | – | D raised | N withdrawn | D unknown | D known "
        "| (nothing) |"
    ),
    (
        "| out_of_service | U raised/level | O raised/level | O level | O returned "
        "| O returned | refused | refused | refused | refused | (nothing) "
        "| O out_of_service | U in_service | N in_service | R in_service | L in_service "
        "| D in_service | – | – | N withdrawn | O unknown | O known | (nothing) |"
    ),
)
SHORT = dict(zip("NUARSLDO", STATES, strict=True))
LOUD = ("flap", "realarm")
WORDS = {"–": IMPOSSIBLE, "refused": REFUSED, "(nothing)": NOTHING}


def cells(line: str) -> list[str]:
    """The cells of one line of a Markdown table."""
    return [cell.strip() for cell in line.strip("|").split("|")]


def read() -> dict[tuple[str, str], object]:
    """The page's table in the oracle's form."""
    events = cells(HEAD)[1:]
    table: dict[tuple[str, str], object] = {}
    for line in ROWS:
        state, *rest = cells(line)
        for event, cell in zip(events, rest, strict=True):
            after, _, transition = cell.partition(" ")
            table[state, event] = WORDS.get(cell, (SHORT.get(after), transition))
    return table


def test_the_copy_is_the_page() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    missing = [line for line in (HEAD, *ROWS) if line not in lines]
    assert not missing


def test_the_table_is_the_page() -> None:
    assert read() == TABLE
    assert len(TABLE) == len(STATES) * len(EVENTS)


@pytest.mark.parametrize(("state", "event"), sorted(TABLE))
def test_an_alarm_follows_each_cell(state: str, event: str) -> None:
    cell = read()[state, event]
    before = 2 if state in ("unacknowledged", "acknowledged", *AWAY) else 0
    alarm = Alarm(state=state, level=before, cover=0, episode=5, onset=50, rise_seq=6, until=9)
    if cell in (REFUSED, IMPOSSIBLE):
        with pytest.raises(AssertionError):
            alarm.move(event, before, 7, 70)
    elif cell == NOTHING:
        assert alarm.move(event, before, 7, 70) is None
        assert alarm.state == state
    else:
        assert isinstance(cell, tuple)
        expected = cell[1] if cell[1] != "raised/level" else "level"
        assert alarm.move(event, before, 7, 70) == expected
        assert alarm.state == cell[0]
        began = state == "normal"
        assert (alarm.episode, alarm.onset) == ((7, 70) if began else (5, 50))
        assert alarm.rise_seq == (7 if event.startswith("rise") or event in LOUD else 6)
        timed = event != "suppress" and cell[0] in (*AWAY, "acknowledged")
        assert alarm.until == (9 if timed else 0)


def test_a_shelved_alarm_is_raised_from_normal_and_levelled_from_a_level() -> None:
    alarm = Alarm(state="shelved", level=0, cover=4)
    assert alarm.move("rise_covered", 2, 1, 0) == "raised"
    assert alarm.move("rise_covered", 3, 2, 0) == "level"


def test_red_yellow_red_sounds_again_after_an_acknowledgement() -> None:
    alarm = Alarm()
    assert alarm.level_event(4) == "rise"
    alarm.move("rise", 4, 1, 0)
    alarm.move("acknowledge", 4, 2, 0)
    assert alarm.cover == 4
    alarm.move(alarm.level_event(2), 2, 3, 0)
    assert (alarm.state, alarm.cover) == ("acknowledged", 2)
    assert alarm.level_event(4) == "rise"
    alarm.move("rise", 4, 4, 0)
    assert (alarm.state, alarm.cover) == ("unacknowledged", 0)


def test_the_cover_of_a_shelf_does_not_fall_with_the_level() -> None:
    alarm = Alarm(state="shelved", level=3, cover=3)
    alarm.move(alarm.level_event(1), 1, 1, 0)
    assert (alarm.cover, alarm.level_event(3), alarm.level_event(4)) == (3, "rise_covered", "rise")


@pytest.mark.parametrize(
    ("level", "transition", "historic", "before", "after"),
    [
        (2, "raised", True, False, True),
        (2, "known", True, False, True),
        (2, "raised", False, True, False),
        (2, "level", False, True, False),
        (2, "acknowledged", False, True, True),
        (0, "returned", True, True, False),
        (0, "shelved", True, False, False),
    ],
)
def test_the_historic_mark(
    level: int, transition: str, historic: bool, before: bool, after: bool
) -> None:
    alarm = Alarm(level=level, historic_mark=before)
    alarm.mark(transition, historic)
    assert alarm.historic_mark is after
