"""Writes the tables of docs/sizing.md from docs/figures.md; a test compares the two.

    python docs/sizing_page.py

Whoever measures anew (`python benchmarks/run.py --write docs/figures.md`) runs it again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent / "sizing.md"
FIGURES = Path(__file__).parent / "figures.md"
MEASURED, MEASURED_END = "<!-- measured -->\n", "<!-- end of measured -->\n"
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->\n"
DAY = 86_400


def figure(name: str) -> str:
    """What the first line of docs/figures.md with this name says; KeyError where there is none."""
    for line in FIGURES.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == name:
            return cells[1]
    raise KeyError(f"docs/figures.md has no line {name!r}")


def count(name: str, pattern: str = "") -> float:
    """The first number of that line, or the number behind which `pattern` stands."""
    found = re.search(r"([\d,]+(?:\.\d+)?)" + pattern, figure(name))
    if found is None:
        raise KeyError(f"docs/figures.md: {name!r} says no number before {pattern!r}")
    return float(found[1].replace(",", ""))


# --- measured: benchmarks/sizes.py ----------------------------------------------------------------
ENTRY_BYTES = 72  # an entry without its samples, names of ten letters
SAMPLE_BYTES = 21  # a sample in it
KAFKA_BYTES = 70  # what Kafka adds to a record that is sent alone; 15 where ten go together
# Bytes of a sample in log.db, by samples an entry.
LOG_DB = {
    k: round(count(f"bytes per sample in log.db, Frames of {k:,}")) for k in (1, 10, 100, 1_000)
}
RECORD_BYTES = round(count("bytes per alert record"))
# A sensor under two limits, a trend and its silence: in memory and on disk; in a checkpoint on Kafka.
_SNAPSHOT = "snapshot of 10,000 sensors at 1,000 sites, two limits, trend, silence each"
SNAPSHOT_BYTES = round(count(_SNAPSHOT, " bytes per sensor;"))
PACKED_BYTES = round(count(_SNAPSHOT, " bytes per sensor$"))

# --- measured: benchmarks/cluster.py, benchmarks/memory.py ------------------------------------------
# Processor time for a record of k samples is RECORD_US + k * SAMPLE_US: two unknowns, and rates and
# shares of the core for two k.
_WORKER = "cluster, one worker, Frames of {:,}"
_RATE = {k: count(_WORKER.format(k)) for k in (1_000, 100)}
_SHARE = {k: count(_WORKER.format(k), " of its core") for k in (1_000, 100)}
# Of a sample, with its part of the record.
COST_US = {k: 1e6 * _SHARE[k] / _RATE[k] for k in (1_000, 100)}
RECORD_US = float(round((COST_US[100] - COST_US[1_000]) / (1 / 100 - 1 / 1_000)))
SAMPLE_US = round(COST_US[1_000] - RECORD_US / 1_000, 2)
# Resident bytes of an engine with 100,000 sensors under five rules, all of them reckoned to the sensors.
_MEMORY = "engine at 100,000 sensors, RSS"
SENSOR_MEMORY = count(_MEMORY) * 2**20 / 100_000

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
SINGLE = Place("the same, a value a message", 10_000_000, 1, 7, agents=10_000, partitions=640)
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


def taken(samples: int) -> float:
    """Samples a second that a worker's core takes in records of so many."""
    return samples * 1e6 / (RECORD_US + samples * SAMPLE_US)


