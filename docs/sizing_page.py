"""Writes the tables of docs/sizing.md from what was measured; a test compares the two.

    python docs/sizing_page.py

Whoever measures anew (`python benchmarks/run.py --only sizes --only cluster`) changes the figures below
and runs it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent / "sizing.md"
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->\n"
DAY = 86_400

# --- measured: benchmarks/sizes.py ----------------------------------------------------------------
ENTRY_BYTES = 72  # an entry without its samples, names of ten letters
SAMPLE_BYTES = 21  # a sample in it
KAFKA_BYTES = 70  # what Kafka adds to a record that is sent alone; 15 where ten go together
LOG_DB = {1: 225, 10: 42, 100: 28, 1_000: 25}  # bytes of a sample in log.db, by samples an entry
RECORD_BYTES = 521  # an alert record
SNAPSHOT_BYTES = 1_858  # a sensor under two limits, a trend and its silence, in memory and on disk
PACKED_BYTES = 227  # the same in a checkpoint on Kafka

# --- measured: a worker ---------------------------------------------------------------------------
# Processor time for a record of k samples is RECORD_US + k * SAMPLE_US. benchmarks/cluster.py gives
# both: samples/s and share of the core in Frames of 1,000 and of 100. Here 771,000 at 0.77 and
# 103,000 at 0.38, so 1,000 and 370 us a record, on a machine of two cores at a load of 8 to 10.
RECORD_US = 300.0
SAMPLE_US = 0.7
# Resident bytes of an engine with 100,000 sensors under five rules: benchmarks/memory.py, 656 MiB.
SENSOR_MEMORY = 656 * 2**20 / 100_000

# --- shipped settings -------------------------------------------------------------------------------
ALERT_DAYS = 400
CHECKPOINT_S, CHECKPOINT_RATE, CHECKPOINT_LATEST_S = 10, 1e6, 120
COMPACTION_LAG_S = 3_600

# --- assumed ----------------------------------------------------------------------------------------
ALARMS_A_DAY = 20  # of 1,000 sensors; EEMUA 191 calls 150 a day and operator acceptable
RECORDS_AN_ALARM = 4  # raised, acknowledged, returned, cleared
HEADERS = 80  # what Kafka adds to an alert record, with its key and headers


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be watched. `together`: samples that a gateway sends in one message."""

    name: str
    sensors: int
    together: int
    days: int
    agents: int = 1
    partitions: int = 1
    copies: int = 3
    interval_s: int = 10

    @property
    def samples(self) -> float:
        """Samples a second."""
        return self.sensors / self.interval_s

    @property
    def records(self) -> float:
        """Entries, and Kafka records, a second."""
        return self.samples / self.together

    @property
    def log(self) -> float:
        """Bytes a second into Kafka's log, one copy."""
        return self.records * (ENTRY_BYTES + KAFKA_BYTES) + self.samples * SAMPLE_BYTES

    @property
    def alerts(self) -> float:
        """Bytes a day of alert records, one copy."""
        records = self.sensors / 1_000 * ALARMS_A_DAY * RECORDS_AN_ALARM
        return records * (RECORD_BYTES + HEADERS)

    @property
    def cores(self) -> float:
        """Processor cores that workers have to do with it."""
        return self.records * (RECORD_US + self.together * SAMPLE_US) / 1e6

    @property
    def workers(self) -> int:
        """At half load, and one that may be missing."""
        return math.ceil(2 * self.cores) + 1

    @property
    def checkpoint(self) -> float:
        """Bytes of one partition's checkpoint."""
        return self.sensors * PACKED_BYTES / self.partitions

    @property
    def checkpoint_s(self) -> float:
        """Seconds between two of them."""
        return max(CHECKPOINT_S, min(self.checkpoint / CHECKPOINT_RATE, CHECKPOINT_LATEST_S))

    @property
    def checkpoints(self) -> float:
        """Bytes a second, all partitions, one copy."""
        return self.partitions * self.checkpoint / self.checkpoint_s


PLANT = Place("a plant", 1_000, 1, 30)
PLANT_TEN = Place("the same, ten values a message", 1_000, 10, 30)
BIG = Place("100,000 sensors on one machine", 100_000, 10, 30)
CITY = Place("a city", 100_000, 10, 30, agents=100, partitions=12)
PROVINCE = Place("a province", 10_000_000, 100, 7, agents=10_000, partitions=32)
SINGLE = Place("the same, a value a message", 10_000_000, 1, 7, agents=10_000, partitions=32)
Row = tuple[str, str, Callable[[Place], str]]


def size(n: float) -> str:
    """Bytes as a person reads them, two digits."""
    unit = "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n < 1_000 or unit == "TB":
            break
        n /= 1_000
    return f"{n:,.0f} {unit}" if n >= 10 else f"{n:.2g} {unit}"


