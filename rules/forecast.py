"""forecast: how long until a limit is reached by the trend, or until creep ends in failure."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "forecast",
    authored="lifeline.rules.forecast_spec",
    kernels="lifeline.rules.forecast_kernels",
    width=120,  # forecast_kernels.WIDTH: fifteen cache lines
    options=(
        "window",
        "min_points",
        "min_span",
        "min_r2",
        "significance",
        "horizon",
        "method",
        "limit",
        "side",
        "noise",
        "noise_gate",
        "max_error",
    ),
    geometry=("window",),
    cached=(118,),  # forecast_kernels.FITTED
    # Where an instance's state says what became of its last good row (forecast_kernels).
    says=(("remaining_s", 107), ("sigma_s", 108), ("r2", 109), ("points", 110)),
    reason_at=111,
    reasons=(
        "",
        "the window holds too few points",
        "it moves away from the limit",
        "the slope is not significant",
        "the line fits too poorly",
        "not within the horizon",
        "too few speeds in a row stand above the noise floor",
        "the speed does not grow: its inverse does not fall significantly",
        "the time of failure is too uncertain",
    ),
)
