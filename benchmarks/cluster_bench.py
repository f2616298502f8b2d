"""What the benchmarks of the cluster share: a broker on one core, processes on the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from figure import NotMeasured

from lifeline.engine.cluster.spec import ClusterSpec, WorkerSpec
from servers.kafka import Kafka

SECOND = 1_000_000_000
WORKER = WorkerSpec(
    checkpoint=2 * SECOND, session=6 * SECOND, heartbeat=SECOND, rebalance=15 * SECOND
)
CHILD = Path(__file__).with_name("cluster_child.py")
READY_S, PATIENCE_S = 120.0, 90.0


@dataclass(frozen=True, slots=True)
class Bench:
    """A broker, and the cores of the machine that it and the workers run on."""

    kafka: Kafka
    broker_core: int
    worker_core: int

    def spec(self, prefix: str, partitions: int) -> ClusterSpec:
        """A cluster on it."""
        return ClusterSpec(
            (self.kafka.bootstrap,), prefix, partitions, 1, replication=1, worker=WORKER
        )


@contextmanager
def on_core(*cores: int) -> Iterator[None]:
    """What is started within runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A process of `cluster_child.py`; `lines` are what it said so far."""

    def __init__(self, *words: str, cores: Sequence[int]) -> None:
        self.lines: list[dict[str, Any]] = []
        with on_core(*cores):
            self.process = subprocess.Popen(
                [sys.executable, str(CHILD), *words], stdout=subprocess.PIPE, text=True
            )
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reading.join()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                self.lines.append(json.loads(line))

    @property
    def last(self) -> dict[str, Any]:
        """What it said last."""
        return self.lines[-1] if self.lines else {}

    def until(self, holds: Callable[[], bool], what: str, within_s: float = PATIENCE_S) -> None:
        """Waits; raises NotMeasured in vain, or when it has ended."""
        give_up = time.monotonic() + within_s
        while not holds():
            if self.process.poll() is not None:
                raise NotMeasured(f"a process ended with {self.process.returncode}")
            if time.monotonic() > give_up:
                raise NotMeasured(f"no {what} within {within_s:.0f} s")
            time.sleep(0.02)


def started_worker(bench: Bench, spec: ClusterSpec, name: str, *more: str, both: bool) -> Child:
    """A worker on its core, or on both; it may not have joined yet."""
    cores = (bench.worker_core, bench.broker_core) if both else (bench.worker_core,)
    return Child("worker", msgspec.json.encode(spec).decode(), name, *more, cores=cores)
