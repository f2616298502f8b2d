"""Which instances a configuration has: selection, judgement, subjects. Page §4, §7."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lifeline.engine.configuration import Configuration, Link, Sensor
from lifeline.engine.rule import Judgement, Rule, Select

from .levels import Levels
from .memories import Memory, geometry_of, memory_of
from .sensing import Sensing
from .table import Alarm
from .windows import Window

WINDOWED = ("rate", "trend", "flatline", "forecast")
Key = tuple[str, str, str, int]


@dataclass
class Timer:
    """A deadline and when it is acted upon."""

    deadline: int
    due: int

    def shift(self, gap: int) -> None:
        """The engine was blind for so long: what was silent may have spoken."""
        self.deadline += gap
        self.due += gap


@dataclass
class SensorState:
    """One living sensor."""

    sensing: Sensing = field(default_factory=Sensing)
    heard: bool = False
    stale: bool = False
    unknown: bool = True
    after_bad: bool = False
    armed_once: bool = False
    timer: Timer | None = None
    lead: int = 0  # the timer's due without grace
    spoke: int = 0  # when it had been heard last before it fell stale
    by_link: bool = False  # its silence is its link's
    link_timer: Timer | None = None  # its link's, while that fires

    def caught_up_due(self) -> int | None:
        """The due of catching up by tick, None where nothing is to be caught up with."""
        first, last = self.sensing.historic_first, self.sensing.historic_last
        if first is None or last is None:
            return None
        return min(last + 10_000_000_000, first + 300_000_000_000)

    def shift(self, gap: int) -> None:
        """What is due grows by the time that the engine was blind; silence is counted anew."""
        if self.timer is not None:
            self.timer.shift(gap)
            self.lead += gap
        elif self.stale:
            self.spoke += gap
        if self.sensing.historic_first is not None and self.sensing.historic_last is not None:
            self.sensing.historic_first += gap
            self.sensing.historic_last += gap


@dataclass
class LinkState:
    """One link as the place where `event` sensors live."""

    heard: bool = False
    silent: bool = False
    quiet: bool = False
    armed_once: bool = False
    timer: Timer | None = None


@dataclass
class Instance:
    """One rule on one subject. Exactly one of `sensor` and `link` is an index, the other None."""

    rule: Rule
    ordinal: int
    judgement: Judgement
    site: int
    sensor: int | None
    link: int | None
    subject: str
    quantity: str
    asset: str
    levels: Levels
    window: Window | None
    itself: bool = False
    memory: Memory | None = None
    alarm: Alarm = field(default_factory=Alarm)

    def __post_init__(self) -> None:
        self.alarm.latching = self.rule.latching

    @property
    def key(self) -> Key:
        """By what the state is kept when the configuration changes."""
        if self.sensor is not None:
            return (self.rule.id, self.rule.kind, "sensor", self.sensor)
        assert self.link is not None
        return (self.rule.id, self.rule.kind, "link" if self.itself else "source", self.link)

    @property
    def name(self) -> str:
        """The alarm within its site."""
        return f"{self.rule.id}~{self.subject}"

    @property
    def place(self) -> tuple[int, int]:
        """Its subject in every order: sensors by index, then links by index for those never heard,
        then links themselves."""
        return (1 + self.itself, self.link or 0) if self.sensor is None else (0, self.sensor)

    def adopt(self, old: Instance) -> None:
        """Take over the state of what this was before the configuration changed."""
        self.alarm = old.alarm
        self.alarm.latching = self.rule.latching
        self.levels.level = old.levels.level
        self.levels.high_side = old.levels.high_side
        lengths = [None if one.window is None else one.window.length for one in (self, old)]
        robust = [one.judgement.options.get("robust", 0.0) for one in (self, old)]
        if lengths[0] == lengths[1] and robust[0] == robust[1]:
            self.window = old.window
        kind = self.rule.kind
        if geometry_of(kind, self.judgement) == geometry_of(kind, old.judgement):
            self.memory = old.memory


@dataclass
class Upkeep:
    """A maintenance: `state` is that of its own records."""

    until: int
    cover: int
    episode: int = 0
    onset: int = 0
    state: str = "normal"


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def selects(select: Select, sensor: Sensor, configuration: Configuration) -> bool:
    """Whether the rule's selection holds for this sensor; never for a retired one."""
    site = configuration.sites[sensor.site]
    wanted = select.area.split("/") if select.area else []
    return (
        not sensor.retired
        and _any(select.quantity, sensor.quantity)
        and _any(select.site, site.id)
        and _any(select.sensor, sensor.id)
        and _any(select.asset, sensor.asset)
        and _any(select.tenant, site.tenant)
        and _any(select.reports, sensor.reports)
        and site.area.split("/")[: len(wanted)] == wanted
    )


def judgement_for(rule: Rule, quantity: str, gas: str) -> Judgement | None:
    """The first judgement of the rule that fits."""
    for judgement in rule.judgements:
        if judgement.quantity in ("", quantity) and judgement.gas in ("", gas):
            return judgement
    return None


def _of_sensor(rule: Rule, ordinal: int, index: int, sensor: Sensor) -> Instance | None:
    judgement = judgement_for(rule, sensor.quantity, sensor.gas)
    if judgement is None:
        return None
    window = Window(int(judgement.options["window"])) if rule.kind in WINDOWED else None
    return Instance(
        rule=rule,
        ordinal=ordinal,
        judgement=judgement,
        site=sensor.site,
        sensor=index,
        link=None,
        subject=sensor.id,
        quantity=sensor.quantity,
        asset=sensor.asset,
        levels=Levels(judgement.levels),
        window=window,
        memory=memory_of(rule.kind),
    )


def _of_link(rule: Rule, ordinal: int, index: int, link: Link, itself: bool) -> Instance:
    judgement = rule.judgements[0]
    return Instance(
        rule=rule,
        ordinal=ordinal,
        judgement=judgement,
        site=link.site,
        sensor=None,
        link=index,
        itself=itself,
        subject=f"{'link' if itself else 'source'}:{link.source}",
        quantity="",
        asset="",
        levels=Levels(judgement.levels),
        window=None,
    )


def instances(configuration: Configuration) -> Iterator[Instance]:
    """All of them, new and without state, by ordinal and place."""
    for ordinal, rule in enumerate(configuration.rules):
        links: set[int] = set()
        for index, sensor in enumerate(configuration.sensors):
            if not selects(rule.select, sensor, configuration):
                continue
            instance = _of_sensor(rule, ordinal, index, sensor)
            if instance is not None:
                yield instance
                links.add(sensor.link)
        if rule.kind == "stale":
            for itself in (False, True):
                for index in sorted(links):
                    yield _of_link(rule, ordinal, index, configuration.links[index], itself)
