"""100,000 alarms a minute through one engine: is state complete, is red in time, what are people told.

Mosquitto, `lifeline run`, the load and who listens, on two cores. 10,000 sensors at 20 sites swing across their
orange limit three seconds up and three down, in messages of 100: each swing up is an alarm (100,000 a minute are raised), each
swing down another record, both of a site, an area's ladder above them, with notices on. Meanwhile 20 times a second one of 40 other
sensors crosses its red limit or returns: its latency is from the write to the socket until an independent subscriber has the red
alert, which has a lane of its own, and until another is told by a notice. Records, states and the alerts below red come in their order,
later than they are made: by how much the last of them was late is said too.

State is complete when the engine recorded exactly the alarms that were made, and all that stands at the end
stands in it. LIFELINE_BENCH_FLOOD_S: for how long (60).
"""

from __future__ import annotations

import json
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engines import EngineProcess, compile_kernels
from figure import Figure, NotMeasured, Setting, grouped, percentile
from load import Wire, publish_head
from path import broker, two_cores
from plants import NODE, SOURCE
from receivers import READY_S, client, connect

SENSORS, SITES, POINTS = 10_000, 20, 100
REDS, RED_EVERY_S = 40, 0.05
SWING_S = 3.0
SECONDS = float(os.environ.get("LIFELINE_BENCH_FLOOD_S", "60"))
SETTLE_S = 240.0
RED = "lifeline/v1/alert/+/+/+/+/+/red"
NOTICES = "lifeline/v1/notice/#"

_FILE = """version: 1
node: {node}
tenant: bench
storage: {{directory: data}}
broker: {{host: 127.0.0.1, port: {port}}}
sites:
{sites}
sensors: sensors.csv
sources:
  - id: {source}
    topics: ["flood/{{site}}/{{gateway}}"]
    site: "{{site}}"
    payload: {{points: "$", sensor: "{{payload.t}}", value: v, time: {{path: ts, unit: ms}}}}
rules:
  - {{id: swing, kind: limit, select: {{sensor: "d*"}}, high: {{orange: 40 %LEL}}, deadband: 2 %LEL}}
  - {{id: grave, kind: limit, select: {{sensor: "r*"}}, high: {{red: 40 %LEL}}, deadband: 2 %LEL}}
areas: [{{path: bench}}]
outputs:
  mqtt: {{notices: on}}
"""


def write_plant(folder: Path, port: int) -> Path:
    """lifeline.yaml and sensors.csv; the path of the first."""
    folder.mkdir(parents=True, exist_ok=True)
    sites = "\n".join(f"  - {{id: s{i}, area: bench/bench/b{i % 4}}}" for i in range(SITES))
    rows = ["id,site,quantity,unit,reports,max_rate,asset"]
    names = [f"d{i}" for i in range(SENSORS)] + [f"r{i}" for i in range(REDS)]
    rows += [
        f"{name},s{site_of(name)},gas.combustible,%LEL,periodic 1h,1000000,unit-{int(name[1:]) % 5}"
        for name in names
    ]
    (folder / "sensors.csv").write_text("\n".join(rows) + "\n")
    file = folder / "lifeline.yaml"
    file.write_text(_FILE.format(node=NODE, source=SOURCE, port=port, sites=sites))
    return file


def site_of(name: str) -> int:
    """Sensors lie in blocks, the red ones in turn."""
    number = int(name[1:])
    return number * SITES // SENSORS if name[0] == "d" else number % SITES


#: When a message came, of which sensor, of which event time (ms), whether it was a notice.
Came = tuple[int, str, int, bool]


