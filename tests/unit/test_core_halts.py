"""An area's orders at a site: alarms that commands make, people answer and ticks end."""

from typing import Any

import pytest

from lifeline.engine.command import Command, Reply
from lifeline.engine.configuration import Configuration, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.record import Record, first_break

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
AREA = "area:hefei/shushan"
ALARM = f"rain~{AREA}"
SITES = (
    Site("east", "acme", "hefei/shushan/east"),
    Site("west", "other", "hefei/shushan/west"),
    Site("drill", "acme", "hefei/shushan/east", exercise=True),
)


class Log:
    """A core and a log that is written as it goes."""

    def __init__(self) -> None:
        self.core = Core()
        self.entries: list[Entry] = []
        self.records: list[Record] = []
        self.now = 0
        self.put(Configuration(sites=SITES))

    def put(self, payload: Any, exercise: bool = False) -> tuple[list[Record], tuple[Reply, ...]]:
        self.now += SECOND
        entry = Entry(Header(received=self.now, appended=self.now, exercise=exercise), payload)
        self.entries.append(entry)
        stepped = self.core.step(len(self.entries), entry)
        self.records += stepped
        return list(stepped), stepped.replies

    def order(self, id: str, action: str = "halt_work", **more: Any) -> tuple[list[Record], Reply]:
        given = {
            "id": id,
            "action": action,
            "site": "east",
            "alarm": ALARM,
            "principal": AREA,
            "role": "area",
            "episode": 1,
            "seq": 1,
            "level": "orange",
            "expires": self.now + HOUR,
        }
        exercise = bool(more.pop("exercise", False))
        records, (answer,) = self.put(Command(**(given | more)), exercise)
        return records, answer


@pytest.fixture
def log() -> Log:
    return Log()


def test_an_order_stands_until_work_resumes(log: Log) -> None:
    (halt,), answer = log.order("1", reason="24 h rain")
    assert (answer.outcome, answer.seq) == ("done", 1)
    assert (halt.site, halt.tenant, halt.area) == ("east", "acme", "hefei/shushan/east")
    assert (halt.transition, halt.level_after, halt.alarm) == ("raised", "orange", ALARM)
    assert halt.detail == {
        "principal": AREA,
        "role": "area",
        "reason": "24 h rain",
        "command": "1",
    }
    assert (halt.quantity, halt.message, halt.domain) == (
        "area.halt_work",
        "site.halt_work",
        "area",
    )
    assert [(s.site, s.alarm, s.level) for s in log.core.standing()] == [("east", ALARM, "orange")]
    (seen,), _ = log.order("2", "acknowledge", principal="duty", seq=0)
    assert (seen.transition, seen.state_after) == ("acknowledged", "acknowledged")
    (over,), _ = log.order("3", "resume_work", seq=4)
    assert (over.transition, over.level_before, over.level_after) == ("cleared", "orange", "normal")
    assert log.core.standing() == []
    assert first_break(log.records) is None
    assert [r.seq for r in log.records] == [1, 2, 3]


def test_work_resumed_before_anybody_answered_is_still_to_be_acknowledged(log: Log) -> None:
    log.order("1")
    (over,), _ = log.order("2", "resume_work", seq=4)
    assert (over.transition, over.state_after) == ("returned", "returned_unacknowledged")
    (seen,), _ = log.order("3", "acknowledge", principal="duty", seq=0)
    assert seen.state_after == "normal"


def test_a_graver_order_is_unacknowledged_again(log: Log) -> None:
    log.order("1")
    log.order("2", "acknowledge", principal="duty", seq=0)
    (graver,), _ = log.order("3", seq=2, level="red")
    assert (graver.transition, graver.state_after) == ("level", "unacknowledged")


def test_an_order_that_nobody_renews_ends_at_its_expiry(log: Log) -> None:
    log.put(Tick(SECOND))
    log.order("1")
    first_end = log.core.next_due()
    records, answer = log.order("2")
    assert (records, answer.outcome, answer.reason) == ([], "done", "the order was renewed")
    ends = log.core.next_due()
    assert first_end is not None
    assert ends == first_end + SECOND
    assert log.put(Tick(ends - 1))[0] == []
    (over,) = log.put(Tick(ends + 7))[0]
    assert (over.transition, over.time) == ("returned", ends)
    assert over.detail == {"principal": AREA, "reason": "the order was not renewed"}
    assert log.core.next_due() is None


