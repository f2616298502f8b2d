"""Alert records for the tests of the store."""

from __future__ import annotations

from lifeline.engine.record import Record
from store_oracle import START


def record(seq: int, site: str = "east", level: str = "orange") -> Record:
    """A record that raises an alarm."""
    return Record(
        tenant="acme",
        site=site,
        seq=seq,
        episode=seq,
        rule="gas.high",
        rule_hash="00",
        subject="GD-1",
        area="hefei/shushan/east",
        quantity="gas.combustible",
        transition="raised",
        level_before="normal",
        level_after=level,
        state_before="normal",
        state_after="unacknowledged",
        onset=START + seq,
        time=START + seq,
        value=26.5,
        limit=25.0,
        unit="%LEL",
        message="alarm.limit",
        basis="GB/T 50493-2019 5.5.2",
        previous="00" * 16,
        hash=f"{seq:032x}",
    )
