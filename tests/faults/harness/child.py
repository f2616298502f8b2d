"""One life of the engine, as `lifeline run` lives it, observed; run as a script.

    child.py CONFIG --observed FILE [--snapshot-ms N] [--ahead-s N] [--mutant NAME]

It is the command itself. Different are only the named limits of how often snapshots are cut, since a
life lasts seconds here; the wall clock, where hours are to have passed; and, for a control, one
wrong piece put in the place of a right one. `CRASH_AT` comes by the environment, as everywhere.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from lifeline.engine import limits
from lifeline.engine.clock import SystemClock
from lifeline.engine.core import Core
from lifeline.engine.log import LogStore
from lifeline.engine.record import AlarmState


class Restored(msgspec.Struct, frozen=True):
    """What was alive in the snapshot that a life began with; `position` 0: it had none."""

    position: int = 0
    raising: int = 0
    clearing: int = 0
    unacknowledged: int = 0
    acknowledged: int = 0
    shelved: int = 0

    @property
    def all_alive(self) -> bool:
        """Whether pending, unacknowledged and shelved alarms were among them."""
        pending = self.raising + self.clearing
        return pending > 0 and self.unacknowledged > 0 and self.shelved > 0


def seen(core: Core) -> Restored:
    """What is alive in a core."""
    if core.state is None:
        return Restored(core.position)
    judge = core.state.judge

    def in_state(*states: AlarmState) -> int:
        return sum(int((judge["state"] == state).sum()) for state in states)

    return Restored(
        core.position,
        int((judge["raising"] != 0).sum()),
        int((judge["clearing"] != 0).sum()),
        in_state(AlarmState.UNACKNOWLEDGED, AlarmState.RETURNED_UNACKNOWLEDGED),
        in_state(AlarmState.ACKNOWLEDGED),
        in_state(AlarmState.SHELVED),
    )


def observe(file: Path) -> None:
    """Writes down what each snapshot held that the engine was given to start from."""
    load, restore = LogStore.load_snapshot, Core.restore

    def observed(self: LogStore) -> tuple[int, bytes] | None:
        found = load(self)
        told = Restored() if found is None else seen(restore(found[1]))
        file.write_bytes(msgspec.json.encode(told))
        return found

    LogStore.load_snapshot = observed  # type: ignore[method-assign]


def change_limits(snapshot_ms: int) -> None:
    """Snapshots every so often; before anything reads the limits as its defaults."""
    changed: dict[str, Any] = {
        "SNAPSHOT_INTERVAL_NS": snapshot_ms * 1_000_000,
        "SNAPSHOT_LEAST_ENTRIES": 1,
    }
    for name, value in changed.items():
        if not hasattr(limits, name):
            raise SystemExit(f"the engine has no limit {name} any more")
        setattr(limits, name, value)


def set_clock_ahead(seconds: int) -> None:
    """The machine's wall clock, so many seconds later."""
    wall = SystemClock.wall

    def later(self: SystemClock) -> int:
        return wall(self) + seconds * limits.SECOND_NS

    SystemClock.wall = later  # type: ignore[method-assign]


def main() -> None:
    """Changes what is to be changed, then runs the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--observed", type=Path, required=True)
    parser.add_argument("--snapshot-ms", type=int, default=500)
    parser.add_argument("--ahead-s", type=int, default=0)
    parser.add_argument("--mutant", default="")
    options = parser.parse_args()
    change_limits(options.snapshot_ms)
    set_clock_ahead(options.ahead_s)
    observe(options.observed)
    if options.mutant:
        from faults.harness.mutants import MUTANTS

        MUTANTS[options.mutant].apply(options.observed.parent)
    sys.argv = ["lifeline", "run", str(options.config), "--quiet"]
    from lifeline.engine.cli import main as lifeline

    lifeline()


if __name__ == "__main__":
    main()
