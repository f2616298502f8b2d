"""A rule as the core knows it: selection, levels and options in canonical units and ns.

The author's YAML form belongs to the kinds (`lifeline.rules`); each kind compiles it, once per
quantity and gas in its selection, into a `Judgement`. Everything here is frozen and is hashed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from .level import LEVEL_COUNT

NAN = float("nan")


class Select(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which sensors a rule judges: all that match every field that is given.

    Patterns are shell-style (`PT-*`); `area` is `city/district/street` or a prefix of it.
    An empty selection matches every sensor.
    """

    quantity: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    sensor: tuple[str, ...] = ()
    asset: tuple[str, ...] = ()
    tenant: tuple[str, ...] = ()
    area: str = ""
    reports: tuple[str, ...] = ()


class LevelLimits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What raises and clears one level. None where the level has no such limit.

    The level is exceeded at value >= high or value <= low, and returns at
    value < high - deadband and value > low + deadband. Delays are in ns of event time.
    """

    high: float | None = None
    low: float | None = None
    deadband: float = 0.0
    on_delay: int = 0
    off_delay: int = 0

    def __post_init__(self) -> None:
        # Canonical: 25 and 25.0 are one limit and must have one hash.
        for name in ("high", "low", "deadband"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, float(value))

    @property
    def used(self) -> bool:
        """Whether the level can be reached at all."""
        return self.high is not None or self.low is not None


class Judgement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One rule for one (quantity, gas), or for one sensor, all numbers canonical.

    `quantity` "" and `gas` "" match any; `sensor` is "" or `<site>/<sensor>`. `levels` has four places, blue to red. `unit` is the
    unit of the measure that is judged (of the value, or of its change per time), for people;
    a person's number is `measure * scale`. `options` are the kind's own numbers (ns or canonical).
    """

    quantity: str
    gas: str
    unit: str
    levels: tuple[LevelLimits, LevelLimits, LevelLimits, LevelLimits]
    options: dict[str, float] = {}
    scale: float = 1.0
    sensor: str = ""

    def __post_init__(self) -> None:
        options = {name: float(value) for name, value in self.options.items()}
        msgspec.structs.force_setattr(self, "options", options)
        msgspec.structs.force_setattr(self, "scale", float(self.scale))


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """The other sensor that a subject is compared with: the one of its site that matches.

    Patterns as in `Select`; `same_asset`: of the subject's asset too. It is never the subject itself.
    """

    sensor: tuple[str, ...] = ()
    quantity: tuple[str, ...] = ()
    same_asset: bool = False


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `lifeline fit` learned of sensors, hour by hour of the local week, Monday 00:00 first.

    `name` is the hash of the file. `offsets`: (from ns UTC, local time less UTC in ns), ascending. `hours`: by
    `<site>/<sensor>` 168 × (median, spread, how many samples), canonical.
    """

    name: str
    offsets: tuple[tuple[int, int], ...]
    hours: dict[str, tuple[tuple[float, float, int], ...]]


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who belongs to the groups of a rule that judges several together, and as what.

    `select` takes sensors; where `rule` is given, the alarms on them (and on groups of them) of the rules that
    its patterns match, each counting from `level` on. `role` and `weight` (four numbers at most) are the
    kind's own. A group exists where every `needed` member has somebody.
    """

    role: int = 0
    select: Select = Select()
    weight: tuple[float, ...] = ()
    needed: bool = True
    rule: tuple[str, ...] = ()
    level: int = 1

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "weight", tuple(float(x) for x in self.weight))


class Flapping(msgspec.Struct, frozen=True):
    """More than `raises` raises within about `within` ns flap (docs/semantics.md §6)."""

    raises: int
    within: int


class NormalGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """Several sensors of a site as they are together when all is normal, in principal components.

    `loadings[j]` are of sensor j in each component that is kept, `variance` of the components. A limit of
    0 says that there is none.
    """

    sensors: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    variance: tuple[float, ...]
    loadings: tuple[tuple[float, ...], ...]
    limit_t2: float
    limit_q: float


class Normal(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `lifeline fit --together` learned, by `<site>` or `<site>/<asset>`; `name` is the file's hash."""

    name: str
    per: Literal["site", "asset"]
    groups: dict[str, NormalGroup]

    def of(self, site: str, asset: str, sensors: Sequence[str]) -> NormalGroup | None:
        """What was learned of exactly these sensors of a site or asset, None where that is nothing."""
        group = self.groups.get(site if self.per == "site" else f"{site}/{asset}")
        return group if group is not None and sorted(group.sensors) == sorted(sensors) else None


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of policy over a selection of sensors.

    With `members` it judges groups of them: one for each site, or `per` asset of a site.
    `latching`: what returned and was acknowledged waits for a reset. `realarm`: ns after which an acknowledged
    alarm that is still active is annunciated anew, 0: never. `first_out`: the group whose first
    alarm is marked, `asset`: that of the subject's asset, "": none.
    """

    id: str
    kind: str
    select: Select
    judgements: tuple[Judgement, ...]
    basis: str = ""
    message: str = ""
    reference: Reference | None = None
    profile: Profile | None = None
    members: tuple[Member, ...] = ()
    per: Literal["site", "asset"] = "site"
    latching: bool = False
    realarm: int = 0
    flapping: Flapping | None = None
    first_out: str = ""
    normal: Normal | None = None

    def hash(self) -> bytes:
        """16 bytes over everything that the rule means; equal rules have equal hashes."""
        return hashlib.blake2b(
            msgspec.json.encode(self, order="deterministic"), digest_size=16
        ).digest()


def check_levels(levels: tuple[LevelLimits, ...]) -> str | None:
    """Why these four levels are not a ladder, or None.

    High limits must not fall and low limits must not rise from blue to red; deadbands and delays
    are not negative; all numbers are finite.
    """
    if len(levels) != LEVEL_COUNT:
        return "four levels are needed"
    highs = [x.high for x in levels if x.high is not None]
    lows = [x.low for x in levels if x.low is not None]
    if not all(math.isfinite(x) for x in (*highs, *lows, *(y.deadband for y in levels))):
        return "limits and deadbands must be finite"
    if highs != sorted(highs):
        return "a graver level must not have a smaller high limit"
    if lows != sorted(lows, reverse=True):
        return "a graver level must not have a larger low limit"
    if any(x.deadband < 0 or x.on_delay < 0 or x.off_delay < 0 for x in levels):
        return "deadbands and delays must not be negative"
    return None
