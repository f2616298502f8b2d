"""What flood control may take, and why."""

from __future__ import annotations

from typing import Final

from ..limits import MINUTE_NS

#: Over which a flood is looked for, minute by minute (EEMUA 191, ISA-18.2: ten minutes).
WINDOW_MINUTES: Final = 10
#: Alarms of one group become one message in so long.
GROUP_NS: Final = MINUTE_NS
#: Groups of one minute, some 1 kB each. Beyond it a site has one group for all its rules and assets;
#: beyond twice as many all sites together have one.
MAX_GROUPS: Final = 2_000
#: Subjects that a summary names.
NAMED_SUBJECTS: Final = 5
#: Operator positions and worlds that are watched; beyond it all further ones share a flood.
MAX_DESKS: Final = 20_000
