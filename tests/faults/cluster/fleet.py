"""The workers of a run. Signals nothing that this process's nursery has not started."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cluster_kafka import plant_file
from lifeline.engine.cluster.spec import ClusterSpec

NURSERY: Final = Path(__file__).with_name("nursery.py")
TESTS: Final = NURSERY.parents[2]
CRASH_AT: Final = "LIFELINE_WORKER_CRASH_AT"
#: How a worker says that partitions are its own, and for how long it restored them.
_TAKEN_UP: Final = re.compile(r"partitions \[(.*)\] taken up in ([\d.]+) s")
# The first start after a change of the kernels compiles them.
READY_WITHIN_S: Final = 400.0
ENDED_WITHIN_S: Final = 180.0
FAILED: Final = 70


@dataclass(eq=False)
class Life:
    """One worker process, from fork to end. `code` as of subprocess; None: it lives."""

    number: int
    name: str
    crash_at: str
    mutant: str
    output: Path
    began: float
    pid: int = 0
    code: int | None = None
    ended: float = 0.0
    died_at_point: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL

    @property
    def starved(self) -> bool:
        """Whether it ended by itself since the machine let it wait, which says nothing of it."""
        return self.code == FAILED and "stood still" in self.said()

    def said(self) -> str:
        """Its output so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def taken_up(self) -> list[tuple[int, float]]:
        """How many partitions it restored, and in how many seconds, time after time."""
        return [
            (len(m[1].split(",")), float(m[2])) for m in _TAKEN_UP.finditer(self.said()) if m[1]
        ]


class Nursery:
    """The process that forks workers; one for all runs of a test session, in any loop."""

    def __init__(self, folder: Path) -> None:
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHONFAULTHANDLER": "1",
        }
        environment.pop(CRASH_AT, None)
        self._errors = (folder / "nursery.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(NURSERY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
        )
        self._numbers = 0
        self._heard = b""
        self._told: dict[int, Callable[[dict[str, Any]], None]] = {}
        self.ready = False
        until = time.monotonic() + READY_WITHIN_S
        while not self.ready:
            assert time.monotonic() < until, "the nursery did not become ready; see nursery.log"
            self._hear(1.0)

    def fork(self, life: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> None:
        """Begins a life; `tell` hears its pid and its end while `look` is called."""
        self._numbers += 1
        self._told[self._numbers] = tell
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": self._numbers, **life}).encode() + b"\n")
        self._process.stdin.flush()

    def look(self) -> None:
        """Passes on what there is to tell, without waiting."""
        self._hear(0.0)

    def close(self) -> None:
        """Ends it, and every life with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(ENDED_WITHIN_S)
        self._process.stdout.close()
        self._errors.close()

    def _hear(self, within_s: float) -> None:
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while select.select([pipe], [], [], within_s)[0]:
            data = os.read(pipe, 65_536)
            assert data, "the nursery has ended; see nursery.log"
            *lines, self._heard = (self._heard + data).split(b"\n")
            for line in lines:
                words = json.loads(line)
                self.ready |= "ready" in words
                if "id" in words:
                    self._told[words["id"]](words)
            within_s = 0.0


class Fleet:
    """The workers of one run, on one cluster."""

    def __init__(
        self, nursery: Nursery, spec: ClusterSpec, folder: Path, *, ticks: bool, mutant: str = ""
    ) -> None:
        self.lives: list[Life] = []
        self._nursery = nursery
        self._folder = folder
        self._ticks = ticks
        self._mutant = mutant
        self._config = plant_file(spec, folder)

    async def __aenter__(self) -> Fleet:
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        # Looks by itself: where a run failed, the loop has cancelled every task, `_looking` too.
        self._looking.cancel()
        while any(life.code is None for life in self.lives):
            for life in self.alive():
                self.kill(life)
            self._nursery.look()
            await asyncio.sleep(0.02)

    async def start(self, name: str, crash_at: str = "", mutant: str | None = None) -> Life:
        """A new life of the worker of that name; returns when it is forked."""
        number = len(self.lives) + 1
        life = Life(
            number,
            name,
            crash_at,
            self._mutant if mutant is None else mutant,
            self._folder / f"life-{number:02}-{name}.log",
            time.monotonic(),
        )
        self.lives.append(life)
        words = ["worker", str(self._config), "--name", name, "--verbose"]
        words += [] if self._ticks else ["--no-ticks"]
        begun = asyncio.Event()

        def tell(said: dict[str, Any]) -> None:
            if "pid" in said:
                life.pid = said["pid"]
                begun.set()
            else:
                life.code, life.ended = said["code"], time.monotonic()
                life.over.set()

        self._nursery.fork(
            {
                "words": words,
                "environment": {CRASH_AT: crash_at},
                "mutant": life.mutant,
                "output": str(life.output),
            },
            tell,
        )
        while not begun.is_set():
            if self._looking.done():
                self._looking.result()  # the nursery has ended
            await asyncio.sleep(0.02)
        return life

    def alive(self) -> list[Life]:
        """Lives that have not ended, as far as is known."""
        return [life for life in self.lives if life.code is None and life.pid]

    def kill(self, life: Life) -> None:
        """As a power cut would."""
        self.signal(life, signal.SIGKILL)

    def signal(self, life: Life, number: signal.Signals) -> None:
        """To a life that may just have ended."""
        if life.code is None:
            with suppress(ProcessLookupError):
                os.kill(life.pid, number)

    async def stop(self, life: Life) -> int:
        """SIGTERM; its exit code."""
        self.signal(life, signal.SIGTERM)
        async with asyncio.timeout(ENDED_WITHIN_S):
            await life.over.wait()
        assert life.code is not None
        return life.code

    async def dies(self, life: Life, within_s: float) -> bool:
        """Whether it ends by then."""
        try:
            async with asyncio.timeout(within_s):
                await life.over.wait()
        except TimeoutError:
            return False
        return True

    async def takes_up(self, life: Life, within_s: float, times: int = 1) -> bool:
        """Whether it has restored an assignment, so many times, by then."""
        until = time.monotonic() + within_s
        while life.code is None and time.monotonic() < until:
            if len(life.taken_up()) >= times:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _look(self) -> None:
        while True:
            self._nursery.look()
            await asyncio.sleep(0.02)
