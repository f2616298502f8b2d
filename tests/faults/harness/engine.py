"""The engine as a process: one life after another on one directory."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lifeline.engine.config import load
from lifeline.engine.log import failpoints
from servers.mosquitto import Mosquitto
from servers.process import ServerFailed, wait_until

from .child import Restored
from .plant import Plant

CHILD: Final = Path(__file__).with_name("child.py")
TESTS: Final = CHILD.parents[2]
# The first start after a change of the kernels compiles them, which takes a minute or two.
SUBSCRIBED_WITHIN_S: Final = 300.0
STOPPED_WITHIN_S: Final = 180.0
_POLL_S: Final = 0.02


@dataclass(slots=True)
class Life:
    """One life: how it began, and how it ended (`code` as of subprocess; None: it lives).

    `died_at_point`: it killed itself at `crash_at`; `subscribed_s`: how long it took from its
    beginning until it had subscribed.
    """

    number: int
    crash_at: str
    began: float
    restored: Restored | None = None
    code: int | None = None
    died_at_point: bool = False
    subscribed_s: float | None = None

    @property
    def serves(self) -> bool:
        """Whether it has subscribed and, as far as is known, lives."""
        return self.subscribed_s is not None and self.code is None

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL


class EngineProcess:
    """Starts, watches and ends the engine of a plant. Signals nothing that it did not start."""

    def __init__(self, plant: Plant, broker: Mosquitto, *, mutant: str = "") -> None:
        self.plant = plant
        self.lives: list[Life] = []
        self._broker = broker
        self._mutant = mutant
        self._directory = plant.config.parent
        self._process: subprocess.Popen[bytes] | None = None
        loaded = load(plant.config)
        self._clients = {f"lifeline-{loaded.node}-{s.id}" for s in loaded.sources}
        self._subscribed_before = 0

    def __enter__(self) -> EngineProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def life(self) -> Life:
        """The present or last life."""
        return self.lives[-1]

    def start(self, *, crash_at: str = "", ahead_s: int = 0) -> None:
        """Begins a life, which dies at `crash_at` (`<point>:<n>`, see `failpoints`) if it comes
        there; returns at once."""
        assert self._process is None, "it lives"
        number = len(self.lives) + 1
        self._subscribed_before = self._subscriptions()
        self._observed().unlink(missing_ok=True)
        words = [sys.executable, str(CHILD), str(self.plant.config)]
        words += ["--observed", str(self._observed()), "--ahead-s", str(ahead_s)]
        words += ["--mutant", self._mutant] if self._mutant else []
        environment = {
            **os.environ,
            failpoints.VARIABLE: crash_at,
            "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")]),
            "PYTHONFAULTHANDLER": "1",
        }
        with self._said(number).open("wb") as said:
            self._process = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )
        self.lives.append(Life(number, crash_at, time.monotonic()))

    def wait_subscribed(self) -> bool:
        """Whether the broker has heard all its sources subscribe; False when it died before."""
        wait_until(
            lambda: not self.alive() or self._has_subscribed(),
            f"the engine to subscribe\n{self.said()}",
            within_s=SUBSCRIBED_WITHIN_S,
            every_s=_POLL_S,
        )
        if self.alive():
            self.life.subscribed_s = time.monotonic() - self.life.began
        return self.alive()

    def alive(self) -> bool:
        """Whether it lives; notes how it ended."""
        if self._process is not None and self._process.poll() is not None:
            self._ended()
        return self._process is not None

    def wait_dead(self, within_s: float) -> bool:
        """Whether it died by itself within the time."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(within_s)
        return not self.alive()

    def kill(self) -> None:
        """kill -9, if it lives."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._ended()

    def stop(self) -> int:
        """Asks it to stop in order; the exit code. Raises ServerFailed when it does not."""
        if self._process is not None:
            self._process.terminate()
            if not self.wait_dead(STOPPED_WITHIN_S):
                raise ServerFailed(f"the engine does not stop\n{self.said()}")
        assert self.life.code is not None
        return self.life.code

    def said(self, lines: int = 30) -> str:
        """The end of what the present or last life printed."""
        text = self._said(len(self.lives)).read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _ended(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        self.life.code = process.returncode
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            observed = self._observed().read_bytes()
            self.life.restored = msgspec.json.decode(observed, type=Restored)

    def _said(self, number: int) -> Path:
        return self._directory / f"engine-{number}.log"

    def _observed(self) -> Path:
        return self._directory / "observed.json"

    def _has_subscribed(self) -> bool:
        return self._subscriptions() - self._subscribed_before >= len(self._clients)

    def _subscriptions(self) -> int:
        """Lines `<time>: <client> <qos> <topic>` of the broker's log that are our sources'."""
        with self._broker.log_file.open(errors="replace") as log:
            lines = [line.split(" ", 3) for line in log]
        return sum(len(words) == 4 and words[1] in self._clients for words in lines)