def test_a_renewal_that_comes_late_raises_it_again(log: Log) -> None:
    log.order("1")
    log.put(Tick(log.now + 2 * HOUR))
    (again,), _ = log.order("2", expires=log.now + 3 * HOUR)
    assert (again.transition, again.episode) == ("raised", 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"principal": "duty"}, "only an area halts and resumes the work of a site"),
        ({"principal": "area:hefei"}, f"area:hefei does not give orders for {AREA}"),
        ({"site": "north"}, "no site 'north'"),
        ({"expires": 5}, "the order has expired"),
        ({"level": "normal"}, "an order has a level, not 'normal'"),
        ({"action": "resume_work"}, "work is not halted"),
        ({"action": "acknowledge", "principal": "duty"}, f"site 'east' has no alarm '{ALARM}'"),
    ],
)
def test_what_is_no_order_is_refused(log: Log, change: dict[str, Any], why: str) -> None:
    records, answer = log.order("1", **change)
    assert (records, answer.outcome, answer.reason) == ([], "refused", why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"episode": 1, "seq": 3}, "the area has given a later order"),
        ({"action": "resume_work", "episode": 1, "seq": 9}, "the area has given a later order"),
        ({"action": "shelve", "principal": "duty"}, "an order is not shelved"),
        ({"action": "acknowledge", "principal": "duty", "episode": 7}, "the episode is over"),
    ],
)
def test_what_does_not_fit_a_standing_order_is_refused(
    log: Log, change: dict[str, Any], why: str
) -> None:
    log.order("1", episode=2, seq=5)
    records, answer = log.order("2", **change)
    assert (records, answer.outcome) == ([], "refused")
    assert answer.reason.startswith(why)


def test_the_same_order_twice_does_nothing(log: Log) -> None:
    log.order("1")
    records, answer = log.order("1")
    assert (records, answer.outcome) == ([], "repeated")


PRACTISED = "rain~exercise:hefei/shushan"


def test_an_exercise_orders_drills_and_says_so(log: Log) -> None:
    (record,), answer = log.order("1", site="drill", alarm=PRACTISED, exercise=True)
    assert (answer.outcome, record.exercise, record.site) == ("done", True, "drill")
    records, answer = log.order("2", site="drill", alarm=PRACTISED, exercise=True, episode=2)
    assert (records, answer.reason) == ([], "the order was renewed")
    log.now += 2 * HOUR
    (over,), _ = log.put(Tick(log.now))
    assert (over.transition, over.exercise) == ("returned", True), "a tick is of no world"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            {"alarm": PRACTISED, "exercise": True},
            "east is no drill: an exercise moves nothing actual",
        ),
        ({"alarm": PRACTISED}, "east is no drill: an exercise moves nothing actual"),
        ({"exercise": True}, "east is no drill: an exercise moves nothing actual"),
        ({"site": "drill"}, "drill is a drill: no actual order is given there"),
        ({"site": "drill", "exercise": True}, "drill is a drill: no actual order is given there"),
        ({"site": "drill", "alarm": PRACTISED}, "drill is a drill: no actual order is given there"),
    ],
)
def test_no_world_orders_the_other(log: Log, more: dict[str, Any], why: str) -> None:
    records, answer = log.order("1", **more)
    assert (records, answer.outcome, answer.reason) == ([], "refused", why)


def test_an_order_at_a_removed_site_is_withdrawn(log: Log) -> None:
    log.order("1")
    gone = Site("east", "acme", "hefei/shushan/east", retired=True)
    (record,), _ = log.put(Configuration(sites=(gone, *SITES[1:])))
    assert (record.transition, record.detail["reason"]) == ("withdrawn", "site removed")
    assert log.core.standing() == []
    assert log.order("2")[1].reason == "no site 'east'"


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_snapshot_anywhere_goes_on_alike(cut: int) -> None:
    whole, steps = Log(), Log()
    for n, log in enumerate((whole, steps)):
        log.order("1")
        log.order("2", seq=2, level="red")
        log.order("3", "acknowledge", principal="duty", seq=0)
        log.put(Tick(HOUR // 2))
        log.order("4", site="west", expires=log.now + HOUR // 4)
        log.put(Tick(3 * HOUR))
        if n == 1:
            core = Core()
            for position, entry in enumerate(log.entries, 1):
                core.step(position, entry)
                if position == cut:
                    core = Core.restore(core.snapshot())
            assert core.snapshot() == whole.core.snapshot()
            assert core.digest() == whole.core.digest()


def test_the_chain_runs_through_orders_and_other_records(log: Log) -> None:
    log.order("1")
    log.put(Tick(log.now + 2 * HOUR))
    log.order("2", "acknowledge", principal="duty", seq=0)
    seq, head = log.core.head("east")
    assert (seq, head.hex()) == (3, log.records[-1].hash)
