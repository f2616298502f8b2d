"""Decoding: messages per second of one core, for the forms that devices send.

    python benchmarks/decode.py [--messages N] [--repeat R]

Prints the median of R runs over N messages in calls of 1,000, and msgspec's own rate for the same
bytes into the same type as the bound.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import msgspec

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.payload import Message, compile_decoder
from lifeline.engine.source import BrokerSpec, PayloadSpec, Route, SourceSpec, TimeSpec

CALL = 1_000
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


def rate(run: Callable[[], object], amount: int, repeat: int) -> float:
    """Median of `amount` per second."""
    seconds = []
    for _ in range(repeat):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return amount / statistics.median(seconds)


def main() -> None:
    """Runs all forms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    for name, (spec, payload, samples) in forms().items():
        count = max(CALL, arguments.messages // max(samples, 1) // CALL * CALL)
        decoder = compile_decoder(spec, configuration(spec))
        messages: list[Message] = [(f"p/d{i % DEVICES}/v", payload(i), NOW) for i in range(count)]
        calls = [messages[i : i + CALL] for i in range(0, count, CALL)]
        got = sum(len(decoder.decode(call).frame) for call in calls)
        assert got == samples * count, (name, got)
        per_s = rate(lambda: [decoder.decode(c) for c in calls], count, arguments.repeat)  # noqa: B023
        print(f"{name:30} {per_s:12,.0f} messages/s {per_s * samples:12,.0f} samples/s")
    spec, payload, _ = forms()["single"]
    decode = msgspec.json.Decoder(Bound).decode
    raw = [payload(i) for i in range(arguments.messages)]
    bound = rate(lambda: [decode(r) for r in raw], len(raw), arguments.repeat)
    print(f"{'bound: msgspec alone':30} {bound:12,.0f} messages/s")


if __name__ == "__main__":
    main()
