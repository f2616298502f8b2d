"""The four statutory levels: 蓝 blue < 黄 yellow < 橙 orange < 红 red; 0 is normal."""

from __future__ import annotations

from typing import Final

from .errors import SpecError

NORMAL: Final = 0
LEVELS: Final = ("normal", "blue", "yellow", "orange", "red")
LEVELS_ZH: Final = ("正常", "蓝色", "黄色", "橙色", "红色")
LEVEL_COUNT: Final = 4


def level_number(name: str) -> int:
    """1 (blue) to 4 (red). Raises SpecError for any other name."""
    if name not in LEVELS[1:]:
        raise SpecError("unknown level", found=repr(name), expected="blue, yellow, orange or red")
    return LEVELS.index(name)
