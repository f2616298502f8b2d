"""What cores of later stages (areas, calls) share: they hear the records of others by a log of their own.

Pure. Their time is the log's: the largest `appended` or tick so far.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from .entry import Header, Tick
from .errors import InvariantError
from .layout import NO_TIME
from .record import run_digest


class LogState(msgspec.Struct):
    """Where a core stands in its log; what else a snapshot holds comes behind it."""

    position: int = 0
    now: int = NO_TIME
    wall: int = NO_TIME
    appended: int = 0
    received: int = 0


class StageEntry(Protocol):
    """An entry of such a log."""

    @property
    def header(self) -> Header:
        """Who appended it, and when."""
        ...

    @property
    def payload(self) -> Any:
        """What it says."""
        ...


State = TypeVar("State", bound=LogState)
Out = TypeVar("Out")


class StageCore(ABC, Generic[State, Out]):
    """Steps a log: passes time, then applies what an entry says."""

    _state: State
    _count: Counter[str]

    def step(self, position: int, entry: StageEntry) -> Out:
        """Apply one entry. Raises EntryError for an entry that cannot be understood and
        InvariantError where a claim broke; the process must end then."""
        state, header, payload = self._state, entry.header, entry.payload
        if position <= state.position:
            raise InvariantError(f"entry {position} after {state.position}: the log goes forward")
        out = self._begin()
        state.appended = max(state.appended, header.appended)
        state.received = max(state.received, header.received)
        time = header.appended
        if isinstance(payload, Tick):
            time = payload.time
            self._blind(payload)
            state.wall = max(state.wall, time)
        self._pass_time(max(state.now, time))
        self._apply(payload)
        state.position = position
        return out

    @abstractmethod
    def _begin(self) -> Out:
        """What this step makes, empty: all that follows adds to it."""

    @abstractmethod
    def _blind(self, tick: Tick) -> None:
        """Before time passes to a tick; where it is `resumed` nobody stepped the log for a while."""

    @abstractmethod
    def _pass_time(self, now: int) -> None:
        """Everything that is due by `now` happens, in order of its due; the log's time is `now` then."""

    @abstractmethod
    def _apply(self, payload: Any) -> None:
        """What the entry says. Raises EntryError where it does not stand in such a log."""

    # --- what others ask -------------------------------------------------------------------------
    @property
    def position(self) -> int:
        """The last entry that was stepped."""
        return self._state.position

    @property
    def wall(self) -> int:
        """The largest tick so far; NO_TIME before the first."""
        return self._state.wall

    @property
    def appended(self) -> int:
        """The largest time of an append so far."""
        return self._state.appended

    @property
    def received(self) -> int:
        """The largest time of receipt so far."""
        return self._state.received

    @abstractmethod
    def site_heads(self) -> dict[str, tuple[int, bytes]]:
        """(seq, chain hash) of every reserved site that has a record."""

    def digest(self) -> str:
        """The digest of the run, hex."""
        return run_digest({site: head for site, (_, head) in self.site_heads().items()})

    def counters(self) -> dict[str, int]:
        """What was heard, and what became of it."""
        return dict(self._count)
