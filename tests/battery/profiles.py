"""What the battery must know of each rule kind: a plant on which it is judged, data on which it is
calm, and data on which it must speak.

A new kind needs one more profile here and a measure in the slow oracle; the battery does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from lifeline.engine.configuration import REPORTS, Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Member, Normal, NormalGroup, Rule, Select
from oracle.choices import Choices, Seeded
from oracle.generate import START, TROUBLES, Author, Feed, Row, Scenario
from oracle.generate_groups import learned
from oracle.generate_plant import BY_RECORDS, PACES, judgement, plant, whole

UNUSED = LevelLimits()
LIMITS = (
    UNUSED,
    LevelLimits(high=6.0, low=-6.0, deadband=0.5),
    LevelLimits(high=8.0, deadband=0.5, on_delay=20 * SECOND_NS, off_delay=10 * SECOND_NS),
    LevelLimits(high=9.0, deadband=0.5),
)
CHANGES = (UNUSED, LevelLimits(high=0.06, deadband=0.005), UNUSED, LevelLimits(high=0.09))
WITHIN = (UNUSED, LevelLimits(low=300.0, deadband=10.0), UNUSED, LevelLimits(low=100.0))
TO_LIMIT = {"min_r2": 0.5, "significance": 2.0, "horizon": 3600.0, "limit": 40.0, "side": 1.0}
ONCE = (UNUSED, LevelLimits(high=1.0), UNUSED, UNUSED)
WINDOW = {"window": float(2 * MINUTE_NS), "min_span": float(MINUTE_NS), "min_points": 4.0}
INTERVAL = 10 * SECOND_NS
SUMS = (UNUSED, LevelLimits(high=60.0, deadband=5.0), UNUSED, LevelLimits(high=300.0))
DOSE = {"window": float(2 * MINUTE_NS), "max_gap": 15e9, "coverage": 0.75, "bound": 1.0}
BLIND_FOR = (
    UNUSED,
    LevelLimits(high=60.0),
    UNUSED,
    LevelLimits(high=600.0, off_delay=20 * SECOND_NS),
)
SIGMAS = (
    UNUSED,
    LevelLimits(high=4.0, low=-4.0, deadband=2.0),
    UNUSED,
    LevelLimits(high=8.0, low=-8.0, deadband=4.0),
)
CHART = {
    "method": 0.0, "target": 0.375, "sigma": 0.5, "weight": 0.5, "memory": 0.0, "mild": 4.0,
    "back": 2.0, "cap": 9.0, "side": 0.0,
}  # fmt: skip
LIMITS_OF_DROPS = (UNUSED, LevelLimits(high=2.0), UNUSED, LevelLimits(high=8.0))
SECTION = {
    "bin": 10e9, "length": 20_000.0, "speed": 100.0, "flow": 0.0, "speed_error": 1.0,
    "clock_error": 0.01, "margin": 500.0, "gate": 6.0, "noise": 0.05, "least": 1.0, "hold": 600e9,
    "ratio": 10.0, "up_spacing": 0.0, "down_spacing": 0.0, "start": 0.0, "ascending": 1.0,
}  # fmt: skip
ENDS = tuple(
    Member(role=role, select=Select(sensor=(name,)))
    for role, name in enumerate(("periodic", "on_change"))
)
ODD_VALUES = {"step": 2.0, "sigmas": 0.0, "points": 5.0, "longest": 3.0}
CURRENTS = (
    UNUSED,
    LevelLimits(low=3.8, high=20.5),
    UNUSED,
    LevelLimits(low=3.6, high=21.0),
)

COUNTS = (UNUSED, *(LevelLimits(high=3.0) for _ in range(3)))
POINTS = {"by_asset": 0.0, "items": 0.0, "first_hand": 0.0}
VOLUMES = (UNUSED, LevelLimits(high=300.0, deadband=20.0), UNUSED, LevelLimits(high=900.0))
FLOWS = {
    "window": float(2 * MINUTE_NS), "max_gap": 30e9, "min_span": 30e9, "of": 1.0, "coverage": 2.0,
    "min_flow": 0.0, "volume": 3600.0,
}  # fmt: skip
MULTIPLES = (UNUSED, LevelLimits(high=1.0, deadband=0.1), UNUSED, LevelLimits(high=4.0))
AS_ONE = NormalGroup(
    REPORTS, (0.375,) * 3, (0.5,) * 3, (2.5,), ((0.577,),) * 3, limit_t2=6.0, limit_q=0.5
)

Signal = Callable[[int], float | None]


@dataclass(frozen=True)
class Profile:
    """One kind. Signals give the value of row n, every ten seconds; None where the sensor is mute.

    `calm` must make no record of the kind, `loud` at least one.
    """

    kind: str
    judgement: Judgement
    loud: Signal
    calm: Signal = lambda n: (n % 7) / 8
    clock: Callable[[int], int] = lambda n: 0  # how far the sensor's own clock is off, ns
    # Rows in which a clock is being recognised as set: older rows between may only delay that.
    settling: range = range(0)
    under: tuple[Rule, ...] = ()  # what a kind that judges alarms hears
    members: tuple[Member, ...] = ()
    normal: Normal | None = None
    size: int = 300  # samples of a random log in which the kind has its chance to speak

    def rule(self, name: str = "it") -> Rule:
        """The kind over every sensor."""
        return Rule(
            name, self.kind, Select(), (self.judgement,), members=self.members, normal=self.normal
        )

    def plant(self, sites: int = 2) -> Configuration:
        """Sites that each have a sensor of every way of reporting."""
        return Configuration(
            tuple(Site(f"site-{i}", "acme", f"city/east/{i}") for i in range(sites)),
            tuple(Link(i, "source", heartbeat=MINUTE_NS) for i in range(sites)),
            tuple(_sensor(i, reports) for i in range(sites) for reports in REPORTS),
            (*self.under, self.rule("first"), self.rule("second")),
        )

    def rows(self, signal: Signal, count: int, sensors: int) -> Iterator[Frame]:
        """`count` Frames, each with what the sensors said within ten seconds."""
        for n in range(count):
            value = signal(n)
            if value is None:
                continue
            off = 0 if signal is self.calm else self.clock(n)
            at = START + n * INTERVAL
            yield Frame.of(
                range(sensors),
                [at + off + i for i in range(sensors)],
                [value + i / 1024 for i in range(sensors)],
            )


def _sensor(site: int, reports: str) -> Sensor:
    return Sensor(
        id=reports,
        site=site,
        link=site,
        quantity="gas.combustible",
        unit="%LEL",
        reports=next(one for one in REPORTS if one == reports),
        interval=0 if reports == "event" else INTERVAL,
        stale=0 if reports == "event" else 3 * INTERVAL,
    )


def _silence(n: int) -> float | None:
    return None if 20 <= n < 40 else (n % 7) / 8


PROFILES: dict[str, Profile] = {
    one.kind: one
    for one in (
        Profile("limit", Judgement("", "", "%LEL", LIMITS), loud=lambda n: float(n % 12)),
        Profile(
            "rate",
            Judgement("", "", "%LEL/s", CHANGES, {**WINDOW, "min_points": 2.0}),
            loud=lambda n: float(n % 40),
        ),
        Profile(
            "trend",
            Judgement("", "", "%LEL/s", CHANGES, {**WINDOW, "significance": 2.0}),
            loud=lambda n: float(n % 40),
            size=450,
        ),
        Profile(
            "flatline",
            Judgement("", "", "%LEL", (LevelLimits(low=0.0), UNUSED, UNUSED, UNUSED), WINDOW),
            loud=lambda n: 3.0 if n > 20 else n / 8,
            size=900,
        ),
        Profile(
            "deviation",
            Judgement("", "", "%LEL", LIMITS, {"from": 1.0, "set_point": 0.5}),
            loud=lambda n: float(n % 12),
        ),
        Profile(
            "forecast",
            Judgement("", "", "s", WITHIN, {**WINDOW, **TO_LIMIT}),
            loud=lambda n: float(n % 40),
        ),
        Profile(
            "accumulate",
            Judgement("", "", "%LEL", SUMS, {**DOSE, "of": 0.0}),
            loud=lambda n: float(n % 40),
        ),
        Profile(
            "shift",
            Judgement("", "", "1", SIGMAS, CHART),
            loud=lambda n: float(n % 40),
        ),
        Profile(
            "spike",
            Judgement("", "", "1", ONCE, {**WINDOW, **ODD_VALUES}),
            loud=lambda n: 9.0 if n % 9 == 8 else (n % 7) / 8,
        ),
        Profile(
            "range",
            Judgement("", "", "mA", CURRENTS, {"loop": 1.0, "low": 0.0, "span": 10.0}),
            loud=lambda n: float(n % 12),
        ),
        Profile(
            "vote",
            Judgement("", "", "1", (UNUSED, LevelLimits(high=2.0), UNUSED, LevelLimits(high=3.0))),
            loud=lambda n: float(n % 12),
            under=(Rule("under", "limit", Select(), (Judgement("", "", "%LEL", LIMITS),)),),
            members=(Member(rule=("under",)),),
        ),
        Profile(
            "composite",
            Judgement("", "", "1", ONCE),
            loud=lambda n: float(n % 12),
            under=(Rule("under", "limit", Select(), (Judgement("", "", "%LEL", LIMITS),)),),
            members=(
                Member(rule=("under",), select=Select(sensor=("periodic",))),
                Member(1, rule=("under",), select=Select(sensor=("event",)), level=4),
            ),
        ),
        Profile(
            "ladder",
            Judgement("", "", "1", COUNTS, {**POINTS, "blue": 3.0, "yellow": 3.0, "orange": 3.0}),
            loud=lambda n: float(n % 12),
            under=(Rule("under", "limit", Select(), (Judgement("", "", "%LEL", LIMITS),)),),
            members=(Member(rule=("under",)),),
        ),
        Profile(
            "balance",
            Judgement("", "", "m3", VOLUMES, FLOWS),
            loud=lambda n: float(n % 40),
            members=(
                Member(0, Select(sensor=("periodic", "on_change")), (1.0, 0.001, 0.01)),
                Member(1, Select(sensor=("event",)), (1.0, 0.001, 0.01)),
            ),
            size=900,
        ),
        Profile(
            "multivariate",
            Judgement("", "", "1", MULTIPLES, {"max_age": 60e9, "of": 2.0}),
            loud=lambda n: float(n % 12),
            members=(Member(select=Select(sensor=REPORTS)),),
            normal=Normal("learned", "site", {f"site-{i}": AS_ONE for i in range(2)}),
            size=600,
        ),
        Profile(
            "wave",
            Judgement("", "", "%LEL", LIMITS_OF_DROPS, SECTION),
            loud=lambda n: (n % 7) / 8 - (9.0 if n >= 60 else 0.0),
            members=ENDS,
            size=2_600,
        ),
        Profile(
            "blind",
            Judgement("", "", "s", BLIND_FOR),
            loud=lambda n: float(n % 12),  # a kind of time: nothing that a sensor says
            members=(Member(),),
        ),
        Profile("stale", Judgement("", "", "1", ONCE), loud=_silence),
        Profile(
            "clock",
            Judgement("", "", "1", ONCE),
            loud=lambda n: (n % 7) / 8,
            clock=lambda n: -3600 * SECOND_NS if n >= 20 else 0,
            settling=range(20, 25),
            size=1_500,
        ),
    )
}


def entries(configuration: Configuration, frames: list[Frame]) -> list[Entry]:
    """The log of a plant whose Frames are received ten seconds apart, each as it is complete."""
    version = configuration.version()
    log = [Entry(Header(received=START, appended=START, registry=version), configuration)]
    for n, frame in enumerate(frames):
        now = START + n * INTERVAL + SECOND_NS
        log.append(Entry(Header(received=now, appended=now, registry=version), frame))
    return log


# Kinds that judge long stretches of several sensors, which the usual troubles would leave none of.
STEADY = ("wave",)
STEP_PACES = 80
STEPS = (-4.0, -9.0, -2.0, 12.0, -6.0, -12.0, -1.0, 22.0)


def steady(choices: Choices, pace: int, one: Configuration) -> Configuration:
    """The plant with sensors of one or two sites that all speak at one pace, whatever they say."""
    sites = choices.number(1, len(one.sites[:2]))
    places = [choices.number(0, sites - 1) for _ in range(6)]
    sensors = tuple(
        Sensor(
            f"S{n}", one.links[at].site, at, "water.level", unit="u",
            reports=choices.pick(("periodic", "on_change")), interval=pace, stale=10 * pace,
        )
        for n, at in enumerate(places)
    )  # fmt: skip
    return msgspec.structs.replace(one, sensors=sensors)


class KindAuthor(Author):
    """Writes random logs of plants whose rules are all of one kind."""

    kind = ""
    place = 0  # which sensor speaks

    def begin(self) -> None:
        """A random plant of one kind, and the troubles of its telemetry."""
        self.trouble = tuple(one for one in TROUBLES if self.choices.chance(60))
        one = plant(self.choices, self.pace)
        if self.kind in STEADY:
            one = steady(self.choices, self.pace, one)
        rules = tuple(
            self._rule(f"R{i}", self.kind, rule.select if i else Select())
            for i, rule in enumerate(one.rules)
        )
        if self.kind in BY_RECORDS:
            rules = (self._rule("under", "limit", Select()), *rules)
        if self.kind == "multivariate":
            rules = tuple(learned(self.choices, rule, one) for rule in rules)
        self._configure(Configuration(one.sites, one.links, one.sensors, rules))

    def _speak(self, index: int, feed: Feed) -> list[Row]:
        self.place = index
        return super()._speak(index, feed)

    def _value(self, feed: Feed) -> float:
        """For kinds that look for steps in several sensors: a level, noise, and steps some paces apart."""
        if self.kind not in STEADY:
            return super()._value(feed)
        paces = (feed.next - START) // self.pace
        happened, since = divmod(paces, STEP_PACES)
        came = since >= (5 * self.place + 3 * happened) % 9 + STEP_PACES // 2
        level = sum(STEPS[n % len(STEPS)] for n in range(happened + came))
        return level + self.choices.number(-8, 8) / 64

    def _spoil(self, index: int, feed: Feed, row: Row, how: str) -> list[Row]:
        if self.kind in STEADY and not self.choices.chance(15):
            return [row]
        return super()._spoil(index, feed, row, how)

    def _rule(self, name: str, kind: str, select: Select) -> Rule:
        """A rule of random limits and options."""
        judged = judgement(self.choices, self.pace, kind, "", "")
        return whole(self.choices, Rule(name, kind, select, (judged,)))


def of_kind(kind: str, seed: int, rows: int, *, self_clocked: bool = False) -> Scenario:
    """A random log of about so many rows (or twice as many entries); samples alone if clocked."""
    author = KindAuthor(Seeded(seed), PACES[seed % len(PACES)], self_clocked, self_clocked)
    author.kind = kind
    author.begin()
    written = seen = 0
    while written < rows and seen < 2 * rows:
        author.go_on()
        new = author.entries[seen:]
        written += sum(len(one.payload) for one in new if isinstance(one.payload, Frame))
        seen += len(new)
    return Scenario(tuple(author.entries))
