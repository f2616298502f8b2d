"""The bridge between threads and asyncio: one event loop in a thread of its own.

aiokafka lives in one loop; agents, logs and outputs are threads. Whoever needs Kafka from a thread
hands a coroutine over here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any, TypeVar

from ..limits import BRIDGE_STOP_S

_T = TypeVar("_T")


class LoopThread:
    """Runs coroutines for other threads, from `start` to `stop`. Any thread but its own may call."""

    def __init__(self, name: str = "lifeline-kafka") -> None:
        self._loop = asyncio.new_event_loop()
        self._given: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begins; called once."""
        self._thread.start()

    def submit(self, coroutine: Coroutine[Any, Any, _T]) -> Future[_T]:
        """Runs it in the loop, and gives what will become of it. Cancelling that cancels it."""
        return asyncio.run_coroutine_threadsafe(self._noted(coroutine), self._loop)

    def call(self, coroutine: Coroutine[Any, Any, _T], timeout_s: float | None = None) -> _T:
        """What the coroutine returns or raises; TimeoutError, having cancelled it, when time is
        up."""
        future = self.submit(coroutine)
        try:
            return future.result(timeout_s)
        except FutureTimeout:
            if future.done():
                raise  # its own
            future.cancel()
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Cancels what still runs, lets it clean up for a bounded time, and ends the thread."""
        if self._thread.ident is None or not self._thread.is_alive():
            self._loop.close()
            return
        with suppress(TimeoutError):  # what will not end is left with its thread
            stopping = asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop)
            stopping.result(BRIDGE_STOP_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(BRIDGE_STOP_S)

    async def _noted(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.current_task()
        assert task is not None
        self._given.add(task)
        try:
            return await coroutine
        finally:
            self._given.discard(task)

    async def _cancel_all(self) -> None:
        """What was given first, which ends its clients in order; then what those left behind."""
        me = asyncio.current_task()
        for tasks in (set(self._given), asyncio.all_tasks()):
            ending = tasks - {me}
            for task in ending:
                if not task.cancelling():  # a second time would interrupt its cleaning up
                    task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()
