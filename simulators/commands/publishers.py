"""One process for each simulated site: what is sent does not know what is judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.errors import SinkError

from ..plant import Scenario

_STOP_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Publisher:
    """A running `lifeline simulate` and the ledger that it keeps."""

    scenario: Scenario
    ledger: Path
    process: subprocess.Popen[str]


class Publishers:
    """Starts a process for each scenario; ends those that are left when the block ends."""

    def __init__(
        self, scenarios: Sequence[Scenario], host: str, port: int, directory: Path, speed: float
    ) -> None:
        self.all = [self._started(s, f"{host}:{port}", directory, speed) for s in scenarios]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether any of them still sends."""
        return any(p.process.poll() is None for p in self.all)

    def stop(self) -> None:
        """Asks those that still send to finish what is on its way, and waits for them."""
        for publisher in self.all:
            if publisher.process.poll() is None:
                publisher.process.terminate()
        for publisher in self.all:
            try:
                publisher.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                publisher.process.kill()
                publisher.process.wait()

    def check(self) -> None:
        """Raises SinkError with what a publisher said, where one failed."""
        for publisher in self.all:
            if publisher.process.poll() not in (None, 0, ExitCode.INTERRUPTED):
                _, said = publisher.process.communicate()
                raise SinkError(
                    f"the publisher of {publisher.scenario.site.id} ended with "
                    f"{publisher.process.returncode}: {said.strip()[-500:]}"
                )

    @staticmethod
    def _started(scenario: Scenario, broker: str, directory: Path, speed: float) -> Publisher:
        site = scenario.site
        ledger = directory / f"{site.id}.ledger"
        # The same arguments give the same scenario over there: it is what the audit relies on.
        command = [
            *(sys.executable, "-P", "-m", "lifeline.engine.cli", "simulate", site.name),
            *("--broker", broker, "--speed", repr(speed), "--ledger", str(ledger)),
            *("--seconds", repr(scenario.duration_s), "--start-ns", str(scenario.start_ns)),
            *("--seed", str(scenario.seed)),
        ]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the demo, which then stops its publishers in order.
            start_new_session=True,
        )
        return Publisher(scenario, ledger, process)
