"""What `lifeline fit --together` learns: how several sensors move together when all is normal.

Principal components of the correlations, with the limits of Hotelling's T² and of Q (the squared
prediction error) by quantile of the recording and by theory. Nothing here is asked while judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ..config.normals import SHARES, LearnedGroup, LearnedLimits, LearnedNormal
from ..configuration import Configuration
from ..errors import SpecError
from ..frame import Float64, Frame, Int64
from ..groups import GROUP_MEMBERS
from .learning import Gathering, said_time

Per = Literal["site", "asset"]
_SHARE: Final = {text: float(text.split()[0]) / 100.0 for text in SHARES}
#: Fewer vectors than so many a sensor say nothing of how sensors move together.
_FEWEST_EACH: Final = 10
#: A component of less variance is rounding: one sensor is a sum of others.
_LEAST_VARIANCE: Final = 1e-10


@dataclass(frozen=True)
class Components:
    """Principal components of scaled vectors, the largest first; `loadings[:, i]` is component i."""

    mean: Float64
    scale: Float64
    variance: Float64
    loadings: Float64
    kept: int


def components(vectors: Float64, explained: float) -> Components:
    """The components of (samples, sensors), of which the first that explain this share are kept.

    Each loading's largest part is positive, so that equal recordings have equal files.
    """
    mean, scale = vectors.mean(axis=0), vectors.std(axis=0, ddof=1)
    scaled = (vectors - mean) / scale
    variance, loadings = np.linalg.eigh(scaled.T @ scaled / (len(vectors) - 1))
    order = np.argsort(variance, kind="stable")[::-1]
    variance, loadings = np.maximum(variance[order], 0.0), loadings[:, order]
    largest = np.abs(loadings).argmax(axis=0)
    loadings = loadings * np.sign(loadings[largest, np.arange(len(largest))])
    enough = int(np.searchsorted(np.cumsum(variance) / variance.sum(), explained - 1e-12)) + 1
    real = int((variance > _LEAST_VARIANCE * variance[0]).sum())
    return Components(mean, scale, variance, loadings, min(enough, real))


def statistics(vectors: Float64, model: Components) -> tuple[Float64, Float64]:
    """(T², Q) of each vector."""
    scaled = (vectors - model.mean) / model.scale
    kept = model.loadings[:, : model.kept]
    scores = scaled @ kept
    residual = scaled - scores @ kept.T
    return (scores**2 / model.variance[: model.kept]).sum(axis=1), (residual**2).sum(axis=1)


def limit_t2(kept: int, samples: int, share: float) -> float:
    """Below which this share of new normal vectors lies, by theory.

    a (n² − 1) / (n (n − a)) × F(share; a, n − a) (Tracy, Young & Mason 1992, phase II).
    """
    from scipy.special import fdtri  # type: ignore[import-untyped]

    more = samples - kept
    factor = kept * (samples**2 - 1) / (samples * more)
    return float(factor * fdtri(kept, more, share))


def limit_q(left: Sequence[float], share: float) -> float:
    """Below which this share of Q lies where values are normal; `left`: variances that are not kept.

    Jackson & Mudholkar 1979: θᵢ = Σ λⁱ, h = 1 − 2 θ₁ θ₃ / (3 θ₂²),
    Q = θ₁ (c √(2 θ₂ h²) / θ₁ + 1 + θ₂ h (h − 1) / θ₁²)^(1/h). 0 where nothing is left.
    """
    from scipy.special import ndtri

    first, second, third = (float(np.sum(np.asarray(left) ** i)) for i in (1, 2, 3))
    if first <= 0.0:
        return 0.0
    h = 1.0 - 2.0 * first * third / (3.0 * second**2)
    spread = float(ndtri(share)) * np.sqrt(2.0 * second * h**2) / first
    base = spread + 1.0 + second * h * (h - 1.0) / first**2
    return float(first * base ** (1.0 / h))


def vectors_of(series: Sequence[tuple[Int64, Float64]]) -> Float64:
    """(vectors, sensors): of the last values, each time every sensor had one since the last vector.

    As the rule kind `multivariate` judges them: once a scan.
    """
    who = np.concatenate([np.full(len(times), i) for i, (times, _) in enumerate(series)])
    when = np.concatenate([times for times, _ in series])
    values = np.concatenate([values for _, values in series])
    order = np.lexsort((who, when))
    last, waiting = [0.0] * len(series), set(range(len(series)))
    found = []
    for sensor, value in zip(who[order].tolist(), values[order].tolist(), strict=True):
        last[sensor] = value
        waiting.discard(sensor)
        if not waiting:
            found.append(tuple(last))
            waiting = set(range(len(series)))
    return np.array(found).reshape(len(found), len(series))


class LearningTogether:
    """Takes Frames of one configuration and learns groups of its sensors. Memory: 16 bytes a good sample."""

    def __init__(self, configuration: Configuration, chosen: Iterable[int], per: Per) -> None:
        """`per`: "site" or "asset", of which each is a group; sensors without an asset are in none."""
        self._configuration = configuration
        self._per = per
        self._groups: dict[str, list[int]] = {}
        for index in chosen:
            sensor = configuration.sensors[index]
            site = configuration.sites[sensor.site].id
            if per == "site" or sensor.asset:
                name = site if per == "site" else f"{site}/{sensor.asset}"
                self._groups.setdefault(name, []).append(index)
        self._gathered = Gathering(
            configuration, [i for mine in self._groups.values() for i in mine]
        )
        _check_sizes(self._groups)

    def take(self, frame: Frame) -> None:
        """The next samples, in any order."""
        self._gathered.take(frame)

    def learned(self, explained: float) -> LearnedNormal:
        """Every group. Raises SpecError where one has not enough to learn from."""
        groups, ends = {}, []
        for name, members in self._groups.items():
            series = [self._gathered.series(index) for index in members]
            for index, (times, _, _) in zip(members, series, strict=True):
                if not len(times):
                    sensor = self._configuration.sensors[index].id
                    raise SpecError("nothing good was heard of a sensor", found=f"{name}: {sensor}")
            ends += [int(times[i]) for times, _, _ in series for i in (0, -1)]
            left_out = sum(left for _, _, left in series)
            vectors = vectors_of([(times, values) for times, values, _ in series])
            groups[name] = self._group(name, members, vectors, left_out, explained)
        return LearnedNormal(self._per, said_time(min(ends)), said_time(max(ends)), groups)

    def _group(
        self, name: str, members: list[int], vectors: Float64, left_out: int, explained: float
    ) -> LearnedGroup:
        sensors = [self._configuration.sensors[index] for index in members]
        if len(vectors) < _FEWEST_EACH * len(members):
            raise SpecError(
                "too little to learn from",
                found=f"{name}: {len(vectors)} times at which every sensor had a new value",
                expected=f"at least {_FEWEST_EACH * len(members)}",
            )
        for sensor, spread in zip(sensors, vectors.std(axis=0), strict=True):
            if not spread > 0.0:
                raise SpecError(
                    "a sensor that never moved has no normal",
                    found=f"{name}: {sensor.id}",
                    expected="leave it out by --sensor or --quantity",
                )
        model = components(vectors, explained)
        t2, q = statistics(vectors, model)
        return LearnedGroup(
            sensors=tuple(one.id for one in sensors),
            units=tuple(one.unit for one in sensors),
            samples=len(vectors),
            left_out=left_out,
            components=model.kept,
            mean=tuple(model.mean.tolist()),
            scale=tuple(model.scale.tolist()),
            variance=tuple(model.variance.tolist()),
            loadings=tuple(tuple(row) for row in model.loadings.tolist()),
            t2=_limits(t2, {x: limit_t2(model.kept, len(vectors), s) for x, s in _SHARE.items()}),
            q=_limits(q, {x: limit_q(_left(model), s) for x, s in _SHARE.items()}),
        )


def _left(model: Components) -> list[float]:
    left: list[float] = model.variance[model.kept :].tolist()
    return left if sum(left) > _LEAST_VARIANCE * model.variance[0] else []


def _limits(statistic: Float64, theory: dict[str, float]) -> LearnedLimits:
    """By quantile and theory; 0 where theory says that there is no such statistic."""
    quantile = {
        name: float(np.quantile(statistic, share)) if theory[name] > 0.0 else 0.0
        for name, share in _SHARE.items()
    }
    return LearnedLimits(quantile, theory)


def _check_sizes(groups: Mapping[str, Sequence[int]]) -> None:
    if not groups:
        raise SpecError("no sensor has an asset", expected="--per site, or assets in the tag list")
    for name, members in groups.items():
        if not 2 <= len(members) <= GROUP_MEMBERS:
            raise SpecError(
                "a group has too many sensors" if len(members) > 1 else "one sensor is no group",
                found=f"{name}: {len(members)}",
                expected=f"2 to {GROUP_MEMBERS}; choose by --sensor, --quantity, --site or --per",
            )
