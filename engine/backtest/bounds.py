"""Exact 95 % bounds of a share and of a rate, so that a good figure from little data does not look like proof.

scipy is imported when it is asked for: no live process needs it.
"""

from __future__ import annotations

from typing import Final

import msgspec

#: Both ends together leave out so much.
LEFT_OUT: Final = 0.05


class Bounded(msgspec.Struct, frozen=True):
    """A figure with its 95 % bounds; None where there is nothing to say it of (or no upper bound)."""

    value: float | None
    low: float
    high: float | None


def share(found: int, of: int) -> Bounded:
    """A share, 0 to 1, with the bounds of Clopper and Pearson (1934). Raises ValueError where `found`
    is not one of `of`.

    low = B⁻¹(α/2; k, n − k + 1), high = B⁻¹(1 − α/2; k + 1, n − k), B the beta distribution.
    """
    if not 0 <= found <= of:
        raise ValueError(f"{found} of {of} is no share")
    if of == 0:
        return Bounded(None, 0.0, 1.0)
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    low = betaincinv(found, of - found + 1, LEFT_OUT / 2) if found else 0.0
    high = betaincinv(found + 1, of - found, 1 - LEFT_OUT / 2) if found < of else 1.0
    return Bounded(found / of, float(low), float(high))


def rate(count: int, exposure: float) -> Bounded:
    """Events per unit of exposure with the bounds of Garwood (1936), from the chi-squared distribution.

    low = χ²(α/2; 2k) / 2T, high = χ²(1 − α/2; 2k + 2) / 2T; none seen has the upper bound 3.69 / T.
    """
    if not exposure > 0.0:
        return Bounded(None, 0.0, None)
    from scipy.special import gammaincinv

    low = gammaincinv(count, LEFT_OUT / 2) if count else 0.0
    high = gammaincinv(count + 1, 1 - LEFT_OUT / 2)
    return Bounded(count / exposure, float(low) / exposure, float(high) / exposure)
