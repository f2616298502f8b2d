"""One sensor's rows: time, quality and clocks. docs/semantics.md §2."""

from __future__ import annotations

import math
import struct
from collections import Counter
from dataclasses import dataclass, field

from lifeline.engine.configuration import Link, Sensor
from lifeline.engine.limits import (
    CLOCK_SET_INTERVALS,
    CLOCK_SET_SAMPLES,
    CLOCK_SET_SPAN_NS,
    FUTURE_ALLOWANCE_NS,
    HISTORIC_AGE_NS,
    HISTORIC_INTERVALS,
    SECOND_NS,
)
from lifeline.engine.quality import quality_class

from .windows import sec

CLOCK_AGREES_NS = 5 * SECOND_NS


def bits(v: float) -> bytes:
    """A float by its bits: NaN equals the same NaN, and 0.0 differs from -0.0."""
    return struct.pack("<d", v)


@dataclass
class Run:
    """Rows of one kind in a row: do their times advance as those of receipt do?"""

    kind: str = ""
    n: int = 0
    t0: int = 0
    r0: int = 0
    t_prev: int = 0

    def restart(self, kind: str, t: int, received: int) -> None:
        """A run of one row, this one."""
        self.kind, self.n, self.t0, self.r0, self.t_prev = kind, 1, t, received, t


@dataclass(frozen=True, slots=True)
class Seen:
    """What a forward or conflict row means to the instances of its sensor.

    `jt` is the judged time, `v` the judged (clamped) value, `quality` good, suspect or bad,
    `lag` ns; `clock` is "set" or "agrees" where the mode changed; `beyond` is 1 above the sensor's
    range, -1 below it.
    """

    jt: int
    v: float
    quality: str
    forward: bool
    historic: bool
    lag: int
    clock: str = ""
    beyond: int = 0

    @property
    def usable(self) -> bool:
        """Good or suspect."""
        return self.quality != "bad"


@dataclass
class Sensing:
    """The state of one sensor before its rules."""

    last: tuple[int, float] | None = None
    conflict: float | None = None
    judged: int | None = None
    numeric: tuple[int, float] | None = None
    receipt: bool = False
    slow: bool = False
    run: Run = field(default_factory=Run)
    historic_first: int | None = None
    historic_last: int | None = None

    def take(
        self,
        sensor: Sensor,
        link: Link,
        row: tuple[int, float, int],
        appended: int,
        received: int,
        counters: Counter[str],
    ) -> Seen | None:
        """Judge one row's time and quality; None where nothing follows from it."""
        return _Row(self, sensor, link, row, appended, received, counters).seen()


