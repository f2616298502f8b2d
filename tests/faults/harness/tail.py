"""What a log holds while it is being written."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogReader

# Nothing new has come for so long: nothing more will. An engine that loses nothing is done as soon as
# all is there; of one that was made wrong less is expected.
DRAINED_AFTER_S: Final = 90.0
WRONG_DRAINED_AFTER_S: Final = 6.0
_POLL_S: Final = 0.1
_AT_ONCE: Final = 100_000


class Tail:
    """Follows the log in a directory; `samples` are (sensor, event time)."""

    def __init__(self, directory: Path) -> None:
        self.samples: set[tuple[int, int]] = set()
        self._directory = directory
        self._position = 0

    def drain(
        self, sent: int, alive: Callable[[], bool], silent_s: float = DRAINED_AFTER_S
    ) -> None:
        """Returns when the log holds `sent` samples, or nothing has come for `silent_s`, or the
        engine is dead."""
        since = time.monotonic()
        while alive() and time.monotonic() - since < silent_s:
            if self.advance():
                since = time.monotonic()
            if len(self.samples) >= sent:
                return
            time.sleep(_POLL_S)

    def advance(self) -> bool:
        """Reads what is new; whether samples were among it."""
        reader, found = LogReader.open(self._directory), False
        try:
            for position, data in reader.read(self._position, _AT_ONCE):
                self._position, payload = position, decode(data).payload
                if isinstance(payload, Frame):
                    rows = zip(payload.sensor.tolist(), payload.time.tolist(), strict=True)
                    self.samples.update(rows)
                    found = True
        finally:
            reader.close()
        return found


def wait_outbox(directory: Path, holds: Callable[[int], bool], within_s: float) -> None:
    """Returns when `holds(records in the outbox)`, or when time is up."""
    until = time.monotonic() + within_s
    reader = LogReader.open(directory)
    try:
        while not holds(reader.outbox_end()) and time.monotonic() < until:
            time.sleep(_POLL_S)
    finally:
        reader.close()
