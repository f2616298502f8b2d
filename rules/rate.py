"""rate: change per time over a short span."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "rate",
    authored="lifeline.rules.rate_spec",
    kernels="lifeline.rules.rate_kernels",
    width=54,  # pane_kernels.width(4)
    options=("window", "min_span", "min_points"),
    geometry=("window",),
)