@dataclass
class _Row:
    state: Sensing
    sensor: Sensor
    link: Link
    row: tuple[int, float, int]
    appended: int
    received: int
    counters: Counter[str]

    @property
    def t(self) -> int:
        return self.row[0]

    @property
    def v(self) -> float:
        return self.row[1]

    @property
    def bad(self) -> bool:
        return quality_class(self.row[2]) == "bad" or not math.isfinite(self.v)

    def seen(self) -> Seen | None:
        return self._receipt() if self.state.receipt else self._own()

    # --- mode own ---------------------------------------------------------------------------

    def _own(self) -> Seen | None:
        state = self.state
        if self.t > self.received + FUTURE_ALLOWANCE_NS:
            self.counters["clock_fault"] += 1
            return self._clock_set() if self._extend("ahead") else None
        if state.last is not None and self.t < state.last[0]:
            self.counters["late"] += 1
            return self._clock_set() if self._extend("behind") else None
        if state.last is not None and self.t == state.last[0]:
            return self._again(self.t)
        return self._own_forward("")

    def _own_forward(self, clock: str) -> Seen:
        state = self.state
        if state.run.kind in ("ahead", "behind"):
            state.run.n = 0
        age = self.appended - self.t
        aged_after = max(
            HISTORIC_AGE_NS, HISTORIC_INTERVALS * self.sensor.interval, self.link.reorder
        )
        historic = False
        if age > aged_after:
            if self._extend("aged"):
                state.slow = True
                state.run.restart("aged", self.t, self.received)
            historic = not state.slow
        else:
            state.run.n = 0
            state.slow = False
        if historic:
            state.historic_last = self.appended
            if state.historic_first is None:
                state.historic_first = self.appended
        return self._forward(self.t, historic, uncertain=state.slow, clock=clock)

    def _clock_set(self) -> Seen:
        self.state.receipt = True
        return self._receipt_forward("set")

    # --- mode receipt -----------------------------------------------------------------------

    def _receipt(self) -> Seen | None:
        state = self.state
        assert state.last is not None
        assert state.judged is not None
        late_by = self.received - self.t
        allowed = max(CLOCK_AGREES_NS, self.sensor.interval, self.link.reorder) + self.link.grace
        if -CLOCK_AGREES_NS <= late_by <= allowed and self.t > state.judged:
            state.receipt = False
            state.run.n = 0
            return self._own_forward("agrees")
        if self.t == state.last[0]:
            return self._again(state.judged)
        if self.t < state.last[0]:
            self.counters["late"] += 1
            if not self._extend("behind"):
                return None
        return self._receipt_forward("")

    def _receipt_forward(self, clock: str) -> Seen:
        self.state.run.n = 0
        judged = self.state.judged
        jt = self.received if judged is None else max(self.received, judged + 1)
        return self._forward(jt, historic=False, uncertain=True, clock=clock)

    # --- both -------------------------------------------------------------------------------

    def _extend(self, kind: str) -> bool:
        run, t = self.state.run, self.t
        if run.kind == kind and run.n > 0 and t == run.t_prev:
            return False  # the same row once more says nothing
        if run.kind != kind or run.n == 0 or t < run.t_prev:
            run.restart(kind, t, self.received)
            return False
        run.n += 1
        run.t_prev = t
        span = max(CLOCK_SET_INTERVALS * self.sensor.interval, CLOCK_SET_SPAN_NS)
        dt, dr = t - run.t0, self.received - run.r0
        if dt > 2 * max(dr, span) or (dr >= span and dr > 2 * dt):
            run.restart(kind, t, self.received)
            if kind == "aged":  # a redelivered window says nothing about a slow clock
                self.state.slow = False
            return False
        return run.n >= CLOCK_SET_SAMPLES and dr >= span

    def _again(self, jt: int) -> Seen | None:
        """The time of the last row again: a duplicate or a conflict."""
        state = self.state
        assert state.last is not None
        known = [state.last[1]] if state.conflict is None else [state.last[1], state.conflict]
        if bits(self.v) in [bits(one) for one in known]:
            self.counters["duplicate"] += 1
            return None
        self.counters["conflict"] += 1
        state.conflict = self.v
        if self.bad:
            return None
        lag = max(0, self.received - jt)
        return Seen(jt, self._clamped(), "suspect", False, False, lag, "", self._beyond())

    def _forward(self, jt: int, historic: bool, uncertain: bool, clock: str) -> Seen:
        state = self.state
        quality = self._quality(jt, uncertain)
        state.last, state.conflict, state.judged = (self.t, self.v), None, jt
        if not self.bad:
            state.numeric = (jt, self.v)
        lag = max(0, self.received - jt)
        return Seen(jt, self._clamped(), quality, True, historic, lag, clock, self._beyond())

    def _quality(self, jt: int, uncertain: bool) -> str:
        if self.bad:
            return "bad"
        suspect = (
            quality_class(self.row[2]) == "suspect"
            or self._clamped() != self.v
            or self._implausible(jt)
            or uncertain
        )
        return "suspect" if suspect else "good"

    def _implausible(self, jt: int) -> bool:
        before, most = self.state.numeric, self.sensor.max_rate
        if before is None or most is None:
            return False
        return abs(self.v - before[1]) > most * sec(jt - before[0])

    def _beyond(self) -> int:
        low, high = self.sensor.low, self.sensor.high
        if high is not None and self.v > high:
            return 1
        return -1 if low is not None and self.v < low else 0

    def _clamped(self) -> float:
        low, high = self.sensor.low, self.sensor.high
        if high is not None and self.v > high:
            return high
        if low is not None and self.v < low:
            return low
        return self.v
