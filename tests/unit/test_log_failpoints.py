"""The points at which fault tests kill the process."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lifeline.engine.log
from lifeline.engine.errors import SpecError
from lifeline.engine.log import failpoints

SOURCES = sorted(Path(next(iter(lifeline.engine.log.__path__))).glob("*.py"))


def test_points_are_off_unless_asked_for() -> None:
    assert failpoints.ARMED is False
    for name in failpoints.points():
        failpoints.hit(name)


def test_every_point_is_hit_somewhere_and_nothing_else_is() -> None:
    text = "".join(source.read_text() for source in SOURCES)
    named = set(re.findall(r'failpoints\.hit\("([a-z_.]+)"\)', text))
    kinds = set(re.findall(r'point: str = "([a-z_]+)"', text)) | set(
        re.findall(r'"(dead_letter)"', text)
    )
    moments = set(re.findall(r'_hit\([^\n]*, "([a-z_]+)"\)', text))
    reachable = named | {
        f"{kind}.{moment}"
        for kind in kinds
        for moment in moments
        if moment != "after_tickets" or kind in ("append", "outbox")
    }
    assert reachable == set(failpoints.points())


@pytest.mark.parametrize("text", ["nowhere:1", "append.before_commit:0", "append.before_commit:x"])
def test_a_name_that_is_no_point_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="names no point"):
        failpoints._parse(text)


def test_the_nth_hit_kills() -> None:
    program = (
        "from lifeline.engine.log import failpoints as f\n"
        "for n in range(9):\n"
        "    print(n, flush=True)\n"
        "    f.hit('append.after_commit'); f.hit('snapshot.before_chunk')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, failpoints.VARIABLE: "append.after_commit:3"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == [b"0", b"1", b"2"]
