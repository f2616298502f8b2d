"""Deliveries that are wrong, each in one piece. The comparison must catch every one.

A mutant replaces one method of the product's own classes, which know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from lifeline.engine.outputs.influx_feeds import Portion
from lifeline.engine.outputs.influx_output import InfluxOutput
from lifeline.engine.outputs.influx_retry import Answer, Delivery, Verdict, verdict_of
from lifeline.engine.outputs.lineprotocol import Lines

_write, _decided, _batches = InfluxOutput._write, Delivery._decided, Lines.batches


@dataclass(frozen=True, slots=True)
class Mutant:
    """`wrong` stands in the place of the method `name` of `of`."""

    what: str
    of: type
    name: str
    wrong: Callable[..., Any]


def _cursor_first(self: InfluxOutput, portion: Portion) -> None:
    self._position = portion.position
    self._store.set_cursor(self.name, portion.position).add_done_callback(lambda _: None)
    _write(self, portion)


def _gives_up(self: Delivery, body: bytes) -> Answer:
    self.counters.requests += 1
    answer = self.send(body)
    return Answer(204) if verdict_of(answer) is Verdict.WAIT else answer


def _one_short(self: Lines, points: int, size: int) -> list[tuple[int, int]]:
    return [(start, max(start + 1, stop - 1)) for start, stop in _batches(self, points, size)]


MUTANTS: Final = {
    "cursor first": Mutant(
        "the cursor moves before the server has answered", InfluxOutput, "_write", _cursor_first
    ),
    "gives up": Mutant("what a dead server did not take is gone", Delivery, "_decided", _gives_up),
    "one short": Mutant("the last line of each request is left out", Lines, "batches", _one_short),
}
