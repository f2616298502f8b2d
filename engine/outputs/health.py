"""The health topic: retained, with a last will, so that silence of the engine shows.

running   published every `interval_s`; who sees none for three intervals must act
stopped   the engine was stopped on purpose
lost      the last will: the broker has not heard the engine for 1.5 keep-alives
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ..limits import HEALTH_INTERVAL_NS, SECOND_NS
from . import topics
from .payload import VERSION
from .times import rfc3339

Status = Literal["running", "stopped", "lost"]


def health_payload(
    node: str, status: Status, time: int, details: Mapping[str, Any] | None = None
) -> bytes:
    """JSON for the health topic. `details` are plain data (counters, troubles, positions)."""
    message = {
        "version": VERSION,
        "node": node,
        "status": status,
        "time": time,
        "time_utc": rfc3339(time),
        "interval_s": HEALTH_INTERVAL_NS // SECOND_NS,
        **(details or {}),
    }
    return msgspec.json.encode(message)


def will(node: str) -> tuple[str, bytes]:
    """Topic and retained payload of the last will. It has no time: nobody knows when it is sent."""
    message = {"version": VERSION, "node": node, "status": "lost"}
    return topics.health(node), msgspec.json.encode(message)
