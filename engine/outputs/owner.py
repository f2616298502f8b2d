"""Outputs of one process: made, started, watched, changed. None of them delays anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from ..clock import Clock
from ..limits import OUTPUT_RESTART_NS
from .ports import OutputTrouble

Tell: TypeAlias = Callable[[str, str, str], None]  # kind, text, source


class Output(Protocol):
    """What every output is to its owner."""

    def start(self) -> None:
        """Begins after its durable cursor; returns at once."""
        ...

    def stop(self) -> None:
        """Ends within a bounded time; what is not delivered is delivered after the next start."""
        ...

    def alive(self) -> bool:
        """Whether its threads run."""
        ...

    @property
    def position(self) -> int:
        """Up to where everything is delivered."""
        ...

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What stands."""
        ...

    def counters(self) -> dict[str, int]:
        """What was done."""
        ...


@runtime_checkable
class Detailed(Protocol):
    """An output that has more to tell than every other."""

    def details(self) -> dict[str, Any]:
        """Plain JSON values by name, beside those of `output_status`."""
        ...


@dataclass(slots=True)
class _Running:
    """An output, the part of the configuration that it was made from, how to make it anew."""

    output: Output
    spec: object
    make: Callable[[], Output]
    dead_since: int | None = None


#: By name: what an output is made from, and how to make it.
Wanted: TypeAlias = Mapping[str, tuple[object, Callable[[], Output]]]


class OutputOwner:
    """Owns outputs by name. One caller at a time."""

    def __init__(self, clock: Clock, tell: Tell) -> None:
        self._clock = clock
        self._tell = tell
        self._running: dict[str, _Running] = {}

    def prepare(self, wanted: Wanted) -> Callable[[], None]:
        """Makes those that are new or changed; nothing runs differently until the result is called.
        Then exactly these run: what is unchanged goes on, what is gone is stopped.

        Raises SpecError where a credential cannot be read.
        """
        changed = {
            name: _Running(make(), spec, make)
            for name, (spec, make) in wanted.items()
            if name not in self._running or self._running[name].spec != spec
        }
        return lambda: self._become(set(wanted), changed)

    def _become(self, wanted: set[str], changed: dict[str, _Running]) -> None:
        for name in [n for n in self._running if n not in wanted or n in changed]:
            self._running.pop(name).output.stop()
        for name, running in changed.items():
            self._running[name] = running
            running.output.start()

    def stop(self) -> None:
        """Stops all, each within its own time."""
        for running in self._running.values():
            running.output.stop()
        self._running.clear()

    def watch(self) -> None:
        """Makes an output whose thread died anew, some time after."""
        now = self._clock.monotonic()
        for name, running in self._running.items():
            if running.output.alive():
                continue
            if running.dead_since is None:
                running.dead_since = now
                why = "; ".join(t.text for t in running.output.troubles() if t.kind == "failed")
                self._tell("output_failed", why or "its thread ended", name)
            elif now - running.dead_since >= OUTPUT_RESTART_NS:
                running.output.stop()
                running.output, running.dead_since = running.make(), None
                running.output.start()

    def output(self, name: str) -> Output | None:
        """The output of this name as it runs now, None where there is none."""
        running = self._running.get(name)
        return None if running is None else running.output

    def outputs(self) -> dict[str, Output]:
        """All outputs by name, as they run now."""
        return {name: running.output for name, running in list(self._running.items())}


def output_status(output: Output, end: int) -> dict[str, Any]:
    """An output as plain JSON values; `end` is what it would have delivered with all."""
    return {
        "alive": output.alive(),
        "position": output.position,
        "behind": max(0, end - output.position),
        "counters": output.counters(),
        "troubles": [msgspec.to_builtins(t) for t in output.troubles()],
        **(output.details() if isinstance(output, Detailed) else {}),
    }
