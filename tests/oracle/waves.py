"""Pressure waves at the ends of a section, over bins kept by name: docs/semantics.md §4, `wave`.

Sums run in the order of the bins, as the page says, so that ties are ties here too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .grouped import Told

if TYPE_CHECKING:
    from .plant import Instance
    from .sensing import Seen

FRONT, WHOLE, HALF = 16, 64, 8
NOISE_MOST, NOISE_LEAST = 2400, 160
NORMAL = 1.2533141373155001
KEPT = 8
WAIT = 30.0
Options = Mapping[str, float]


@dataclass
class Drop:
    """One drop at one sensor. `time` is (edge, ns behind it); fate: waiting, explained, alone."""

    edge: int
    behind: float
    size: float
    spread: float
    fate: str = "waiting"


@dataclass
class Sensor:
    """Everything that one sensor showed: its open bin, closed bins, D by edge, its noise, its drops."""

    index: int = 0
    rows: list[tuple[float, float]] = field(default_factory=list)
    means: dict[int, float] = field(default_factory=dict)
    offsets: dict[int, float | None] = field(default_factory=dict)
    steps: dict[int, float] = field(default_factory=dict)
    last: int = 0
    distance: float = 0.0
    distances: int = 0
    drops: list[Drop] = field(default_factory=list)
    slow: int = 0

    def noise(self, options: Options) -> float | None:
        """σ of D, None while it is not known."""
        if options["noise"] > 0:
            return options["noise"]
        return NORMAL * self.distance if self.distances >= NOISE_LEAST else None

    def ready(self, options: Options) -> bool:
        """Four fronts without a gap, and a noise."""
        return len(self.means) >= WHOLE and self.noise(options) is not None

    def hear(self, t: int, v: float, options: Options) -> bool:
        """A good row; whether it closed a bin."""
        length = int(options["bin"])
        closes = bool(self.rows) and t // length != self.index
        if closes:
            self._close(options)
            self.rows = []
        self.index = t // length
        self.rows.append((float(t % length), v))
        return closes

    def _close(self, options: Options) -> None:
        at, missing = self.index, self.index - self.last - 1
        mean = _sum(v for _, v in self.rows) / len(self.rows)
        offset = _sum(one for one, _ in self.rows) / len(self.rows)
        if self.means and missing > HALF:
            self.means, self.offsets, self.steps = {}, {}, {}
        elif self.means:
            before, width = self.means[self.last], at - self.last
            for k, after in enumerate(range(self.last + 1, at), 1):
                self._add(after, before + (mean - before) * k / width, None, options)
        self._add(at, mean, offset, options)

    def _add(self, k: int, mean: float, offset: float | None, options: Options) -> None:
        self.means[k], self.offsets[k], self.last = mean, offset, k
        for kept in (self.means, self.offsets, self.steps):
            kept.pop(k - WHOLE, None)
        if len(self.means) < 2 * FRONT:
            return
        step = self.mean(k - FRONT + 1, FRONT) - self.mean(k - 2 * FRONT + 1, FRONT)
        self.steps[k - FRONT + 1] = step
        self.distances = min(self.distances + 1, NOISE_MOST)
        size = abs(step) if self.distances <= NOISE_LEAST else min(abs(step), 3 * self.distance)
        self.distance += (size - self.distance) / self.distances
        if len(self.means) == WHOLE:
            self._look(k - 2 * FRONT + 1, options)

    def mean(self, first: int, count: int) -> float:
        """Of so many closed bins."""
        return _sum(self.means[k] for k in range(first, first + count)) / count

    def _look(self, e: int, options: Options) -> None:
        """Whether a drop lies at edge e."""
        noise, fall = self.noise(options), -self.steps[e]
        if noise is None:
            return
        limit = max(options["gate"] * noise, options["least"])
        earlier = [-self.steps[k] for k in range(e - FRONT, e)]
        later = [-self.steps[k] for k in range(e + 1, e + FRONT + 1)]
        if fall < limit or fall <= max(earlier) or fall < max(later):
            return
        if max(abs(earlier[0]), abs(later[-1])) > 0.5 * fall:
            self.slow = e
            return
        high, low = self.mean(e - FRONT, HALF), self.mean(e + HALF, HALF)
        size = high - low
        if size <= 0:
            return
        length, area, bridged = options["bin"], 0.0, 0
        nodes = range(e - HALF - 1, e + HALF + 1)
        inside = [self.offsets[k] for k in nodes]
        places = [0.5 * length if one is None else one for one in inside]
        for place, k in enumerate(nodes[:-1]):
            bridged += inside[place] is None
            over = 0.5 * (self.means[k] + self.means[k + 1]) - low
            area += (length + places[place + 1] - places[place]) * over
        behind = places[0] - (HALF + 1) * length + area / size
        error, gap = FRONT * length * noise / size, bridged * length
        if size >= limit and abs(behind) <= HALF * length:
            self.drops.append(Drop(e, behind, size, error * error + gap * gap / 12.0))
            self.drops = self.drops[-KEPT:]

    def waiting(self) -> list[Drop]:
        """Drops that are not explained."""
        return [one for one in self.drops if one.fate == "waiting"]


def _sum(values: object) -> float:
    total = 0.0
    for one in values:  # type: ignore[attr-defined]
        total += one
    return total


@dataclass
class Wave:
    """One section. `take` gives what stands, None where nothing is known."""

    sensors: dict[int, Sensor] = field(default_factory=lambda: {k: Sensor() for k in range(4)})
    held: float = 0.0
    until: float = 0.0
    settled: float = 0.0
    now: float = 0.0
    reason: str = "filling"
    position: float | None = None
    error: float | None = None
    moved: bool = False

    def take(self, role: int, t: int, v: float, options: Options) -> float | None:
        """A good row of the sensor in this role."""
        if not self.sensors[role].hear(t, v, options):
            return None
        self.now, self.moved = max(self.now, float(t)), False
        self._explain(options)
        both = all(self.sensors[end].ready(options) for end in (0, 1))
        if not both:
            self.reason = "filling"
        elif self.reason == "filling":
            self.reason = ""
        seen = min(self.sensors[end].last for end in (0, 1)) * options["bin"]
        if self.held and both and seen >= self.until:
            self.held, self.position, self.error = 0.0, None, None
        return self.held if both or self.held else None

    # --- pairs --------------------------------------------------------------------------------------
    def _explain(self, o: Options) -> None:
        while True:
            whence = self._pairs(o)
            through = [one for one in whence if one[3].startswith("from ")]
            if not through:
                break
            _, one, other, self.reason = min(through, key=lambda pair: pair[0])
            one.fate = other.fate = "explained"
        while True:
            within = [one for one in self._pairs(o) if one[3] == "leak"]
            if not within:
                break
            self._from_within(min(within, key=lambda pair: pair[0]), o)
        for end in (0, 1):
            self._give_up(end, o)

    def _pairs(self, o: Options) -> list[tuple[float, Drop, Drop, str]]:
        """(rank, upstream drop, downstream drop, whence) of every pair that can be of one wave."""
        found = []
        for one in self._heard(0, o):
            for other in self._heard(1, o):
                x, error = self._located(one, other, o)
                reach, length = o["margin"] + error, o["length"]
                if not -reach <= x <= length + reach:
                    continue
                above, below = self._side(0, one, o), self._side(1, other, o)
                if above == "outside" and x <= reach:
                    found.append((abs(x), one, other, "from upstream"))
                elif below == "outside" and x >= length - reach:
                    found.append((abs(length - x), one, other, "from downstream"))
                elif "outside" in (above, below):
                    continue
                elif x <= reach and above != "within":
                    found.append((abs(x), one, other, "from upstream"))
                elif x >= length - reach and below != "within":
                    found.append((abs(length - x), one, other, "from downstream"))
                else:
                    found.append((self._complete(one, other, o), one, other, "leak"))
        return found

    def _heard(self, end: int, o: Options) -> list[Drop]:
        """Drops that wait and need not wait for the sensor outside."""
        spacing = o["down_spacing" if end else "up_spacing"]
        drops = self.sensors[end].waiting()
        if spacing <= 0:
            return drops
        found = []
        for one in drops:
            edge = one.edge + 2 * FRONT + 2
            if (
                self.sensors[end + 2].last >= edge + spacing / o["speed"] * 1e9 / o["bin"]
                or self.sensors[end].last >= edge + WAIT * 1e9 / o["bin"]
            ):
                found.append(one)
        return found

    def _side(self, end: int, drop: Drop, o: Options) -> str:
        """What the sensor outside an end says of a drop."""
        spacing = o["down_spacing" if end else "up_spacing"]
        if spacing <= 0:
            return ""
        far, found = spacing / o["speed"] + 1e-9 * o["bin"], ""
        for one in self._by_slot(end + 2):
            later = _apart(one, drop, o)
            if abs(later) <= far:
                far, found = abs(later), "outside" if later < 0 else "within"
        return found

    def _by_slot(self, role: int) -> list[Drop]:
        return self.sensors[role].drops

    def _located(self, one: Drop, other: Drop, o: Options) -> tuple[float, float]:
        a, v, apart = o["speed"], o["flow"], _apart(one, other, o)
        by_time = (a * a - v * v) / (2 * a)
        x = by_time * apart + o["length"] * (a - v) / (2 * a)
        of_speed = (1 + v * v / (a * a)) * 0.5 * apart + o["length"] * v / (2 * a * a)
        of_speed *= o["speed_error"]
        times = 2 * o["clock_error"] ** 2 + 4 * ((one.spread + other.spread) * 1e-18)
        return x, math.sqrt(of_speed * of_speed + by_time * by_time * times)

    def _complete(self, one: Drop, other: Drop, o: Options) -> float:
        later = one if _apart(one, other, o) > 0 else other
        return later.edge * o["bin"] + later.behind

    def _from_within(self, pair: tuple[float, Drop, Drop, str], o: Options) -> None:
        when, one, other, _ = pair
        crowded = self._crowded(0, one, o) or self._crowded(1, other, o)
        echo = self._echo(0, one, o) or self._echo(1, other, o)
        one.fate = other.fate = "explained"
        strength = math.sqrt(one.size * other.size)
        sizes = sorted((one.size, other.size))
        if echo or (when <= self.settled and strength <= self.held):
            self.reason = "echo"
        elif crowded:
            self.reason = "crowded"
        elif sizes[1] > o["ratio"] * sizes[0]:
            self.reason = "unlike"
        else:
            self.reason = ""
            self.settled = when + 4 * _travel(o) * 1e9
            self.until = self.now + o["hold"]
            if strength > self.held:
                x, self.error = self._located(one, other, o)
                inside, self.moved = min(max(x, 0.0), o["length"]), True
                self.held, self.position = strength, o["start"] + o["ascending"] * inside

    def _crowded(self, end: int, drop: Drop, o: Options) -> bool:
        sensor, limit = self.sensors[end], _travel(o)
        before = [one for one in sensor.drops if one.fate in ("waiting", "alone")]
        if any(0 < _apart(drop, one, o) <= limit for one in before):
            return True
        return sensor.slow > 0 and 0 < (drop.edge - sensor.slow) * o["bin"] * 1e-9 <= limit

    def _echo(self, end: int, drop: Drop, o: Options) -> bool:
        limit = 4 * _travel(o)
        return any(
            one.fate == "explained"
            and drop.size < 0.25 * one.size
            and 0 < _apart(drop, one, o) <= limit
            for one in self.sensors[end].drops
        )

    def _give_up(self, end: int, o: Options) -> None:
        reach = _travel(o) + 2 * (o["margin"] / o["speed"]) + WAIT
        last = self.sensors[1 - end].last - (2 * FRONT + 2) - reach * 1e9 / o["bin"]
        for one in self.sensors[end].waiting():
            if one.edge < last:
                one.fate, self.reason = "alone", "one end"


def _apart(one: Drop, other: Drop, o: Options) -> float:
    """Seconds by which `one` came after `other`."""
    return ((one.edge - other.edge) * o["bin"] + (one.behind - other.behind)) * 1e-9


def _travel(o: Options) -> float:
    return o["length"] / (o["speed"] - abs(o["flow"]))


@dataclass
class WaveMemory:
    """A section as a group of sensors: only good rows are looked at."""

    wave: Wave = field(default_factory=Wave)

    def take(self, sensor: int, seen: Seen, instance: Instance) -> Told | None:
        """What stands, where the row closed a bin and anything is known."""
        assert instance.group is not None
        (role,) = [one.role for one, of in instance.group.members if of.sensor == sensor]
        if seen.quality != "good" or not seen.forward:
            return None
        x = self.wave.take(role, seen.jt, seen.v, instance.judgement.options)
        if x is None:
            return None
        detail = _said(self.wave) if self.wave.moved else {}
        return Told(seen.jt, x, "good", seen.lag, detail=detail)


def _said(wave: Wave) -> dict[str, str]:
    """Kilometres, to a decimetre, with as many digits as the uncertainty has."""
    assert wave.position is not None
    assert wave.error is not None
    place, error = round(wave.position * 10), round(wave.error * 10)
    digits = 1 if error >= 950 else 2 if error >= 95 else 3
    return {
        "position": f"{place / 10 / 1000:.{digits}f} km",
        "uncertainty": f"{error / 10 / 1000:.{digits}f} km",
    }
