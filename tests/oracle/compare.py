"""Both implementations on one log, and a readable account of the first difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, decode, encode
from lifeline.engine.frame import Frame

from .bench import Bench
from .generate import Scenario
from .oracle import Oracle
from .partition import ENGINE_SITE
from .record import OracleRecord, OracleReply

COUNTERS = ("duplicate", "late", "conflict", "clock_fault", "unknown_sensor", "mixed")
COMPARED = tuple(one.name for one in fields(OracleRecord) if one.name != "tolerance")
SHOWN = 12  # records of the same site that are shown before a difference


class Steps(Protocol):
    """What is compared with the oracle: the engine's core."""

    def step(self, position: int, entry: Entry) -> Any:
        """Records by iteration, `.replies` beside them."""
        ...

    def counters(self) -> dict[str, int]:
        """By name; at least `COUNTERS`."""
        ...


@dataclass(frozen=True)
class Outcome:
    """`difference` is "" where both agree; `entries` and `records` were compared until then.

    `unclear`: the comparison ended where floating-point arithmetic could not tell.
    """

    difference: str
    unclear: bool
    entries: int
    records: int


def compare(
    scenario: Scenario, core: Steps, between: Callable[[int, Any], Any] | None = None
) -> Outcome:
    """Feed both and stop at the first difference.

    The core is given each entry as the log would: encoded and decoded. `between` may replace the
    core before a position (a snapshot and its restoration).
    """
    oracle = Oracle()
    history: list[OracleRecord] = []
    for position, entry in enumerate(scenario.entries, 1):
        if between is not None:
            core = between(position, core)
        answered = len(oracle.replies)
        expected = oracle.step(position, entry)
        if oracle.unclear:
            return Outcome("", True, position - 1, len(history))
        found = core.step(position, decode(encode(entry)))
        problems = [
            *_record_problems(expected, list(found)),
            *_reply_problems(oracle.replies[answered:], found.replies),
        ]
        if problems:
            text = _account(scenario, position, problems, history)
            return Outcome(text, False, position, len(history))
        history += expected
    counted = core.counters()
    problems = [
        f"counter {name}: expected {oracle.counters[name]}, found {counted.get(name)}"
        for name in COUNTERS
        if oracle.counters[name] != counted.get(name, 0)
    ]
    return Outcome("\n".join(problems), False, len(scenario.entries), len(history))


def put_to(core: Callable[[], Steps]) -> Iterator[None]:
    """The body of a fixture: after the test, every log that it fed to a bench is compared."""
    Bench.made.clear()
    yield
    for bench in Bench.made:
        difference = compare(Scenario(tuple(bench.entries)), core()).difference
        assert not difference, difference


def _by_site(records: Iterable[Any]) -> list[Any]:
    return sorted(records, key=lambda one: (one.site, one.seq))


def _record_problems(expected: list[OracleRecord], found: list[Any]) -> list[str]:
    """Records of an entry are compared in the order of each site: that is what is promised."""
    problems = []
    ours, theirs = _by_site(expected), _by_site(found)
    for one, other in zip(ours, theirs, strict=False):
        wrong = [name for name in COMPARED if not _same(name, one, other)]
        if wrong:
            problems.append(f"record {one.site}/{one.seq} {one.rule}~{one.subject}:")
            problems += [
                f"    {name}: expected {getattr(one, name)!r}, found {getattr(other, name)!r}"
                for name in wrong
            ]
            return problems
    problems += [f"missing: {_line(one)}" for one in ours[len(theirs) :]]
    problems += [f"too much: {_line(one)}" for one in theirs[len(ours) :]]
    return problems


def _same(name: str, expected: OracleRecord, found: Any) -> bool:
    ours, theirs = getattr(expected, name), getattr(found, name)
    if name == "rule_hash" and expected.site == ENGINE_SITE:
        return True  # the engine's own notices follow from no rule
    if name == "value" and ours is not None and theirs is not None:
        return bool(abs(ours - theirs) <= expected.tolerance)
    return bool(ours == theirs)


def _reply_problems(expected: list[OracleReply], found: Iterable[Any]) -> list[str]:
    theirs = [OracleReply(one.id, one.outcome, one.seq) for one in found]
    ours = expected
    if [(x.id, x.outcome) for x in ours] == [(x.id, x.outcome) for x in theirs] and all(
        one.seq == other.seq for one, other in zip(ours, theirs, strict=True) if one.seq
    ):
        return []
    return [f"replies: expected {ours}, found {theirs}"]


def _line(one: Any) -> str:
    levels = f"{one.level_before}→{one.level_after}"
    states = f"{one.state_before}→{one.state_after}"
    flags = [x for x in ("historic", "uncertain", "unknown", "exercise") if getattr(one, x)]
    return (
        f"{one.site}/{one.seq} {one.rule}~{one.subject} {one.transition} {levels} {states} "
        f"t={one.time} onset={one.onset} value={one.value} limit={one.limit} {' '.join(flags)}"
    )


def _account(
    scenario: Scenario, position: int, problems: list[str], history: list[OracleRecord]
) -> str:
    entry = scenario.entries[position - 1]
    sites = {line.split("/")[0].rsplit(" ", 1)[-1] for line in problems}
    before = [one for one in history if one.site in sites][-SHOWN:]
    return "\n".join(
        [
            f"at entry {position} of {len(scenario.entries)} ({entry.kind.name.lower()}):",
            *problems,
            "the entry:",
            f"    {entry.header}",
            *(f"    {line}" for line in _show(entry, scenario, position)),
            "records before it:",
            *(f"    {_line(one)}" for one in before),
        ]
    )


def _show(entry: Entry, scenario: Scenario, position: int) -> list[str]:
    if isinstance(entry.payload, Frame):
        frame = entry.payload
        columns = (frame.sensor, frame.time, frame.value, frame.quality)
        rows = list(zip(*(column.tolist() for column in columns), strict=True))
        configuration = next(
            one.payload
            for one in reversed(scenario.entries[:position])
            if isinstance(one.payload, Configuration)
        )
        used = sorted({row[0] for row in rows})
        known = [i for i in used if 0 <= i < len(configuration.sensors)]
        return [*map(str, rows), *(f"{i}: {configuration.sensors[i]}" for i in known)]
    if isinstance(entry.payload, Configuration):
        return [str(one) for one in (*entry.payload.sensors, *entry.payload.rules)]
    return [str(entry.payload)]
