"""How long to wait before the next attempt to connect."""

from __future__ import annotations

import random

from ..limits import MQTT_BACKOFF_FIRST_S, MQTT_BACKOFF_MOST_S


class Backoff:
    """Doubles from the first to the most, each drawn between half and the whole of it.

    >>> backoff = Backoff(random.Random(1))
    >>> all(0.125 <= Backoff(random.Random(n)).next_s() <= 0.25 for n in range(20))
    True
    """

    def __init__(self, draw: random.Random | None = None) -> None:
        self._draw = draw or random.SystemRandom()
        self._attempts = 0

    def next_s(self) -> float:
        """Seconds to wait now; the next call waits longer."""
        whole = min(MQTT_BACKOFF_MOST_S, MQTT_BACKOFF_FIRST_S * 2.0 ** min(self._attempts, 32))
        self._attempts += 1
        return self._draw.uniform(whole / 2, whole)

    def reset(self) -> None:
        """A connection was healthy: start anew."""
        self._attempts = 0
