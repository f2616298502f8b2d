"""One process of `cluster.py`, run as a script: a worker that tells how it stands, or plain faust.

    cluster_child.py worker '{"servers": …}' NAME [--ticks]
    cluster_child.py faust BOOTSTRAP TOPIC EVENTS

One JSON line each; times are ns of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from typing import Any

import msgspec

LOOK_S = 0.05


def worker(spec_text: str, name: str, ticks: bool) -> None:
    """The worker of `lifeline worker`, and how it stands twenty times a second."""
    from lifeline.engine.cluster.configs import ConfigStore
    from lifeline.engine.cluster.spec import ClusterSpec
    from lifeline.engine.cluster.worker import Worker, WorkerOptions
    from lifeline.engine.warming import warm

    warm()
    spec = msgspec.json.decode(spec_text, type=ClusterSpec)

    async def tell(made: Worker) -> None:
        while True:
            status = made.status()
            say(
                state=status.state,
                samples=status.counters.samples,
                entries=status.counters.entries,
                step_ns=status.counters.step_ns,
                checkpoints=status.checkpoints,
                checkpoint_ns=status.last_checkpoint_ns,
                cut_ns=status.longest_cut_ns,
                restore_ns=status.counters.longest_restore_ns,
                parts={p.partition: p.following for p in status.parts},
                bytes=max((p.checkpoint_bytes for p in status.parts), default=0),
            )
            await asyncio.sleep(LOOK_S)

    async def run() -> None:
        async with ConfigStore(spec) as store:
            made = Worker(spec, WorkerOptions(name, ticks), store.find)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, made.stop_soon)
            telling = asyncio.create_task(tell(made))
            await made.run()
            telling.cancel()

    asyncio.run(run())


def plain_faust(bootstrap: str, topic: str, events: int) -> None:
    """One event a record, one limit, as faust's manual shows it."""
    import faust

    app = faust.App(
        f"{topic}-app", broker=f"kafka://{bootstrap}", web_enabled=False, store="memory://",
        topic_disable_leader=True, topic_allow_declare=False, broker_session_timeout=10,
        broker_heartbeat_interval=2, broker_request_timeout=40,
    )  # fmt: skip
    log = app.topic(topic, value_type=bytes, value_serializer="json")
    high: dict[str, bool] = {}
    count = began = 0

    @app.agent(log)
    async def judge(stream: Any) -> None:
        nonlocal count, began
        async for event in stream:
            if count == 0:
                began = time.monotonic_ns()
            high[event["sensor"]] = event["value"] > 35.0
            count += 1
            if count == events:
                say(events=count, took_ns=time.monotonic_ns() - began)

    async def run() -> None:
        await app.start()
        await asyncio.Event().wait()

    asyncio.run(run())


def say(**words: Any) -> None:
    """One line."""
    print(json.dumps({"at": time.monotonic_ns(), **words}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        worker(sys.argv[2], sys.argv[3], "--ticks" in sys.argv)
    else:
        plain_faust(sys.argv[2], sys.argv[3], int(sys.argv[4]))
