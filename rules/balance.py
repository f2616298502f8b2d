"""balance: what flows into a group, less what flows out, less what it stores, in a sliding window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeline.engine.kinds import Kind
from lifeline.engine.quantities import quantity

if TYPE_CHECKING:
    from lifeline.engine.configuration import Configuration, Sensor
    from lifeline.engine.rule import Member, Rule

HOUR_S = 3600.0


def table(
    rule: Rule, members: list[tuple[Sensor, Member]], configuration: Configuration
) -> tuple[float, ...]:
    """What 1 m3 is in the unit of the group's flows times seconds; a standard cubic metre for Sm3/h."""
    from .balance_spec import cubic_metre

    return (cubic_metre(quantity(members[0][0].quantity)) * HOUR_S,)


KIND = Kind(
    "balance",
    authored="lifeline.rules.balance_spec",
    kernels="lifeline.rules.balance_kernels",
    stage=1,
    width=501,  # balance_kernels.WIDTH
    table=1,
    tables="lifeline.rules.balance",
    options=("window", "max_gap", "min_span", "of", "coverage", "min_flow"),
    geometry=("window",),
    says=(("imbalance", 6), ("uncertainty", 7), ("throughput", 8)),
    reason_at=5,
    reasons=(
        "",
        "a member is bad, silent or not heard yet",
        "every member is known for too short a time",
        "too little flows",
    ),
)
