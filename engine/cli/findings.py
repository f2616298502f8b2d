"""What the doctor finds on this machine: files, disk, the engine, what it could not read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from ..clock import SystemClock
from ..errors import LogError
from ..limits import MINUTE_NS, SECOND_NS

if TYPE_CHECKING:
    from ..config import StorageSpec
    from ..configuration import Configuration
    from ..embedded import EngineStatus
    from ..log import LogReader

State = Literal["ok", "warning", "wrong", "unreachable"]
NAMED: Final = 5
# Older troubles of a running engine are history.
RECENT_NS: Final = 10 * MINUTE_NS
# A status this many intervals old was not written by an engine that is well.
STATUS_INTERVALS: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `todo` is what a person should do, "" for nothing."""

    state: State
    what: str
    found: str
    todo: str = ""


def configuration(config: Path) -> Finding:
    """Whether the engine would take the files."""
    from ..config import check

    problems = check(config)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        return Finding(
            "wrong",
            "configuration",
            f"{len(errors)} errors; the first: {errors[0].text()}",
            f"lifeline check {config}",
        )
    if problems:
        first = problems[0].text()
        return Finding(
            "warning", "configuration", f"{len(problems)} warnings; the first: {first}",
            f"lifeline check {config}",
        )  # fmt: skip
    return Finding("ok", "configuration", str(config))


def storage(spec: StorageSpec) -> list[Finding]:
    """The data directory and the room on its disk."""
    directory = spec.directory
    place = next(p for p in (directory, *directory.parents) if p.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        user = f"user {os.getuid()}"
        return [
            Finding("wrong", "data directory", f"{place} cannot be written by {user}",
                    f"chown it, or name another under storage: {{directory: …}} ({directory})")
        ]  # fmt: skip
    new = "" if directory.exists() else " (made at the first start)"
    found = [Finding("ok", "data directory", f"{directory}{new}")]
    free = shutil.disk_usage(place).free
    used = sum(f.stat().st_size for f in directory.glob("*") if f.is_file()) if not new else 0
    room = f"{_bytes(free)} free, {_bytes(used)} used of {_bytes(spec.max_bytes)} allowed"
    if free + used < spec.max_bytes:
        found.append(
            Finding("warning", "disk", room,
                    "the disk is full before the limit: lower storage: {retention: {size: …}}")
        )  # fmt: skip
    else:
        found.append(Finding("ok", "disk", room))
    return found


def _bytes(n: int) -> str:
    size, unit = float(n), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.3g} {unit}"


def engine(directory: Path) -> list[Finding]:
    """Whether an engine runs, and what it says about itself."""
    from ..log.lock import holder

    pid = holder(directory)
    if pid is None:
        return [Finding("warning", "engine", "does not run on this directory", "lifeline run")]
    from ..embedded import read_status

    try:
        status = read_status(directory)
    except LogError as error:
        return [Finding("wrong", "engine", str(error))]
    if status is None:
        return [Finding("warning", "engine", f"process {pid} runs and has told nothing yet")]
    return _told(status, SystemClock().wall())


def _told(status: EngineStatus, now: int) -> list[Finding]:
    """What a running engine says about itself."""
    age_ns = now - status.time
    if age_ns > STATUS_INTERVALS * status.interval:
        seconds = age_ns // SECOND_NS
        return [
            Finding("wrong", "engine", f"process {status.pid} is silent since {seconds} s",
                    f"look at what it wrote; if it hangs: kill -TERM {status.pid}, start it again")
        ]  # fmt: skip
    if status.failure:
        return [Finding("wrong", "engine", status.failure, "keep the data directory, report this")]
    core = status.core
    found = [
        Finding(
            "ok", "engine",
            f"process {status.pid} {status.state}, node {status.node}: {core['sensors']} sensors, "
            f"{core['rules']} rules, {core['behind']} entries behind",
        )
    ]  # fmt: skip
    recent = [t for t in status.troubles if t.time > now - RECENT_NS]
    found += [
        Finding("warning", f"engine, {t.source}", f"{t.kind}, {t.times} times: {t.text}")
        for t in recent[-NAMED:]
    ]
    found += delivering(status.outputs)
    return found


def delivering(outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    """Outputs by name as `output_status` gives them: what stands, and how far the rest is of those
    that tell it."""
    for name, output in outputs.items():
        what = f"output {name}"
        for trouble in output["troubles"]:
            yield Finding("wrong", what, trouble["text"])
        if output.get("server") and not output["troubles"]:
            yield Finding("ok", what, f"{output['server']}, {_left(output)}")


def _left(output: Mapping[str, Any]) -> str:
    """How far an output is behind, how fast it works it off, and until when."""
    if not output["behind"]:
        return "nothing is left"
    left = output.get("left_s")
    until = "" if left is None else f", about {left} s left"
    return f"{output['behind']} entries behind, {output.get('points_per_s', 0)} points/s{until}"


def log(directory: Path) -> list[Finding]:
    """The log, and what came in and could not be used."""
    from ..log import LogReader

    try:
        reader = LogReader.open(directory)
    except LogError:
        return []  # an engine that has never run; told already
    try:
        return [_extent(reader), *_unusable(reader)]
    except LogError as error:
        return [Finding("wrong", "log", str(error))]
    finally:
        reader.close()


def _extent(reader: LogReader) -> Finding:
    first, end, records = reader.first(), reader.end(), reader.outbox_end()
    standing = len(reader.standing())
    return Finding(
        "ok",
        "log",
        f"entries {first} to {end}, {records} records written, {standing} alarms stand",
    )


def _unusable(reader: LogReader) -> Iterator[Finding]:
    counts = reader.dead_letter_counts()
    if counts:
        reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(counts.items()))
        last = reader.dead_letters(1)
        example = f"; the last on {last[0].topic}: {last[0].payload[:60]!r}" if last else ""
        yield Finding(
            "warning", "messages that could not be read", reasons + example,
            "compare the payload with the source's `payload` section",
        )  # fmt: skip
    for kind in ("topic", "sensor"):
        unknown = reader.unknown(kind, NAMED)
        if unknown:
            names = ", ".join(f"{u.key or '(others)'} {u.n}" for u in unknown)
            yield Finding(
                "warning", f"{kind}s that no configuration names", names,
                "add them to sensors.csv, or narrow the source's topics",
            )  # fmt: skip
    losses = reader.losses()
    if losses:
        last_loss = losses[-1]
        yield Finding(
            "warning", "gaps in series",
            f"{len(losses)} ranges; the last: {last_loss.kind} {last_loss.first} to "
            f"{last_loss.last} {last_loss.detail}",
            "an output was behind the retention; its series have a gap, alerts have none",
        )  # fmt: skip


def series_room(configuration: Configuration, limit: int) -> Finding:
    """Whether InfluxDB's series have room for what sensors and rules can make."""
    from ..outputs.influx_cardinality import doubts, expected

    wanted = expected(configuration)
    found = (
        f"{wanted.samples} of samples, up to {wanted.alerts} of alerts and {wanted.limits} of "
        f"limits; max_series {limit}"
    )
    doubted = doubts(configuration, limit)
    if not doubted:
        return Finding("ok", "series", found)
    todo = "raise outputs.influx.max_series and the server's own limit, or narrow the rules"
    return Finding("warning", "series", f"{found}. {'. '.join(doubted)}", todo)
