"""The configuration in force, followed by whoever must know it: agents and sinks.

The last one is kept on disk, so that a process starts where it was without the link.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from ..configuration import Configuration
from ..errors import LifelineError, LogError
from ..limits import FOLLOW_ANSWER_S, FOLLOW_INTERVAL_S, SPLITS_KEPT
from ..log import ConfigurationFiles
from .configs import ConfigStore
from .loop import LoopThread
from .partitioning import Split, split
from .spec import ClusterSpec

CURRENT_FILE: Final = "current.json"
_FOLDER: Final = "configurations"


class InForce(NamedTuple):
    """A city's configuration and the number of partitions it is taken apart into."""

    version: bytes
    n: int
    configuration: Configuration


class _Pointer(msgspec.Struct, frozen=True):
    city: str
    n: int


class Follower:
    """Follows `current` from `start` to the end of the loop.

    on_change    called in a thread with what came into force; what it raises of ours is told, and
                 the change is offered again
    on_trouble(kind, text)   `configuration_unread`, `configuration_refused`
    """

    def __init__(
        self,
        spec: ClusterSpec,
        directory: Path,
        loop: LoopThread,
        on_change: Callable[[InForce], None],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._spec = spec
        self._directory = directory
        self._loop = loop
        self._on_change = on_change
        self._on_trouble = on_trouble
        folder = directory / _FOLDER
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._files = ConfigurationFiles(folder)
        self._store: ConfigStore | None = None
        self._told = ""
        self._splits: dict[bytes, Split] = {}
        self.in_force = self._kept()
        self._n = 0 if self.in_force is None else self.in_force.n

    def start(self) -> None:
        """Begins to follow; `in_force` is what was kept until something else is taken up."""
        self._loop.submit(self._run())

    def find(self, version: bytes) -> Configuration | None:
        """A city's or a part's configuration: kept here, or asked of the cluster. Not from the
        loop's thread."""
        kept = self._files.find(version)
        store = self._store
        if kept is not None or store is None:
            return kept
        try:
            return self._loop.call(store.find(version, 0), FOLLOW_ANSWER_S)
        except (LifelineError, TimeoutError):
            return None

    def split_of(self, version: bytes) -> Split | None:
        """The parts of a city's configuration, None where nobody has it. Not from the loop."""
        found = self._splits.get(version)
        if found is None and self._n:
            configuration = self.find(version)
            if configuration is not None:
                found = split(configuration, self._n)
                while len(self._splits) >= SPLITS_KEPT:
                    del self._splits[next(iter(self._splits))]
                self._splits[version] = found
        return found

    # --- the task in the loop --------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            store = ConfigStore(self._spec)
            try:
                await store.start()
                self._store = store
                await self._follow(store)
            except Exception as error:  # noqa: BLE001  a link that is away, in all its forms
                self._tell("configuration_unread", str(error) or type(error).__name__)
            finally:
                self._store = None
                await store.stop()  # also of what `start` had begun
            await asyncio.sleep(FOLLOW_INTERVAL_S)

    async def _follow(self, store: ConfigStore) -> None:
        while True:
            current = store.current()
            if current is not None and current.version() != self._version():
                await self._become(store, current.version(), current.n)
            await asyncio.sleep(FOLLOW_INTERVAL_S)
            async with asyncio.timeout(FOLLOW_ANSWER_S):
                await store.refresh()

    async def _become(self, store: ConfigStore, version: bytes, n: int) -> None:
        """Keeps it, has it taken up, and only then counts it as the one to start with."""
        found = InForce(version, n, await store.find(version))
        self._n = n
        try:
            await asyncio.to_thread(self._files.keep, found.configuration)
            await asyncio.to_thread(self._on_change, found)
            await asyncio.to_thread(self._point, version, n)
        except (LifelineError, TimeoutError) as error:
            self._tell("configuration_refused", f"{version.hex()}: {error}")
        else:
            self.in_force = found
            self._told = ""

    def _version(self) -> bytes:
        return b"" if self.in_force is None else self.in_force.version

    def _tell(self, kind: str, text: str) -> None:
        if text != self._told:
            self._told = text
            self._on_trouble(kind, text)

    # --- on disk ---------------------------------------------------------------------------------

    def _point(self, version: bytes, n: int) -> None:
        path = self._directory / CURRENT_FILE
        new = path.with_suffix(".new")
        try:
            with new.open("wb") as file:
                file.write(msgspec.json.encode(_Pointer(version.hex(), n)))
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise LogError(f"{path} cannot be written: {error}; check the disk") from error

    def _kept(self) -> InForce | None:
        path = self._directory / CURRENT_FILE
        try:
            pointer = msgspec.json.decode(path.read_bytes(), type=_Pointer)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LogError(f"{path} cannot be read: {error}; remove it and start again") from error
        version = bytes.fromhex(pointer.city)
        configuration = self._files.find(version)
        return None if configuration is None else InForce(version, pointer.n, configuration)
