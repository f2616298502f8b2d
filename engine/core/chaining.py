"""Records become links of their sites' chains."""

from __future__ import annotations

from hashlib import blake2b

from ..record import CHAINED, detail_digest
from .records import Details, Part
from .state import State, Struct

_LINK = blake2b(CHAINED, digest_size=16)


def chained(
    state: State, out: Struct, numbers: Struct, detail: dict[str, str], told: Details
) -> Part:
    """The records of ordered emissions and their numbers; the heads of their sites move on.

    The same as `record.chain`, link by link.
    """
    sites, heads = out["site"].tolist(), state.heads
    who = state.plan.identities.of(out["instance"].tolist())
    raw, size = numbers.tobytes(), numbers.dtype.itemsize
    about = detail_digest(detail)
    previous: list[bytes] = []
    hashes: list[bytes] = []
    start = 0
    for i, (site, identity) in enumerate(zip(sites, who, strict=True)):
        words = about if i not in told else detail_digest(told[i])
        before, end = heads[site], start + size
        link = _LINK.copy()
        link.update(b"".join((before, identity, words, raw[start:end])))
        head = heads[site] = link.digest()
        previous.append(before)
        hashes.append(head)
        start = end
    return Part(state.plan, out["instance"].copy(), numbers, previous, hashes, detail, told)
