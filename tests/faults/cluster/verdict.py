"""What a run has found, for tests and for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import evidence
from .fleet import FAILED, Life


@dataclass
class Verdict:
    """`violations` is empty when every claim holds."""

    plot: str
    seconds: float
    lives: Sequence[Life]
    received: evidence.Received
    digests: dict[str, str]
    stall_s: float
    violations: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Lives that SIGKILL ended."""
        return sum(life.killed for life in self.lives)

    @property
    def points(self) -> Counter[str]:
        """The named points at which lives died."""
        return Counter(life.crash_at.partition(":")[0] for life in self.lives if life.died_at_point)

    @property
    def failed(self) -> list[Life]:
        """Lives that ended by themselves, with a reason."""
        return [life for life in self.lives if life.code == FAILED]

    @property
    def restores(self) -> int:
        """Partitions that were taken up, over all lives."""
        return sum(n for life in self.lives for n, _ in life.taken_up())

    def told(self) -> str:
        """All violations, for a search."""
        return "\n".join(self.violations)

    def summary(self) -> str:
        """One paragraph."""
        found, at = self.received, ", ".join(f"{p} {n}" for p, n in sorted(self.points.items()))
        return (
            f"{self.plot}: {len(self.lives)} lives, {self.kills} killed"
            f" ({self.points.total()} at points: {at or 'none'}), {len(self.failed)} ended by"
            f" themselves; {self.restores} restores; {len(found.of_sites())} records,"
            f" {found.repeated} came again and were dropped, {len(found.doubled)} passed twice,"
            f" {len(found.gaps)} gaps; digest {evidence.digest(self.digests)}; longest stall"
            f" {self.stall_s:.1f} s; {self.seconds:.0f} s"
        )
