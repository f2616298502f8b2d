"""Configurations on their way into the log, and a copy of each beside it.

The log alone says which configuration is in force; what the files say becomes true by an entry.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ..configuration import Configuration, continued, pack, unpack
from ..entry import Entry, Header, encode
from ..errors import EntryError, LogError
from ..limits import CONFIG_APPEND_NS, CONFIGURATIONS_KEPT, SECOND_NS
from ..log import LogStore
from ..plan import compile_plan

PRODUCER = "configuration"


def next_configuration(
    in_force: Configuration | None, wanted: Configuration
) -> Configuration | None:
    """`wanted` with the indices of what is in force; None where that says the same already.

    Raises SpecError for what the core could not run: an entry that cannot be stepped would stop
    the engine for good.
    """
    following = continued(in_force, wanted)
    if in_force is not None and following.encode() == in_force.encode():
        return None
    compile_plan(following, following.version())
    return following


def append_configuration(
    store: LogStore, files: ConfigurationFiles, configuration: Configuration, now: int
) -> int:
    """Logs it durably; returns the position. Raises LogError, also where the disk takes too long."""
    files.keep(configuration)
    header = Header(producer=PRODUCER, received=now, registry=configuration.version())
    return append_and_wait(store, encode(Entry(header, configuration)))


def append_and_wait(store: LogStore, data: bytes) -> int:
    """Appends one entry and waits until it is durable. Raises LogError."""
    try:
        return store.append([data]).wait(CONFIG_APPEND_NS / SECOND_NS)
    except TimeoutError as error:
        raise LogError(f"the log does not take an entry: {error}; check the disk") from error


class ConfigurationFiles:
    """One file per logged configuration, named by its version: entries that refer to it may
    outlive its own entry, and whoever writes them elsewhere needs the names of the sensors.

    Any thread may ask. The last one found is remembered.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._last: tuple[bytes, Configuration] | None = None

    def keep(self, configuration: Configuration) -> None:
        """Stores it durably, unless it is there. Raises LogError."""
        path = self._path(configuration.version())
        try:
            if not path.exists():
                new = path.with_suffix(".new")
                with new.open("wb") as file:
                    file.write(pack(configuration))
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(path)
            os.utime(path)
            files = sorted(self._folder.glob("*.config"), key=lambda x: x.stat().st_mtime)
            for old in files[:-CONFIGURATIONS_KEPT]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise LogError(f"{path} cannot be written: {error}; check the disk") from error

    def find(self, version: bytes) -> Configuration | None:
        """The configuration of a version, None where it is not kept or not readable."""
        with self._lock:
            if self._last is not None and self._last[0] == version:
                return self._last[1]
            try:
                configuration, found = unpack(self._path(version).read_bytes())
            except (OSError, EntryError):
                return None
            if found != version:
                return None
            self._last = version, configuration
            return configuration

    def _path(self, version: bytes) -> Path:
        return self._folder / f"{version.hex()}.config"
