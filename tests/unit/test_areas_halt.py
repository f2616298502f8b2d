"""The breaker: weather halts the work of every site, and who lets it resume."""

from dataclasses import dataclass

import pytest

from area_logs import (
    DISTRICT,
    HERE,
    HOUR,
    MINUTE,
    AreaLog,
    SiteAlarms,
    configured,
    replayed,
    short,
)
from lifeline.engine.areas.configuration import (
    Area,
    AreaConfiguration,
    Breaker,
    Ladder,
    Pick,
    Silence,
)
from lifeline.engine.command import Command
from lifeline.engine.level import LEVELS

RAIN = Pick(quantity=("weather.*",))


def area_of(*breakers: Breaker, ladders: tuple[Ladder, ...] = ()) -> Area:
    return Area(DISTRICT, ladders=ladders, breakers=breakers, silence=Silence(0, 0, 0))


@dataclass
class Rain:
    """An area with one breaker, and a rain gauge at site `a`."""

    log: AreaLog
    gauge: SiteAlarms

    def falls(self, level: str, **flags: bool) -> list[str]:
        made = self.log.hear(self.gauge.set("rain~RG-1", level, "weather.rain", **flags))
        return short(made)

    def told(self) -> list[Command]:
        """The orders since the last look."""
        orders, self.log.orders = self.log.orders, []
        return orders


def rain_over(breaker: Breaker, sites: tuple[str, ...] = ("a", "b", "c")) -> Rain:
    log = AreaLog()
    log.put(configured(area_of(breaker), sites=sites))
    return Rain(log, SiteAlarms("a"))


@pytest.fixture
def rain() -> Rain:
    return rain_over(Breaker("rain", RAIN, 3, release_after=30 * MINUTE, expires=24 * HOUR))


def test_grave_weather_halts_every_site(rain: Rain) -> None:
    assert rain.falls("yellow") == []
    assert rain.falls("orange") == ["rain~area:raised:orange"]
    record = rain.log.records[-1]
    assert record.detail == {"by": "a/rain~RG-1#2", "sites": "3"}
    assert (record.quantity, record.message) == ("area.halt_work", "area.halt_work")
    orders = rain.told()
    assert [o.site for o in orders] == ["a", "b", "c"]
    assert len({o.id for o in orders}) == 3
    for order in orders:
        assert (order.action, order.principal, order.role) == ("halt_work", HERE, "area")
        assert order.alarm == f"rain~{HERE}"
        assert (order.level, order.episode, order.seq) == ("orange", 1, 1)
        assert order.expires == rain.log.now + 24 * HOUR
        assert order.reason == "a/rain~RG-1#2"


def test_graver_weather_is_a_graver_order_with_another_id(rain: Rain) -> None:
    rain.falls("orange")
    first = rain.told()
    assert rain.falls("red") == ["rain~area:level:red"]
    second = rain.told()
    assert {o.id for o in first}.isdisjoint(o.id for o in second)
    assert {(o.level, o.episode, o.seq) for o in second} == {("red", 1, 2)}
    assert rain.falls("orange") == ["rain~area:level:orange"]
    assert {o.level for o in rain.told()} == {"orange"}


def test_work_resumes_by_itself_when_the_weather_has_been_over_for_long_enough(rain: Rain) -> None:
    rain.falls("orange")
    rain.told()
    assert rain.falls("yellow") == [], "the halt holds through the delay"
    rain.log.tick(10 * MINUTE)
    rain.falls("orange")
    rain.falls("normal")
    over = rain.log.now + 30 * MINUTE
    assert rain.log.core.next_due() == over
    (record,) = rain.log.tick(31 * MINUTE)
    assert (record.transition, record.time, record.level_before) == ("returned", over, "orange")
    orders = rain.told()
    assert [(o.action, o.site) for o in orders] == [("resume_work", s) for s in "abc"]
    assert {(o.episode, o.seq, o.expires) for o in orders} == {(1, record.seq, 0)}
    assert rain.log.core.next_due() is None


