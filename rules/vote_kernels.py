"""How many members stand at a level or graver, for each level.

A member is a subject (a sensor, or a group of an earlier stage), at the gravest level of its alarms that vote. One
that is silent votes as it stood, since its alarm stands on, and *might* vote for every level: so the
alarm returns only when it would even with the votes of those that nobody hears (MooN voting of IEC 61511, where
a sensor that is known to be faulty is not taken for a healthy one).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from lifeline.engine.group_kernels import advance
from lifeline.engine.kernel import kernel

LEVELS = 4


@kernel
def feed(
    asked, items, subject, member_ptr, member, role, weight, at_level, first, param, options, level,
    silent, value, most,
):  # fmt: skip
    """The counts of each ask, by level; `level` and `silent` are as the last item leaves them."""
    done = 0
    for a in range(asked.size):
        done = advance(items, done, asked[a].until, level, silent)
        g = asked[a].group
        m, last = member_ptr[g], member_ptr[g + 1]
        while m < last:
            s, gravest = subject[member[m]], 0
            while m < last and subject[member[m]] == s:
                gravest = max(gravest, level[member[m]])
                m += 1
            for one in range(LEVELS):
                if gravest > one:
                    value[a, one] += 1.0
                if gravest > one or silent[s]:
                    most[a, one] += 1.0
    advance(items, done, items.size, level, silent)
