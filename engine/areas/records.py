"""What moves an area, what it makes, and its records: one chain for each area."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from .. import alarm as one
from ..alarm import Alarm, Chain, Change
from ..command import Reply
from ..record import Record
from .breakers import BreakerState, Order
from .configuration import Area, hash_of
from .ladders import LadderState

LADDER: Final = "area.ladder"
HALT: Final = "area.halt_work"
SILENCE: Final = "area.silence"
SUBJECTS: Final = ("area", "exercise")  # by world


class AreaState(msgspec.Struct):
    """What a snapshot keeps of an area; alarms by their name `<rule>~<subject>`."""

    chain: Chain
    ladders: dict[str, LadderState] = {}
    breakers: dict[str, BreakerState] = {}
    silences: dict[str, Alarm] = {}


class Because(msgspec.Struct, frozen=True):
    """What moved an area: when, by which record or whose command, in a drill or not."""

    time: int
    by: str = ""
    uncertain: bool = False
    detail: dict[str, str] = {}


def names_of(policy: Area) -> frozenset[str]:
    """The alarms that a configuration makes."""
    ids = [p.id for p in policy.ladders] + [p.id for p in policy.breakers]
    return frozenset(f"{each}~{subject}" for each in ids for subject in SUBJECTS)


class AreaOut:
    """What a step makes, in order."""

    __slots__ = ("orders", "records", "replies")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.orders: list[Order] = []
        self.replies: tuple[Reply, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


class RecordWriter:
    """Writes the records of one area, under the identity that its configuration gives an alarm."""

    def __init__(self, policy: Area, chain: Chain, out: Callable[[], AreaOut]) -> None:
        self._chain = chain
        self._out = out
        self._site = policy.site
        self._area = policy.path
        self._named = {
            f"{p.id}~{subject}": self._who(
                p.id,
                subject,
                hash_of(p),
                quantity,
                p.message or quantity,
                p.basis,
                unit,
            )
            for policies, quantity, unit in (
                (policy.ladders, LADDER, "1"),
                (policy.breakers, HALT, ""),
            )
            for p in policies
            for subject in SUBJECTS
        }
        self._silence = hash_of(policy.silence)

    def notice(self, rule: str, subject: str, onset: int, time: int, **more: Any) -> None:
        """A notice in the area's own chain."""
        who = self._who(rule, subject, "", "", rule, "", "s" if "value" in more else "")
        self._out().records.append(one.noticed(self._chain, who, onset, time, **more))

    def write(
        self, name: str, alarm: Alarm, change: Change | None, because: Because, **more: Any
    ) -> Record | None:
        """The record of a change of the alarm `name`; None where nothing changed."""
        if change is None:
            return None
        rule, _, subject = name.partition("~")
        who = self._named.get(name)
        record = one.recorded(
            self._chain,
            alarm,
            change,
            who or self._who(rule, subject, self._silence, SILENCE, rule, "", ""),
            because.time,
            detail=because.detail,
            uncertain=because.uncertain,
            exercise=who is not None and subject == SUBJECTS[1],
            **more,
        )
        self._out().records.append(record)
        return record

    def _who(
        self,
        rule: str,
        subject: str,
        policy: str,
        quantity: str,
        message: str,
        basis: str,
        unit: str,
    ) -> dict[str, str]:
        return {
            "tenant": "",
            "site": self._site,
            "rule": rule,
            "rule_hash": policy,
            "subject": subject,
            "area": self._area,
            "quantity": quantity,
            "asset": "",
            "unit": unit,
            "message": message,
            "basis": basis,
        }
