"""Records become links of their sites' chains."""

from __future__ import annotations

import numpy as np

from ..chain_kernels import BLOCK, WHOLE, chain_all
from ..record import detail_digest
from .records import Details, Part
from .state import State, Struct


def chained(
    state: State, out: Struct, numbers: Struct, detail: dict[str, str], told: Details
) -> Part:
    """The records of ordered emissions and their numbers; the heads of their sites move on.

    The same as `record.chain`, link by link.
    """
    about = detail_digest(detail)
    said = (
        [about if i not in told else detail_digest(told[i]) for i in range(len(out))]
        if told
        else [about]
    )
    links = np.empty((len(out), 2, 2), np.uint64)
    chain_all(
        out, numbers.view(WHOLE), state.plan.identities.made(out["instance"]),
        np.frombuffer(b"".join(said), np.uint64).reshape(-1, 2), state.heads, links,
        np.empty(BLOCK, np.uint64),
    )  # fmt: skip
    return Part(state.plan, out["instance"].copy(), numbers, links, detail, told)