def listen(pipe: Connection, port: int) -> None:
    """Red alerts and red notices with the time at which they came, and what people are told, by kind."""
    reds: list[Came] = []
    kinds: dict[str, int] = {"alarm": 0, "group": 0, "flood": 0}
    counted = 0

    def on_message(_client: Any, _data: Any, message: Any) -> None:
        nonlocal counted
        at = time.monotonic_ns()
        told = json.loads(message.payload)
        notice = "/notice/" in message.topic
        if not notice or (told["kind"] == "alarm" and told["level_after"] == "red"):
            reds.append((at, told["subject"], told["time"] // 1_000_000, notice))
        if notice:
            kinds[told["kind"]] += 1
            counted += told.get("count", 1) if told["kind"] == "group" else 0

    heard = [client("flood-reds"), client("flood-notices")]
    for made, topic in zip(heard, (RED, NOTICES), strict=True):
        made.on_message = on_message
        connect(made, port, topic, session=False, window=1_000)
    pipe.send(True)
    pipe.recv()
    pipe.send((reds, kinds, counted))
    for made in heard:
        made.disconnect()


@dataclass(slots=True)
class Sent:
    """What was made: swings up and down of `d*`, and when each red value was written, up or down."""

    raised: int = 0
    returned: int = 0
    reds: dict[tuple[str, int], tuple[int, bool]] = field(default_factory=dict)
    late_s: float = 0.0


class Flood:
    """Sends the swings and the red values at their times; the last swing is up."""

    def __init__(self, port: int) -> None:
        self._wire = Wire(port)
        self._up = [False] * (SENSORS // POINTS)
        self._red_up = [False] * REDS
        self.sent = Sent()

    def run(self, seconds: float) -> Sent:
        """Each message in its turn of the swing, a red value every RED_EVERY_S."""
        groups = SENSORS // POINTS
        began, group, red = time.monotonic(), 0, 0
        while (elapsed := time.monotonic() - began) < seconds:
            while group < elapsed * groups / SWING_S:
                self._swing(group % groups)
                group += 1
            if red * RED_EVERY_S <= elapsed:
                self._red(red % REDS)
                red += 1
            self._wire.listen(0.0)
            time.sleep(0.002)
        self.sent.late_s = time.monotonic() - began - seconds
        for number, up in enumerate(self._up):
            if not up:
                self._swing(number)
        while self._wire.open:
            self._wire.listen(30.0)
        self._wire.close()
        return self.sent

    def _swing(self, number: int) -> None:
        up = self._up[number] = not self._up[number]
        first = number * POINTS
        names = [f"d{first + i}" for i in range(POINTS)]
        self._send(f"flood/s{site_of(names[0])}/gw{number}", names, 60 if up else 10)
        if up:
            self.sent.raised += POINTS
        else:
            self.sent.returned += POINTS

    def _red(self, number: int) -> None:
        up = self._red_up[number] = not self._red_up[number]
        name = f"r{number}"
        at = time.monotonic_ns()
        ms = self._send(f"flood/s{site_of(name)}/red", [name], 60 if up else 10)
        self.sent.reds[name, ms] = at, up

    def _send(self, topic: str, names: list[str], value: int) -> int:
        ms = time.time_ns() // 1_000_000
        text = json.dumps([{"t": name, "v": value, "ts": ms} for name in names]).encode()
        self._wire.send([(publish_head(topic, len(text)), text)], b"")
        return ms


def settled(engine: EngineProcess, sent: Sent) -> dict[str, Any]:
    """The engine's status once its records and all its outputs are at their ends, or as far as they
    came in SETTLE_S. Raises NotMeasured where alarms are missing even then."""
    wanted = sent.raised
    until = time.monotonic() + SETTLE_S
    while time.monotonic() < until:
        status = engine.status()
        made = status["core"]["records_by"].get("orange", {}).get("raised", 0)
        behind = status["outputs"]["alert:mqtt"]["behind"]
        if made >= wanted and behind == 0:
            return status
        time.sleep(1.0)
    if made < wanted:
        raise NotMeasured(f"{made:,} of {wanted:,} alarms recorded, {behind:,} not yet delivered")
    return status


def figures(setting: Setting) -> list[Figure]:
    """One flood."""
    compile_kernels()
    context = get_context("spawn")
    with two_cores(), ExitStack() as stack:
        port = stack.enter_context(broker(setting.work / "broker")).port
        file = write_plant(setting.work / "plant", port)
        pipe, theirs = context.Pipe()
        listener = context.Process(target=listen, args=(theirs, port), daemon=True)
        listener.start()
        stack.callback(listener.kill)
        if not pipe.poll(READY_S):
            raise NotMeasured("the listener does not answer")
        pipe.recv()
        engine = stack.enter_context(EngineProcess(file, port, profile=setting.profile))
        began = time.monotonic()
        sent = Flood(port).run(SECONDS)
        status = settled(engine, sent)
        took, left = time.monotonic() - began - SECONDS, status["outputs"]["alert:mqtt"]["behind"]
        delivered = f"{left:,} records not yet delivered" if left else "all delivered"
        time.sleep(61.0)  # the minute that ran is told at its end
        status = engine.status()
        pipe.send(None)
        reds, kinds, counted = pipe.recv()
    return _told(sent, status, reds, kinds, counted, f"{delivered} {took:.0f} s after the last")


def _told(
    sent: Sent,
    status: dict[str, Any],
    reds: list[Came],
    kinds: dict[str, int],
    counted: int,
    delivered: str,
) -> list[Figure]:
    raised = status["core"]["records_by"]["orange"]["raised"]
    standing = status["standing"]["by_level"].get("orange", 0)
    complete = raised == sent.raised and standing == SENSORS
    ups = sum(up for _, up in sent.reds.values())
    alerts, told = (
        [
            (at - sent.reds[name, ms][0]) / 1e6
            for at, name, ms, by_notice in reds
            if by_notice == which and (name, ms) in sent.reds
        ]
        for which in (False, True)
    )
    if len(alerts) < len(sent.reds) or len(told) < ups:
        raise NotMeasured(
            f"{len(alerts):,} of {len(sent.reds):,} red alerts, {len(told)} of {ups} notices"
        )
    notices = status["outputs"]["alert:notices"]["counters"]
    made = sent.raised / SECONDS * 60
    return [
        Figure(
            f"flood: {grouped(made)} alarms raised a minute, state",
            f"{'complete' if complete else 'INCOMPLETE'}: {raised:,} of {sent.raised:,} recorded, "
            f"{standing:,} of {SENSORS:,} stand; {delivered}",
            "complete",
        ),
        Figure("flood: red, publish to red alert", _latency(alerts), "p99 < 1,000 ms"),
        Figure("flood: red, publish to notice", _latency(told), "p99 < 1,000 ms"),
        Figure(
            "flood: what people are told",
            f"{kinds['alarm']:,} alarms by themselves, {kinds['group']:,} messages for {counted:,}"
            f" others; {notices['floods']} floods, {notices['flood_minutes']} flood minutes",
        ),
    ]


def _latency(took: list[float]) -> str:
    return (
        f"p50 {percentile(took, 0.5):.0f} ms, p99 {percentile(took, 0.99):.0f} ms, longest"
        f" {max(took):.0f} ms ({len(took):,})"
    )
