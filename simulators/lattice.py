"""Randomness that is a pure function of time: noise on a lattice of knots, each knot hashed.

A knot's number is the mixed hash of (seed, name, index), so it is there before and after every run,
and any grid, block or order of times gives the same bits. Nothing here keeps state.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from lifeline.engine.frame import Float64, Int64

UInt64 = npt.NDArray[np.uint64]

# Constants of splitmix64 (Steele, Lea, Flood 2014).
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
# The sum of four numbers of 16 bits has variance 4 (65536² − 1) / 12.
_SIGMA: Final = float(np.sqrt(4.0 * (65_536.0**2 - 1.0) / 12.0))
_CENTRE: Final = 4.0 * 65_535.0 / 2.0
# Knots between the first and the last time are all hashed where they are at most so many per time.
_DENSE: Final = 2


@lru_cache(maxsize=4096)
def key_of(seed: int, *name: str) -> int:
    """The 64-bit key of one name under one seed; independent of all others."""
    text = "\x1f".join((str(seed), *name)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def bits(key: int, index: Int64) -> UInt64:
    """64 mixed bits for each index."""
    x = np.asarray(index, np.int64).astype(np.uint64) * _GOLDEN + np.uint64(key)
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return np.asarray(x ^ (x >> np.uint64(31)), np.uint64)


def uniform(key: int, index: Int64) -> Float64:
    """A number in (0, 1) for each index."""
    return np.asarray(((bits(key, index) >> np.uint64(11)) + 0.5) * 2.0**-53, np.float64)


def normal(key: int, index: Int64) -> Float64:
    """A number of mean 0 and variance 1 for each index, within ±3.47: four uniform ones added."""
    x = bits(key, index)
    mask = np.uint64(0xFFFF)
    total = (x & mask) + ((x >> np.uint64(16)) & mask)
    total = total + ((x >> np.uint64(32)) & mask) + (x >> np.uint64(48))
    return np.asarray((total.astype(np.float64) - _CENTRE) / _SIGMA, np.float64)


def noise(key: int, times_ns: Int64, knot_ns: int) -> Float64:
    """Smooth noise of mean 0 and variance 1 at every time, twice differentiable, never beyond ±7.

    A cubic B-spline over knots `knot_ns` apart, divided by the root of its weights' squares, so that
    the variance is 1 between knots, too; tails beyond three σ are half as thick as a Gaussian's.
    Correlation is ½ within a knot and 0 beyond four.
    """
    if not len(times_ns):
        return np.zeros(0)
    times = np.ascontiguousarray(times_ns, np.int64)
    index = times // knot_ns
    u = (times - index * knot_ns) / float(knot_ns)
    knots = _knots(key, index)
    v = 1.0 - u
    weights = (
        v * v * v,
        3.0 * u * u * u - 6.0 * u * u + 4.0,
        3.0 * v * v * v - 6.0 * v * v + 4.0,
        u * u * u,
    )
    total = sum(w * k for w, k in zip(weights, knots, strict=True))
    return np.asarray(total / np.sqrt(sum(w * w for w in weights)), np.float64)


def _knots(key: int, index: Int64) -> tuple[Float64, ...]:
    """The knots at index − 1, index, index + 1 and index + 2."""
    first, last = int(index.min()) - 1, int(index.max()) + 2
    if last - first <= _DENSE * len(index) + 8:
        all_of_them = normal(key, np.arange(first, last + 1, dtype=np.int64))
        return tuple(all_of_them[index - first + k] for k in (-1, 0, 1, 2))
    return tuple(normal(key, index + k) for k in (-1, 0, 1, 2))
