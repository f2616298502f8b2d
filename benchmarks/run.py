"""`make bench`: every figure that the project claims, on this machine.

    python benchmarks/run.py                              everything, some nine minutes
    python benchmarks/run.py --only core --only decode    see --list
    python benchmarks/run.py --write docs/figures.md      the same, also into a file

Prints the machine and a table on stdout, progress on stderr. What cannot be measured stands in the
table with the reason. Servers and files are its own: 127.0.0.1, a folder that is deleted at the end.
The bare loops that the core is held against lie outside the repository; --bare or LIFELINE_BARE
names their folder, otherwise `../shared/bench` beside the project.
"""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from figure import Figure, NotMeasured, Setting, table, unmeasured

ROOT = Path(__file__).resolve().parent.parent
# In the order in which they run; what loads the compiler into this process comes last.
CLAIMS = {
    "start": "start until subscribed: kernels compiled, kernels cached",
    "memory": "resident memory at 100,000 sensors",
    "path": "broker, engine and load together: messages/s, samples/s, latency",
    "flood": "100,000 alarms a minute: state, red, what people are told (LIFELINE_BENCH_FLOOD_S)",
    "append": "durable append",
    "decode": "messages to samples",
    "lineprotocol": "samples to line protocol",
    "influx": "delivery into InfluxDB beside bare posts, alert latency while it is away, memory",
    "store": "the embedded store: rows/s in, a console's questions (LIFELINE_BENCH_ROWS)",
    "sizes": "bytes: log, Kafka, snapshots, alert records",
    "simulate": "simulators: samples/s of each site, 100,000 sensors, a year through the core",
    "cluster": "the cluster on Kafka: samples/s, kills, checkpoints, latency, beside plain faust",
    "core": "the core beside bare loops",
    "kinds": "every rule kind beside limit: samples/s, bytes per instance",
}


def measure(claim: str, setting: Setting) -> list[Figure]:
    """The figures of one claim; whatever goes wrong becomes a line that says so."""
    try:
        figures: list[Figure] = importlib.import_module(claim).figures(setting)
    except NotMeasured as reason:
        return [unmeasured(CLAIMS[claim], reason)]
    except (Exception, AssertionError) as error:  # noqa: BLE001  the other claims must be measured
        traceback.print_exc()
        first = str(error).partition("\n")[0]
        return [unmeasured(CLAIMS[claim], f"{type(error).__name__}: {first}")]
    return figures


def bare_folder(named: str | None) -> Path | None:
    """Where bare.py is, or None. A folder that was named and has none is an error."""
    folder = Path(named) if named else ROOT.parent / "shared" / "bench"
    if (folder / "bare.py").is_file():
        return folder
    if named:
        sys.exit(f"there is no bare.py in {folder}")
    return None


def work_folder(parent: Path | None) -> Path:
    """A new folder of ours, by default in the user's cache: /tmp is often memory."""
    from servers.binaries import cache

    parent = parent or cache()
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="bench-", dir=parent))


def report(machine: list[str], figures: list[Figure]) -> str:
    """The page."""
    facts = "\n".join(f"- {line}" for line in machine)
    return f"{facts}\n\n{table(figures)}\n"


def page(text: str) -> str:
    """docs/figures.md."""
    return (
        "# Figures\n\nMeasured by `make bench`; medians. What each line means stands at the head of"
        f" its file in `benchmarks/`.\n\n{text}"
    )


def main() -> int:
    """Runs what is asked for; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=[*CLAIMS], metavar="NAME")
    parser.add_argument("--list", action="store_true", help="the names for --only")
    parser.add_argument("--bare", default=os.environ.get("LIFELINE_BARE"), metavar="DIR")
    parser.add_argument("--write", type=Path, metavar="FILE")
    parser.add_argument("--work", type=Path, metavar="DIR", help="a disk to measure on")
    parser.add_argument("--profile", type=Path, metavar="DIR", help="profile the engine (slower)")
    parser.add_argument(
        "--outage", type=float, default=60.0, metavar="S", help="how long InfluxDB is away"
    )
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(f"{name:14} {what}" for name, what in CLAIMS.items()))
        return 0
    return _measured(arguments)


def _measured(arguments: argparse.Namespace) -> int:
    import machine

    bare = bare_folder(arguments.bare)
    work = work_folder(arguments.work)
    figures: list[Figure] = []
    try:
        facts = machine.lines(work)
        print("\n".join(facts), file=sys.stderr, flush=True)
        for claim in arguments.only or CLAIMS:
            began = time.monotonic()
            profile = arguments.profile.resolve() if arguments.profile else None
            found = measure(claim, Setting(bare, work / claim, profile, arguments.outage))
            figures += found
            for each in found:
                print(f"  {each.name}: {each.value}", file=sys.stderr)
            print(f"{claim}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = report(facts, figures)
    print(text)
    if arguments.write:
        arguments.write.write_text(page(text), encoding="utf-8")
    return int(any(each.value.startswith("not measured") for each in figures))


if __name__ == "__main__":
    sys.path.append(str(ROOT / "tests"))
    sys.exit(main())
