"""Snapshots of a core: one plain, versioned blob; never pickle.

    magic "LSNAP" · format version (1 byte) · length of the header (u64) · header (JSON) · arrays

The header names position, times, digest heads and every array (name, bytes, shape); arrays follow in that
order, raw little-endian. Lower bounds of timers are not kept: the next tick looks once.
The configuration is inside, so that a restored core needs no entry before its position.
"""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from .. import layout as at
from ..configuration import unpack
from ..errors import EntryError, LogError, SpecError
from ..planning import compile_plan
from .former import FORMER, Stored, carried_over
from .presence import recount
from .state import State, first_state, mark_stirred, pends
from .stepping import COUNTERS

if TYPE_CHECKING:
    from .core import Core

MAGIC: Final = b"LSNAP"
VERSION: Final = 4
_PREFIX: Final = struct.Struct("<5sBQ")
# Columns that follow from the configuration. Kernels index by them without looking.
_FROM_CONFIGURATION: Final = {"judge": ("sensor", "ordinal", "param"), "cold": ("site", "link")}


class _Array(msgspec.Struct, frozen=True):
    name: str
    size: int
    shape: tuple[int, ...]


class _Header(msgspec.Struct, frozen=True):
    position: int
    wall: int
    appended: int
    received: int
    clocked: bool
    versions: list[str]
    commands: list[str]
    heads: list[str]
    unarmed: bool
    counters: dict[str, int]
    configuration: int
    used: list[int]
    arrays: list[_Array]
    halts: list[dict[str, Any]] = []
    maintenance: list[dict[str, Any]] = []


def take(core: Core) -> bytes:
    """Everything that the core is, at its position. Costs one copy of the state."""
    state = core.state
    arrays = _arrays(state) if state else {}
    blobs = {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}
    packed = state.plan.packed if state else b""
    header = _Header(
        position=core.position,
        wall=core.wall,
        appended=core.appended,
        received=core.received,
        clocked=core.clocked,
        versions=sorted(v.hex() for v in core.versions),
        commands=list(core.seen_commands),
        heads=[h.tobytes().hex() for h in state.heads] if state else [],
        unarmed=state.unarmed if state else True,
        counters=core.counters(),
        configuration=len(packed),
        used=state.plan.params["used"].tolist() if state else [],
        arrays=[_Array(n, len(b), arrays[n].shape) for n, b in blobs.items()],
        halts=core.halts.kept(),
        maintenance=core.maintenance.stored(),
    )
    text = msgspec.json.encode(header)
    return b"".join((_PREFIX.pack(MAGIC, VERSION, len(text)), text, packed, *blobs.values()))


def _arrays(state: State) -> dict[str, np.ndarray[Any, Any]]:
    """Every array, without lower bounds: equal cores have equal snapshots.

    Of `pending` only what pends, level by level: few instances do, and the rest means nothing.
    """
    arrays = state.arrays()
    arrays["pending"] = state.pending[pends(state.judge)]
    arrays["site"] = state.site.copy()
    arrays["site"][:, 1] = at.NO_TIME
    return arrays


def put_back(core: Core, data: bytes) -> None:
    """Make an empty core what `take` saw. Raises LogError for anything that is not a snapshot.

    A changed byte inside a number is not noticed here: whoever stores a snapshot keeps a checksum.
    """
    header, start, version = _read_header(data)
    try:
        _put_back(core, header, memoryview(data)[start:], version)
    except (EntryError, SpecError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise LogError(f"a snapshot cannot be restored: {error}") from error


def _put_back(core: Core, header: _Header, view: memoryview, version: int) -> None:
    core.position, core.wall = header.position, header.wall
    core.appended, core.received = header.appended, header.received
    core.clocked = header.clocked
    core.versions = {bytes.fromhex(v) for v in header.versions}
    core.seen_commands = OrderedDict.fromkeys(header.commands)
    core.count[:] = [header.counters.get(name, 0) for name in COUNTERS]
    core.mixed = header.counters.get("mixed", 0)
    core.halts.put_back(header.halts)
    core.maintenance.put_back(header.maintenance)
    if not header.configuration:
        return
    configuration, registry = unpack(bytes(view[: header.configuration]))
    state = first_state(compile_plan(configuration, registry))
    _fill(state, header, view[header.configuration :], version)
    state.plan.identities.make_ahead()
    core.state = state


def _read_header(data: bytes) -> tuple[_Header, int, int]:
    """The header, where it ends, and the version of the format."""
    try:
        magic, version, length = _PREFIX.unpack_from(data)
        if magic != MAGIC or version not in (*FORMER, VERSION):
            raise LogError(
                f"not a snapshot that this version reads: {magic!r}, version {version} (it reads "
                f"{FORMER[0]} to {VERSION}); run the version of Lifeline that wrote it"
            )
        start = _PREFIX.size + length
        header = msgspec.json.decode(data[_PREFIX.size : start], type=_Header)
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LogError(f"a snapshot cannot be read: {error}") from error
    if len(data) != start + header.configuration + sum(a.size for a in header.arrays):
        raise LogError("a snapshot has the wrong length")
    return header, start, int(version)


def _as(name: str, stored: Stored, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    raw, shape = stored
    if like.nbytes != len(raw) or like.shape != shape:
        raise LogError(f"a snapshot's {name} has another shape than it should")
    return np.frombuffer(raw, like.dtype).reshape(shape)


def _fill(state: State, header: _Header, data: memoryview, version: int) -> None:
    found: dict[str, Stored] = {}
    offset = 0
    for entry in header.arrays:
        found[entry.name] = data[offset : offset + entry.size], entry.shape
        offset += entry.size
    if version != VERSION:
        found = carried_over(found, version)
    arrays: dict[str, np.ndarray[Any, Any]] = state.arrays()
    if set(arrays) | {"pending"} != set(found):
        raise LogError("a snapshot holds other state than its configuration and this version make")
    pending = found.pop("pending")
    for name, stored in found.items():
        source = _as(name, stored, arrays[name])
        for column in _FROM_CONFIGURATION.get(name, ()):
            if (source[column] != arrays[name][column]).any():
                raise LogError(f"a snapshot's {name} does not fit its configuration")
        arrays[name][...] = source
    who = pends(state.judge)
    state.pending[who] = _as("pending", pending, np.empty(np.count_nonzero(who), at.PENDING))
    if (len(header.heads), len(header.used)) != (len(state.heads), len(state.plan.params)):
        raise LogError("a snapshot has another number of sites or rules than its configuration")
    for site, head in enumerate(header.heads):
        state.move(site, bytes.fromhex(head))
    state.plan.params["used"][:] = header.used
    state.unarmed = header.unarmed
    if version != VERSION:
        mark_stirred(state)
    recount(state)
    state.forget_bounds()
