"""range: a value beyond the sensor's valid range, or a live-zero signal beyond NAMUR NE 43."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "range",
    authored="lifeline.rules.range_spec",
    kernels="lifeline.rules.range_kernels",
    options=("loop", "low", "span"),
)
