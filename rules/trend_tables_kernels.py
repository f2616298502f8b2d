"""Critical values: Student's t, and Mann-Kendall's S for at most twelve points, both two-sided.

t: rounded up at the third decimal. Between two of the table's degrees of freedom the smaller holds,
which asks for more; from 1,000 on the normal distribution. S: exact, from the number of permutations
with so many inversions (Kendall, Rank Correlation Methods); where no S is significant, one more than
the greatest. A test computes both anew.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import kernel

CONFIDENCES = (0.9, 0.95, 0.99, 0.999)
# fmt: off
# Of 1 to 30 degrees of freedom, 40, 60, 120, and infinitely many.
CRITICAL_T = np.array([
    [
        6.314, 2.920, 2.354, 2.132, 2.016, 1.944, 1.895, 1.860, 1.834, 1.813,
        1.796, 1.783, 1.771, 1.762, 1.754, 1.746, 1.740, 1.735, 1.730, 1.725,
        1.721, 1.718, 1.714, 1.711, 1.709, 1.706, 1.704, 1.702, 1.700, 1.698,
        1.684, 1.671, 1.658, 1.645,
    ],
    [
        12.707, 4.303, 3.183, 2.777, 2.571, 2.447, 2.365, 2.307, 2.263, 2.229,
        2.201, 2.179, 2.161, 2.145, 2.132, 2.120, 2.110, 2.101, 2.094, 2.086,
        2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.049, 2.046, 2.043,
        2.022, 2.001, 1.980, 1.960,
    ],
    [
        63.657, 9.925, 5.841, 4.605, 4.033, 3.708, 3.500, 3.356, 3.250, 3.170,
        3.106, 3.055, 3.013, 2.977, 2.947, 2.921, 2.899, 2.879, 2.861, 2.846,
        2.832, 2.819, 2.808, 2.797, 2.788, 2.779, 2.771, 2.764, 2.757, 2.750,
        2.705, 2.661, 2.618, 2.576,
    ],
    [
        636.620, 31.600, 12.924, 8.611, 6.869, 5.959, 5.408, 5.042, 4.781, 4.587,
        4.437, 4.318, 4.221, 4.141, 4.073, 4.015, 3.966, 3.922, 3.884, 3.850,
        3.820, 3.793, 3.768, 3.746, 3.726, 3.707, 3.690, 3.674, 3.660, 3.646,
        3.551, 3.461, 3.374, 3.291,
    ],
])
# Of 2 to 12 points.
CRITICAL_S = np.array([
    [2.0, 4.0, 6.0, 8.0, 11.0, 13.0, 16.0, 18.0, 21.0, 23.0, 26.0],
    [2.0, 4.0, 7.0, 10.0, 13.0, 15.0, 18.0, 20.0, 23.0, 27.0, 30.0],
    [2.0, 4.0, 7.0, 11.0, 15.0, 19.0, 22.0, 26.0, 29.0, 33.0, 38.0],
    [2.0, 4.0, 7.0, 11.0, 16.0, 21.0, 26.0, 30.0, 35.0, 41.0, 46.0],
])
# fmt: on


@kernel
def _row(confidence):
    for number in range(len(CONFIDENCES) - 1):
        if confidence <= CONFIDENCES[number]:
            return number
    return len(CONFIDENCES) - 1


@kernel
def critical_t(confidence, freedom):
    """What |t| must reach at `freedom` degrees of freedom; at least 1."""
    place = 33
    if freedom <= 30.0:
        place = int(freedom) - 1
    elif freedom < 40.0:
        place = 29
    elif freedom < 60.0:
        place = 30
    elif freedom < 120.0:
        place = 31
    elif freedom < 1000.0:
        place = 32
    return CRITICAL_T[_row(confidence), place]


@kernel
def critical_s(confidence, n):
    """What |S| of n points must reach, 2 to 12."""
    return CRITICAL_S[_row(confidence), n - 2]
