"""Hotelling's T² and the squared prediction error Q of a vector of sensors, on a learned normal.

    z = (x − mean) / scale        t = Pᵀ z        T² = Σ tᵢ² / λᵢ        e = z − P t        Q = Σ eⱼ²

Hotelling 1947; Jackson & Mudholkar 1979 (Q). Both are told as multiples of their limits, which were
computed when the normal was learned. What sensor j contributes: to Q eⱼ², to T² zⱼ Σ Pⱼᵢ tᵢ / λᵢ, which
add up to the statistic (Alcala & Qin 2009).

The vector is judged when every member had a value since it was judged last, with the last one of each:
once a scan, however its values are split. A suspect value counts until the member's next one and makes
what is judged suspect; a bad one voids the member.

    head    (time, reason, T², Q, which member contributes most, its share)
    member  (time, value, state, fresh)
    table   (members, components, limit of T², limit of Q, 16 × mean, 16 × scale, 16 × λ, 16 × 16 P)
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel

MEMBERS = 16
TIME, REASON, HOTELLING, RESIDUAL, WORST, SHARE = range(6)
FIRST, PLACES = 6, 4
WHEN, VALUE, STATE, FRESH = range(PLACES)
WIDTH = FIRST + MEMBERS * PLACES
UNHEARD, GOOD, DOUBTFUL, VOID = 0.0, 1.0, 2.0, 3.0
# The table of a group.
COUNT, COMPONENTS, LIMIT_T2, LIMIT_Q, MEAN = range(5)
SCALE = MEAN + MEMBERS
VARIANCE = SCALE + MEMBERS
LOADINGS = VARIANCE + MEMBERS
TABLE = LOADINGS + MEMBERS * MEMBERS
MAX_AGE, OF = range(2)  # options
OF_T2, OF_Q, OF_BOTH = range(3)
JUDGED, UNLEARNED, UNKNOWN_MEMBER, AGED = range(4)


@kernel
def statistics(model, z, scores, residual):
    """(T², Q) of a scaled vector; `scores` tᵢ / λᵢ and `residual` eⱼ are written."""
    n, parts = int(model[COUNT]), int(model[COMPONENTS])
    hotelling, squares = 0.0, 0.0
    for j in range(n):
        residual[j] = z[j]
    for i in range(parts):
        score = 0.0
        for j in range(n):
            score += model[LOADINGS + j * MEMBERS + i] * z[j]
        for j in range(n):
            residual[j] -= model[LOADINGS + j * MEMBERS + i] * score
        scores[i] = score / model[VARIANCE + i]
        hotelling += score * scores[i]
    for j in range(n):
        squares += residual[j] * residual[j]
    return hotelling, squares


@kernel
def _worst(f, model, z, scores, residual, of_q, whole):
    """Which member contributes most to the statistic, and its share."""
    n, parts = int(model[COUNT]), int(model[COMPONENTS])
    most, worst = -np.inf, 0
    for j in range(n):
        if of_q:
            mine = residual[j] * residual[j]
        else:
            mine = 0.0
            for i in range(parts):
                mine += model[LOADINGS + j * MEMBERS + i] * scores[i]
            mine *= z[j]
        if mine > most:
            most, worst = mine, j
    f[WORST], f[SHARE] = worst, most / whole if whole > 0.0 else 0.0


@kernel
def _judged(f, model, of, z, scores, residual):
    """x of the vector that the members hold."""
    for j in range(int(model[COUNT])):
        z[j] = (f[FIRST + j * PLACES + VALUE] - model[MEAN + j]) / model[SCALE + j]
    f[HOTELLING], f[RESIDUAL] = statistics(model, z, scores, residual)
    first, second = f[HOTELLING] / model[LIMIT_T2], f[RESIDUAL] / model[LIMIT_Q]
    of_q = of == OF_Q or (of == OF_BOTH and second > first)
    _worst(f, model, z, scores, residual, of_q, f[RESIDUAL] if of_q else f[HOTELLING])
    return second if of_q else first


@kernel
def _complete(f, b, n, t, max_age):
    """(the verdict of the vector, SKIP where it cannot be judged yet; the reason)."""
    verdict, reason = at.GOOD, JUDGED
    fresh = True
    for j in range(n):
        mine = FIRST + j * PLACES
        state = f[mine + STATE]
        if state == UNHEARD or state == VOID:
            return at.SKIP, UNKNOWN_MEMBER
        if t - b[mine + WHEN] > max_age:
            reason = AGED
        if state == DOUBTFUL:
            verdict = at.SUSPECT
        fresh = fresh and f[mine + FRESH] > 0.0
    if reason != JUDGED or not fresh:
        return at.SKIP, reason
    return verdict, JUDGED


@kernel
def _row(f, b, n, j, now, o, r, model, z, scores, residual):
    """Takes one row of member j: (the verdict of what is judged, SKIP for nothing; x)."""
    mine = FIRST + j * PLACES
    if r.verdict == at.BAD:
        f[mine + STATE], f[REASON] = VOID, UNKNOWN_MEMBER
        return at.BAD, np.nan
    b[TIME], b[mine + WHEN], f[mine + VALUE], f[mine + FRESH] = now, r.time, r.value, 1.0
    f[mine + STATE] = GOOD if r.verdict == at.GOOD else DOUBTFUL
    verdict, reason = _complete(f, b, n, now, np.int64(o[MAX_AGE]))
    if model[COUNT] == 0.0:
        verdict, reason = at.SKIP, UNLEARNED
    if verdict == at.SKIP:
        if reason != JUDGED:
            f[REASON] = reason
        return at.SKIP, np.nan
    f[REASON] = JUDGED
    for member in range(n):
        f[FIRST + member * PLACES + FRESH] = 0.0
    return verdict, _judged(f, model, o[OF], z, scores, residual)


@allocating
def feed(
    rows, follow_ptr, follow, place, member_ptr, role, weight, table, first, param, options, rings,
    out_rows, origin,
):  # fmt: skip
    """One virtual row per (row, group of its sensor) that completes a vector, or is bad; how many."""
    made = 0
    z, scores, residual = np.empty(MEMBERS), np.empty(MEMBERS), np.empty(MEMBERS)
    bits = rings.view(np.int64)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP or r.verdict == at.TWIN:
            continue
        for q in range(follow_ptr[r.sensor], follow_ptr[r.sensor + 1]):
            g = follow[q]
            n, j = member_ptr[g + 1] - member_ptr[g], place[q] - member_ptr[g]
            b, o = bits[g], options[param[first + g]]
            now = max(b[TIME], r.time)
            verdict, x = _row(rings[g], b, n, j, now, o, r, table[g], z, scores, residual)
            if verdict == at.SKIP:
                continue
            e = out_rows[made]
            e.sensor, e.time, e.value, e.flags, e.verdict = g, now, x, 0, verdict
            e.lag = max(0, r.lag - (now - r.time))
            origin[made] = i
            made += 1
    return made
