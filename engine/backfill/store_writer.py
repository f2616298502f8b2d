"""Into the embedded store: through the engine that holds it, or into its file where none runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..clock import SystemClock
from ..config.plant import StoreSpec
from ..log.lock import holder
from ..outputs.ports import Place
from .windows import Content, Samples


class StoreWriter:
    """See `Writer`. The store takes every row, so nothing is ever refused."""

    refused = 0

    def __init__(self, directory: Path, places: Mapping[str, Place]) -> None:
        self._directory, self._places = directory, places

    def write(self, content: Content) -> None:
        """See `Writer`. Raises SinkError where the engine or the file does not take it."""
        from ..store import write
        from ..store.rows import alerts_table, named_samples

        if isinstance(content, Samples):
            write(self._directory, [named_samples(content.frame, content.configuration)])
        elif content:
            table = alerts_table(content, self._places.get)
            write(self._directory, table.to_batches(), "alert")

    def close(self) -> None:
        """Has minutes, hours and ages brought up to what was written."""
        from ..store import settle

        settle(self._directory)


@contextmanager
def store_writer(
    directory: Path, spec: StoreSpec, places: Mapping[str, Place]
) -> Iterator[StoreWriter]:
    """A writer that settles what it wrote, also where it was interrupted. Makes the file where
    neither it nor an engine is there."""
    if not spec.path.exists() and holder(directory) is None:
        from ..store.store import Store

        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        made = Store(spec, SystemClock())
        made.open()
        made.close()
    writer = StoreWriter(directory, places)
    try:
        yield writer
    finally:
        writer.close()
