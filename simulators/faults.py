"""Labelled faults of instruments, clocks and networks; `breaker` applies them.

Each kind changes one thing only, row by row, so that any chunking gives the same samples:

    stuck      repeats the last value before the onset
    silent     sends nothing
    spike      every `amount`-th sample is thrown to the end of the range
    drift      walks away by `amount` (plant's unit) over the fault's duration
    declared   flags itself faulty and has no value
    over_range pegs beyond the end of its range and says so
    clock      stamps its samples `amount` seconds wrong (negative: set back)
    duplicate  sends every sample again, `amount` seconds later
    backlog    buffers while the network is down, then sends all at 20 times its pace
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FaultKind = Literal[
    "stuck",
    "silent",
    "spike",
    "drift",
    "declared",
    "over_range",
    "clock",
    "duplicate",
    "backlog",
]
# Which kind of rule ought to notice; "" where the plant's own flag or a counter says it.
NOTICED_BY: Final[dict[FaultKind, str]] = {
    "stuck": "flatline",
    "silent": "stale",
    "spike": "",
    "drift": "",
    "declared": "stale",
    "over_range": "",
    "clock": "clock",
    "duplicate": "",
    "backlog": "stale",
}


@dataclass(frozen=True, slots=True)
class SensorFault:
    """One fault: what is wrong (`kind`, `amount`), where (`sensors`), and when (event time)."""

    id: str
    site: str
    kind: FaultKind
    sensors: tuple[str, ...]
    onset_ns: int
    end_ns: int
    what_en: str
    what_zh: str
    amount: float = 0.0

    @property
    def noticed_by(self) -> str:
        """The rule kind that ought to alarm, or ""."""
        return NOTICED_BY[self.kind]

    @property
    def amount_ns(self) -> int:
        """`amount` read as seconds, in ns, whole milliseconds."""
        return round(self.amount * 1000) * 1_000_000
