"""Whether all terms hold, any of some, and none of others: 1 or 0, of alarms as they stand.

A term is the rule's member: it holds while one of its alarms stands at the term's level or graver. Roles: ANY (any
of these terms), NOT (none of these), each greater number a term of its own that must hold. What nobody
hears holds as its alarm stands, and the whole *might* be 1 if it would be with silent alarms
standing or not as one likes (Kleene's strong logic of three values, 1952): only what is surely 0 returns.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

from lifeline.engine.group_kernels import advance
from lifeline.engine.kernel import kernel

LEVELS = 4
ANY, NOT, FIRST_OF_ALL = 0, 1, 2


@kernel
def _term(m, last, subject, member, role, at_level, level, silent):
    """The term that begins at membership m: where it ends, whether it holds, might, might not."""
    of, holds, might, surely = role[m], False, False, False
    while m < last and role[m] == of:
        k = member[m]
        stands = level[k] >= at_level[m]
        unheard = silent[subject[k]] != 0
        holds = holds or stands
        might = might or stands or unheard
        surely = surely or (stands and not unheard)
        m += 1
    return m, holds, might, surely


@kernel
def _holds(m, last, subject, member, role, at_level, level, silent):
    """(whether the whole holds, whether it might)."""
    holds, might, any_holds, any_might, some = True, True, False, False, False
    while m < last:
        of = role[m]
        m, term, term_might, term_surely = _term(
            m, last, subject, member, role, at_level, level, silent
        )
        if of == ANY:
            some, any_holds, any_might = True, term, term_might
        elif of == NOT:
            holds, might = holds and not term, might and not term_surely
        else:
            holds, might = holds and term, might and term_might
    if some:
        holds, might = holds and any_holds, might and any_might
    return holds, might


@kernel
def feed(
    asked, items, subject, member_ptr, member, role, weight, at_level, first, param, options, level,
    silent, value, most,
):  # fmt: skip
    """1 or 0 for each ask, of every level; `level` and `silent` are as the last item leaves them.

    Memberships of a group lie together by role.
    """
    done = 0
    for a in range(asked.size):
        done = advance(items, done, asked[a].until, level, silent)
        g = asked[a].group
        holds, might = _holds(
            member_ptr[g], member_ptr[g + 1], subject, member, role, at_level, level, silent
        )
        for one in range(LEVELS):
            value[a, one] = 1.0 if holds else 0.0
            most[a, one] = 1.0 if might else 0.0
    advance(items, done, items.size, level, silent)
