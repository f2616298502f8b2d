"""How far a backfill has come, in a file beside the log, so that the same command goes on."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import msgspec

from ..errors import LogError

FOLDER: Final = "backfill"


class Place(msgspec.Struct):
    """What is written of one job. `places` are those of its windows by name; `points` what they
    held; `refused` lines that the server would not take."""

    job: str
    places: dict[str, int] = {}
    points: int = 0
    refused: int = 0


class ProgressFile:
    """The place of one job, durable before `keep` returns. Raises LogError.

    job   says what is written where; another job has another file
    """

    def __init__(self, directory: Path, job: str) -> None:
        name = hashlib.blake2b(job.encode(), digest_size=8).hexdigest()
        self.path = directory / FOLDER / f"{name}.json"
        self.place = self._read(job)

    @property
    def begun(self) -> bool:
        """Whether an earlier run came somewhere."""
        return bool(self.place.places)

    def keep(self) -> None:
        """Writes the place."""
        new = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.write(msgspec.json.encode(self.place))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        except OSError as error:
            raise LogError(f"{self.path} cannot be written: {error}") from error

    def drop(self) -> None:
        """The job is done, or to be begun anew."""
        self.path.unlink(missing_ok=True)
        self.place = Place(self.place.job)

    def _read(self, job: str) -> Place:
        try:
            found = msgspec.json.decode(self.path.read_bytes(), type=Place)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return Place(job)  # none, or torn: from the beginning is always right
        return found if found.job == job else Place(job)
