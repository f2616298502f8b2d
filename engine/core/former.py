"""Snapshots of earlier versions, carried over to the arrays of this one.

2  alarms knew no maintenance, reset, re-alarm or flapping
3  deadline, due and held value of pending levels were three arrays; a tally was two words
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .. import layout as at
from .state import pends

#: The versions that are carried over, oldest first.
FORMER: Final = (2, 3)
#: Bytes and shape of an array as a snapshot holds it.
Stored = tuple[memoryview, tuple[int, ...]]

JUDGE_2: Final = np.dtype(
    [
        *((name, "<i8") for name in ("onset", "episode", "loud", "shelf")),
        *((name, "<i4") for name in ("sensor", "ordinal", "param")),
        *(
            (name, "u1")
            for name in (
                "state", "level", "cover", "active", "raising", "clearing", "flags", "side", "doubt",
            )
        ),
    ],
    align=True,
)  # fmt: skip
_PENDING_3: Final = {"deadline": "<i8", "due": "<i8", "held": "<f8"}


def carried_over(arrays: dict[str, Stored], version: int) -> dict[str, Stored]:
    """The arrays of a snapshot of one of `FORMER` as this version has them, by name.

    What a tally says of alarms of its link (`stirred`) is left zero. Raises ValueError where bytes and shape do
    not fit each other; what is missing stays missing.
    """
    carried = dict(arrays)
    if version == 2 and "judge" in carried:
        carried["judge"] = _judge(*carried["judge"])
    if "judge" in carried and _PENDING_3.keys() <= carried.keys():
        judge = np.frombuffer(carried["judge"][0], at.JUDGE)
        who = pends(judge)
        columns = {
            name: np.frombuffer(carried.pop(name)[0], form).reshape(len(judge), 4).T[who]
            for name, form in _PENDING_3.items()
        }
        carried["pending"] = _put_together(columns, at.PENDING, columns["due"].shape)
    if "tally" in carried:
        sensors, silent = np.frombuffer(carried["tally"][0], "<i8").reshape(-1, 2).T
        carried["tally"] = _put_together(
            {"sensors": sensors, "silent": silent}, at.TALLY, sensors.shape
        )
    return carried


def _put_together(
    columns: dict[str, np.ndarray[Any, Any]], dtype: np.dtype[Any], shape: tuple[int, ...]
) -> Stored:
    new = np.zeros(shape, dtype)
    for name, column in columns.items():
        new[name] = column
    return memoryview(new.tobytes()), shape


def _judge(raw: memoryview, shape: tuple[int, ...]) -> Stored:
    old = np.frombuffer(raw, JUDGE_2)
    return _put_together({name: old[name] for name in JUDGE_2.names or ()}, at.JUDGE, shape)
