"""The three ways of a simulation: by MQTT, into files, into a core; and what is told of each."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, Protocol

import typer

from lifeline.engine.cli.console import print_json, stdout
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.limits import SECOND_NS

if TYPE_CHECKING:
    from ..incidents import Detection
    from ..judging import Tally
    from ..plant import Scenario
    from ..publish import Published
    from ..recording import Recorded

Tell = Callable[[float], Any]


class Told(Protocol):
    """What a run has to say for itself."""

    def print(self, as_json: bool) -> None:
        """Prints it, and ends the command as it must end."""
        ...


@dataclass(frozen=True, slots=True)
class Login:
    """A broker and who publishes there."""

    host: str
    port: int
    username: str
    password_env: str

    @classmethod
    def of(cls, text: str, username: str, password_env: str) -> Login:
        """Of `host:port` or of a host alone. Raises SpecError."""
        host, colon, port = text.rpartition(":")
        if not colon:
            host, port = text, "1883"
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise SpecError("not a broker's address", found=repr(text), expected="host:port")
        return cls(host.strip("[]"), int(port), username, password_env)

    def password(self) -> str | None:
        """What the variable holds. Raises SpecError where it is not set."""
        if self.password_env and self.password_env not in os.environ:
            raise SpecError("the variable with the password is not set", found=self.password_env)
        return os.environ.get(self.password_env) if self.password_env else None


# --- by MQTT ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    sites: list[Published]

    def print(self, as_json: bool) -> None:
        for done in self.sites:
            if as_json:
                print_json(done)
                continue
            stdout().print(
                f"{done.site}: {done.messages} messages with {done.samples} samples sent, "
                f"{done.acked_messages} with {done.acked_samples} acknowledged, {done.resent} sent "
                f"again, {done.wall_s:.1f} s"
            )
        gave_up = next((done.gave_up for done in self.sites if done.gave_up), "")
        if gave_up:
            raise SinkError(gave_up)
        if any(done.stopped for done in self.sites):
            raise typer.Exit(ExitCode.INTERRUPTED)


def by_mqtt(
    runs: Sequence[Scenario], login: Login, speed: float | None, ledger: Path | None, tell: Tell
) -> Told:
    """Publishes every run, all at once; each site has a ledger of its own."""
    from ..publish import publish

    password, stop = login.password(), _stop_on_signals()
    shares = dict.fromkeys((run.site.id for run in runs), 0.0)

    def share(site: str) -> Tell:
        def heard(done: float) -> None:
            shares[site] = done
            tell(sum(shares.values()) / len(shares))

        return heard

    with _ledgers(ledger, runs) as paths, ThreadPoolExecutor(len(runs)) as threads:
        sent = [
            threads.submit(
                publish,
                run,
                login.host,
                login.port,
                username=login.username or None,
                password=password,
                speed=speed,
                ledger_path=path,
                stop=stop,
                tell=share(run.site.id),
            )
            for run, path in zip(runs, paths, strict=True)
        ]
        return _Sent([each.result() for each in sent])


@contextmanager
def _ledgers(ledger: Path | None, runs: Sequence[Scenario]) -> Iterator[list[Path]]:
    """Where the ledgers go: files named after the one that was asked for, or such that are thrown
    away."""
    if ledger is None:
        with TemporaryDirectory(prefix="lifeline-ledger-") as directory:
            yield [Path(directory) / f"{run.site.id}.ledger" for run in runs]
        return
    several = len(runs) > 1
    paths = [
        ledger.with_name(f"{ledger.stem}-{run.site.id}{ledger.suffix}") if several else ledger
        for run in runs
    ]
    for path in paths:
        if path.exists():
            raise SpecError("the ledger exists; each run has its own", found=str(path))
    ledger.parent.mkdir(parents=True, exist_ok=True)
    yield paths


def _stop_on_signals() -> threading.Event:
    """Set by SIGTERM and SIGINT: what is on its way is still acknowledged and written down."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


# --- into files --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Written:
    recorded: Recorded

    def print(self, as_json: bool) -> None:
        made = self.recorded
        if as_json:
            files = [str(path) for path in made.files]
            print_json(
                {
                    "samples": made.samples,
                    "files": files,
                    "config": str(made.config),
                    "labels": str(made.labels),
                }
            )
            return
        names = ", ".join(str(path) for path in made.files)
        stdout().print(f"{made.samples} samples in {names}")
        stdout().print(f"labels in {made.labels}")
        stdout().print(f"lifeline replay {' '.join(map(str, made.files))} -c {made.config} --quiet")


def into_file(
    runs: Sequence[Scenario], directory: Path, form: Literal["parquet", "csv"], tell: Tell
) -> Told:
    """Writes samples, configuration and labels."""
    from ..recording import record

    return _Written(record(runs, directory, form, tell))


# --- into a core -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Judged:
    tally: Tally
    found: tuple[Detection, ...]
    counters: dict[str, int]
    digest: str
    wall_s: float

    def print(self, as_json: bool) -> None:
        if as_json:
            print_json(self._document())
            return
        out, tally = stdout(), self.tally
        rate = tally.samples / max(self.wall_s, 1e-9)
        out.print(f"samples    {tally.samples} in {self.wall_s:.1f} s ({rate:,.0f} a second)")
        out.print("judging    " + _counted({n: c for n, c in self.counters.items() if c}))
        out.print("records    " + _counted(tally.transitions))
        out.print("alarms     " + _counted(tally.alarms))
        noticed = sum(d.delay_s is not None for d in self.found)
        out.print(f"incidents  {noticed} of {len(self.found)} found at their level")
        for one in self.found:
            said = "missed" if one.delay_s is None else f"+{one.delay_s:.1f} s"
            out.print(f"           {one.incident.id}  {one.incident.level}  {said}")
        out.print(f"digest     {self.digest}")

    def _document(self) -> dict[str, Any]:
        return {
            "samples": self.tally.samples,
            "wall_s": self.wall_s,
            "counters": self.counters,
            "transitions": self.tally.transitions,
            "alarms": self.tally.alarms,
            "incidents": [
                {
                    "id": d.incident.id,
                    "kind": d.incident.kind,
                    "level": d.incident.level,
                    "onset_ns": d.incident.onset_ns,
                    "delay_s": d.delay_s,
                }
                for d in self.found
            ],
            "digest": self.digest,
        }


def into_core(runs: Sequence[Scenario], by: Path | None, window_s: float, tell: Tell) -> Told:
    """Judges the runs by their sites' rules, or by those of another configuration."""
    from lifeline.engine.cli.kernels import warm_kernels
    from lifeline.engine.clock import SystemClock
    from lifeline.engine.config import load

    from ..configs import write_config
    from ..judging import Judging, Tally

    with TemporaryDirectory(prefix="lifeline-simulate-") as directory:
        plant = load(by or write_config(Path(directory), runs, "127.0.0.1", 1883))
    warm_kernels()
    judging, tally, clock = Judging(plant, runs, window_s), Tally(), SystemClock()
    began = clock.monotonic()
    whole = judging.end_ns - judging.start_ns
    for judged in judging.windows():
        tally.take(judged)
        tell(min(1.0, (judged.until_ns - judging.start_ns) / whole))
    wall_s = (clock.monotonic() - began) / SECOND_NS
    core = judging.core
    return _Judged(tally, tally.detections(runs), core.counters(), core.digest(), wall_s)


def _counted(counts: dict[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {n}" for name, n in most) or "none"
