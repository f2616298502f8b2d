"""What a healthy client looks like from outside, checked once a second by a thread of its own.

The loop thread cannot report its own death, and a connection can be up while nothing works.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..limits import (
    MQTT_AWAY_TOLD_S,
    MQTT_LOOP_STUCK_S,
    MQTT_PAUSED_TOLD_S,
    MQTT_STORM_DISCONNECTS,
    MQTT_STORM_SPAN_S,
    MQTT_SUBACK_WITHIN_S,
    SECOND_NS,
)
from .trouble import TroubleKind


@dataclass(frozen=True, slots=True)
class Vitals:
    """A client at one moment; all times monotonic, ns; None: it is not so now."""

    loop_alive: bool
    loop_turned: int
    away_since: int | None
    paused_since: int | None
    awaiting_suback_since: int | None
    disconnects: tuple[int, ...]  # when, oldest first
    last_reason: str = ""


class Watchdog:
    """Turns vitals into troubles; each is told once, and again only after it has ended."""

    def __init__(self) -> None:
        self._standing: set[TroubleKind] = set()

    def check(self, now: int, vitals: Vitals) -> list[tuple[TroubleKind, str]]:
        """What is newly wrong at `now` (monotonic, ns)."""
        found = self._found(now, vitals)
        new = [(kind, detail) for kind, detail in found.items() if kind not in self._standing]
        self._standing = set(found)
        return new

    def _found(self, now: int, vitals: Vitals) -> dict[TroubleKind, str]:
        found: dict[TroubleKind, str] = {}
        if not vitals.loop_alive:
            found["loop_dead"] = "the loop thread has ended; it is started again"
        elif _lasted(now, vitals.loop_turned, MQTT_LOOP_STUCK_S):
            found["loop_stuck"] = f"no turn for {_seconds(now, vitals.loop_turned)} s"
        if vitals.away_since is not None and _lasted(now, vitals.away_since, MQTT_AWAY_TOLD_S):
            away = f"not connected for {_seconds(now, vitals.away_since)} s"
            found["away"] = f"{away}: {vitals.last_reason}" if vitals.last_reason else away
        paused = vitals.paused_since
        if paused is not None and _lasted(now, paused, MQTT_PAUSED_TOLD_S):
            found["backpressure"] = f"not reading for {_seconds(now, paused)} s"
        awaited = vitals.awaiting_suback_since
        if awaited is not None and _lasted(now, awaited, MQTT_SUBACK_WITHIN_S):
            found["subscription_silent"] = f"no SUBACK for {_seconds(now, awaited)} s"
        recent = [t for t in vitals.disconnects if not _lasted(now, t, MQTT_STORM_SPAN_S)]
        if len(recent) >= MQTT_STORM_DISCONNECTS:
            found["storm"] = (
                f"{len(recent)} lost connections in {MQTT_STORM_SPAN_S:g} s: {vitals.last_reason}"
            )
        return found


def _lasted(now: int, since: int, seconds: float) -> bool:
    return now - since >= seconds * SECOND_NS


def _seconds(now: int, since: int) -> int:
    return (now - since) // SECOND_NS
