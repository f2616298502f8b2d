"""Recordings of a test rig through the whole of Lifeline, and what its alarms were worth.

    run.py path/to/skab                          # the table
    run.py path/to/skab --json                   # the same for programs
    run.py path/to/skab --influx http://127.0.0.1:8086 --influx-bucket lifeline

Rules are set up from the anomaly-free recording alone; then it and every recording of the part are
published to a real broker on 127.0.0.1, one message a row, each recording at a site of its own.
The engine decodes, converts, logs, judges and publishes; a subscriber hears the records, and the
report is made of what it heard.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from audit import Logged, audit
from calibrate import Calibration, calibrate, table, write_rules
from plant import Influx, site_of, write_plant
from recordings import SECOND_NS, Recording, normal_file, part_files, read
from report import Outcome, document, text, verified
from scoring import GROUPS, score
from telemetry import READY_S, Gateway, Listener

from lifeline.engine.cli.exits import ExitCode, code_of
from lifeline.engine.cli.kernels import warm_kernels
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import load
from lifeline.engine.embedded import Engine
from lifeline.engine.errors import LifelineError, SinkError
from lifeline.engine.log import LogReader
from lifeline.engine.mqtt import EmbeddedBroker
from lifeline.engine.outputs.influx_output import ALERTS, SERIES
from lifeline.engine.record import Record
from lifeline.engine.replay.digest import digest_of

NORMAL: Final = "anomaly-free"
# The last message is acknowledged by the broker a moment before it is in the log, and an InfluxDB
# that answers slowly is given its time; a machine that is busy with other things too.
SETTLE_S: Final = 60.0
_LOOK_S: Final = 0.1
_COLUMNS: Final = (
    *("site", "seq", "alarm", "transition", "level_before", "level_after"),
    *("value", "limit", "unit", "historic", "uncertain"),
)


@dataclass(frozen=True, slots=True)
class Played:
    """What a run left behind: its data directory, what was heard and by how much times moved."""

    data: Path
    records: dict[tuple[str, int], Record]
    shifts: dict[str, int]
    messages: int
    influx: dict[str, int]
    wall_s: float

    def of(self, recording: Recording) -> list[Record]:
        """The records of one recording's site by `seq`."""
        site = site_of(recording.name)
        return [self.records[key] for key in sorted(self.records) if key[0] == site]


