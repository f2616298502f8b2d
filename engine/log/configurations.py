"""A copy of each configuration beside the log.

What a log refers to by version may be older than the configuration in force, and whoever reads it
elsewhere needs the names of the sensors.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from ..configuration import Configuration, pack, unpack
from ..errors import EntryError, LogError
from ..limits import CONFIGURATIONS_KEPT


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

    def newest(self) -> Configuration | None:
        """The one that came into force last, None where none is kept or readable."""
        files = sorted(self._folder.glob("*.config"), key=lambda x: x.stat().st_mtime)
        return self.find(bytes.fromhex(files[-1].stem)) if files else None

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
