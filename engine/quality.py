"""Quality of a sample: one byte, its class in the two highest bits and the reason below.

good      0x00          judged for everything
suspect   0x40 | reason judged for raising and promoting, never for clearing
bad       0x80 | reason not judged; starts, cancels and clears nothing

Missing or bad never reads as normal (design §4).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

GOOD_CLASS: Final = 0x00
SUSPECT_CLASS: Final = 0x40
BAD_CLASS: Final = 0x80
CLASS_MASK: Final = 0xC0


class Quality(IntEnum):
    """Every quality code that a sample can carry; values are stored and never change."""

    GOOD = 0x00
    OVER_RANGE = 0x41
    UNDER_RANGE = 0x42
    IMPLAUSIBLE_RATE = 0x43
    CONFLICT = 0x44
    CLOCK_UNCERTAIN = 0x45
    UNCERTAIN = 0x46  # the sender itself declares the value doubtful
    FAULT = 0x81
    CALIBRATION = 0x82
    MAINTENANCE = 0x83
    COMM_FAULT = 0x84
    NOT_A_NUMBER = 0x85
    CLOCK_FAULT = 0x86

    @property
    def text(self) -> str:
        """The code as people and outputs read it, e.g. `over_range`."""
        return self.name.lower()


def quality_class(code: int) -> str:
    """`good`, `suspect` or `bad`; any unknown code with the high bit set is bad."""
    if code & BAD_CLASS:
        return "bad"
    return "suspect" if code & SUSPECT_CLASS else "good"
