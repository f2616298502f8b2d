"""trend: slope over a sliding window of event time, by least squares or robust (Theil-Sen)."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "trend",
    authored="lifeline.rules.trend_spec",
    kernels="lifeline.rules.trend_kernels",
    width=104,  # trend_kernels.WIDTH: thirteen cache lines
    options=("window", "min_span", "min_points", "significance", "confidence", "robust"),
    geometry=("window", "robust"),
)
