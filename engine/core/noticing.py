"""What the engine says about itself: notices under its reserved site."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import layout as at
from ..record import Identity, Record, Transition, chain, detail_digest
from .state import State


def notice(
    state: State,
    site: str,
    rule: str,
    onset: int,
    time: int,
    value: float | None,
    unit: str,
    detail: dict[str, str],
) -> Record:
    """The next record of the engine's own chain; `site` is its reserved site."""
    who: dict[str, Any] = {
        "tenant": "",
        "site": site,
        "rule": rule,
        "rule_hash": "",
        "subject": "partition",
        "area": "-/-/-",
        "quantity": "",
        "asset": "",
        "unit": unit,
        "message": rule,
        "basis": "",
    }
    state.seq[-1] += 1
    numbers = np.zeros(1, at.NUMBERS)
    numbers["seq"], numbers["onset"], numbers["time"] = state.seq[-1], onset, time
    numbers["value"] = np.nan if value is None else value
    numbers["limit"] = np.nan
    numbers["transition"] = Transition.NOTICE
    before = state.head(-1)
    head = chain(before, Identity(**who).digest(), detail_digest(detail), numbers.tobytes())
    state.move(-1, head)
    return Record(
        **who,
        seq=int(state.seq[-1]),
        episode=0,
        transition="notice",
        level_before="normal",
        level_after="normal",
        state_before="normal",
        state_after="normal",
        onset=onset,
        time=time,
        value=value,
        limit=None,
        previous=before.hex(),
        hash=head.hex(),
        detail=detail,
    )
