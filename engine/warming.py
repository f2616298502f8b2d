"""Compiles or loads every kernel before the first second of traffic.

A small made-up log is stepped by a core of its own, through everything that a log can ask for:
samples on time and out of it, ticks, a blind interval, commands, a change of the configuration,
self-clocked samples, a snapshot. The first time on a machine takes about two minutes; after that the
compiled code is loaded in about a second (`compiled`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from .command import Action, Command
from .configuration import REPORTS, Configuration, Link, Sensor, Site
from .entry import Entry, Header, Payload, Tick, decode, encode
from .frame import Frame
from .limits import HOUR_NS, SECOND_NS
from .rule import Judgement, LevelLimits, Member, Rule, Select

#: What is being done, how many steps are done, and of how many.
Progress = Callable[[str, int, int], None]

_START: Final = 1_700_000_000 * SECOND_NS
_INTERVAL: Final = SECOND_NS
_UNUSED: Final = LevelLimits()
# Numbers that the options of any kind can live with; those of unknown names get 1.
_OPTIONS: Final = {"window": 12.0 * SECOND_NS, "min_span": 1.0, "min_points": 2.0}


def warm(progress: Progress | None = None) -> None:
    """Runs every kernel of the engine and of the installed rule kinds once.

    `progress(what, done, total)` is called before each step and at the end, from this thread.
    """
    tell = progress or (lambda what, done, total: None)
    steps = list(_log())
    total = len(steps) + 2
    tell("loading the compiler", 0, total)
    from .core import Core  # numba and the kernels take a second to load

    core = Core()
    for number, (what, header, payload) in enumerate(steps, 1):
        tell(what, number, total)
        # Encoded and decoded: kernels are compiled for the arrays that a log gives.
        core.step(number, decode(encode(Entry(header, payload)))).encoded()
    tell("snapshots", total - 1, total)
    Core.restore(core.snapshot())
    tell("ready", total, total)


def _log() -> Iterator[tuple[str, Header, Payload]]:
    before, after = _configuration(("a", "b")), _configuration(("b",))
    now = _START
    version = before.version()

    def live(at: int) -> Header:
        return Header(received=at, appended=at, registry=version)

    yield "rules", live(now), before
    yield "ticks", live(now), Tick(now)
    for number, value in enumerate((1.0, 5.0, 1.0, 9.0)):
        now += 4 * _INTERVAL
        frame = _frame(before, now, value)
        yield "samples", live(now), frame
        if number == 1:
            yield "late and repeated samples", live(now), Frame.concat([frame, _aged(before, now)])
    # One sample beyond the limit and nothing behind it: its delay ends at a tick.
    now += 4 * _INTERVAL
    yield "samples", live(now), _frame(before, now, 1.0)
    now += _INTERVAL
    yield "samples", live(now), _frame(before, now, 9.0).take(slice(-len(before.sensors), None))
    yield "timers", live(now), Tick(now + 4 * _INTERVAL)
    for number, action in enumerate(_ACTIONS):
        yield "commands", live(now), _command(action, number, now)
    now += HOUR_NS
    yield "a blind interval", live(now), Tick(now, resumed=True)
    yield "silence", live(now), Tick(now + HOUR_NS)
    yield "other rules", live(now), after
    version = after.version()
    clocked = Header(registry=version, self_clocked=True)
    for number in range(3):
        yield "replay of samples", clocked, _frame(after, now + number * HOUR_NS, 5.0)


# Of kinds that judge sensors, groups of sensors, groups of alarms.
_MEMBERS: Final = ((), (Member(0), Member(1)), (Member(rule=("a.limit", "b.limit")),))
_ACTIONS: Final[tuple[Action, ...]] = ("acknowledge", "shelve", "unshelve")


def _configuration(rules: tuple[str, ...]) -> Configuration:
    """One site with a sensor of each way of reporting, and rules of every installed kind."""
    from .kinds import load_kinds

    sensors = tuple(
        Sensor(
            id=f"{reports}{number}",
            site=0,
            link=0,
            quantity="weather.temp",
            unit="Cel",
            low=0.0,
            high=8.0,
            max_rate=1e6,
            reports=reports,
            interval=0 if reports == "event" else _INTERVAL,
            stale=0 if reports == "event" else 3 * _INTERVAL,
        )
        for reports in REPORTS
        for number in range(2)
    )
    return Configuration(
        (Site("warm", "warm", "warm/warm/warm"),),
        (Link(0, "warm", heartbeat=_INTERVAL),),
        sensors,
        tuple(
            Rule(
                f"{name}.{kind}",
                kind,
                Select(),
                (_judgement(options.options),),
                members=_MEMBERS[min(options.stage, len(_MEMBERS) - 1)],
            )
            for kind, options in load_kinds().items()
            for name in rules
        ),
    )


def _judgement(options: tuple[str, ...]) -> Judgement:
    delayed = LevelLimits(high=4.0, low=-1.0, deadband=0.5, on_delay=SECOND_NS, off_delay=SECOND_NS)
    at_once = LevelLimits(high=0.1, low=-0.1, deadband=0.01)
    values = {name: _OPTIONS.get(name, 1.0) for name in options}
    return Judgement("", "", "1", (at_once, _UNUSED, delayed, _UNUSED), values)


def _frame(configuration: Configuration, now: int, value: float) -> Frame:
    """Three samples of every sensor up to `now`."""
    sensors = range(len(configuration.sensors))
    return Frame.of(
        [s for _ in range(3) for s in sensors],
        [now - back * _INTERVAL for back in (2, 1, 0) for _ in sensors],
        [value + 0.1 * back for back in (2, 1, 0) for _ in sensors],
    )


def _aged(configuration: Configuration, now: int) -> Frame:
    """Late, conflicting, far ahead, bad and unknown rows."""
    last = len(configuration.sensors)
    return Frame.of(
        [0, 0, 1, 1, last],
        [now, now - _INTERVAL, now + HOUR_NS, now + 1, now],
        [7.0, 1.0, 1.0, float("nan"), 1.0],
    )


def _command(action: Action, number: int, now: int) -> Command:
    return Command(
        id=str(number),
        action=action,
        site="warm",
        alarm="a.limit~periodic0",
        principal="warm",
        expires=now + HOUR_NS if action == "shelve" else 0,
    )
