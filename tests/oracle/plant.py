"""Which instances a configuration has: selection, judgement, subjects. Page §4, §7."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from lifeline.engine.configuration import Configuration, Link, Sensor
from lifeline.engine.rule import Judgement, Member, Rule, Select

from .by_rows import BY_ROWS
from .grouped import Grouped, Of, grouped
from .levels import Levels
from .memories import Memory, geometry_of, memory_of
from .sensing import Sensing
from .table import Alarm
from .waves import WaveMemory
from .windows import Window

BY_ROWS["wave"] = WaveMemory

# Kinds that judge groups; each hears those before it.
STAGES = (BY_ROWS, ("vote",), ("composite",), ("ladder",))
# What a ladder does not count unless it is named.
SECOND_HAND = ("stale", "clock", "flatline", "range", "spike", "blind", "vote", "composite")
WINDOWED = ("rate", "trend", "flatline", "forecast")
Key = tuple[str, str, str, int | str]


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
    """One rule on one subject. At most one of `sensor`, `link` and `group` is not None."""

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
    group: Grouped | None = None

    def __post_init__(self) -> None:
        self.alarm.latching = self.rule.latching

    @property
    def key(self) -> Key:
        """By what the state is kept when the configuration changes."""
        if self.sensor is not None:
            return (self.rule.id, self.rule.kind, "sensor", self.sensor)
        if self.group is not None:
            return (self.rule.id, self.rule.kind, f"group {self.site}", self.group.name)
        assert self.link is not None
        return (self.rule.id, self.rule.kind, "link" if self.itself else "source", self.link)

    @property
    def name(self) -> str:
        """The alarm within its site."""
        return f"{self.rule.id}~{self.subject}"

    @property
    def place(self) -> tuple[int, int]:
        """Its subject in every order: sensors by index, then links by index for those never heard,
        then links themselves, then groups."""
        if self.group is not None:
            return (3, self.group.number)
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
        keep = geometry_of(kind, self.judgement) == geometry_of(kind, old.judgement)
        if keep:
            self.memory = old.memory
        if self.group is not None and old.group is not None:
            self.group.adopt(old.group, keep)


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


def judgement_for(rule: Rule, quantity: str, gas: str, name: str = "") -> Judgement | None:
    """The first judgement of the rule that fits a sensor `<site>/<sensor>`."""
    for judgement in rule.judgements:
        if judgement.sensor not in ("", name):
            continue
        if judgement.quantity in ("", quantity) and judgement.gas in ("", gas):
            return judgement
    return None


def _of_sensor(rule: Rule, ordinal: int, index: int, sensor: Sensor, site: str) -> Instance | None:
    judgement = judgement_for(rule, sensor.quantity, sensor.gas, f"{site}/{sensor.id}")
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


def instances(configuration: Configuration) -> list[Instance]:
    """All of them, new and without state: those of sensors and links, then groups by stage."""
    found = list(_ungrouped(configuration))
    for stage in STAGES:
        found += _of_groups(configuration, stage, found)
    return found


def _of_groups(
    configuration: Configuration, kinds: Container[str], before: list[Instance]
) -> list[Instance]:
    """The groups of these kinds, numbered after those of before."""
    made: list[tuple[tuple[str, int, int, str], Instance]] = []
    for ordinal, rule in enumerate(configuration.rules):
        if rule.kind not in kinds or not rule.judgements:
            continue
        for group in grouped(configuration, rule, _candidates(configuration, rule, before)):
            one = _of_group(rule, ordinal, group, configuration)
            made.append(((rule.kind, one.site, ordinal, group.name), one))
    made.sort(key=lambda pair: pair[0])
    first = sum(one.group is not None for one in before)
    for number, (_, one) in enumerate(made, first):
        assert one.group is not None
        one.group.number = number
    return [one for _, one in made]


def _candidates(
    configuration: Configuration, rule: Rule, before: list[Instance]
) -> Iterator[tuple[Member, Of]]:
    """Who may be a member of which groups, in the order of the rule."""
    for member in rule.members:

        def taken(index: int, member: Member = member) -> bool:
            sensor = configuration.sensors[index]
            return selects(rule.select, sensor, configuration) and selects(
                member.select, sensor, configuration
            )

        if not member.rule:
            for index, sensor in enumerate(configuration.sensors):
                if taken(index):
                    yield member, Of(index, None, sensor.site, sensor.asset, (index,))
            continue
        for one in sorted(before, key=lambda one: (one.place, one.rule.kind, one.ordinal)):
            if not any(fnmatchcase(one.rule.id, pattern) for pattern in member.rule):
                continue
            first_hand = rule.judgements[0].options.get("first_hand") if rule.judgements else 0
            if first_hand and one.rule.kind in SECOND_HAND:
                continue
            behind = (one.sensor,) if one.group is None else one.group.sensors
            sensors = tuple(index for index in behind if index is not None)
            if any(taken(index) for index in sensors):
                yield member, Of(None, one, one.site, one.asset, sensors)


def _of_group(rule: Rule, ordinal: int, group: Grouped, configuration: Configuration) -> Instance:
    if rule.kind in BY_ROWS:
        group.memory = BY_ROWS[rule.kind]()
    quantities = {configuration.sensors[index].quantity for index in group.sensors}
    sensors = [configuration.sensors[of.sensor] for _, of in group.members if of.sensor is not None]
    group.named = tuple(one.id for one in sensors)
    site = configuration.sites[group.site].id
    if rule.normal is not None:
        key = site if rule.normal.per == "site" else f"{site}/{group.name}"
        one = rule.normal.groups.get(key)
        if one is not None and set(one.sensors) == set(group.named):
            group.learned = one
    return Instance(
        rule=rule,
        ordinal=ordinal,
        judgement=rule.judgements[0],
        site=group.site,
        sensor=None,
        link=None,
        subject=group.name,
        quantity=quantities.pop() if len(quantities) == 1 else "",
        asset=group.name if rule.per == "asset" else "",
        levels=Levels(rule.judgements[0].levels),
        window=None,
        group=group,
    )


def _ungrouped(configuration: Configuration) -> Iterator[Instance]:
    for ordinal, rule in enumerate(configuration.rules):
        links: set[int] = set()
        if any(rule.kind in stage for stage in STAGES):
            continue
        for index, sensor in enumerate(configuration.sensors):
            if not selects(rule.select, sensor, configuration):
                continue
            site = configuration.sites[sensor.site].id
            instance = _of_sensor(rule, ordinal, index, sensor, site)
            if instance is not None:
                yield instance
                links.add(sensor.link)
        if rule.kind == "stale":
            for itself in (False, True):
                for index in sorted(links):
                    yield _of_link(rule, ordinal, index, configuration.links[index], itself)
