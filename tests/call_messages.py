"""What a call log says, and what the messages that were sent say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lifeline.engine.calls.core import CallCore
from lifeline.engine.calls.entry import decode_call
from lifeline.engine.calls.records import ASKS, CALLED
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record, first_break
from receiving import Received

Pair = tuple[str, str]


def told(messages: Sequence[Received]) -> list[set[Pair]]:
    """(call, person) of each message, by the links in it."""
    found = []
    for message in messages:
        person = message.to.partition("@")[0]
        tokens = [link.rpartition("/")[2] for link in message.links()]
        found.append({(token.partition(".")[0], person) for token in tokens})
    return found


def so_far(directory: Path) -> list[Record]:
    """What the outbox of a call log holds that somebody is writing."""
    reader = LogReader.open(directory)
    try:
        return [decode_record(row.data) for row in reader.records(0, 1_000_000)]
    finally:
        reader.close()


def call_records(directory: Path) -> list[Record]:
    """What the call log in `directory` left; a replay of it leaves the same, and each chain is
    whole."""
    reader = LogReader.open(directory)
    core = CallCore()
    made: dict[tuple[str, int], bytes] = {}
    while entries := reader.read(core.position, 1_000):
        for position, data in entries:
            for record in core.step(position, decode_call(data)):
                made[record.site, record.seq] = record.encode()
    outbox = {(row.site, row.seq): row.data for row in reader.records(0, 1_000_000)}
    reader.close()
    assert outbox == made
    records = [decode_record(data) for data in made.values()]
    for site in {r.site for r in records}:
        mine = sorted((r for r in records if r.site == site), key=lambda r: r.seq)
        assert first_break(mine) is None
    return records


def asked(records: Sequence[Record]) -> set[Pair]:
    """(call, person) of everybody who was to be told."""
    return {
        (r.detail["call"], person)
        for r in records
        if r.message in ASKS
        for person in r.detail["persons"].split(", ")
    }


def recorded(records: Sequence[Record]) -> Counter[Pair]:
    """How often it is recorded that somebody was told."""
    return Counter((r.detail["call"], r.detail["persons"]) for r in records if r.message == CALLED)


def repeats(messages: Sequence[set[Pair]]) -> int:
    """How many messages tell what one before them told; each person's in the order of arrival."""
    found, seen = 0, set[Pair]()
    for message in messages:
        found += bool(message & seen)
        seen |= message
    return found
