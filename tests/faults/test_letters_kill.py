"""The process that tries dead letters again is killed at named points of its commits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogReader, LogStore, Requests, Retry
from plant_files import PlantFiles

CHILD = Path(__file__).with_name("letters_child.py")
LETTERS = 10
START_MS = 1_700_000_000_000


def serve(config: Path, directory: Path, crash: str = "") -> int:
    """One life of the owner; how it ended."""
    environment = {**os.environ, "LIFELINE_CRASH_AT": crash} if crash else os.environ
    return subprocess.run(
        [sys.executable, "-P", str(CHILD), str(config), str(directory)],
        env=environment,
        check=False,
        timeout=180,
    ).returncode


def state(directory: Path) -> tuple[list[int], list[int]]:
    """The numbers of letters that stand in the log, and of those in the table."""
    reader = LogReader.open(directory)
    entries = [decode(data) for _, data in reader.read(0, 1_000)]
    logged = [e.header.producer_seq for e in entries if isinstance(e.payload, Frame)]
    kept = [letter.id for letter in reader.kept_letters(0, 1_000)]
    reader.close()
    return logged, kept


@pytest.mark.parametrize(
    "point",
    [
        *("append.before_commit:1", "append.after_commit:1", "append.after_tickets:1"),
        *("append.before_commit:3", "append.after_commit:3", "append.after_tickets:2"),
    ],
)
def test_a_letter_is_in_the_table_or_in_the_log_wherever_it_ends(
    tmp_path: Path, point: str
) -> None:
    config = PlantFiles().write(tmp_path)
    directory = tmp_path / "log"
    store = LogStore.open(directory)
    store.dead_letters_of(
        ("gas/east/GD-1", b'{"ts": %d, "value": 1}' % (START_MS + n), "not_json", n)
        for n in range(LETTERS)
    ).wait(180)
    everything = [letter.id for letter in store.kept_letters(0, 1_000)]
    store.close()
    requests = Requests(directory)
    requests.submit(Retry("all", tuple(everything)))
    assert serve(config, directory, point) == -signal.SIGKILL
    logged, kept = state(directory)
    assert logged + kept == everything
    assert kept
    assert serve(config, directory) == 0
    assert state(directory) == (everything, [])
    told = requests.answer("all")
    assert told is not None
    assert told.done
    assert (told.tried, told.taken + told.gone) == (LETTERS, LETTERS)
    requests.close()
