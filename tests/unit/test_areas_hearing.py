"""Which sites are silent, by the core's own staleness; and what areas are told of the first stage."""

from typing import Any

from area_logs import DISTRICT, SiteAlarms
from lifeline.engine.areas.entry import Heard, Silent
from lifeline.engine.areas.hearing import AliveTeller, heard, silent_sites, standings
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.limits import ALIVE_INTERVAL_NS

SECOND = 1_000_000_000
SITES = (Site("a", "t", "c/d/s"), Site("b", "t", "c/d/s"))
LINKS = (
    Link(0, "gas"),
    Link(0, "water"),
    Link(1, "gas"),
    Link(1, "door", heartbeat=5 * SECOND),
)


def sensor(name: str, link: int, **more: Any) -> Sensor:
    given = {"interval": 10 * SECOND, "stale": 30 * SECOND} | more
    return Sensor(name, LINKS[link].site, link, "gas.h2s", "mg/m3", **given)


SENSORS = (
    sensor("g1", 0),
    sensor("g2", 0),
    sensor("w1", 1),
    sensor("quiet", 1, stale=0),
    sensor("b1", 2),
    sensor("door", 3, reports="event", interval=0, stale=0),
)


class Log:
    def __init__(self, sensors: tuple[Sensor, ...] = SENSORS) -> None:
        self.core, self.position = Core(), 0
        self.configuration = Configuration(SITES, LINKS, sensors)
        self.put(self.configuration, 0)

    def put(self, payload: Any, now: int) -> None:
        self.position += 1
        header = Header(received=now, appended=now, registry=self.configuration.version())
        self.core.step(self.position, Entry(header, payload))

    def speak(self, at: int, *sensors: int) -> None:
        now = at * SECOND
        self.put(Frame.of(list(sensors), [now] * len(sensors), [1.0] * len(sensors)), now)

    def tick(self, at: int) -> tuple[Silent, ...]:
        self.put(Tick(at * SECOND), at * SECOND)
        return silent_sites(self.core)


def test_nobody_is_silent_before_the_time_is_up() -> None:
    assert silent_sites(Core()) == ()
    log = Log()
    assert log.tick(1) == ()
    log.speak(2, 0, 1, 2, 4, 5)
    assert log.tick(10) == ()


def test_a_source_is_silent_when_all_its_sensors_are() -> None:
    log = Log()
    log.tick(1)
    log.speak(2, 0, 1, 2, 4, 5)
    log.speak(20, 1, 2, 4, 5)
    assert log.tick(38) == (Silent("b", ("door",), False, 1),), "g1 alone is no gateway"
    log.speak(40, 4, 5)
    assert log.tick(58) == (
        Silent("a", ("gas", "water"), True, 3),
        Silent("b", ("door",), False, 1),
    )
    log.speak(59, 2)
    assert log.tick(60)[0] == Silent("a", ("gas",), False, 2)


def test_a_source_that_never_spoke_is_silent_when_its_time_is_up() -> None:
    log = Log()
    log.tick(1)
    silent = log.tick(60)
    assert silent == (Silent("a", ("gas", "water"), True, 3), Silent("b", ("door", "gas"), True, 2))


def test_a_sensor_that_promised_nothing_and_a_retired_one_are_not_missed() -> None:
    retired = sensor("w1", 1, retired=True)
    log = Log((sensor("quiet", 0, stale=0), retired))
    log.tick(1)
    assert log.tick(600) == ()


def test_the_teller_speaks_at_a_change_and_now_and_then() -> None:
    log, teller = Log(), AliveTeller("_engine.3")
    log.tick(1)
    first = teller.tell(log.core, 0)
    assert first is not None
    assert (first.engine, first.position, first.wall, first.silent) == ("_engine.3", 2, SECOND, ())
    assert teller.tell(log.core, 1) is None
    log.tick(60)
    changed = teller.tell(log.core, 2)
    assert changed is not None
    assert len(changed.silent) == 2
    assert teller.tell(log.core, ALIVE_INTERVAL_NS) is None
    assert teller.tell(log.core, ALIVE_INTERVAL_NS + 2) is not None


def test_areas_hear_sites_and_the_areas_below_them() -> None:
    a, elsewhere = SiteAlarms("a"), SiteAlarms("z")
    below, top = SiteAlarms(f"area:{DISTRICT}"), SiteAlarms("area:hefei")
    engine = SiteAlarms("_engine")
    rows = [
        r.encode()
        for site in (a, elsewhere, below, top, engine)
        for r in site.set("high~1", "blue")
    ]
    found = heard(rows)
    assert isinstance(found, Heard)
    assert [r.site for r in found.records] == ["a", "z", f"area:{DISTRICT}"]
    assert heard(rows[3:]) is None


def test_what_stands_is_told_site_by_site() -> None:
    a, b = SiteAlarms("a"), SiteAlarms("b")
    rows = a.set("high~1", "blue") + a.set("high~2", "red")
    heads = {
        "a": (2, a.chain.head),
        "b": (7, b.chain.head),
        "_engine": (1, "00" * 16),
        f"area:{DISTRICT}": (3, "11" * 16),
        "area:hefei": (4, "22" * 16),
    }
    found = standings(heads, [r.encode() for r in rows])
    assert [(s.site, s.seq, len(s.records)) for s in found] == [
        ("a", 2, 2),
        (f"area:{DISTRICT}", 3, 0),
        ("b", 7, 0),
    ]
