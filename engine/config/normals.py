"""Files of `lifeline fit --together`: what several sensors look like together when all is normal.

    format, hash, per, first, last and for each group by `<site>` or `<site>/<asset>`:
    sensors, units, samples, left_out, mean, scale, variance (of each component, the largest first),
    components (how many are kept), loadings (one line a sensor),
    t2 and q: {quantile = {…}, theory = {…}}, limits by the share of normal that lies below

The hash is over everything else in the file, as in `learned`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..errors import SpecError
from ..rule import Normal, NormalGroup
from .fitted import Fitted, quoted, read_fitted

#: Shares of normal for which a file has limits.
SHARES: Final = ("95 %", "99 %", "99.9 %")


class LearnedLimits(msgspec.Struct, frozen=True):
    """Limits of one statistic by share: as the recording had it, and as theory has it."""

    quantile: dict[str, float]
    theory: dict[str, float]


class LearnedGroup(msgspec.Struct, frozen=True):
    """What was learned of one group; `loadings[j][i]`: of sensor j in component i."""

    sensors: tuple[str, ...]
    units: tuple[str, ...]
    samples: int
    left_out: int
    components: int
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    variance: tuple[float, ...]
    loadings: tuple[tuple[float, ...], ...]
    t2: LearnedLimits
    q: LearnedLimits


class LearnedNormal(Fitted, frozen=True):
    """One file. `first` and `last` are ISO times of the recording, UTC."""

    FORMAT = "lifeline-normal 1"
    BY = "lifeline fit --together"

    per: Literal["site", "asset"]
    first: str
    last: str
    groups: dict[str, LearnedGroup]

    def text(self) -> str:
        """The file."""
        head = [
            "# Written by `lifeline fit --together`. Rules name this file, and its hash is part of theirs:",
            "# a file that was changed is refused.",
            f"format = {quoted(self.FORMAT)}",
            f"hash = {quoted(self.hash())}",
            f"per = {quoted(self.per)}",
            f"first = {quoted(self.first)}",
            f"last = {quoted(self.last)}",
        ]
        parts = [_of_group(name, one) for name, one in sorted(self.groups.items())]
        return "\n".join([*head, "", *parts])

    def about(self) -> Mapping[str, str]:
        """What a person is told of a file."""
        return {
            "hash": self.hash(),
            "from": self.first,
            "to": self.last,
            "groups": ", ".join(
                f"{name} ({one.components} of {len(one.sensors)} components, {one.samples} vectors)"
                for name, one in sorted(self.groups.items())
            ),
        }


def _listed(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(map(repr, values)) + "]"


def _named(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(quoted, values)) + "]"


def _by_share(limits: dict[str, float]) -> str:
    return "{" + ", ".join(f"{quoted(key)} = {value!r}" for key, value in limits.items()) + "}"


def _of_group(name: str, one: LearnedGroup) -> str:
    lines = [
        f"[groups.{quoted(name)}]",
        f"sensors = {_named(one.sensors)}",
        f"units = {_named(one.units)}",
        f"samples = {one.samples}",
        f"left_out = {one.left_out}",
        f"components = {one.components}",
        f"mean = {_listed(one.mean)}",
        f"scale = {_listed(one.scale)}",
        f"variance = {_listed(one.variance)}",
        "loadings = [",
        *(
            f"  {_listed(row)},  # {sensor}"
            for row, sensor in zip(one.loadings, one.sensors, strict=True)
        ),
        "]",
    ]
    for statistic in ("t2", "q"):
        limits = getattr(one, statistic)
        lines.append(
            f"{statistic} = {{quantile = {_by_share(limits.quantile)}, "
            f"theory = {_by_share(limits.theory)}}}"
        )
    return "\n".join([*lines, "", ""])


def read_learned_normal(path: Path, at: tuple[str, ...]) -> LearnedNormal:
    """A file of `lifeline fit --together`. Raises SpecError (at the key `at`) for anything else."""
    return read_fitted(path, at, LearnedNormal, _look)


def _look(learned: LearnedNormal) -> None:
    for name, one in learned.groups.items():
        _whole(name, one)


def _whole(name: str, one: LearnedGroup) -> None:
    """That a group's numbers belong together; the hash says that we wrote them."""
    count = len(one.sensors)
    lengths = {len(one.mean), len(one.scale), len(one.variance), len(one.loadings)}
    lengths |= {len(row) for row in one.loadings}
    if lengths != {count} or not 0 < one.components <= count:
        raise SpecError("the learned group is not whole", found=name)


def normal_of(learned: LearnedNormal, share: str, by_theory: bool) -> Normal:
    """What a rule carries: every group with its limits for this share of normal."""
    way = "theory" if by_theory else "quantile"
    groups = {}
    for name, one in learned.groups.items():
        limits = [getattr(getattr(one, statistic), way)[share] for statistic in ("t2", "q")]
        kept = one.components
        groups[name] = NormalGroup(
            sensors=one.sensors,
            mean=one.mean,
            scale=one.scale,
            variance=one.variance[:kept],
            loadings=tuple(row[:kept] for row in one.loadings),
            limit_t2=limits[0],
            limit_q=limits[1],
        )
    return Normal(learned.hash(), learned.per, groups)