def run(
    folder: Path,
    part: str,
    directory: Path,
    influx: Influx | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Outcome:
    """Calibrates, plays every recording and reports; leaves rules, configuration, data and records
    in `directory`. Raises SpecError for a folder that is not SKAB's, SinkError and LogError."""
    normal = read(normal_file(folder), NORMAL)
    tests = [read(path, f"{part}-{path.stem}") for path in part_files(folder, part)]
    calibration = calibrate(normal)
    directory.mkdir(parents=True, exist_ok=True)
    write_rules(directory / "rules.yaml", calibration)
    say(table(calibration))
    warm_kernels()
    recordings = [normal, *tests]
    played = play(directory, recordings, influx, say)
    _write_records(directory, played)
    return _reported(recordings, calibration, played)


def play(
    directory: Path,
    recordings: Sequence[Recording],
    influx: Influx | None,
    say: Callable[[str], object],
) -> Played:
    """Publishes all recordings, one after the other, to an engine that runs on `directory`, until
    everything is logged, judged, heard and written."""
    clock = SystemClock()
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        names = [recording.name for recording in recordings]
        plant = load(write_plant(directory, names, broker.spec("5"), influx))
        data = plant.storage.directory
        listener = Listener(broker.spec("3.1.1"))
        stack.callback(listener.stop)
        listener.start()
        gateway = Gateway(broker.spec("3.1.1"))
        stack.callback(gateway.stop)
        gateway.start()
        engine = Engine(plant, on_trouble=lambda trouble: say(f"{trouble.kind}: {trouble.text}"))
        stack.callback(engine.stop)
        engine.start()
        if not engine.wait_ready(READY_S):
            raise SinkError("the engine could not subscribe at the embedded broker")
        say(f"{len(recordings)} recordings to 127.0.0.1:{broker.port}; data in {directory}")
        began = clock.monotonic()
        for recording in recordings:
            gateway.play(recording)
            say(f"  {recording.name}: {len(recording)} rows")
        gateway.drain()
        rows = sum(len(recording) for recording in recordings)
        _until_logged(data, rows * recordings[0].values.shape[1])
        _until(lambda: engine.core.position >= engine.store.end())
        _until(lambda: _written(engine))
        wall_s = (clock.monotonic() - began) / SECOND_NS
        points = _points(engine)
        engine.stop()
        _until(lambda: _all_heard(data, listener))
        return Played(
            data, dict(listener.records), gateway.shifts, gateway.messages, points, wall_s
        )


def _until(done: Callable[[], bool]) -> bool:
    """Waits until it is so, for SETTLE_S at most; what is missing then is in the report."""
    clock, pause = SystemClock(), threading.Event()
    until = clock.monotonic() + int(SETTLE_S * SECOND_NS)
    while not (so := done()) and clock.monotonic() < until:
        pause.wait(_LOOK_S)
    return so


def _until_logged(data: Path, samples: int) -> None:
    reader = LogReader.open(data)
    try:
        logged = Logged(reader)
        _until(lambda: logged.more() >= samples)
    finally:
        reader.close()


def _written(engine: Engine) -> bool:
    """Whether every output has delivered what is in log and outbox; ticks go on, so that the
    series output may be the newest of them behind."""
    return all(output["behind"] <= 1 for output in engine.status().outputs.values())


def _points(engine: Engine) -> dict[str, int]:
    outputs = engine.status().outputs
    return {
        name: int(output["counters"]["taken"])
        for name, output in outputs.items()
        if name in (SERIES, ALERTS)
    }


def _all_heard(data: Path, listener: Listener) -> bool:
    reader = LogReader.open(data)
    try:
        return len(listener.records) >= reader.outbox_end()
    finally:
        reader.close()


def _reported(recordings: Sequence[Recording], calibration: Calibration, played: Played) -> Outcome:
    normal, *tests = recordings
    reader = LogReader.open(played.data)
    try:
        digest = digest_of(played.data, reader)
        written = reader.outbox_end()
    finally:
        reader.close()
    shifts = played.shifts
    return Outcome(
        calibration=calibration,
        verification=verified(normal, played.of(normal), shifts[normal.name], calibration),
        scores={
            group: [score(r, played.of(r), shifts[r.name], group) for r in tests]
            for group in GROUPS
        },
        audit=audit(played.data, recordings, shifts),
        messages=played.messages,
        records=written,
        unheard=written - len(played.records),
        historic=sum(record.historic for record in played.records.values()),
        digest=digest.digest if digest.holds and digest.settled else "",
        influx=played.influx,
        wall_s=played.wall_s,
    )


def _write_records(directory: Path, played: Played) -> None:
    """`records.jsonl`, as heard; `records.csv` for a spreadsheet, with the recording's own time."""
    records = [played.records[key] for key in sorted(played.records)]
    lines = [msgspec.json.encode(record) for record in records]
    (directory / "records.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    shifts = {site_of(name): shift for name, shift in played.shifts.items()}
    with (directory / "records.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["recorded", *_COLUMNS])
        for record in records:
            time = (record.time - shifts.get(record.site, 0)) // SECOND_NS
            recorded = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")
            rows.writerow([recorded, *(getattr(record, name) for name in _COLUMNS)])


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the SKAB folder, with anomaly-free/ in it")
    parser.add_argument("--part", default="valve1", help="which recordings (default: valve1)")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--out", type=Path, help="an empty directory for all that the run leaves")
    parser.add_argument("--influx", metavar="URL", help="write alerts and series to an InfluxDB")
    parser.add_argument("--influx-org", default="-", help="(default: -, InfluxDB 1.8 has none)")
    parser.add_argument("--influx-bucket", default="lifeline", help="(default: lifeline)")
    parser.add_argument(
        "--influx-token-env", default="", metavar="NAME", help="variable that holds the token"
    )
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """The command; the exit codes are those of `lifeline`: 0, or 1 where something was lost."""
    chosen = _arguments(given)
    influx = None
    if chosen.influx:
        influx = Influx(
            chosen.influx, chosen.influx_org, chosen.influx_bucket, chosen.influx_token_env
        )
    directory = chosen.out or Path(tempfile.mkdtemp(prefix="lifeline-skab-"))
    try:
        outcome = run(
            chosen.folder, chosen.part, directory, influx, lambda x: print(x, file=sys.stderr)
        )
    except LifelineError as error:
        print(error, file=sys.stderr)
        return code_of(error)
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(document(outcome)), indent=2).decode())
    else:
        print(text(outcome))
    print(f"rules, configuration, log and records are in {directory}", file=sys.stderr)
    return ExitCode.OK if outcome.holds else ExitCode.FOUND


if __name__ == "__main__":
    raise SystemExit(main())