def number(n: float) -> str:
    """A count, whole where that says enough."""
    return f"{n:,.0f}" if n >= 10 else f"{n:.2g}"


def table(places: tuple[Place, ...], rows: tuple[Row, ...]) -> str:
    """A column for each place, the arithmetic beside the figure."""
    lines = ["| | how | " + " | ".join(place.name for place in places) + " |"]
    lines.append("|---|---|" + "---|" * len(places))
    for what, how, figure in rows:
        lines.append(f"| {what} | {how} | " + " | ".join(map(figure, places)) + " |")
    return "\n".join(lines) + "\n"


LOAD: tuple[Row, ...] = (
    ("sensors", "each a sample in 10 s", lambda p: number(p.sensors)),
    ("samples/s", "sensors / 10 s", lambda p: number(p.samples)),
    ("messages/s", "samples/s / values a message", lambda p: number(p.records)),
)
ONE: tuple[Row, ...] = (
    *LOAD,
    (
        "log a day",
        "samples × bytes in log.db × 86,400 s",
        lambda p: size(p.samples * LOG_DB[p.together] * DAY),
    ),
    (
        "log, 30 days",
        "`storage.retention.size` must allow it",
        lambda p: size(p.samples * LOG_DB[p.together] * DAY * p.days),
    ),
    ("snapshot", f"sensors × {SNAPSHOT_BYTES:,} B", lambda p: size(p.sensors * SNAPSHOT_BYTES)),
    (
        "memory",
        f"0.2 GB + sensors × {SENSOR_MEMORY / 1_000:.1f} kB",
        lambda p: size(2e8 + p.sensors * SENSOR_MEMORY),
    ),
    ("alert records a day", "sensors / 1,000 × 20 × 4 × 601 B", lambda p: size(p.alerts)),
)
MANY: tuple[Row, ...] = (
    *LOAD,
    ("Kafka records/s", "a message is one entry of one partition", lambda p: number(p.records)),
    (
        "into the log",
        f"records × {ENTRY_BYTES + KAFKA_BYTES} B + samples × {SAMPLE_BYTES} B",
        lambda p: f"{size(p.log)}/s",
    ),
    ("log a day, one copy", "× 86,400 s", lambda p: size(p.log * DAY)),
    ("`retention: {log: …}`", "chosen", lambda p: f"{p.days} d"),
    ("log on all brokers", "× days × 3 copies", lambda p: size(p.log * DAY * p.days * p.copies)),
    (
        "alert records on all brokers",
        "sensors / 1,000 × 20 × 4 × 601 B × 400 d × 3",
        lambda p: size(p.alerts * ALERT_DAYS * p.copies),
    ),
    ("partitions", "chosen: 2 to 4 for each worker to come", lambda p: str(p.partitions)),
    (
        "checkpoint of a partition",
        f"sensors × {PACKED_BYTES} B / partitions",
        lambda p: size(p.checkpoint),
    ),
    (
        "every",
        "10 s; above 10 MB at 1 MB/s, at the latest 2 min",
        lambda p: f"{p.checkpoint_s:.0f} s",
    ),
    ("checkpoints", "partitions × bytes / seconds", lambda p: f"{size(p.checkpoints)}/s"),
    (
        "checkpoints on all brokers",
        "× 3,600 s before compaction × 3 copies",
        lambda p: size(p.checkpoints * COMPACTION_LAG_S * p.copies),
    ),
    (
        "brokers receive, all together",
        "(log + checkpoints) × 3 copies",
        lambda p: f"{size((p.log + p.checkpoints) * p.copies)}/s",
    ),
    ("workers and sinks read", "log × 2 (cores, series)", lambda p: f"{size(2 * p.log)}/s"),
    (
        "cores busy judging",
        f"records × ({RECORD_US:.0f} µs + values × {SAMPLE_US} µs)",
        lambda p: number(p.cores),
    ),
    ("workers", "twice that, and one", lambda p: number(p.workers)),
    (
        "memory of a worker, one missing",
        f"0.2 GB + sensors / (workers − 1) × {SENSOR_MEMORY / 1_000:.1f} kB",
        lambda p: size(2e8 + p.sensors / (p.workers - 1) * SENSOR_MEMORY),
    ),
    ("agents", "one a plant", lambda p: number(p.agents)),
    (
        "an agent's disk, a day without link",
        "samples / agents × bytes in log.db × 86,400 s",
        lambda p: size(p.samples / p.agents * LOG_DB[p.together] * DAY),
    ),
)


def tables() -> str:
    """Both tables, with their headings."""
    one = table((PLANT, PLANT_TEN, BIG), ONE)
    many = table((CITY, PROVINCE, SINGLE), MANY)
    return f"### One machine, embedded\n\n{one}\n### A cluster\n\n{many}"


def page(text: str) -> str:
    """The page with the tables as the figures give them. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{tables()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
