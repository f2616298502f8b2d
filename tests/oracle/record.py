"""What the oracle says happened: every field of a record that follows from the log alone."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OracleRecord:
    """As `lifeline.engine.record.Record`, without message text and hash chain.

    `tolerance` is how far the engine's `value` may lie from this one: 0 where both are read
    from a sample, more where the engine's arithmetic is not exact.
    """

    tenant: str
    site: str
    seq: int
    episode: int
    rule: str
    rule_hash: str
    subject: str
    area: str
    quantity: str
    asset: str
    unit: str
    transition: str
    level_before: str
    level_after: str
    state_before: str
    state_after: str
    onset: int
    time: int
    value: float | None
    limit: float | None
    until: int
    exercise: bool
    historic: bool
    uncertain: bool
    unknown: bool
    first_out: bool = False
    detail: dict[str, str] = field(default_factory=dict)
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class OracleReply:
    """The answer to a command; `seq` is the record that it made, 0 for none."""

    id: str
    outcome: str
    seq: int = 0
