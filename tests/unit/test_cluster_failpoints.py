"""Named points of a worker: what their variable may say, and what happens there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lifeline.engine.cluster import failpoints

CODE = Path(failpoints.__file__).parent
CHILD = """
from lifeline.engine.cluster import failpoints
for _ in range(3):
    failpoints.hit("step.before")
    print("passed", flush=True)
"""


def child(target: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        env={**os.environ, failpoints.VARIABLE: target},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_named_point_is_in_the_code_and_every_point_in_the_code_is_named() -> None:
    used = set()
    for path in CODE.glob("*.py"):
        if path.name != "failpoints.py":
            used |= set(re.findall(r'failpoints\.hit\("([^"]+)"\)', path.read_text()))
    assert used == set(failpoints.points())


def test_the_nth_hit_kills() -> None:
    process = child("step.before:2")
    out, _ = process.communicate(timeout=180)
    assert process.returncode == -signal.SIGKILL
    assert out.split() == ["passed"]


def test_a_frozen_process_goes_on_when_it_is_woken() -> None:
    process = child("step.before:1:freeze")
    give_up = time.monotonic() + 180
    while Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "T":
        assert time.monotonic() < give_up
        time.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=180)
    assert (process.returncode, out.split()) == (0, ["passed"] * 3)


@pytest.mark.parametrize(
    "target", ["nowhere", "step.before:0", "step.before:x", "step.before:1:stop", "a:1:freeze:2"]
)
def test_a_variable_that_names_no_point_is_refused(target: str) -> None:
    process = child(target)
    _, told = process.communicate(timeout=180)
    assert process.returncode == 1
    assert f"{failpoints.VARIABLE} names no point" in told
