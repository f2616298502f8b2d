"""Ladders: what counts, what it makes, and when it ends."""

import pytest

from area_logs import DISTRICT, MINUTE, SECOND, AreaLog, SiteAlarms, configured, replayed, short
from lifeline.engine.alarm_table import Event
from lifeline.engine.areas.configuration import (
    Area,
    AreaConfiguration,
    AreaSite,
    Ladder,
    Pick,
    Silence,
)
from lifeline.engine.areas.entry import Standing
from lifeline.engine.entry import Recovered, SiteHead
from lifeline.engine.record import first_break


def log_of(*ladders: Ladder, **more: object) -> AreaLog:
    log = AreaLog()
    area = Area(DISTRICT, ladders=ladders, silence=Silence(0, 0, 0))
    log.put(configured(area, **more))  # type: ignore[arg-type]
    return log


@pytest.fixture
def a() -> SiteAlarms:
    return SiteAlarms("a")


@pytest.fixture
def b() -> SiteAlarms:
    return SiteAlarms("b")


def test_two_orange_items_at_two_sites_make_the_area_red(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas"))
    assert log.hear(a.set("high~1", "orange")) == []
    (record,) = log.hear(b.set("high~1", "orange"))
    assert (record.transition, record.level_after, record.alarm) == ("raised", "red", "gas~area")
    assert (record.site, record.area, record.domain) == (f"area:{DISTRICT}", DISTRICT, "area")
    assert (record.value, record.limit, record.unit) == (2.0, 2.0, "1")
    assert record.detail == {"of": "orange", "count": "items", "by": "b/high~1#1"}
    assert record.time == record.onset == log.now
    assert (record.seq, record.episode) == (1, 1)


def test_four_blue_points_make_one_yellow(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points", off_delay=0))
    for n in range(3):
        assert log.hear(a.set(f"high~{n}", "blue")) == []
    (record,) = log.hear(b.set("high~0", "blue"))
    assert (record.level_after, record.value, record.limit) == ("yellow", 4.0, 4.0)
    (over,) = log.hear(a.set("high~1", "normal"))
    assert (over.transition, over.value, over.limit) == ("returned", 3.0, 4.0)


def test_two_alarms_of_one_point_are_one(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points"))
    for rule in ("high", "rate", "trend", "held"):
        assert log.hear(a.set(f"{rule}~1", "blue")) == []


def test_what_is_graver_counts_for_the_milder_level_too(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points"))
    assert log.hear(a.set("high~1", "red"), a.set("high~2", "yellow")) == []
    (record,) = log.hear(a.set("high~3", "yellow"))
    assert (record.level_after, record.detail["of"]) == ("orange", "yellow")


def test_points_make_items_and_items_make_sites_and_sites_make_the_area() -> None:
    log = log_of(Ladder("gas", count="sites"))
    made = []
    for name in ("a", "b"):
        site = SiteAlarms(name)
        for quantity in ("gas.h2s", "gas.co", "gas.o2"):
            for n in range(4):  # four blue points: the item is yellow; three items: orange
                made += log.hear(site.set(f"{quantity}~{quantity}-{n}", "blue", quantity))
    assert short(made) == ["gas~area:raised:red"]
    assert made[0].detail["by"] == "b/gas.o2~gas.o2-3#12"


def test_only_what_is_picked_counts(a: SiteAlarms, b: SiteAlarms) -> None:
    ladder = Ladder("gas", Pick(quantity=("gas.*",), site=("a", "c")))
    log = log_of(ladder)
    assert log.hear(a.set("high~1", "orange"), b.set("high~1", "orange")) == []
    assert log.hear(a.set("level~2", "orange", "dam.pond.level")) == []
    assert short(log.hear(a.set("high~3", "orange", "gas.co"))) == ["gas~area:raised:red"]


def test_rules_that_speak_of_data_do_not_count(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points"), quality=("engine.stale",))
    for n in range(5):
        assert log.hear(a.set(f"engine.stale~{n}", "yellow")) == []


def test_it_falls_only_when_the_delay_is_over(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=10 * MINUTE))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    assert log.hear(a.set("high~1", "normal")) == []
    deadline = log.now + 10 * MINUTE
    assert log.core.next_due() == deadline
    log.tick(MINUTE)
    assert log.hear(a.set("high~1", "orange")) == []
    assert log.core.next_due() is None
    log.hear(a.set("high~1", "normal"))
    deadline = log.now + 10 * MINUTE
    (over,) = log.tick(11 * MINUTE)
    assert (over.transition, over.time, over.level_before) == ("returned", deadline, "red")


def test_it_rises_only_when_the_delay_is_over(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", on_delay=30 * SECOND))
    assert log.hear(a.set("high~1", "orange"), b.set("high~1", "orange")) == []
    began = log.now
    (up,) = log.tick(MINUTE)
    assert (up.time, up.onset, up.level_after) == (began + 30 * SECOND, began, "red")
    assert "by" not in up.detail


def test_any_entry_moves_the_areas_time(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=MINUTE))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    log.hear(a.set("high~1", "normal"))
    due = log.now + MINUTE
    log.now += 2 * MINUTE
    (over, *rest) = log.hear(a.set("high~1", "orange"))
    assert (over.transition, over.time) == ("returned", due), "before the record counts"
    assert short(rest) == ["gas~area:raised:red"]


def test_a_blind_log_waits_longer(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=10 * MINUTE))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    log.hear(a.set("high~1", "normal"))
    due = log.now + 10 * MINUTE
    (blind,) = log.tick(30 * MINUTE, resumed=True)
    assert (blind.rule, blind.transition, blind.value) == ("engine.blind", "notice", 1800.0)
    assert log.core.next_due() == due + 30 * MINUTE


def test_what_is_historic_counts_once_it_is_actual(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=0))
    log.hear(a.set("high~1", "orange"))
    assert log.hear(b.set("high~1", "orange", historic=True)) == []
    assert log.hear(b.event("high~1", Event.ACKNOWLEDGE)) == [], "still only from the backlog"
    assert short(log.hear(b.event("high~1", Event.ACTUAL))) == ["gas~area:raised:red"]
    assert short(log.hear(b.set("high~1", "normal", historic=True))) == ["gas~area:returned:normal"]


def test_an_exercise_is_an_alarm_of_its_own(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=0))
    c = SiteAlarms("c")
    log.hear(a.set("high~1", "orange"))
    assert log.hear(b.set("high~1", "orange", exercise=True)) == [], "one of each is none of both"
    (drill,) = log.hear(c.set("high~1", "orange", exercise=True))
    assert (drill.alarm, drill.exercise, drill.level_after) == ("gas~exercise", True, "red")
    (real,) = log.hear(a.set("high~2", "orange", "gas.co"))
    assert (real.alarm, real.exercise) == ("gas~area", False)
    assert short(log.hear(b.set("high~1", "normal"))) == ["gas~exercise:returned:normal"]


def test_a_person_acknowledges_and_shelves_an_area_alarm(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", off_delay=0))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    assert log.person("acknowledge", "gas~area", seq=1).outcome == "done"
    assert log.person("acknowledge", "gas~area").reason.startswith("the alarm is not in a state")
    expires = log.now + 10 * MINUTE
    assert log.person("shelve", "gas~area", expires=expires).seq == 3
    assert [s.until for s in log.core.standing()] == [expires]
    (again,) = log.tick(11 * MINUTE)
    assert (again.transition, again.time, again.state_after) == (
        "unshelved",
        expires,
        "unacknowledged",
    )
    assert (
        log.person("acknowledge", "other~area").reason
        == f"area:{DISTRICT} has no alarm 'other~area'"
    )
    assert log.person("acknowledge", "gas~area", site="area:x").reason == "no area 'area:x'"
    assert log.person("acknowledge", "gas~area", site=DISTRICT).outcome == "refused"
    assert first_break(log.records) is None


def test_a_record_that_comes_again_changes_nothing(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points", counts=(1, 9, 9), off_delay=0))
    first, second = a.set("high~1", "blue"), a.set("high~1", "normal")
    log.hear(first, second)
    assert log.hear(first, second, first) == []
    assert log.core.counters()["repeated"] == 3


def test_a_gap_is_told_and_what_stands_puts_it_right(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas", count="points", counts=(1, 1, 1), off_delay=0))
    heard = a.set("high~1", "blue")
    log.hear(heard)
    lost = a.set("high~1", "normal") + a.set("high~2", "orange")
    later = a.set("high~3", "blue")
    (gap,) = log.hear(later)
    assert (gap.rule, gap.transition, gap.subject) == ("area.gap", "notice", "a")
    assert gap.detail == {"reason": "records 2 to 3 were not heard", "seq": "4", "heard": "1"}
    stands = a.standing(heard + lost + later)
    (up,) = log.put(Standing("a", 4, a.chain.head, stands)).records
    assert (up.level_after, up.detail["of"]) == ("red", "orange")
    assert log.core.counted() == {("a", "high~2"): (3, 0), ("a", "high~3"): (1, 0)}


def test_another_record_of_a_known_seq_is_told(a: SiteAlarms) -> None:
    log = log_of(Ladder("gas"))
    log.hear(a.set("high~1", "blue"))
    other = SiteAlarms("a")
    (told,) = log.hear(other.set("high~1", "red"))
    assert told.detail["reason"] == "another record of the same seq was heard before"
    (told,) = log.hear(other.set("high~2", "red"))
    assert told.detail["reason"] == "the record does not follow the one heard before"


def test_a_city_counts_its_districts() -> None:
    city = Area("hefei", ladders=(Ladder("city", count="areas", counts=(1, 9, 2), off_delay=0),))
    log = AreaLog()
    log.put(AreaConfiguration((city,)))
    shushan, baohe = SiteAlarms("area:hefei/shushan"), SiteAlarms("area:hefei/baohe")
    street = SiteAlarms("area:hefei/shushan/east")
    ladder = {"quantity": "area.ladder"}
    assert log.hear(street.set("gas~area", "red", **ladder)) == [], "not one level below"
    assert log.hear(shushan.set("area.silence~a", "orange", "area.silence")) == []
    assert short(log.hear(shushan.set("gas~area", "orange", **ladder))) == [
        "city~area:raised:yellow"
    ]
    assert short(log.hear(baohe.set("gas~area", "red", **ladder))) == ["city~area:level:red"]


def test_a_removed_ladder_is_withdrawn_and_a_kept_one_keeps_its_alarm(
    a: SiteAlarms, b: SiteAlarms
) -> None:
    log = log_of(Ladder("gas"), Ladder("all"))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    kept = Area(DISTRICT, ladders=(Ladder("gas", off_delay=0),))
    (gone,) = log.put(configured(kept)).records
    assert (gone.alarm, gone.transition) == ("all~area", "withdrawn")
    assert [s.alarm for s in log.core.standing()] == ["gas~area"]
    assert short(log.hear(a.set("high~1", "normal"))) == ["gas~area:returned:normal"]
    (over,) = log.put(configured()).records
    assert (over.transition, over.seq) == ("withdrawn", 5)
    log.put(configured(kept))
    assert log.hear(a.set("high~1", "orange"))[0].seq == 6, "the chain goes on"


def test_a_site_that_moves_takes_its_alarms_along(a: SiteAlarms, b: SiteAlarms) -> None:
    areas = tuple(Area(f"hefei/{d}", ladders=(Ladder("gas", off_delay=0),)) for d in ("x", "y"))

    def placed(of_b: str) -> AreaConfiguration:
        return AreaConfiguration(areas, (AreaSite("a", "hefei/x/s"), AreaSite("b", of_b)))

    log = AreaLog()
    log.put(placed("hefei/y/s"))
    assert log.hear(a.set("high~1", "orange"), b.set("high~1", "orange")) == []
    (up,) = log.put(placed("hefei/x/s")).records
    assert (up.site, up.level_after) == ("area:hefei/x", "red")
    (down,) = log.put(AreaConfiguration(areas, (AreaSite("a", "hefei/x/s"),))).records
    assert (down.site, down.transition) == ("area:hefei/x", "returned")
    assert log.core.heard("b") is None
    log.put(AreaConfiguration((Area("elsewhere"),), (AreaSite("a", "hefei/x/s"),)))
    assert log.hear(a.set("high~2", "orange", "gas.co")) == []
    (up,) = log.put(placed("hefei/x/s")).records
    assert (up.level_after, up.detail.get("by")) == ("red", None), "remembered before it was asked"


def test_seq_goes_on_behind_what_anyone_may_have_seen(a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas"))
    head = SiteHead(41, "ab" * 16)
    (told,) = log.put(Recovered({f"area:{DISTRICT}": head}, "torn")).records
    assert (told.rule, told.seq, told.previous) == ("engine.recovered", 42, head.hash)


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_snapshot_anywhere_goes_on_alike(cut: int, a: SiteAlarms, b: SiteAlarms) -> None:
    log = log_of(Ladder("gas", on_delay=SECOND, off_delay=MINUTE), Ladder("all", count="sites"))
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange", exercise=True))
    log.hear(b.set("high~2", "orange", "gas.co"))
    log.hear(a.set("high~1", "normal"))
    log.person("acknowledge", "all~area")
    log.tick(2 * SECOND)
    log.tick(2 * MINUTE)
    core, records, _ = replayed(log.entries, cut)
    assert records == log.records
    assert core.snapshot() == log.core.snapshot()
    assert core.digest() == log.core.digest()
