"""multivariate: several sensors that together are not as they were when all was normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lifeline.engine.kinds import Kind

if TYPE_CHECKING:
    from lifeline.engine.configuration import Configuration, Sensor
    from lifeline.engine.rule import Member, Rule

MEMBERS = 16  # multivariate_kernels.MEMBERS
COLUMNS = 4 + 3 * MEMBERS + MEMBERS * MEMBERS  # multivariate_kernels.TABLE


def table(
    rule: Rule, members: list[tuple[Sensor, Member]], configuration: Configuration
) -> list[float]:
    """The learned normal of a group by its members' places; zeros where it was not learned of these."""
    found = [0.0] * COLUMNS
    site, sensors = members[0][0].site, [sensor.id for sensor, _ in members]
    normal, asset = rule.normal, members[0][0].asset
    group = normal and normal.of(configuration.sites[site].id, asset, sensors)
    if not group:
        return found
    places = [group.sensors.index(sensor.id) for sensor, _ in members]
    kept = len(group.variance)
    found[:4] = [float(len(places)), float(kept), group.limit_t2, group.limit_q]
    for j, place in enumerate(places):
        found[4 + j], found[4 + MEMBERS + j] = group.mean[place], group.scale[place]
        begin = 4 + 3 * MEMBERS + j * MEMBERS
        found[begin : begin + kept] = group.loadings[place]
    found[4 + 2 * MEMBERS : 4 + 2 * MEMBERS + kept] = group.variance
    return found


KIND = Kind(
    "multivariate",
    authored="lifeline.rules.multivariate_spec",
    kernels="lifeline.rules.multivariate_kernels",
    stage=1,
    width=70,  # multivariate_kernels.WIDTH
    table=COLUMNS,
    tables="lifeline.rules.multivariate",
    options=("max_age", "of"),
    says=(("t2", 2), ("q", 3), ("worst", 4), ("share", 5)),
    says_member=("worst",),
    reason_at=1,
    reasons=(
        "",
        "the learned file does not know this group, or other sensors of it",
        "a member is bad or not heard yet",
        "a member's last value is too old",
    ),
)
