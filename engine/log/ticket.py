"""The promise that work handed to the writer becomes durable, or why it did not."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from ..errors import LifelineError

Outcome: TypeAlias = range | LifelineError


class Ticket:
    """Resolves once: with the positions that are durable now, or with the error that they are not.

    For entries the range holds their positions; for records, cursors and the rest it holds the
    one number that was given. Never resolves with a range before the disk has confirmed it.
    """

    __slots__ = ("_callbacks", "_done", "_lock", "_outcome")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._outcome: Outcome | None = None
        self._callbacks: list[Callable[[Outcome], None]] = []

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, or None while it is open."""
        return self._outcome

    def wait(self, timeout_s: float | None = None) -> int:
        """The last position. Raises the error, or TimeoutError when time is up."""
        if not self._done.wait(timeout_s):
            raise TimeoutError(f"not durable after {timeout_s:g} s")
        outcome = self._outcome
        if isinstance(outcome, range):
            return outcome[-1] if outcome else 0
        assert outcome is not None
        raise outcome

    def add_done_callback(self, callback: Callable[[Outcome], None]) -> None:
        """Calls `callback(outcome)`: at once if resolved, else in the resolving thread.

        It must be quick and must not wait for another ticket: the writer stands meanwhile.
        """
        with self._lock:
            if self._outcome is None:
                self._callbacks.append(callback)
                return
            outcome = self._outcome
        callback(outcome)

    def resolve(self, outcome: Outcome) -> list[Exception]:
        """Called once, by whoever made the work durable; returns what callbacks raised."""
        with self._lock:
            self._outcome = outcome
            callbacks, self._callbacks = self._callbacks, []
        self._done.set()
        raised: list[Exception] = []
        for callback in callbacks:
            try:
                callback(outcome)
            except Exception as error:  # noqa: BLE001 - others' code; the writer must live and tell
                raised.append(error)
        return raised