def test_only_a_person_lets_work_resume_where_that_is_asked_for() -> None:
    rain = rain_over(Breaker("rain", RAIN, 3, release_after=MINUTE, release="person"))
    rain.falls("red")
    assert rain.log.person("resume_work", "rain~area").reason == "the weather alarm stands"
    rain.falls("normal")
    assert short(rain.log.tick(HOUR)) == []
    assert [s.level for s in rain.log.core.standing()] == ["red"]
    rain.told()
    reply = rain.log.person("resume_work", "rain~area", reason="dyke inspected")
    assert (reply.outcome, reply.seq) == ("done", 2)
    record = rain.log.records[-1]
    assert (record.detail["principal"], record.detail["reason"]) == ("duty", "dyke inspected")
    assert {(o.action, o.reason) for o in rain.told()} == {("resume_work", "dyke inspected")}
    assert rain.log.person("resume_work", "rain~area").reason == "work is not halted"


def test_a_person_halts_work_for_weather_that_no_gauge_has_seen_yet(rain: Rain) -> None:
    reply = rain.log.person("halt_work", "rain~area", level="red", reason="forecast 120 mm")
    assert reply.outcome == "done"
    assert {(o.level, o.reason) for o in rain.told()} == {("red", "forecast 120 mm")}
    assert rain.falls("orange") == [], "red stands already"
    rain.falls("normal")
    assert rain.log.tick(2 * HOUR) == [], "a person's halt ends by a person"
    assert rain.log.person("halt_work", "rain~area").reason == "work is halted already"
    assert rain.log.person("resume_work", "rain~area").outcome == "done"
    assert rain.log.person("halt_work", "rain~area", level="x").outcome == "refused"
    assert rain.log.person("halt_work", "rain~area").outcome == "done"
    assert rain.log.core.standing()[0].level == "orange", "the breaker's own level"
    assert rain.log.person("halt_work", "snow~area").reason == f"{HERE} has no breaker 'snow~area'"


def test_orders_are_renewed_before_they_end(rain: Rain) -> None:
    rain.falls("orange")
    (first, *_) = rain.told()
    assert rain.log.tick(11 * HOUR) == []
    assert rain.told() == []
    assert rain.log.tick(2 * HOUR) == [], "a renewal is no record"
    (again, *rest) = rain.told()
    assert [o.site for o in (again, *rest)] == ["a", "b", "c"]
    assert (again.episode, again.seq, again.level) == (first.episode, first.seq, first.level)
    assert again.id != first.id
    assert again.expires == first.issued + 12 * HOUR + 24 * HOUR
    rain.log.tick(13 * HOUR)
    assert len(rain.told()) == 3


def test_acknowledging_the_halt_does_not_end_it(rain: Rain) -> None:
    rain.falls("orange")
    assert rain.log.person("acknowledge", "rain~area").outcome == "done"
    rain.falls("normal")
    (over,) = rain.log.tick(HOUR)
    assert over.transition == "cleared"


def test_a_second_front_continues_the_episode_that_nobody_acknowledged(rain: Rain) -> None:
    rain.falls("orange")
    rain.falls("normal")
    rain.log.tick(HOUR)
    rain.told()
    assert rain.falls("orange") == ["rain~area:raised:orange"]
    assert {(o.episode, o.seq) for o in rain.told()} == {(1, 3)}


def test_sites_that_come_or_go_while_work_is_halted_are_told(rain: Rain) -> None:
    rain.falls("orange")
    rain.told()
    breaker = rain.log.core.configuration
    assert breaker is not None
    rain.log.put(configured(*breaker.areas, sites=("a", "c", "d")))
    orders = rain.told()
    assert [(o.action, o.site) for o in orders] == [("resume_work", "b"), ("halt_work", "d")]
    rain.falls("normal")
    rain.log.tick(HOUR)
    assert [o.site for o in rain.told()] == ["a", "c", "d"]


