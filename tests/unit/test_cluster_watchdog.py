"""When a worker counts as stuck, and that the watchdog says so from a thread of its own."""

from __future__ import annotations

import threading

from lifeline.engine.clock import ManualClock, SystemClock
from lifeline.engine.cluster.watchdog import Judgement, Sight, Watchdog
from lifeline.engine.limits import SECOND_NS, WORKER_STUCK_NS

SOON = WORKER_STUCK_NS // 3


def sight(now: int, progress: int = 0, lag: int = 0, unsettled: bool = False) -> Sight:
    return Sight(now, progress, lag, unsettled)


def after(judgement: Judgement, steps: int, **seen: int | bool) -> str:
    """The last verdict of looks at SOON's distance from SOON on."""
    said = ""
    for step in range(1, steps + 1):
        now = step * SOON
        said = judgement.look(sight(now, **seen), now)  # type: ignore[arg-type]
    return said


def test_an_idle_worker_may_be_idle_for_ever() -> None:
    assert after(Judgement(0), 100) == ""


def test_no_progress_with_lag_ends_it_after_its_patience() -> None:
    assert after(Judgement(0), 4, lag=5) == ""
    assert "5 entries wait" in after(Judgement(0), 5, lag=5)


def test_progress_renews_the_patience() -> None:
    judgement = Judgement(0)
    for step in range(50):
        assert judgement.look(sight(step * SOON, step // 3, lag=9), step * SOON) == ""


def test_partitions_that_do_not_come_end_it() -> None:
    assert "waited for its partitions" in after(Judgement(0), 5, unsettled=True)


def test_a_loop_that_hangs_ends_it_even_where_nothing_waits() -> None:
    judgement = Judgement(0)
    assert judgement.look(sight(0, 1), WORKER_STUCK_NS) == ""
    assert "has not turned" in judgement.look(sight(0, 2), WORKER_STUCK_NS + 1)


def test_a_hanging_loop_is_noticed_from_outside() -> None:
    """The clock of the sight stands still, as that of a loop that hangs would."""
    clock, told, ended = ManualClock(), [""], threading.Event()

    def on_stuck(reason: str) -> None:
        told[0] = reason
        ended.set()

    watchdog = Watchdog(lambda: sight(0), clock, on_stuck)
    clock.advance(WORKER_STUCK_NS + SECOND_NS)
    watchdog.start()
    assert ended.wait(180.0)
    assert "its main loop" in told[0]


def test_a_stopped_watchdog_says_nothing() -> None:
    told: list[str] = []
    watchdog = Watchdog(lambda: sight(-WORKER_STUCK_NS), SystemClock(), told.append)
    watchdog.stop()
    watchdog.start()
    watchdog._thread.join(180.0)
    assert told == []
