"""One server process with its data folder: start, stop, kill -9, restart on the same data."""

import atexit
import contextlib
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Self

READY_WITHIN_S = 180.0
STOP_WITHIN_S = 180.0
_POLL_S = 0.02
_running: set[subprocess.Popen[bytes]] = set()


class ServerFailed(AssertionError):
    """A server did not start, did not stop or died; the message ends with the tail of its log."""


def wait_until(
    holds: Callable[[], bool], what: str, *, within_s: float, every_s: float = _POLL_S
) -> None:
    """Returns as soon as `holds()` is true; raises ServerFailed naming `what` when time is up."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise ServerFailed(f"waited {within_s:g} s in vain for {what}")
        time.sleep(every_s)


class ServerProcess(ABC):
    """A server that keeps its port and its data over stops, kills and restarts.

    Use it as a context manager, or call `start` and `stop`. Only the process that this object
    started is ever signalled. `directory` holds config, data and log, and is never deleted here.
    """

    name: str
    ready_within_s = READY_WITHIN_S

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log_file = directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)

    @abstractmethod
    def _command(self) -> list[str]:
        """Writes the configuration and returns the command line."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether the server answers now."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id; raises ServerFailed when the server is not running."""
        if self._process is None:
            raise ServerFailed(f"{self.name} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns when the server answers; raises ServerFailed with its log when it does not."""
        if self.is_running:
            raise ServerFailed(f"{self.name} is running already (pid {self.pid})")
        command = self._command()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        _running.add(self._process)
        try:
            wait_until(self._ready_or_dead, f"{self.name} to answer", within_s=self.ready_within_s)
        except ServerFailed as slow:
            self.kill9()
            raise ServerFailed(f"{slow}\n{self.log_tail()}") from None

    def stop(self) -> None:
        """Ends it in the orderly way (SIGTERM). Does nothing when it does not run."""
        process = self._take()
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ServerFailed(
                f"{self.name} did not stop within {STOP_WITHIN_S:g} s\n{self.log_tail()}"
            ) from None

    def kill9(self) -> None:
        """Ends it as a power cut would (SIGKILL). Does nothing when it does not run."""
        process = self._take()
        if process is not None:
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Stops it if it runs, and starts it on the same port and data."""
        self.stop()
        self.start()

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of what the server wrote, for messages."""
        with contextlib.suppress(FileNotFoundError):
            text = self.log_file.read_text(errors="replace")
            return "\n".join(text.splitlines()[-lines:])
        return "(no log)"

    def _ready_or_dead(self) -> bool:
        process = self._process
        if process is None or process.poll() is None:
            return self._is_ready()
        self._take()
        raise ServerFailed(f"{self.name} ended with {process.returncode}\n{self.log_tail()}")

    def _take(self) -> subprocess.Popen[bytes] | None:
        process, self._process = self._process, None
        if process is not None:
            _running.discard(process)
        return process


@atexit.register
def _end_what_is_left() -> None:
    for process in _running:
        process.kill()
        process.wait()
