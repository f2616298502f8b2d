"""vote: k of n alarms, such as 2oo3, over the same asset or site."""

from lifeline.engine.kinds import GROUPED, Kind

KIND = Kind(
    "vote",
    authored="lifeline.rules.vote_spec",
    kernels="lifeline.rules.vote_kernels",
    style=GROUPED,
    stage=2,
)
