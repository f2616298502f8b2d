"""A least-squares slope by its sums.

Slope and its standard error: ordinary least squares (e.g. Draper & Smith, Applied Regression
Analysis, ch. 1). With a confidence the slope must be beyond the critical value of Student's t at n − 2
degrees of freedom (two-sided), from the table in `trend_tables_kernels`. Times count in seconds from one row, since
nanoseconds since 1970 leave a float64 no digits for a slope.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import inlined

from .trend_tables_kernels import critical_t


@inlined
def fit(n, span, min_points, min_span, st, sv, stt, stv, svv, tested, significance, confidence):
    """The slope of n rows over `span` ns by their sums; NaN where it is not valid.

    `tested`: whether there is a significance or a confidence. Else `svv` is not looked at, nor `span` without a `min_span`.
    """
    if n < min_points or span < min_span:
        return np.nan
    det = n * stt - st * st
    if det <= 0.0:
        return np.nan
    cross = n * stv - st * sv
    slope = cross / det
    if tested:
        if n < 3.0:
            return 0.0
        least = significance if confidence == 0.0 else critical_t(confidence, n - 2.0)
        # |slope| < least × error, both squared: error² = n × residual / ((n − 2) × det).
        residual = max(0.0, (n * svv - sv * sv) - slope * cross)
        if slope * slope * ((n - 2.0) * det) < least * least * residual or slope == 0.0:
            return 0.0
    return slope
