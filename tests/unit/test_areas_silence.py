"""Silence: one alarm for a site, a gateway or an engine, and what stands there is unknown."""

import pytest

from area_logs import DISTRICT, MINUTE, SECOND, AreaLog, SiteAlarms, configured, replayed, short
from lifeline.engine.areas.configuration import Area, Ladder, Silence
from lifeline.engine.areas.entry import Alive, Silent
from lifeline.engine.limits import ALIVE_LOST_NS

LADDER = Ladder("gas", off_delay=0)


def alive(*silent: Silent, engine: str = "_engine") -> Alive:
    return Alive(engine, 1, 1, silent)


def whole(site: str) -> Silent:
    return Silent(site, ("gas", "water"), True, 12)


def log_of(silence: Silence | None = None) -> AreaLog:
    log = AreaLog()
    log.put(configured(Area(DISTRICT, ladders=(LADDER,), silence=silence or Silence())))
    return log


@pytest.fixture
def log() -> AreaLog:
    return log_of()


def test_a_silent_site_is_one_alarm_and_ends_when_it_is_heard(log: AreaLog) -> None:
    (up,) = log.put(alive(whole("a"))).records
    assert (up.alarm, up.transition, up.level_after) == ("area.silence~a", "raised", "orange")
    assert up.detail == {"sensors": "12", "sources": "gas, water"}
    assert (up.quantity, up.message) == ("area.silence", "area.silence")
    assert log.put(alive(whole("a"))).records == []
    (down,) = log.put(alive()).records
    assert down.transition == "returned"
    assert log.person("acknowledge", "area.silence~a").outcome == "done"
    assert log.core.standing() == []
    assert log.person("acknowledge", "area.silence~a").outcome == "refused"


def test_one_silent_gateway_of_several_is_the_gateways_alarm(log: AreaLog) -> None:
    (up,) = log.put(alive(Silent("a", ("gas",), False, 3))).records
    assert (up.alarm, up.level_after) == ("area.gateway~a:gas", "yellow")
    made = short(log.put(alive(whole("a"))).records)
    assert made == ["area.silence~a:raised:orange"], "the gateway's stays, no second one comes"
    made = short(log.put(alive(Silent("a", ("gas",), False, 3))).records)
    assert made == ["area.silence~a:returned:normal"]
    assert short(log.put(alive()).records) == ["area.gateway~a:gas:returned:normal"]


def test_what_stands_at_a_silent_site_is_unknown(log: AreaLog) -> None:
    a, b = SiteAlarms("a"), SiteAlarms("b")
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    made = log.put(alive(whole("a"))).records
    assert short(made) == ["area.silence~a:raised:orange", "gas~area:unknown:red"]
    assert made[1].unknown
    assert log.put(alive(whole("a"), whole("c"))).records[-1].alarm == "area.silence~c"
    made = log.put(alive(whole("c"))).records
    assert short(made) == ["area.silence~a:returned:normal", "gas~area:known:red"]


def test_missing_never_reads_as_normal(log: AreaLog) -> None:
    a, b = SiteAlarms("a"), SiteAlarms("b")
    log.hear(a.set("high~1", "orange"))
    log.put(alive(whole("a")))
    (up,) = log.hear(b.set("high~1", "orange"))
    assert (up.level_after, up.unknown) == ("red", True), "what stood still counts"


def test_an_engine_that_says_nothing_is_one_alarm(log: AreaLog) -> None:
    log.put(alive())
    lost = log.now + ALIVE_LOST_NS
    assert log.core.next_due() == lost
    (up,) = log.tick(10 * MINUTE)
    assert (up.alarm, up.time, up.level_after) == ("area.engine~_engine", lost, "orange")
    assert log.tick(10 * MINUTE) == []
    assert short(log.put(alive()).records) == ["area.engine~_engine:returned:normal"]


def test_an_engine_that_never_spoke_is_missed_too(log: AreaLog) -> None:
    assert short(log.tick(ALIVE_LOST_NS)) == ["area.engine~_engine:raised:orange"]


def test_a_blind_area_does_not_blame_the_engine(log: AreaLog) -> None:
    log.put(alive())
    made = log.tick(60 * MINUTE, resumed=True)
    assert short(made) == ["engine.blind~area:notice:normal"]
    assert log.core.next_due() == log.now + ALIVE_LOST_NS


def test_what_is_switched_off_makes_no_alarm() -> None:
    log = log_of(Silence(site=3, gateway=0, engine=0))
    assert log.put(alive(Silent("a", ("gas",), False, 3), whole("b"))).records[0].subject == "b"
    assert log.tick(60 * MINUTE) == []
    assert log.core.next_due() is None


def test_an_engine_speaks_for_its_own_sites_only(log: AreaLog) -> None:
    assert log.put(alive(whole("a"), engine="_engine.7")).records == []
    assert log.core.counters()["unknown_engine"] == 1
    assert log.put(alive(whole("elsewhere"))).records == []


def test_a_snapshot_anywhere_goes_on_alike(log: AreaLog) -> None:
    a, b = SiteAlarms("a"), SiteAlarms("b")
    log.hear(a.set("high~1", "orange"), b.set("high~1", "orange"))
    log.put(alive(whole("a")))
    log.hear(a.set("high~1", "yellow"), a.set("high~1", "orange"))
    log.tick(SECOND)
    log.tick(10 * MINUTE)
    log.put(alive())
    for cut in range(len(log.entries) + 1):
        core, records, _ = replayed(log.entries, cut)
        assert records == log.records
        assert core.snapshot() == log.core.snapshot()
