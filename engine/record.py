"""Alert records: one transition of one alarm, numbered per site and chained by hash.

The hash of a record covers the hash before it, the identity of its alarm (tenant, site, rule id,
rule hash, subject, area, unit, basis, message) and its numbers; not the log position, delivery or
rendered text. The chain's head after the last record is the *digest* of the site.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from .level import LEVELS

GENESIS: Final = bytes(16)
#: What the hash of every record begins with: link of a record, version 1.
CHAINED: Final = b"LR1"
_NUMBERS: Final = struct.Struct("<qqqqddqBBBBBB")
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


class AlarmState(IntEnum):
    """States after ISA-18.2 / IEC 62682; `unknown` is a flag beside them."""

    NORMAL = 0
    UNACKNOWLEDGED = 1
    ACKNOWLEDGED = 2
    RETURNED_UNACKNOWLEDGED = 3
    SHELVED = 4
    LATCHED = 5  # returned and acknowledged; a person must reset it
    SUPPRESSED_BY_DESIGN = 6
    OUT_OF_SERVICE = 7


class Transition(IntEnum):
    """What happened to the alarm; the numbers are stored."""

    RAISED = 1  # normal → a level
    LEVEL = 2  # from one level to another
    RETURNED = 3  # to normal, not yet acknowledged
    CLEARED = 4  # to normal after acknowledgement: the episode is closed
    ACKNOWLEDGED = 5
    SHELVED = 6
    UNSHELVED = 7
    UNKNOWN = 8  # the alarm stands, but its sensor is silent
    KNOWN = 9
    ACTUAL = 10  # what was raised from a backlog stands now
    WITHDRAWN = 11  # rule, sensor or selection removed
    NOTICE = 12  # the engine about itself (blind, recovered)
    LATCHED = 13  # to normal after acknowledgement; waits for its reset
    RESET = 14
    SUPPRESSED = 15  # maintenance began
    UNSUPPRESSED = 16
    OUT_OF_SERVICE = 17
    IN_SERVICE = 18
    REALARM = 19  # acknowledged long ago and still active: annunciated anew
    FLAPPING = 20  # raised too often: annunciation is held


EXERCISE: Final = 1
HISTORIC: Final = 2
UNCERTAIN: Final = 4
UNKNOWN: Final = 8
FIRST_OUT: Final = 16


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transition of one alarm, complete in itself.

    `seq` runs 1, 2, 3 … per site. `episode` is the seq of the episode's first record (0: none).
    Levels and states are named before and after. `onset` is when the episode began, `time` the
    event time of this transition, both ns UTC. `value` and `limit` are in `unit` (None: not
    applicable). `until` is when shelving, suppression or being out of service ends (0: none of them). `detail` names principal, role,
    reason and command id where a person or a configuration acted. `hash` and `previous` are the
    chain, as hex.
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
    transition: str
    level_before: str
    level_after: str
    state_before: str
    state_after: str
    onset: int
    time: int
    value: float | None
    limit: float | None
    unit: str
    message: str
    basis: str
    previous: str
    hash: str
    asset: str = ""
    until: int = 0
    detail: dict[str, str] = {}
    exercise: bool = False
    historic: bool = False
    uncertain: bool = False
    unknown: bool = False
    first_out: bool = False

    @property
    def alarm(self) -> str:
        """`<rule>~<subject>`: the alarm within its site."""
        return f"{self.rule}~{self.subject}"

    @property
    def domain(self) -> str:
        """The first part of the quantity (`gas`), or `engine`."""
        return self.quantity.split(".", 1)[0] or "engine"

    def encode(self) -> bytes:
        """Canonical JSON; equal records have equal bytes."""
        return _ENCODER.encode(self)


def decode_record(data: bytes) -> Record:
    """The record of `Record.encode`. Raises msgspec.ValidationError for anything else."""
    return msgspec.json.decode(data, type=Record)


class Identity(NamedTuple):
    """Everything about an alarm that does not change in an episode."""

    tenant: str
    site: str
    rule: str
    rule_hash: str
    subject: str
    area: str
    quantity: str
    asset: str
    unit: str
    message: str
    basis: str

    def digest(self) -> bytes:
        """16 bytes that stand for it."""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=16).digest()


def detail_digest(detail: Mapping[str, str]) -> bytes:
    """16 bytes over a record's `detail`; all zero where there is none."""
    if not detail:
        return GENESIS
    return hashlib.blake2b(
        msgspec.json.encode(dict(detail), order="deterministic"), digest_size=16
    ).digest()


def chain(previous: bytes, identity16: bytes, detail16: bytes, numbers: bytes) -> bytes:
    """The hash of a record, 16 bytes."""
    return hashlib.blake2b(
        CHAINED + previous + identity16 + detail16 + numbers, digest_size=16
    ).digest()


def verify(record: Record) -> bool:
    """Whether the record's own hash follows from its fields and `previous`."""
    return _hash_of(record, bytes.fromhex(record.previous)).hex() == record.hash


def sealed(record: Record, previous: bytes) -> Record:
    """The same record as the next of a chain whose head is `previous`."""
    digest = _hash_of(record, previous)
    return msgspec.structs.replace(record, previous=previous.hex(), hash=digest.hex())


def _hash_of(record: Record, previous: bytes) -> bytes:
    who = Identity(
        record.tenant,
        record.site,
        record.rule,
        record.rule_hash,
        record.subject,
        record.area,
        record.quantity,
        record.asset,
        record.unit,
        record.message,
        record.basis,
    ).digest()
    numbers = _NUMBERS.pack(
        record.seq,
        record.episode,
        record.onset,
        record.time,
        math.nan if record.value is None else record.value,
        math.nan if record.limit is None else record.limit,
        record.until,
        Transition[record.transition.upper()],
        LEVELS.index(record.level_before),
        LEVELS.index(record.level_after),
        AlarmState[record.state_before.upper()],
        AlarmState[record.state_after.upper()],
        record.exercise * EXERCISE
        | record.historic * HISTORIC
        | record.uncertain * UNCERTAIN
        | record.unknown * UNKNOWN
        | record.first_out * FIRST_OUT,
    )
    return chain(previous, who, detail_digest(record.detail), numbers)


def run_digest(heads: Mapping[str, bytes]) -> str:
    """The digest of a run: the hash of its sites' digests, sorted by site; hex.

    Sites without a record count with an all-zero digest, so they are left out by the caller or
    by nobody: both sides of a comparison must name the same sites. Here they are left out.
    """
    lines = [f"{site}:{head.hex()}" for site, head in sorted(heads.items()) if head != GENESIS]
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).hexdigest()


def first_break(records: Iterable[Record]) -> Record | None:
    """The first record of one site's sequence that does not follow the one before it, or None.

    The records must be of one site, in `seq` order; gaps in `seq` break the chain too.
    """
    before: Record | None = None
    for record in records:
        follows = before is None or (
            record.seq == before.seq + 1 and record.previous == before.hash
        )
        if not follows or not verify(record):
            return record
        before = record
    return None
