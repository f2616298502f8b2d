"""The digest of every alarm's identity, 16 bytes, in one block of memory.

In a flood most alarms speak for the first time, so a core makes those of the first `IDENTITIES_AHEAD` instances when it
takes a plan; the others are made when they are asked for first. The JSON that is hashed (`record.Identity.digest`) is put
together from pieces that many alarms share: that takes half as long.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import numpy.typing as npt

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
        self._missing = count
        self._made = bytearray(count)
        self._digests = bytearray(_SIZE * count)
        # The same memory, as kernels read it.
        self._words = np.frombuffer(self._digests, np.uint64).reshape(count, 2)
        self._ready = np.frombuffer(self._made, np.bool_)
        self._sites: dict[int, bytes] = {}
        self._rules: dict[int, tuple[bytes, bytes]] = {}

    def make_ahead(self) -> None:
        """Those of the first `IDENTITIES_AHEAD` instances, before they are asked for."""
        for instance in range(min(len(self._made), IDENTITIES_AHEAD)):
            if not self._made[instance]:
                self._make(instance)

    def made(self, instances: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
        """(instances, 2): the digests of all instances as two words each, those of these made."""
        if self._missing:
            for instance in instances[~self._ready[instances]].tolist():
                if not self._made[instance]:  # it may stand there twice
                    self._make(instance)
        return self._words

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
        self._missing -= 1
        self._made[instance] = 1
