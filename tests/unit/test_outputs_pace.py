"""How fast an output catches up, and what a person is told of an outage."""

from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.outputs.influx_outage import PROGRESS_NS, TOLD_AFTER_NS, Outage
from lifeline.engine.outputs.pace import WINDOW_NS, Pace


def marked(pace: Pace, seconds: float, position: int, points: int, end: int) -> None:
    pace.note(int(seconds * SECOND_NS), position, points, end)


def test_nothing_is_said_before_there_is_something_to_tell_it_from() -> None:
    pace = Pace()
    assert (pace.points_per_s(0), pace.left_s(0)) == (0.0, None)
    marked(pace, 1, 10, 1_000, 100)
    assert (pace.points_per_s(SECOND_NS), pace.left_s(SECOND_NS)) == (0.0, None)


def test_the_time_left_counts_what_comes_meanwhile() -> None:
    """20 entries a second are written while 10 a second arrive: 500 are left after 50 seconds."""
    pace = Pace()
    for second in range(11):
        marked(pace, second, 20 * second, 2_000 * second, 600 + 10 * second)
    now = 10 * SECOND_NS
    assert pace.points_per_s(now) == 2_000
    assert pace.left_s(now) == 50.0
    marked(pace, 11, 710, 71_000, 710)
    assert pace.left_s(11 * SECOND_NS) == 0.0


def test_one_that_is_slower_than_what_comes_has_no_end() -> None:
    pace = Pace()
    marked(pace, 0, 0, 0, 100)
    marked(pace, 5, 10, 50, 200)
    assert pace.left_s(5 * SECOND_NS) is None
    assert pace.points_per_s(5 * SECOND_NS) == 10


def test_what_is_older_than_the_window_says_nothing() -> None:
    pace = Pace()
    marked(pace, 0, 0, 0, 100)
    marked(pace, 1, 50, 5_000, 100)
    later = 2 * SECOND_NS + WINDOW_NS
    assert (pace.points_per_s(later), pace.left_s(later)) == (0.0, None)


def test_the_marks_are_bounded_however_often_it_is_noted() -> None:
    pace = Pace()
    for number in range(100_000):
        pace.note(number * 1_000_000, number, number, 100_000)
    assert round(pace.points_per_s(99_999 * 1_000_000)) == 1_000


class Told:
    def __init__(self) -> None:
        self.notices: list[tuple[str, str]] = []
        self.outage = Outage(lambda kind, text: self.notices.append((kind, text)))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notices]


def test_a_short_absence_is_no_news() -> None:
    told = Told()
    told.outage.away(0, "refused")
    told.outage.away(TOLD_AFTER_NS - 1, "refused")
    told.outage.back(TOLD_AFTER_NS, 0, 500)
    told.outage.delivered(TOLD_AFTER_NS, 0, 0, Pace())
    assert told.notices == []


def test_an_outage_is_told_once_its_way_back_now_and_then_and_its_end() -> None:
    told, pace = Told(), Pace()
    for minute in range(10):
        told.outage.away(minute * MINUTE_NS, "503: no space left on device")
    assert told.kinds == ["output_away"]
    assert "no space left on device" in told.notices[0][1]
    back = 10 * MINUTE_NS
    told.outage.back(back, 1_000, 600)
    assert told.notices[-1] == (
        "output_back",
        "InfluxDB takes writes again after 10 min; 600 entries behind",
    )
    for second in range(0, 301, 10):
        now = back + second * SECOND_NS
        pace.note(now, second, 100 * second, 600)
        told.outage.back(now, 0, 0)  # each batch that is taken says so
        told.outage.delivered(now, 1_000 + 100 * second, 600 - second, pace)
    assert PROGRESS_NS == 300 * SECOND_NS
    assert told.notices[2:] == [
        ("output_catching_up", "300 entries behind, 100 points/s, about 5 min left")
    ]
    told.outage.delivered(back + 600 * SECOND_NS, 61_000, 0, pace)
    told.outage.delivered(back + 601 * SECOND_NS, 61_000, 0, pace)
    assert told.notices[3:] == [
        ("output_caught_up", "60000 points in 10 min, 100 a second; nothing is left")
    ]
