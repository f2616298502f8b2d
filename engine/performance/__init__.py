"""How well alarms serve the person who must answer them: EEMUA 191, ISA-18.2 / IEC 62682."""

from __future__ import annotations

from .figures import Answers, Figures, Standing, Worst
from .floods import Flood
from .hearing import WORLDS, World
from .performance import Performance
from .positions import Desk, Watch, Where, groups_of, watches_of

__all__ = [
    "WORLDS",
    "Answers",
    "Desk",
    "Figures",
    "Flood",
    "Performance",
    "Standing",
    "Watch",
    "Where",
    "World",
    "Worst",
    "groups_of",
    "watches_of",
]
