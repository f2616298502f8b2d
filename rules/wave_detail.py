"""What the record of a wave says beside its numbers: where the leak is."""

from __future__ import annotations

from typing import Final

# As `wave_kernels.packed` packs them: decimetres, the position moved by 2**30.
_ZERO: Final = 1 << 30
_DECIMETRES: Final = 10.0


def detail(told: int) -> dict[str, str]:
    """Position and its uncertainty (two standard deviations), in km, for people.

    >>> detail((234_567 + (1 << 30) << 32) + 3_210)
    {'position': '23.5 km', 'uncertainty': '0.3 km'}
    """
    place, error = (told >> 32) - _ZERO, told & 0xFFFF_FFFF
    digits = 1 if error >= 950 else 2 if error >= 95 else 3
    kilometres = [x / _DECIMETRES / 1000.0 for x in (place, error)]
    position, uncertainty = (f"{x:.{digits}f} km" for x in kilometres)
    return {"position": position, "uncertainty": uncertainty}
