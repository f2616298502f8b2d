"""The digest of every alarm's identity, 16 bytes, in one block of memory.

In a flood most alarms speak for the first time, so a core makes those of the first `IDENTITIES_AHEAD` instances when it
takes a plan; the others are made when they are asked for first. The JSON that is hashed (`record.Identity.digest`) is put
together from pieces that many alarms share: that takes half as long.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from .limits import IDENTITIES_AHEAD

if TYPE_CHECKING:
    from .plan import Plan

_ENCODER = msgspec.json.Encoder()
_SIZE = 16


class Identities:
    """`plan.describe(instance).digest()` by instance."""

    def __init__(self, plan: Plan) -> None:
        count = len(plan.subject)
        self._plan = plan
        self._made = bytearray(count)
        self._digests = bytearray(_SIZE * count)
        self._sites: dict[int, bytes] = {}
        self._rules: dict[int, tuple[bytes, bytes]] = {}

    def make_ahead(self) -> None:
        """Those of the first `IDENTITIES_AHEAD` instances, before they are asked for."""
        for instance in range(min(len(self._made), IDENTITIES_AHEAD)):
            self._make(instance)

    def of(self, instances: Iterable[int]) -> list[bytearray]:
        """The digests of these instances, in their order."""
        made, digests = self._made, self._digests
        starts = []
        for instance in instances:
            if not made[instance]:
                self._make(instance)
            starts.append(_SIZE * instance)
        return [digests[start : start + _SIZE] for start in starts]

    def _make(self, instance: int) -> None:
        plan, encode = self._plan, _ENCODER.encode
        at_site, name, quantity, asset = plan.about(plan.subject.item(instance))
        param = plan.param.item(instance)
        if param not in self._rules:
            who = plan.describe(instance)
            rule, told = (who.rule, who.rule_hash), (who.unit, who.message, who.basis)
            self._rules[param] = encode(rule)[1:-1], encode(told)[1:]
        site = plan.configuration.sites[at_site]
        if at_site not in self._sites:
            self._sites[at_site] = encode((site.tenant, site.id))[:-1]
        rule_json, told_json = self._rules[param]
        subject = encode((name, site.area, quantity, asset))[1:-1]
        text = b",".join((self._sites[at_site], rule_json, subject, told_json))
        digest = blake2b(text, digest_size=_SIZE).digest()
        self._digests[_SIZE * instance : _SIZE * (instance + 1)] = digest
        self._made[instance] = 1