def test_a_removed_breaker_lets_work_resume(rain: Rain) -> None:
    rain.falls("orange")
    rain.told()
    (gone,) = rain.log.put(configured(area_of())).records
    assert (gone.transition, gone.alarm) == ("withdrawn", "rain~area")
    assert [(o.action, o.site) for o in rain.told()] == [("resume_work", s) for s in "abc"]
    assert rain.log.put(AreaConfiguration()).records == []


def test_an_exercise_orders_an_exercise(rain: Rain) -> None:
    rain.falls("orange", exercise=True)
    out = rain.log.put(Command("r", "resume_work", HERE, "rain~exercise", "duty"))
    assert out.replies[0].reason == "the weather alarm stands"
    assert [s.alarm for s in rain.log.core.standing()] == ["rain~exercise"]
    assert rain.told() == [], "there is no drill, and nothing actual is halted"
    last = rain.log.records[-1]
    assert last.exercise


def test_each_world_orders_the_sites_of_its_own() -> None:
    breaker = Breaker("rain", RAIN, 3, release_after=0)
    log = AreaLog()
    log.put(configured(area_of(breaker), sites=("a", "b"), drills=("x", "y")))
    rain, practised = Rain(log, SiteAlarms("a")), Rain(log, SiteAlarms("x"))
    practised.falls("red", exercise=True)
    orders = rain.told()
    assert [o.site for o in orders] == ["x", "y"]
    assert {o.alarm for o in orders} == {f"rain~exercise:{DISTRICT}"}
    assert {o.principal for o in orders} == {HERE}
    rain.falls("orange")
    assert [o.site for o in rain.told()] == ["a", "b"]
    log.put(configured(area_of(breaker), sites=("a", "b", "x"), drills=("y",)))
    assert [(o.action, o.site, o.alarm) for o in rain.told()] == [
        ("halt_work", "x", f"rain~area:{DISTRICT}"),
        ("resume_work", "x", f"rain~exercise:{DISTRICT}"),
    ]


def test_a_breaker_may_listen_to_a_ladder_of_its_area() -> None:
    gauges = Ladder("rain.many", RAIN, "points", counts=(9, 2, 2), off_delay=0)
    breaker = Breaker("halt", Pick(rule=("rain.many",)), 3, release_after=0)
    log = AreaLog()
    log.put(configured(area_of(breaker, ladders=(gauges,))))
    a, b = SiteAlarms("a"), SiteAlarms("b")
    assert log.hear(a.set("rain~1", "yellow", "weather.rain")) == []
    made = log.hear(b.set("rain~1", "yellow", "weather.rain"))
    assert short(made) == ["rain.many~area:raised:orange", "halt~area:raised:orange"]
    assert len(log.orders) == 3
    made = log.hear(b.set("rain~1", "normal", "weather.rain"))
    assert short(made) == ["rain.many~area:returned:normal", "halt~area:returned:normal"]


def test_an_areas_own_order_at_a_site_trips_nothing() -> None:
    log = AreaLog()
    breaker, ladder = Breaker("any", Pick(rule=("*",)), 1), Ladder("all", counts=(1, 1, 1))
    log.put(configured(area_of(breaker, ladders=(ladder,))))
    site = SiteAlarms("b")
    assert log.hear(site.set(f"rain~{HERE}", "orange", "area.halt_work")) == []


def test_the_same_log_gives_the_same_orders(rain: Rain) -> None:
    rain.falls("orange")
    rain.falls("red")
    rain.log.tick(13 * HOUR)
    rain.falls("normal")
    rain.log.tick(HOUR)
    for cut in range(len(rain.log.entries) + 1):
        core, records, orders = replayed(rain.log.entries, cut)
        assert records == rain.log.records
        assert orders == rain.log.orders
        assert core.snapshot() == rain.log.core.snapshot()


@pytest.mark.parametrize("level", LEVELS[1:])
def test_it_trips_at_its_level(level: str) -> None:
    rain = rain_over(Breaker("rain", RAIN, LEVELS.index(level)))
    for milder in LEVELS[1 : LEVELS.index(level)]:
        assert rain.falls(milder) == []
    assert rain.falls(level) == [f"rain~area:raised:{level}"]
