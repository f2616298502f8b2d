"""Makes minutes and hours of a stretch of time once more, as the server does of what is new.

For the time of an outage or a backfill: those samples came too late for the server's own turn.
Rows are made of what is there and replace themselves, so repeating is harmless. Minutes whose
samples have been dropped stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import SinkError, SpecError
from ..limits import MINUTE_NS
from ..outputs.influx_server import InfluxServer
from .asking import V1, V2, rows
from .limits import FLUX_SLICE_NS, HOUR_NS, LONGEST_NS, SLICE_NS
from .sampling import HOURS, MINUTES, Stage, flux_into, identifier, select_into


@dataclass(frozen=True, slots=True)
class Downsampled:
    """What was made: rows as the server counts them (-1 where it does not say), and from when to
    when."""

    minutes: int
    hours: int
    start_ns: int
    stop_ns: int


def downsample(
    server: InfluxServer,
    start_ns: int,
    stop_ns: int,
    done: Callable[[int], object] = lambda _: None,
) -> Downsampled:
    """Minutes from `start_ns` to `stop_ns`, widened to whole ones, then the hours they lie in.

    `done` is told the ns that are made. Raises SpecError for a stretch that is none, and SinkError
    with the server's words where it does not answer or refuses.
    """
    if not 0 < stop_ns - start_ns <= LONGEST_NS:
        raise SpecError(
            "no stretch of time",
            found=f"{(stop_ns - start_ns) // HOUR_NS} h",
            expected="--to later than --from, by two years at most",
        )
    dialect = server.dialect()
    if dialect.name not in (V1, *V2):
        raise SinkError(
            f"{dialect.text}: it takes neither InfluxQL nor Flux that write rows", permanent=True
        )
    old = dialect.name == V1
    write, size = (_by_influxql(server), SLICE_NS) if old else (_by_flux(server), FLUX_SLICE_NS)
    made = dict.fromkeys((MINUTES, HOURS), 0)
    for stage in (MINUTES, HOURS):
        first, last = _whole(start_ns, stop_ns, stage.step)
        for begin, end in _slices(first, last, size * stage.step // MINUTE_NS):
            made[stage] += write(stage, begin, end)
            if stage is MINUTES:
                done(min(end, stop_ns) - start_ns)
    first, last = _whole(start_ns, stop_ns, MINUTE_NS)
    return Downsampled(made[MINUTES], made[HOURS], first, last)


def _by_influxql(server: InfluxServer) -> Callable[[Stage, int, int], int]:
    database, policy = server.target.database_and_policy()
    if not policy:
        found = rows(server, f"SHOW RETENTION POLICIES ON {identifier(database)}")
        policy = next((row["name"] for row in found if row["default"]), "autogen")

    def write(stage: Stage, begin: int, end: int) -> int:
        statement = select_into(stage, database, policy, f"time >= {begin} AND time < {end}")
        answer = server.influxql(statement, post=True)
        return sum(int(value[1]) for series in answer for value in series["values"])

    return write


def _by_flux(server: InfluxServer) -> Callable[[Stage, int, int], int]:
    bucket = server.target.bucket or server.target.name

    def write(stage: Stage, begin: int, end: int) -> int:
        return sum(1 for _ in server.flux(flux_into(stage, bucket, begin, end)))

    return write


def _whole(start_ns: int, stop_ns: int, step: int) -> tuple[int, int]:
    """The stretch, widened to whole steps."""
    return start_ns // step * step, -(-stop_ns // step) * step


def _slices(first: int, last: int, size: int) -> Iterator[tuple[int, int]]:
    for begin in range(first, last, size):
        yield begin, min(begin + size, last)
