"""Figures of parts that several kinds of process have, from the account that each part gives.

What they read are the plain values of `Agent.health`, `Core.counters` and of an output's status; a
value that a part does not give is left out.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from ..limits import SECOND_NS
from . import catalogue
from .metric import Reading

DISTRIBUTION: Final = "lifeline-engine"
#: The partition of the call log in figures.
CALLS: Final = "calls"
STATES: Final = ("starting", "running", "stopping", "stopped", "failed")


def process_readings(
    role: str, node: str, state: str, started_ns: int, states: Sequence[str] = STATES
) -> Iterator[Reading]:
    """Who this is, since when, and in which of `states`."""
    yield catalogue.INFO(1, node, role, _version(), platform.python_version())
    for each in states:
        yield catalogue.STATE(each == state, each)
    yield catalogue.STARTED(started_ns / SECOND_NS)


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:  # run from a tree that nobody installed
        return "unknown"


def trouble_readings(counts: Mapping[str, int]) -> Iterator[Reading]:
    """What was told, by kind."""
    for kind, n in list(counts.items()):
        yield catalogue.TROUBLES(n, kind)


def core_readings(counters: Mapping[str, int], partition: str) -> Iterator[Reading]:
    """A core's rows by what became of them."""
    for outcome, n in counters.items():
        yield catalogue.SAMPLES(n, partition, outcome)


def standing_readings(counts: Mapping[str, Mapping[str, int]], partition: str) -> Iterator[Reading]:
    """Alarms that stand: level → state → how many."""
    for level, by_state in counts.items():
        for state, n in by_state.items():
            yield catalogue.STANDING(n, partition, level, state)


def agent_readings(health: Mapping[str, Any]) -> Iterator[Reading]:
    """`Agent.health()`; nothing where there is no agent."""
    for event, n in health.get("counters", {}).items():
        yield catalogue.AGENT_EVENTS(n, event)
    for source, lane in health.get("sources", {}).items():
        mqtt, counters = lane["mqtt"], lane["counters"]
        yield catalogue.SOURCE_CONNECTED(mqtt["connected"] and mqtt["subscribed"], source)
        yield catalogue.SOURCE_MESSAGES(counters.get("messages", 0), source)
        yield catalogue.SOURCE_SAMPLES(counters.get("samples", 0), source)
        for what in ("topics", "sensors"):
            yield catalogue.SOURCE_UNKNOWN(counters.get(f"unknown_{what}", 0), source, what)
        for reason, n in lane["refused"].items():
            yield catalogue.SOURCE_REFUSED(n, source, reason)


def forward_readings(link: Mapping[str, Any]) -> Iterator[Reading]:
    """An agent's way from its local log to Kafka: `Forwarder.health()`."""
    yield catalogue.LINK_UP(link["link"] == "up")
    yield catalogue.FORWARD_POSITION(link["position"])
    yield catalogue.FORWARD_BEHIND(link["behind"])
    if link["oldest"]:
        yield catalogue.FORWARD_OLDEST(link["oldest"] / SECOND_NS)
    for event, n in link["counters"].items():
        yield catalogue.FORWARDED(n, event)


def mirror_readings(link: Mapping[str, Any]) -> Iterator[Reading]:
    """A sink's way from Kafka to its local outbox: `Mirror.health()`."""
    yield catalogue.LINK_UP(link["link"] == "up")
    yield catalogue.SINK_BEHIND(link["behind"])
    kinds = Counter(hold["kind"] for hold in link["holds"])
    for kind in ("gap", "nondeterminism"):
        yield catalogue.SINK_HELD(kinds[kind], kind)
    for event, n in link["counters"].items():
        yield catalogue.SINK_EVENTS(n, event)


def output_readings(outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[Reading]:
    """Outputs by name: alive, position, behind (of red by itself, where that has a lane), counters,
    troubles, and connected where known."""
    for name, output in outputs.items():
        yield catalogue.OUTPUT_ALIVE(output["alive"], name)
        yield catalogue.OUTPUT_POSITION(output["position"], name)
        yield catalogue.OUTPUT_BEHIND(output["behind"], name)
        if "red" in output:
            yield catalogue.OUTPUT_POSITION(output["red"]["position"], f"{name}:red")
            yield catalogue.OUTPUT_BEHIND(output["red"]["behind"], f"{name}:red")
        if "connected" in output:
            yield catalogue.OUTPUT_CONNECTED(output["connected"], name)
        for event, n in output["counters"].items():
            yield catalogue.OUTPUT_EVENTS(n, name, event)
        kinds = [trouble["kind"] for trouble in output["troubles"]]
        for kind in dict.fromkeys(kinds):
            yield catalogue.OUTPUT_TROUBLES(kinds.count(kind), name, kind)


def call_readings(calls: Mapping[str, Any]) -> Iterator[Reading]:
    """Call and respond: `CallStage.status()`, without its outputs."""
    yield catalogue.LOG_POSITION(calls["position"], CALLS)
    yield catalogue.LAG_ENTRIES(calls["behind"] + calls["feed_behind"], CALLS)
    yield catalogue.CHECKPOINT_POSITION(calls["snapshot"], CALLS)
    yield catalogue.CONFIGURATION(1, CALLS, calls["configuration"])
    yield catalogue.LOG_REFUSES(bool(calls["refused"]), "call records")
    yield catalogue.CALLS_OPEN(calls["open"])
    did = {f"caller_{n}": calls["caller"][n] for n in ("messages", "told", "not_told", "hung")}
    for event, n in {**calls["counters"], **did, "records": calls["records"]}.items():
        yield catalogue.CALL_EVENTS(n, event)
