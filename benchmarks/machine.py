"""What the figures were measured on.

python benchmarks/machine.py
"""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("numpy", "numba", "msgspec", "paho-mqtt", "influxdb-client", "duckdb")
ROOT = Path(__file__).resolve().parent.parent


def lines(work: Path | None = None) -> list[str]:
    """One fact a line. `work`: the folder whose disk is named; its path is not."""
    found = [
        f"processor: {_processor()}, {os.cpu_count()} cores ({_usable()} usable)",
        f"memory: {_memory()}",
        f"system: {platform.system()} {platform.release()}, {platform.machine()}",
        f"Python {platform.python_version()}, {_libraries()}",
        f"servers: {_mosquitto()}",
        f"revision: {_revision()}",
        f"load average at the start: {os.getloadavg()[0]:.2f}",
    ]
    if work is not None:
        found.insert(3, f"disk: {_file_system(work)}")
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()


def _usable() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.1f} GiB"


def _libraries() -> str:
    named = [f"{name} {version(name)}" for name in LIBRARIES]
    return ", ".join([*named, f"SQLite {sqlite3.sqlite_version}"])


def _mosquitto() -> str:
    from servers.binaries import ServerMissing, program

    try:
        told = subprocess.run(
            [program("mosquitto"), "-h"], capture_output=True, text=True, check=False
        )
    except ServerMissing:
        return "no mosquitto"
    return told.stdout.partition("\n")[0] or "mosquitto, version not told"


def _revision() -> str:
    """The commit, and whether the tree is the commit's."""
    git = ["git", "-C", str(ROOT)]
    try:
        sha = subprocess.run(
            [*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return f"lifeline-engine {version('lifeline-engine')}, no git"
    return f"{sha}{' with uncommitted changes' if changed else ''}"


def _file_system(folder: Path) -> str:
    """Type of the file system that holds the folder: a log in memory is not durable."""
    best, kind = "", "unknown"
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return kind
    place = folder.resolve()
    for line in mounts:
        _, point, found, *_ = line.split()
        if place.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, found
    return f"{kind} (in memory: nothing is durable)" if kind in ("tmpfs", "ramfs") else kind


if __name__ == "__main__":
    sys.path.append(str(ROOT / "tests"))
    print("\n".join(lines(Path.cwd())))
