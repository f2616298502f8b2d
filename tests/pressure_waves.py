"""Pressures at the ends of a pipe section, plain: fronts that run by with a speed, on top of noise.

No hydraulics: what a front looks like at a sensor is said, not computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lifeline.engine import layout as at
from lifeline.engine.kinds import load_kinds
from lifeline.engine.limits import DAY_NS
from lifeline.engine.planning import OPTION_PLACES
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Judgement

START = 19_675 * DAY_NS
FAST = "pipe.oil.pressure.fast"
PLAIN: Mapping[str, Any] = {
    "select": {"quantity": FAST},
    "upstream": "U",
    "downstream": "D",
    "length": "50 km",
    "wave_speed": "1000 m/s",
    "wave_speed_error": "10 m/s",
    "drop": {"orange": "1 kPa", "red": "5 kPa"},
}
OUTER = {
    "upstream_outer": "UU",
    "upstream_spacing": "500 m",
    "downstream_outer": "DD",
    "downstream_spacing": "500 m",
}


def compiled(**keys: Any) -> Judgement:
    """The judgement of a rule that is written so beside `PLAIN`; None takes a key away."""
    kind = load_kinds()["wave"]
    written = {
        k: v for k, v in {"id": "w", "kind": "wave", **PLAIN, **keys}.items() if v is not None
    }
    judgement = kind.compile(kind.author_model.model_validate(written), quantity(FAST), "")
    assert isinstance(judgement, Judgement)
    return judgement


@dataclass
class Line:
    """What the sensors of a section show: upstream, downstream, and one outside each.

    `places` are their metres along the line, `speed` that of the waves.
    """

    seconds: float
    rate: float = 100.0
    noise: float = 0.5
    seed: int = 1
    speed: float = 1000.0
    places: tuple[float, ...] = (0.0, 50_000.0)
    pressure: list[npt.NDArray[np.float64]] = field(default_factory=list)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.t = np.arange(round(self.seconds * self.rate)) / self.rate
        self.pressure = [
            3000.0
            - 0.02 * place
            + random.normal(0.0, self.noise or 1.0, len(self.t)) * (self.noise > 0)
            for place in self.places
        ]

    def front(self, second: float, place: float, drop: float, width: float = 0.3) -> Line:
        """Pressure falls by `drop` within `width` seconds where a wave of this place runs by, both ways."""
        for at_sensor, where in zip(self.pressure, self.places, strict=True):
            self.change(at_sensor, second + abs(where - place) / self.speed, drop, width)
        return self

    def change(
        self, pressure: npt.NDArray[np.float64], second: float, drop: float, width: float
    ) -> None:
        """One sensor's pressure falls, the middle of the front being at this second."""
        pressure -= drop * np.clip((self.t - second) / width + 0.5, 0.0, 1.0)

    def rows(self) -> npt.NDArray[np.void]:
        """All samples, by time and then by sensor, each of a sensor numbered as its place."""
        count = len(self.places)
        rows = np.zeros(len(self.t) * count, at.ROW)
        for k, pressure in enumerate(self.pressure):
            rows["time"][k::count] = START + np.round(self.t * 1e9).astype(np.int64)
            rows["value"][k::count], rows["sensor"][k::count] = pressure, k
        rows["verdict"] = at.GOOD
        return rows


@dataclass(frozen=True)
class Seen:
    """What the kernel made of rows: figures by second, and what its state says in the end."""

    seconds: npt.NDArray[np.float64]
    figures: npt.NDArray[np.float64]
    says: dict[str, float]
    reason: str
    told: list[int]

    @property
    def found(self) -> float | None:
        """When a leak stood first, None where none did."""
        there = np.flatnonzero(self.figures > 0.0)
        return float(self.seconds[there[0]]) if len(there) else None


def judged(rows: npt.NDArray[np.void], judgement: Judgement, ring: Any = None) -> Seen:
    """Feed the kernel; `ring` goes on where another call stopped."""
    kind = load_kinds()["wave"]
    options = np.zeros((1, OPTION_PLACES))
    options[0, : len(kind.options)] = [judgement.options[name] for name in kind.options]
    state = np.zeros((1, kind.width)) if ring is None else ring
    out, origin = np.zeros(len(rows), at.ROW), np.zeros(len(rows), np.int32)
    sensors = np.arange(4, dtype=np.int32)
    count = kind.feed(
        rows, np.arange(5), np.zeros(4, np.int32), sensors, np.array([0, 4]), sensors,
        np.zeros((4, 4)), np.zeros((1, 0)), 0, np.zeros(1, np.int32), options, state, out, origin,
    )  # fmt: skip
    told = out[:count]
    return Seen(
        (told["time"] - START) * 1e-9,
        told["value"].copy(),
        {name: float(state[0, place]) for name, place in kind.says},
        kind.reasons[int(state[0, kind.reason_at])],
        [int(x) for x in told["stale_deadline"] if x],
    )


def without(rows: npt.NDArray[np.void], sensor: int, spans: Sequence[tuple[float, float]]) -> Any:
    """The rows but those of one sensor within these seconds."""
    second = (rows["time"] - START) * 1e-9
    gone = np.zeros(len(rows), np.bool_)
    for first, last in spans:
        gone |= (rows["sensor"] == sensor) & (second >= first) & (second < last)
    return rows[~gone]
