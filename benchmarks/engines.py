"""The real engine as a process of its own: `lifeline run`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

from figure import NotMeasured
from plants import NODE, SOURCE
from receivers import HealthWatch

READY_S = 600.0  # the first compilation on a slow or busy machine
STOP_S = 90.0
_LOOK_S = 0.5
_TICKS = os.sysconf("SC_CLK_TCK")


@cache
def compile_kernels() -> None:
    """In a process of its own, so that compiling is no part of what is measured next."""
    code = "from lifeline.engine.warming import warm; warm()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    if done.returncode:
        raise NotMeasured(f"the kernels cannot be compiled: {done.stderr.decode()[-300:]}")


class EngineProcess:
    """Started by entering; ended in order by leaving, and killed if it does not end.

    file      the plant's lifeline.yaml
    profile   folder for a profile of each of its threads
    """

    def __init__(
        self,
        file: Path,
        port: int,
        *,
        profile: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._file = file
        self._profile = profile
        self._environment = {**os.environ, **(environment or {})}
        self._watch = HealthWatch(port, f"{NODE}.{SOURCE}")
        self._process: subprocess.Popen[bytes] | None = None
        self.errors = file.parent / "stderr"
        self.start_s = 0.0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._watch.close()

    @property
    def pid(self) -> int:
        """Process id while it runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when its source is subscribed; `start_s` says how long that took."""
        by = [str(Path(__file__).with_name("profiled.py")), str(self._profile)]
        how = by if self._profile else ["-m", "lifeline.engine.cli"]
        command = [sys.executable, *how, "run", str(self._file), "--quiet"]
        began = time.monotonic_ns()
        with self.errors.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._environment
            )
        while (at := self._watch.running_since(began, _LOOK_S)) is None:
            if self._process.poll() is not None:
                raise NotMeasured(
                    f"lifeline run ended with {self._process.returncode}: {self._said()}"
                )
            if time.monotonic_ns() - began > READY_S * 1e9:
                raise NotMeasured(f"lifeline run was not subscribed within {READY_S:.0f} s")
        self.start_s = (at - began) / 1e9

    def stop(self) -> None:
        """SIGTERM, and SIGKILL where that is not enough."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise NotMeasured(f"lifeline run did not stop within {STOP_S:.0f} s") from None

    def status(self) -> dict[str, Any]:
        """What it says of itself: status.json, written every 2 s and once more at the end."""
        text = (self._file.parent / "data" / "status.json").read_text()
        found: dict[str, Any] = json.loads(text)
        return found

    def memory(self) -> tuple[int, int]:
        """Resident bytes now, and the most there were."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        kib = dict(re.findall(r"^(VmRSS|VmHWM):\s*(\d+) kB$", text, re.MULTILINE))
        return int(kib["VmRSS"]) * 1024, int(kib["VmHWM"]) * 1024

    def _said(self) -> str:
        return self.errors.read_text(errors="replace").strip()[-300:]


def processor_s(pid: int) -> float:
    """Seconds of processor time that a process and its threads have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
