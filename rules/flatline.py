"""flatline: the value moved no further than a tolerance within a window: a stuck sensor."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "flatline",
    authored="lifeline.rules.flatline_spec",
    kernels="lifeline.rules.flatline_kernels",
    width=67,  # pane_kernels.width(5)
    options=("window", "min_span", "min_points"),
    geometry=("window",),
)
