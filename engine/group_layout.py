"""What goes between the passes that judge groups (`group_kernels`): items and signals.

A *moment* of an entry is (row, phase, key), the order of emissions: at a tick what is due at one time, at
a row what its own timers did at one deadline, the link that is heard again, and the sample itself.
Everything that a group hears within one moment is heard together, and then it is judged once.
"""

from __future__ import annotations

from typing import Final

import numpy as np

# What records and sensors did, in the order of the log.
ITEM: Final = np.dtype(
    [
        ("key", "<i8"),
        ("time", "<i8"),
        ("row", "<i4"),
        ("sensor", "<i4"),  # the subject
        ("instance", "<i4"),  # LEVEL: whose; AGAIN: of the group
        ("phase", "u1"),
        ("code", "u1"),
        ("level", "u1"),  # LEVEL: after it
        ("before", "u1"),
        ("historic", "u1"),
        ("uncertain", "u1"),
        ("pad", "<u2"),
    ],
    align=True,
)
# AGAIN: a group is to be judged though nothing that it hears has changed.
LEVEL, SILENT, HEARD, BEHIND, CAUGHT_UP, AGAIN = range(6)

# Which group is to be judged by records: after the items before `until`.
ASK: Final = np.dtype(
    [
        ("key", "<i8"),
        ("time", "<i8"),
        ("until", "<i8"),
        ("row", "<i4"),
        ("group", "<i4"),  # within the kind
        ("phase", "u1"),
        ("historic", "u1"),
        ("uncertain", "u1"),
        ("pad", "u1"),
    ],
    align=True,
)

# What a group is told. Within one moment: who fell silent or was heard, the measure, the end of a backlog.
PRESENCE, VALUE, ACTUAL = range(3)
SIGNAL: Final = np.dtype(
    [
        ("value", "<f8", 4),  # by level; of a kind fed by rows four times the same
        ("most", "<f8", 4),  # what it might be, were every silent member beyond its limit
        ("key", "<i8"),
        ("time", "<i8"),
        ("lag", "<i8"),
        ("row", "<i4"),
        ("group", "<i4"),  # the instance
        ("phase", "u1"),
        ("order", "u1"),  # PRESENCE, VALUE, ACTUAL
        ("code", "u1"),  # of PRESENCE: SILENT, HEARD, BEHIND
        ("verdict", "u1"),
        ("historic", "u1"),
        ("pad", "u1"),
        ("more", "<u2"),
    ],
    align=True,
)
