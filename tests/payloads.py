"""Sources for tests of the decoder and the agent: a few sensors, any payload form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.payload import Decoded, Decoder, compile_decoder
from lifeline.engine.source import BrokerSpec, PayloadSpec, Route, SourceSpec, TimeSpec

NOW = 1_760_000_000_000_000_000  # 2025-10-09 08:53:20 UTC
MS = NOW // 1_000_000
TS = TimeSpec(path="ts", unit="ms")
TOPIC = "plant/{device}/v"


def source(
    payload: PayloadSpec,
    routes: Sequence[Route] = (),
    *,
    key: str = "{device}",
    topics: tuple[str, ...] = (TOPIC,),
    **more: Any,
) -> SourceSpec:
    """Routes default to one sensor `a` of site `s` for device `a`."""
    spec: dict[str, Any] = {"id": "src", "tenant": "acme", "broker": BrokerSpec(), **more}
    return SourceSpec(
        topics=topics,
        payload=payload,
        routes=tuple(routes) or (Route("a", "s", "a"),),
        key=key,
        **spec,
    )


def configuration(*sources: SourceSpec) -> Configuration:
    """The sites and sensors that the routes name, in their order; index 0 is nobody's."""
    routes = [r for s in sources for r in s.routes]
    sites = list(dict.fromkeys(["elsewhere", *(r.site for r in routes)]))
    named = list(dict.fromkeys([("elsewhere", "other"), *((r.site, r.sensor) for r in routes)]))
    return Configuration(
        tuple(Site(site, f"tenant-{site}", "a/b/c") for site in sites),
        tuple(Link(i, "src") for i in range(len(sites))),
        tuple(
            Sensor(sensor, sites.index(site), sites.index(site), "gas.combustible", "%LEL")
            for site, sensor in named
        ),
    )


def decoder(spec: SourceSpec) -> Decoder:
    """A decoder with just its own sensors: the first route's is index 1."""
    return compile_decoder(spec, configuration(spec))


def decode(spec: SourceSpec, *payloads: bytes, topic: str = "plant/a/v") -> Decoded:
    """All payloads on one topic, received at NOW, NOW + 1, …"""
    return decoder(spec).decode([(topic, p, NOW + i) for i, p in enumerate(payloads)])


def rows(decoded: Decoded) -> list[tuple[int, int, float, int]]:
    """(sensor, time, value, quality) of each row; no value at all as -999."""
    f = decoded.frame
    return [
        (int(s), int(t), -999.0 if v != v else float(v), int(q))
        for s, t, v, q in zip(f.sensor, f.time, f.value, f.quality, strict=True)
    ]
