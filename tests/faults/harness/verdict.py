"""What a campaign found, for tests and for people."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifeline.simulators.audit import Audit

from .engine import Life
from .evidence import Evidence


@dataclass(frozen=True, slots=True)
class Verdict:
    """`violations` is empty when every claim holds.

    audits     every site's ledger against the log
    commands   in the inbox by outcome, and how many went by MQTT
    witnessed  records that mosquitto_sub received, repetitions included
    """

    seed: int
    lives: Sequence[Life]
    evidence: Evidence
    audits: Mapping[str, Audit]
    commands: Counter[str]
    witnessed: int
    seconds: float
    violations: Sequence[str]

    @property
    def kills(self) -> int:
        """Lives that SIGKILL ended."""
        return sum(life.killed for life in self.lives)

    @property
    def points(self) -> Counter[str]:
        """The named points at which lives died, without their count."""
        return Counter(life.crash_at.partition(":")[0] for life in self.lives if life.died_at_point)

    @property
    def restored(self) -> list[Life]:
        """Lives that began from a snapshot."""
        return [life for life in self.lives if life.restored and life.restored.position]

    @property
    def alive(self) -> list[Life]:
        """Those whose snapshot held pending, unacknowledged and shelved alarms at once."""
        return [life for life in self.restored if life.restored and life.restored.all_alive]

    def total(self, name: str) -> int:
        """A count of the audits, over all sites."""
        return sum(getattr(audit, name) for audit in self.audits.values())

    def summary(self) -> str:
        """One paragraph."""
        points = ", ".join(f"{name} {n}" for name, n in sorted(self.points.items()))
        took = [life.subscribed_s for life in self.lives if life.subscribed_s is not None]
        live, replayed = self.evidence.live_digest, self.evidence.replay_digest
        return (
            f"seed {self.seed}: {self.kills} kills, {self.points.total()} of them at points"
            f" ({points or 'none'}); {len(self.lives)} starts, {len(self.restored)} from a"
            f" snapshot, {len(self.alive)} of these with pending, unacknowledged and shelved alarms"
            f" alive, {statistics.median(took or [0.0]):.1f} s (median) until subscribed;"
            f" {self.evidence.entries} entries, {len(self.evidence.outbox)} records,"
            f" {self.witnessed} received by mosquitto_sub; samples sent {self.total('sent')},"
            f" acknowledged {self.total('acked')}, logged {self.total('logged')}, redelivered"
            f" {self.total('duplicated')}, lost {self.total('lost')}; commands"
            f" {dict(self.commands)}; digest {live} {'=' if live == replayed else '≠'} {replayed}"
            f" of the replay; {self.seconds:.0f} s"
        )
