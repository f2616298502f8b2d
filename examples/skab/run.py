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
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from audit import audit
from calibrate import Calibration, calibrate, table, write_rules
from plant import Influx, fresh, site_of
from playing import Played, Say, play
from recordings import SECOND_NS, Recording, normal_file, part_files, read
from report import Outcome, document, text, verified
from scoring import GROUPS, score

from lifeline.engine.cli.exits import ExitCode, code_of
from lifeline.engine.cli.kernels import warm_kernels
from lifeline.engine.errors import LifelineError
from lifeline.engine.log import LogReader
from lifeline.engine.replay.digest import digest_of

NORMAL: Final = "anomaly-free"
_COLUMNS: Final = (
    *("site", "seq", "alarm", "transition", "level_before", "level_after"),
    *("value", "limit", "unit", "historic", "uncertain"),
)


def run(
    folder: Path,
    part: str,
    directory: Path,
    influx: Influx | None = None,
    say: Say = lambda line: None,
) -> Outcome:
    """Calibrates, plays every recording and reports; leaves rules, configuration, data and records
    in `directory`. Raises SpecError for a folder that is not SKAB's, SinkError and LogError."""
    normal = read(normal_file(folder), NORMAL)
    tests = [read(path, f"{part}-{path.stem}") for path in part_files(folder, part)]
    calibration = calibrate(normal)
    write_rules(fresh(directory) / "rules.yaml", calibration)
    say(table(calibration))
    warm_kernels()
    recordings = [normal, *tests]
    played = play(directory, recordings, influx, say)
    _write_records(directory, played)
    return _reported(recordings, calibration, played)


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
        delivered=played.delivered,
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
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(document(outcome)), indent=2).decode())
    else:
        print(text(outcome))
    print(f"rules, configuration, log and records are in {directory}", file=sys.stderr)
    return ExitCode.OK if outcome.holds else ExitCode.FOUND


if __name__ == "__main__":
    raise SystemExit(main())
