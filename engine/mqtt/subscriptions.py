"""What one connection is subscribed to: asked for, answered, and given up without a gap."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import zip_longest

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from ..clock import Clock
from ..limits import MQTT_FILTER_HELD_S, SECOND_NS
from .trouble import TroubleKind

Subscription = tuple[str, int]  # topic filter, QoS 0 or 1
_FAILURE = 0x80
_NEVER = -1  # the packet id of what could not be sent: the next connection asks again


class Subscriptions:
    """The filters that are wanted, those that were once, and what the broker has not answered yet.

    A filter that shares topics with a wanted one is held when it is not wanted any more, until
    `release`. Given up first, its topics would for a moment be matched by none, and what is published
    then would be lost although its sender is told that it arrived; given up at once after the other was
    granted, what waits in the broker for us may go with it: MQTT lets a broker drop that (3.10.4), and
    the embedded one does. Meanwhile such a message may come twice.

    Thread-safe.
    """

    def __init__(self, client: paho.Client, clock: Clock, wanted: Sequence[Subscription]) -> None:
        self._paho = client
        self._clock = clock
        self._lock = threading.Lock()
        self._wanted = tuple(wanted)
        self._retired: set[str] = set()
        self._held: set[str] = set()
        self._asked: dict[int, tuple[Subscription, ...]] = {}  # SUBSCRIBE packets by id
        self._awaiting_since: int | None = None
        self._granted_at = 0

    @property
    def awaiting_since(self) -> int | None:
        """Since when (monotonic, ns) the broker owes a SUBACK; None where it owes none."""
        return self._awaiting_since

    @property
    def held(self) -> int:
        """How many filters are subscribed to although they are not wanted any more."""
        return len(self._held)

    def forget(self) -> None:
        """A new connection: nothing asked on an earlier one will be answered."""
        with self._lock:
            self._asked.clear()
            self._awaiting_since = None

    def change(self, wanted: Sequence[Subscription]) -> None:
        """Others from the next `ask` on."""
        with self._lock:
            self._retired |= {f for f, _ in self._wanted}
            self._retired -= {f for f, _ in wanted}
            self._wanted = tuple(wanted)

    def ask(self) -> bool:
        """Subscribes to what is wanted and gives up what is retired and shares no topic with it; whether
        there is nothing to wait for.

        To be called at every connection: a broker that kept the session remembers old filters too.
        """
        with self._lock:
            filters = [f for f, _ in self._wanted]
            self._held = {f for f in self._retired if any(overlap(f, other) for other in filters)}
            if given_up := sorted(self._retired - self._held):
                self._paho.unsubscribe(given_up)
            if self._wanted:
                _, mid = self._paho.subscribe(list(self._wanted))
                self._asked[_NEVER if mid is None else mid] = self._wanted
                self._awaiting_since = self._clock.monotonic()
            return not self._asked

    def answered(
        self, mid: int, reasons: Sequence[ReasonCode]
    ) -> tuple[bool, list[tuple[TroubleKind, str]]]:
        """Takes the SUBACK of packet `mid`: whether all are answered now, and what was not granted."""
        with self._lock:
            asked = self._asked.pop(mid, ())
            done = not self._asked
            if done:
                self._awaiting_since = None
                self._granted_at = self._clock.monotonic()
        return done, list(_not_granted(asked, reasons))

    def release(self, backlog: bool) -> None:
        """Gives up what is held, once nothing of before the broker's answer waits for us in the broker.

        To be called every second or so. `backlog`: whether the broker may have held messages back from
        us since the last call; then the filters are held on, for MQTT_FILTER_HELD_S at most.
        """
        with self._lock:
            if not self._held or self._asked:
                return
            age = self._clock.monotonic() - self._granted_at
            if age >= (MQTT_FILTER_HELD_S if backlog else 1) * SECOND_NS:
                self._paho.unsubscribe(sorted(self._held))
                self._held = set()


def overlap(one: str, other: str) -> bool:
    """Whether some topic matches both filters (MQTT 5, 4.7.1)."""
    for a, b in zip_longest(one.split("/"), other.split("/")):
        if a == "#" or b == "#":
            return True
        if a is None or b is None:
            # "a/#" matches "a" too, which the next level would have told.
            return False
        if a != b and "+" not in (a, b):
            return False
    return True


def _not_granted(
    asked: Sequence[Subscription], reasons: Sequence[ReasonCode]
) -> Iterator[tuple[TroubleKind, str]]:
    for (topic_filter, qos), reason in zip(asked, reasons, strict=False):
        if reason.value >= _FAILURE:
            yield "subscription_refused", f"{topic_filter}: {reason}"
        elif reason.value < qos:
            yield "subscription_downgraded", f"{topic_filter}: {reason}"
