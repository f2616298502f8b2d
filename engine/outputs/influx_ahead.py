"""The next portion, read, encoded and packed while the present one is with the server.

Only where there is more than one portion to deliver, so that who keeps up needs one thread. There
are never more than two portions in memory, however long the server is away.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from .influx_feeds import Feed, Portion


class ReadAhead:
    """A feed, one portion ahead. `next` is for one thread.

    batches   the ranges of a portion's lines that are sent as one request each
    prepare   packs the body of the first of them
    """

    def __init__(
        self,
        feed: Feed,
        batches: Callable[[Portion], list[tuple[int, int]]],
        prepare: Callable[[bytes], None],
    ) -> None:
        self._feed = feed
        self._batches = batches
        self._prepare = prepare
        self._pool: ThreadPoolExecutor | None = None
        self._after = 0
        self._next: Future[Portion | None] | None = None

    def next(self, after: int) -> Portion | None:
        """As `Feed.next`, which it is an error to call beside this."""
        ready, self._next = self._next, None
        portion = None if ready is None else ready.result()
        if ready is None or self._after != after:
            portion = self._feed.next(after)
        if portion is not None and portion.more:
            self._begin(portion.position)
        return portion

    def close(self) -> None:
        """Ends the thread behind what it is reading; does not wait for it."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, after: int) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "output-ahead")
        self._after = after
        self._next = self._pool.submit(self._read, after)

    def _read(self, after: int) -> Portion | None:
        portion = self._feed.next(after)
        if portion is not None and len(portion.lines):
            self._prepare(portion.lines.cut(*self._batches(portion)[0]))
        return portion