def measured() -> str:
    """What is reckoned with, and whence; the arithmetic of a worker's cost."""
    path, fifty = "whole path, single samples, QoS 1", "whole path, 50 samples a message, QoS 1"
    checkpoint = "cluster, checkpoint of 10,000 sensors (limit, trend, silence)"
    rows = (
        (
            f"bytes of an entry of k samples | {ENTRY_BYTES} + {SAMPLE_BYTES} k",
            "`benchmarks/sizes.py`: real Frames encoded; "
            + ", ".join(f"{count(f'bytes per sample, Frames of {k:,}'):.3g}" for k in LOG_DB)
            + " a sample for k = 1, 10, 100, 1,000",
        ),
        (
            f"what Kafka adds to a record | {KAFKA_BYTES} B alone, 15 B where ten go together",
            "the same, batches built by the client's own writer",
        ),
        (
            "bytes of a sample in the embedded log's file | "
            + ", ".join(map(str, LOG_DB.values()))
            + " for k = 1, 10, 100, 1,000",
            "the same, `log.db` after 2,000 entries",
        ),
        (
            f"a snapshot, by sensor | {SNAPSHOT_BYTES:,} B under two limits, a trend and silence "
            f"({count('snapshot bytes per limit instance'):.0f} a limit, "
            f"{count('snapshot bytes per trend instance'):,.0f} a trend)",
            "the same, 10,000 sensors at 1,000 sites that have spoken for longer than the windows",
        ),
        (
            f"the same as a checkpoint on Kafka | {PACKED_BYTES} B",
            "the same, packed as workers pack it",
        ),
        (f"an alert record | {RECORD_BYTES} B", "the same, mean of 5,350"),
        (
            f"memory of an engine | {count(_MEMORY):.0f} MiB at 100,000 sensors under five rules, "
            "all of it reckoned to the sensors",
            "`benchmarks/memory.py`",
        ),
        (
            f"one machine, the whole path | {count(path):,.0f} messages/s of one value, "
            f"{count(fifty):,.0f} samples/s in messages of 50",
            "`benchmarks/path.py`, load and broker on the same two cores",
        ),
        (
            f"a worker, from Kafka to alert records | processor time of {RECORD_US:.0f} µs a record "
            f"and {SAMPLE_US} µs a sample under a limit, a trend and silence",
            "`benchmarks/cluster.py`: 10,000 sensors, one in twenty in alarm; reckoned below. With "
            "1,000 calm sensors 73 and 0.16 µs "
            "([0020](decisions/0020-faust-as-consumer-and-lifecycle.md))",
        ),
        (
            f"a checkpoint of 10,000 sensors | {figure(checkpoint)}",
            "the same",
        ),
    )
    lines = ["| figure | value | where |", "|---|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
    shares = " and ".join(
        f"{_SHARE[k]} s / {_RATE[k]:,.0f} = {COST_US[k]:.2f} µs a sample in Frames of {k:,}"
        for k in (1_000, 100)
    )
    return "\n".join(lines) + (
        f"\n\nWhence a worker's two figures: its core was busy for {shares}. Between the two a sample's "
        f"part of its record differs by 1/100 − 1/1,000,\nso a record costs ({COST_US[100]:.2f} − "
        f"{COST_US[1_000]:.2f}) / 0.009 = {RECORD_US:.0f} µs, and a sample {COST_US[1_000]:.2f} − "
        f"{RECORD_US:.0f} / 1,000 = {SAMPLE_US} µs. What comes in one message is one record,\nand a "
        f"record costs as much as {RECORD_US / SAMPLE_US:.0f} samples: a core takes {taken(1):,.0f} "
        f"samples/s one by one (reckoned, not measured), {taken(100):,.0f} in hundreds, "
        f"{taken(1_000):,.0f} in thousands.\n"
    )


def tables() -> str:
    """Both tables, with their headings."""
    one = table((PLANT, PLANT_TEN, BIG), ONE)
    many = table((CITY, PROVINCE, SINGLE), MANY)
    return f"### One machine, embedded\n\n{one}\n### A cluster\n\n{many}"


def page(text: str) -> str:
    """The page with what the figures give. Raises ValueError without the marks."""
    for begin, made, end in ((MEASURED, measured(), MEASURED_END), (BEGIN, tables(), END)):
        before, rest = text.split(begin)
        _, after = rest.split(end)
        text = f"{before}{begin}{made}{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
