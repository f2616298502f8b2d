"""A disk that is full, and one that refuses to write: nothing is confirmed that is not there."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from log_entries import number_of, open_store

TESTS = Path(__file__).parents[1]
CHILD = Path(__file__).with_name("log_disk_child.py")


def lived(directory: Path, how: str) -> dict[str, Any]:
    """What the child went through; checks what holds whatever the fault was."""
    done = subprocess.run(
        [sys.executable, str(CHILD), str(directory), how],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    store = open_store(directory)
    assert store.recovery is None
    kept = {str(p): number_of(data) for p, data in store.read(0, 1_000)}
    store.close()
    assert told["taken"].items() <= kept.items(), "what was confirmed is there"
    assert kept == told["read"]
    failed = {n for n, error in enumerate(told["errors"], 1) if error}
    assert failed.isdisjoint(told["taken"].values())
    assert len(told["taken"]) + len(failed) == len(told["errors"])
    return told


def test_a_full_disk_fails_what_it_does_not_take_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    told = lived(tmp_path, "full")
    failed = [bool(error) for error in told["errors"]]
    assert not any(failed[:10])
    assert failed[29], "the disk was full at the end of the second part"
    assert not any(failed[30:]), "and had room in the third"
    assert set(told["read"].values()) == set(told["taken"].values()), "what failed is not there"
    assert "the log cannot be written" in told["errors"][29]
    assert told["failing"] == told["errors"][29]
    assert told["counters"]["write_errors"] == sum(failed)
    assert "cannot be written" in told["snapshot"]
    assert told["snapshot_after"] == ""
    kinds = told["troubles"]
    assert kinds.count("write_error") == sum(failed)
    assert {"snapshot_error", "write_again"} <= set(kinds)


def test_an_io_error_fails_one_commit_and_a_fresh_file_takes_the_next(tmp_path: Path) -> None:
    told = lived(tmp_path, "io")
    failed = [n for n, error in enumerate(told["errors"], 1) if error]
    assert failed == [11]
    assert "the log cannot be written: disk I/O error" in told["errors"][10]
    assert told["troubles"] == ["write_error", "write_again"]
