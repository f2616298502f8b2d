"""Decoding: messages per second of one core, for the forms that devices send.

Medians over calls of 1,000 messages, bytes in, Frame out; msgspec's own rate for the same bytes into the
same type is the bound. What is decoded is counted first: a rate of messages that were refused
would be no figure.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from figure import Figure, NotMeasured, Setting, grouped, median_rate

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.payload import Message, compile_decoder
from lifeline.engine.source import BrokerSpec, PayloadSpec, Route, SourceSpec, TimeSpec

CALL, MESSAGES, PASSES = 1_000, 50_000, 7
DEVICES = 1_000
NOW = 1_760_000_000_000_000_000


class Bound(msgspec.Struct):
    """What `single` carries, typed by hand."""

    value: float
    ts: int


def source(payload: PayloadSpec, *, points: int = 1, key: str = "{device}") -> SourceSpec:
    """A source with a sensor for each device and point."""
    names = [f"d{i}" if points == 1 else f"d{i}.{p}" for i in range(DEVICES) for p in range(points)]
    wide = payload.shape == "wide"
    routes = tuple(
        Route(n.split(".")[0], "s", n, field=f"f{n.split('.')[1]}") if wide else Route(n, "s", n)
        for n in names
    )
    return SourceSpec("b", "t", BrokerSpec(), ("p/{device}/v",), payload, routes, key=key)


def configuration(spec: SourceSpec) -> Configuration:
    """Just the sensors that the routes name."""
    sensors = tuple(Sensor(r.sensor, 0, 0, "gas.combustible", "%LEL") for r in spec.routes)
    return Configuration((Site("s", "t", "a/b/c"),), (Link(0, "b"),), sensors)


def forms() -> dict[str, tuple[SourceSpec, Callable[[int], bytes], int]]:
    """By name: source, the payload of message i, samples in a message."""
    ms = NOW // 1_000_000
    ts = TimeSpec(path="ts", unit="ms")
    fifty = b",".join(b'{"tag":"%d","value":%d.5,"ts":%d}' % (p, p, ms) for p in range(50))
    wide = b",".join(b'"f%d":%d.25' % (p, p) for p in range(8))
    return {
        "single": (
            source(PayloadSpec(time=ts)),
            lambda i: b'{"value":%d.5,"ts":%d}' % (i, ms + i),
            1,
        ),
        "single, ISO time": (
            source(PayloadSpec(time=TimeSpec(path="ts", unit="iso"))),
            lambda i: b'{"value":%d.5,"ts":"2025-10-09T08:53:%02d.125Z"}' % (i, i % 60),
            1,
        ),
        "50 points, tag in the point": (
            source(PayloadSpec(points="$", time=ts), points=50, key="{device}.{payload.tag}"),
            lambda i: b"[" + fifty + b"]",
            50,
        ),
        "wide, 8 fields": (
            source(PayloadSpec(shape="wide", time=ts), points=8),
            lambda i: b"{" + wide + b',"ts":%d}' % (ms + i),
            8,
        ),
        "malformed": (source(PayloadSpec(time=ts)), lambda i: b'{"value":%d.5,"ts":' % i, 0),
    }


def measured(name: str, spec: SourceSpec, payload: Callable[[int], bytes], samples: int) -> float:
    """Messages per second of one form."""
    count = max(CALL, MESSAGES // max(samples, 1) // CALL * CALL)
    decoder = compile_decoder(spec, configuration(spec))
    messages: list[Message] = [(f"p/d{i % DEVICES}/v", payload(i), NOW) for i in range(count)]
    calls = [messages[i : i + CALL] for i in range(0, count, CALL)]
    got = sum(len(decoder.decode(call).frame) for call in calls)
    if got != samples * count:
        raise NotMeasured(f"{name}: {got:,} samples decoded of {samples * count:,}")
    return median_rate(lambda: [decoder.decode(call) for call in calls], count, PASSES)


def bound() -> float:
    """msgspec alone, into the type that `single` has, messages per second."""
    payload = forms()["single"][1]
    decode = msgspec.json.Decoder(Bound).decode
    raw = [payload(i) for i in range(MESSAGES)]
    return median_rate(lambda: [decode(each) for each in raw], len(raw), PASSES)


def figures(_: Setting) -> list[Figure]:
    """All forms, and the bound."""
    found = []
    for name, (spec, payload, samples) in forms().items():
        rate = measured(name, spec, payload, samples)
        value = f"{grouped(rate / 1e3)} k messages/s"
        if samples > 1:
            value += f", {grouped(rate * samples / 1e6)} M samples/s"
        target = "≥ 500 k messages/s" if name == "single" else ""
        found.append(Figure(f"decode JSON: {name}", value, target))
    alone = f"{grouped(bound() / 1e3)} k messages/s"
    return [*found, Figure("decode JSON: msgspec alone, as the bound", alone)]
