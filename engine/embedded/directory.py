"""What lies in the data directory of a plant.

log.db, -wal, -shm     entries, outbox, cursors, standing alarms, dead letters    (log)
log.mark               how far the log was confirmed                              (log)
snapshots.db           snapshots of the core, second copy of alert heads          (log)
inbox.db               commands of other processes, and the answers               (log)
engine.lock            who runs here: one engine to a directory                   (log)
series.duckdb, .wal    series and alerts, where a store is configured             (store)
series.spill/          what a question does not fit into memory                   (store)
store.sock             questions to the store of a running engine                 (store)
damaged-<time>-…       files that a recovery replaced, for a person to look at    (log)
verify.request         asks the next start to verify the whole log                (log)
configurations/        every configuration that was logged, by version            (configuring)
areas/                 the area log, with files of the same names             (area_stage)
calls/                 the call log likewise, and the key of links            (call_stage)
status.json            how the engine is, written anew every few seconds          (status)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """The paths; `root` is the plant's storage directory."""

    root: Path

    def make(self) -> None:
        """Makes what is missing. Raises OSError."""
        self.root.mkdir(mode=0o750, parents=True, exist_ok=True)
        self.configurations.mkdir(mode=0o750, exist_ok=True)

    @property
    def configurations(self) -> Path:
        """The folder of logged configurations."""
        return self.root / "configurations"

    @property
    def areas(self) -> Path:
        """The folder of the area log; there is none where no area was ever configured."""
        return self.root / "areas"

    @property
    def calls(self) -> Path:
        """The folder of the call log; there is none where no roster was ever configured."""
        return self.root / "calls"

    @property
    def status(self) -> Path:
        """The status file."""
        return self.root / "status.json"
