"""One `Store` to a file in a process, for all outputs that write to it; open while one of them runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..clock import Clock
from ..config.plant import StoreSpec
from ..errors import SpecError
from .serving import Server
from .store import Store


@dataclass(slots=True)
class _Lent:
    store: Store
    server: Server
    users: int = 0


_LOCK: Final = threading.Lock()
_LENT: Final[dict[Path, _Lent]] = {}


def check_change(spec: StoreSpec) -> None:
    """Raises SpecError where a store that is in use cannot become this one without a restart."""
    with _LOCK:
        lent = _LENT.get(spec.path)
        if lent is None:
            return
        before = lent.store.spec
    for name in ("memory_bytes", "threads"):
        if getattr(before, name) != getattr(spec, name):
            raise SpecError(
                "memory and threads of the store change only with a restart",
                found=str(getattr(spec, name)),
                expected=str(getattr(before, name)),
            )


def borrowed(spec: StoreSpec, clock: Clock, tell: Callable[[str, str], None]) -> Store:
    """The store of this file, which questions can be asked from now on; give it back with
    `returned`. Limits of an unlike spec hold from now on. Opens nothing yet.
    """
    with _LOCK:
        lent = _LENT.get(spec.path)
        if lent is None:
            store = Store(spec, clock, tell)
            lent = _LENT[spec.path] = _Lent(store, Server(store))
            lent.server.start()
        lent.users += 1
        lent.store.spec = spec
        return lent.store


def returned(store: Store) -> None:
    """Somebody is done; the last one closes the file."""
    with _LOCK:
        lent = _LENT.get(store.spec.path)
        if lent is None or lent.store is not store:
            return
        lent.users -= 1
        if lent.users:
            return
        lent.server.stop()
        store.close()
        del _LENT[store.spec.path]
