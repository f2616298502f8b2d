"""Series whose lines were refused, so that the next ones do not hold up those that are well.

A field that somebody else made a text is refused line after line, for as long as that shard lives. To
find a hundred such lines among ten thousand anew in each request costs hundreds of requests; sent
apart from the others they cost one, whose answer says that all of it was dropped.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import numpy as np

from .lineprotocol import Lines

#: Series that are kept in mind; the one that was refused longest ago is forgotten first. A plant
#: with more has another trouble, which `all_refused` and the dead letters tell.
MOST: Final = 4_096
#: Measurement and tags: up to the first space that no backslash stands before.
_SERIES: Final = re.compile(rb"(?:[^\\ \n]|\\.)*")


class Suspects:
    """Series by measurement and tags, as they stand in lines."""

    def __init__(self) -> None:
        self._series: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._series)

    def split(self, lines: Lines, start: int, stop: int) -> list[tuple[Lines, int, int]]:
        """Ranges that stand for lines `start` to `stop`: those of no suspect first, which tell
        what the server is like, then the others; each in its order."""
        if not self._series:
            return [(lines, start, stop)]
        each = [lines.cut(i, i + 1) for i in range(start, stop)]
        suspected = [_series(line) in self._series for line in each]
        parts = [
            [line for line, is_one in zip(each, suspected, strict=True) if is_one is kind]
            for kind in (False, True)
        ]
        return [(_joined(part), 0, len(part)) for part in parts if part]

    def learn(self, lines: Lines, start: int, stop: int, refused: Iterable[bytes]) -> None:
        """Of these lines exactly `refused` were refused: their series are suspected from now on,
        those of the others no more."""
        bad = dict.fromkeys(_series(line) for line in refused)
        if self._series:
            for i in range(start, stop):
                series = _series(lines.cut(i, i + 1))
                if series not in bad:
                    self._series.pop(series, None)
        for series in bad:
            self._series[series] = None
            self._series.move_to_end(series)
        while len(self._series) > MOST:
            self._series.popitem(last=False)


def _series(line: bytes) -> bytes:
    found = _SERIES.match(line)
    return found[0] if found else b""


def _joined(lines: list[bytes]) -> Lines:
    return Lines(b"".join(lines), np.cumsum([len(line) for line in lines], dtype=np.int64))
