"""One plant from a terminal or under a service manager: signals in, an exception or a return out.

    SIGTERM, SIGINT   an orderly stop; a second one while that goes on changes nothing
    SIGHUP            the files are read again; what is wrong in them is told and changes nothing

Under systemd with `Type=notify` it says when it is ready, and with `WatchdogSec` that it lives: only
while the stepping thread turns, so that a hung disk or core is noticed.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Final

from lifeline.engine.config import Plant
from lifeline.engine.errors import LifelineError
from lifeline.engine.record import Record
from lifeline.engine.warming import Progress

from .engine import Engine
from .snapshotting import SnapshotPace
from .troubles import EngineTrouble

_LOOK_S: Final = 0.2


class _Stopped(Exception):
    """A signal came while the engine was starting."""


class Signals:
    """What signals have asked for. Handlers only set flags; they run in the main thread."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Takes the signals over, and gives them back. In the main thread only."""
        handlers = {
            signal.SIGTERM: self._on_stop,
            signal.SIGINT: self._on_stop,
            signal.SIGHUP: self._on_reload,
        }
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop.set()

    def _on_reload(self, number: int, frame: FrameType | None) -> None:
        self.reload.set()


def serve(
    load: Callable[[], Plant],
    *,
    on_ready: Callable[[Engine], None] | None = None,
    on_records: Callable[[Sequence[Record]], None] | None = None,
    on_trouble: Callable[[EngineTrouble], None] | None = None,
    on_progress: Progress | None = None,
    pace: SnapshotPace | None = None,
) -> None:
    """Serves the plant that `load` gives until a signal asks for the end; returns when everything
    is written and closed. `load` is called again at SIGHUP. In the main thread only.

    on_ready(engine)   called when the engine runs and its agents connect

    Raises what `Engine.start` raises, and after a failure what ended the engine.
    """
    signals = Signals()

    def progress(what: str, done: int, total: int) -> None:
        if signals.stop.is_set():
            raise _Stopped
        if on_progress is not None:
            on_progress(what, done, total)

    with signals.taken():
        engine = Engine(
            load(), on_records=on_records, on_trouble=on_trouble, on_progress=progress, pace=pace
        )
        try:
            engine.start()
        except _Stopped:
            return
        try:
            if on_ready is not None:
                on_ready(engine)
            notify("READY=1")
            _attend(engine, signals, load)
        finally:
            notify("STOPPING=1")
            engine.stop()
    if engine.error is not None:
        raise engine.error


def _attend(engine: Engine, signals: Signals, load: Callable[[], Plant]) -> None:
    turns = -1
    while not signals.stop.is_set() and not engine.wait(_LOOK_S):
        if signals.reload.is_set():
            signals.reload.clear()
            _reload(engine, load)
        if engine.turns != turns:
            turns = engine.turns
            notify("WATCHDOG=1")


def _reload(engine: Engine, load: Callable[[], Plant]) -> None:
    try:
        engine.reload(load())
    except (LifelineError, TimeoutError, OSError) as error:
        engine.troubles.tell("reload_refused", f"the configuration stays as it is: {error}")


def notify(text: str) -> None:
    """Tells the service manager, if there is one (the protocol of sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect(address)
            channel.sendall(text.encode())
        except OSError:
            return  # a service manager that went away must not end an engine
