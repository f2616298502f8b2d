"""deviation: how far a value is from a reference sensor, a set point or what was learned."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "deviation",
    authored="lifeline.rules.deviation_spec",
    kernels="lifeline.rules.deviation_kernels",
    width=4,  # deviation_kernels.WIDTH
    options=("from", "set_point", "max_age", "min_count", "floor"),
    geometry=("from",),
    beside=True,
    says=(("expected", 1),),
    reason_at=3,
    reasons=(
        "",
        "the rule names no reference for this sensor",
        "nothing usable is heard of the reference",
        "the reference's last value is too far away in time",
        "the profile does not know this sensor",
        "the profile has too few samples of this hour",
    ),
)
