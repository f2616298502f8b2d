"""Labelled faults of instruments, clocks and networks; `breaker` applies them.

Each kind changes one thing only, row by row, so that any chunking gives the same samples; chance
is a hash of fault, sensor and time:

    stuck      repeats the last value before the onset
    silent     sends nothing
    spike      every `amount`-th sample is thrown to the end of the range
    drift      walks away by `amount` (plant's unit) over the fault's duration
    declared   flags itself faulty and has no value
    over_range pegs beyond the end of its range and says so
    clock      stamps its samples `amount` seconds wrong (negative: set back)
    duplicate  sends every sample again, `amount` seconds later
    backlog    buffers while the network is down, then sends all at 20 times its pace
    dropout    loses samples by chance, the share `amount` of them
    poisoned   a catalytic bead loses the share `amount` of its sensitivity, over the first third
    clock_drift   its clock runs away by `amount` seconds over the duration, and is set right at its end
    gateway_lost  sends nothing, and nothing is kept: for all points of one gateway
    late          every sample arrives `amount` seconds later, in order
    out_of_order  every sample arrives up to `amount` seconds later, by chance
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
    "dropout",
    "poisoned",
    "clock_drift",
    "gateway_lost",
    "late",
    "out_of_order",
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
    "dropout": "",
    "poisoned": "",
    "clock_drift": "",
    "gateway_lost": "stale",
    "late": "",
    "out_of_order": "",
}
KINDS: Final[tuple[FaultKind, ...]] = tuple(NOTICED_BY)
# Those that tell good-looking values that are wrong.
BENT: Final[tuple[FaultKind, ...]] = ("stuck", "spike", "drift", "poisoned")
# What `amount` means, the usual one, the least and the most; kinds that are not here have none.
AMOUNTS: Final[dict[FaultKind, tuple[str, float, float, float]]] = {
    "spike": ("every so many samples", 10.0, 2.0, 1e6),
    "drift": ("in the plant's unit", 0.0, -1e9, 1e9),
    "clock": ("s; negative: set back", -127.031, -1e9, 1e9),
    "duplicate": ("s later", 0.4, 0.0, 1e6),
    "dropout": ("share of the samples", 0.1, 0.0, 1.0),
    "poisoned": ("share of the sensitivity", 0.5, 0.0, 1.0),
    "clock_drift": ("s over the duration; negative: too slow", -30.0, -1e6, 1e6),
    "late": ("s later", 30.0, 0.0, 1e6),
    "out_of_order": ("s later at most", 10.0, 0.0, 1e6),
}
# What a person is told where a scenario's file does not say it in its own words.
WORDS: Final[dict[FaultKind, tuple[str, str]]] = {
    "stuck": ("reading frozen", "读数冻结"),
    "silent": ("no data", "无数据"),
    "spike": ("spikes", "尖峰干扰"),
    "drift": ("drifts", "漂移"),
    "declared": ("declares a fault", "自报故障"),
    "over_range": ("over range", "超量程"),
    "clock": ("clock set wrong", "时钟错误"),
    "duplicate": ("sent twice", "重复发送"),
    "backlog": ("network down, sent later", "断网补传"),
    "dropout": ("loses samples", "丢数"),
    "poisoned": ("poisoned, sees less", "传感器中毒，灵敏度下降"),
    "clock_drift": ("clock runs away", "时钟漂移"),
    "gateway_lost": ("gateway lost", "网关掉线"),
    "late": ("sent late", "延迟到达"),
    "out_of_order": ("sent out of order", "乱序到达"),
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
