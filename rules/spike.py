"""spike: values that leave what was accepted before and come back: a disturbed signal."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "spike",
    authored="lifeline.rules.spike_spec",
    kernels="lifeline.rules.spike_kernels",
    width=40,  # spike_kernels.WIDTH: five cache lines
    options=("window", "step", "sigmas", "points", "longest"),
    geometry=("window", "points"),
)
