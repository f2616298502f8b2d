"""accumulate: a rolling total, mean, time-weighted average or quietest value of a window."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "accumulate",
    authored="lifeline.rules.accumulate_spec",
    kernels="lifeline.rules.accumulate_kernels",
    width=88,  # accumulate_kernels.WIDTH: eleven cache lines
    options=("window", "max_gap", "coverage", "of", "bound"),
    geometry=("window", "max_gap", "coverage", "of", "bound"),
)
