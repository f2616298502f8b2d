"""A city of any size for tests of the cluster, and its small changes."""

import msgspec

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select


def city(sites: int, sensors_each: int = 1, rules: int = 2) -> Configuration:
    """`sites` sites of one gateway with `sensors_each` sensors, and `rules` limits."""
    return Configuration(
        tuple(
            Site(f"site-{i:05}", "acme", f"hefei/district-{i % 9}/street-{i % 50}")
            for i in range(sites)
        ),
        tuple(Link(i, f"gateway-{i:05}") for i in range(sites)),
        tuple(
            Sensor(
                f"GT-{j:04}", i, i, "gas.combustible", "%LEL",
                asset=f"tank-{j // 4}", gas="methane", low=0.0, high=100.0,
                interval=10 * SECOND_NS, stale=30 * SECOND_NS,
            )
            for i in range(sites)
            for j in range(sensors_each)
        ),
        tuple(limit(f"gas-{i}", 25.0 + i) for i in range(rules)),
    )  # fmt: skip


def limit(name: str, orange: float) -> Rule:
    """A limit on every combustible gas, orange at `orange` %LEL."""
    levels = (LevelLimits(), LevelLimits(), LevelLimits(orange, deadband=2.0), LevelLimits())
    return Rule(name, "limit", Select(), (Judgement("gas.combustible", "", "%LEL", levels, {}),))


def with_rule(configuration: Configuration, rule: Rule) -> Configuration:
    """With this rule in the place of the one of the same id."""
    rules = tuple(rule if each.id == rule.id else each for each in configuration.rules)
    return msgspec.structs.replace(configuration, rules=rules)


def without_site(configuration: Configuration, site: int) -> Configuration:
    """As files would say it that no longer name a site: what follows has other indices."""

    def moved(index: int) -> int:
        return index - (index > site)

    keep = [i for i, link in enumerate(configuration.links) if link.site != site]
    link_at = {old: new for new, old in enumerate(keep)}
    replace = msgspec.structs.replace
    return Configuration(
        tuple(s for i, s in enumerate(configuration.sites) if i != site),
        tuple(
            replace(configuration.links[i], site=moved(configuration.links[i].site)) for i in keep
        ),
        tuple(
            replace(s, site=moved(s.site), link=link_at[s.link])
            for s in configuration.sensors
            if s.site != site
        ),
        configuration.rules,
    )
