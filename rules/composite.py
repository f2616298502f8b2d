"""composite: all, any and not of other alarms of the same asset or site, with delays."""

from lifeline.engine.kinds import GROUPED, Kind

KIND = Kind(
    "composite",
    authored="lifeline.rules.composite_spec",
    kernels="lifeline.rules.composite_kernels",
    style=GROUPED,
    stage=3,
)
