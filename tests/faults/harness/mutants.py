"""Six engines that are wrong, each in one piece. The harness must catch every one.

A mutant is put in place when the child starts, by changing the real classes; the product knows
nothing of it. Where its structure forbids the fault (the log refuses a snapshot whose alert records
are not durable), the mutant goes around the guard, as a careless change would.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifeline.engine import layout as at
from lifeline.engine.agent import Agent
from lifeline.engine.agent.batch import Batch
from lifeline.engine.agent.lane import Lane
from lifeline.engine.core import Core, snapshot
from lifeline.engine.log import Ticket
from lifeline.engine.mqtt import Delivery
from lifeline.engine.payload import Decoded
from lifeline.engine.record import Record
from lifeline.engine.stages.stepping import Stepper

# Between the wrong thing and the right one: most deaths fall into it.
GAP_S: Final = 0.3


@dataclass(frozen=True, slots=True)
class Mutant:
    """`apply(directory)` makes this process that engine; what it remembers lies in `directory`."""

    what: str
    apply: Callable[[Path], None]


def _acknowledge_before_log(_: Path) -> None:
    """Messages are acknowledged when they are taken; the log follows."""
    made = Agent._batch

    def batch(self: Agent, taken: list[tuple[Lane, list[Delivery]]]) -> Batch:
        for lane, deliveries in taken:
            lane.client.ack(deliveries)
        time.sleep(GAP_S)
        return made(self, taken)

    Agent._batch = batch  # type: ignore[method-assign]


def _duplicates_only_in_memory(_: Path) -> None:
    """What the last sample of each sensor was is no part of the state that a start brings back."""

    def forget(core: Core) -> None:
        if core.state is not None:
            core.state.hot["last_t"] = at.NO_TIME
            core.state.flag &= ~(at.HAS_LAST | at.PLAIN | at.CONFLICT)

    _after_restore(forget)


def _snapshot_before_outbox(_: Path) -> None:
    """The state that counts alert records is on the disk before they are."""
    offer = Stepper._offer

    def early(self: Stepper, position: int, records: list[Record]) -> Ticket:
        store, core = self._store, self.core
        store._keeper.save(position, store.hash_at(position), core.snapshot()).wait()
        return offer(self, position, records)

    Stepper._offer = early  # type: ignore[method-assign]


def _dropped_timer(_: Path) -> None:
    """What was pending is forgotten to be armed again."""

    def disarm(core: Core) -> None:
        if core.state is not None:
            core.state.pending["due"][:] = at.NEVER
            core.state.next_due[:] = at.NEVER

    _after_restore(disarm)


def _seq_reset_by_restart(_: Path) -> None:
    """Every life counts its alert records from 1."""

    def reset(core: Core) -> None:
        if core.state is not None:
            core.state.seq[:] = 0

    _after_restore(reset)


def _agent_with_state(directory: Path) -> None:
    """The agent remembers, across its lives, what it has passed on, and passes nothing on twice."""
    memory = directory / "agent-memory"
    known = set(memory.read_text().split()) if memory.exists() else set()
    decode = Lane.decode

    def filtered(self: Lane, deliveries: Sequence[Delivery]) -> Decoded:
        fresh = []
        with memory.open("a") as file:
            for delivery in deliveries:
                said = f"{delivery.topic}\0".encode() + delivery.payload
                key = hashlib.blake2b(said, digest_size=16).hexdigest()
                if key not in known:
                    known.add(key)
                    file.write(f"{key}\n")
                    fresh.append(delivery)
        time.sleep(GAP_S)
        return decode(self, fresh)

    Lane.decode = filtered  # type: ignore[method-assign]


def _after_restore(change: Callable[[Core], None]) -> None:
    put_back = snapshot.put_back

    def changed(core: Core, data: bytes) -> None:
        put_back(core, data)
        change(core)

    snapshot.put_back = changed


MUTANTS: Final[dict[str, Mutant]] = {
    "acknowledge-before-log": Mutant(
        "messages are acknowledged before the log has them", _acknowledge_before_log
    ),
    "duplicates-in-memory": Mutant(
        "duplicates are remembered only in memory", _duplicates_only_in_memory
    ),
    "snapshot-before-outbox": Mutant(
        "snapshots are durable before the alert records that they count", _snapshot_before_outbox
    ),
    "dropped-timer": Mutant("a start forgets the timers that ran", _dropped_timer),
    "seq-reset": Mutant("seq begins at 1 after a start", _seq_reset_by_restart),
    "agent-with-state": Mutant(
        "the agent remembers what it saw, before the log has it", _agent_with_state
    ),
}
