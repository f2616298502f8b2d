"""A person who is called for too much is told what is not red minute by minute."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.calls.limits import MOST_PERSONS, SPACING_NS
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.notify.flood import CallFloods


def test_eleven_calls_within_ten_minutes_are_a_flood_until_fewer_than_five_are() -> None:
    floods = CallFloods()
    for n in range(10):
        floods.asked("zhang", n * SECOND_NS)
    now = 10 * SECOND_NS
    assert floods.spacing_ns("zhang", now, red=False) == SPACING_NS
    floods.asked("zhang", now)
    assert floods.spacing_ns("zhang", now, red=False) == MINUTE_NS
    assert floods.spacing_ns("zhang", now, red=True) == SPACING_NS, "red never waits"
    assert floods.spacing_ns("li", now, red=False) == SPACING_NS
    assert floods.flooded(now) == 1
    calm = 6 * SECOND_NS + 10 * MINUTE_NS  # of the last five the first one is ten minutes old
    assert floods.flooded(calm - 1) == 1
    assert floods.flooded(calm) == 0
    assert floods.spacing_ns("zhang", calm, red=False) == SPACING_NS


def test_ten_calls_in_ten_minutes_again_and_again_are_none() -> None:
    floods = CallFloods()
    for n in range(100):
        floods.asked("zhang", n * MINUTE_NS)
        assert floods.flooded(n * MINUTE_NS) == 0


def test_of_more_persons_than_a_roster_has_the_oldest_are_forgotten() -> None:
    floods = CallFloods()
    for _ in range(11):
        floods.asked("first", 0)
    assert floods.flooded(0) == 1
    for n in range(MOST_PERSONS):
        floods.asked(f"p{n}", 0)
    assert floods.flooded(0) == 0


@given(st.lists(st.integers(0, 120), max_size=80))
def test_it_is_what_counting_every_call_says(gaps: list[int]) -> None:
    floods, asked, flooded, now = CallFloods(), list[int](), False, 0
    for gap in gaps:
        now += gap * SECOND_NS
        within = [t for t in asked if t > now - 10 * MINUTE_NS]
        flooded = flooded and len(within) >= 5
        assert floods.flooded(now) == flooded
        asked.append(now)
        floods.asked("zhang", now)
        flooded = flooded or len(within) + 1 > 10
        assert floods.flooded(now) == flooded
