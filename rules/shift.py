"""shift: a small lasting change of the mean: CUSUM, Page-Hinkley test, EWMA chart."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "shift",
    authored="lifeline.rules.shift_spec",
    kernels="lifeline.rules.shift_kernels",
    width=8,  # shift_kernels.WIDTH: one cache line
    options=(
        "method", "target", "sigma", "weight", "memory", "mild", "back", "cap", "side",
    ),
    geometry=("method", "target", "sigma", "weight", "memory", "side"),
)  # fmt: skip
