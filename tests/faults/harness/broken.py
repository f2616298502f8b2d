"""Payloads of the simulated sites, good ones and malformed ones, in each of the three shapes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lifeline.engine.limits import SECOND_NS
from lifeline.simulators.plant import Site
from lifeline.simulators.shapes import iso_local, second_local

# What stands where a number should, and is none. `null` is not among them: it is how a plant says
# that it has no value.
BAD_VALUES: Final = (
    "NaN", "Infinity", "-Infinity", "1e400", "9" * 30, "9" * 5_000, '"12.5"', '"high"', "{}",
    "[12.5]", "0x1F", "1,5", "--1", "",
)  # fmt: skip
BAD_TIMES: Final = ('"never"', "true", "{}", "[1]", "-17", "1e400", "9" * 30, '""', "")


@dataclass(frozen=True, slots=True)
class Form:
    """How one site speaks: `body(time, value, extra)` is a message of one sample, as text."""

    site: str
    topic: str
    sensor: str
    body: Callable[[str, str], str]
    time: Callable[[int], str]

    def good(self, time_ns: int, value: float) -> bytes:
        """A message that is as it should be."""
        return self.body(self.time(time_ns), repr(value)).encode()

    def bad(self, chance: random.Random, time_ns: int, value: float) -> bytes:
        """A message of which nothing can be read."""
        good, at = self.good(time_ns, value), self.time(time_ns)
        kinds: tuple[Callable[[], bytes], ...] = (
            lambda: good[: chance.randrange(len(good))],
            lambda: good.replace(b'"', b"\xff", 1),
            lambda: self.body(at, chance.choice(BAD_VALUES)).encode(),
            lambda: self.body(chance.choice(BAD_TIMES), repr(value)).encode(),
            lambda: good + good,
            lambda: b"[" * chance.choice([1, 2_000, 20_000]),
            lambda: b'{"a":' * chance.choice([1, 2_000, 20_000]),
            lambda: chance.choice([b"", b"null", b"true", b"17", b'"text"', b"{}", b"[]x"]),
            lambda: chance.randbytes(chance.randrange(1, 60)) + b"\0",
            lambda: b"\x1f\x8b" + good,
        )
        return chance.choice(kinds)()


def forms(sites: tuple[Site, ...]) -> list[Form]:
    """The forms of the sites."""
    return [_FORMS[site.shape](site) for site in sites]


def _single(site: Site) -> Form:
    point, gateway = site.points[0], site.gateways[site.points[0].gateway]
    return Form(
        site.id,
        f"{site.id}/{gateway.name}/{point.id}/telemetry",
        point.id,
        lambda t, v: f'{{"ts": {t}, "data": {{"v": {v}, "q": 0}}}}',
        lambda ns: str(ns // 1_000_000),
    )


def _points(site: Site) -> Form:
    point, gateway = site.points[0], site.gateways[site.points[0].gateway]
    return Form(
        site.id,
        f"{site.id}/{gateway.name}/batch",
        point.id,
        lambda t, v: f'[{{"tag": "{point.id}", "t": {t}, "value": {v}, "status": "OK"}}]',
        lambda ns: f'"{iso_local(ns)}"',
    )


def _wide(site: Site) -> Form:
    point, gateway = site.points[0], site.gateways[site.points[0].gateway]
    return Form(
        site.id,
        f"dam/{site.id}/{gateway.name}",
        point.id,
        lambda t, v: f'{{"time": {t}, "{point.id}": {v}}}',
        lambda ns: f'"{second_local(ns // SECOND_NS).replace("T", " ")}"',
    )


_FORMS: Final = {"single": _single, "points": _points, "wide": _wide}
