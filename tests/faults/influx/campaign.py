"""The city while its InfluxDB dies, is away, or holds what some lines contradict."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any, Final

from lifeline.engine.outputs.influx_output import SERIES
from servers.influx import Influx

from .city import Life, LiveCity, until
from .stored import Point

KILLS: Final = 5
#: How long the server is away after its kills; two minutes where the machine has the time.
AWAY_S: Final = float(os.environ.get("LIFELINE_INFLUX_AWAY_S", "5"))


def target(server: Influx) -> dict[str, Any]:
    """The section `outputs` that writes to a server, in the keys of its own version."""
    if server.version.startswith("1.6"):
        return {"influx": {"url": server.url, "database": server.database}}
    return {"influx": {"url": server.url, "bucket": server.bucket}}


def drained(life: Life) -> None:
    """One life, until everything is delivered."""
    with life.engine() as engine:
        life.delivered(engine)


def killed(city: LiveCity, server: Influx, seed: int) -> None:
    """Kills the server KILLS times while the city speaks, at moments drawn by `seed`, and each time
    it speaks on for a while before the server is back; then it dies once more, the engine is
    stopped and begins again without it, and it comes back after AWAY_S.
    """
    chance = random.Random(seed)
    part = city.seconds / (KILLS + 2)
    with city.engine() as engine:
        for _ in range(KILLS):
            before = city.written(engine)
            city.play(engine, part * chance.uniform(0.6, 0.9))
            until(lambda before=before: city.written(engine) > before)
            time.sleep(chance.random() / 10)
            server.kill9()
            city.play(engine, part / 10)
            server.start()
        server.kill9()
        city.play(engine, part)
        until(lambda: bool(engine.status().outputs[SERIES]["troubles"]))
    with city.engine() as engine:
        while city.play(engine, part):
            pass
        time.sleep(AWAY_S)
        server.start()
        city.delivered(engine)


def missed(life: Life, server: Influx) -> None:
    """The server is dead when a life begins, which ends before it is back; the next one delivers."""
    server.kill9()
    with life.engine() as engine:
        until(lambda: engine.status().outputs[SERIES]["counters"]["requests"] > 0)
    server.start()
    drained(life)


class Poison:
    """Lines of one measurement before `until_ns`, which contradict what the server has there:
    InfluxDB 1.x keeps a field's type for each measurement and hour of a policy of its own."""

    def __init__(self, measurement: str, until_ns: int) -> None:
        self.measurement, self.until_ns = measurement, until_ns

    def plant(self, server: Influx) -> None:
        """Somebody else writes a text into our field."""
        import urllib3

        line = f'{self.measurement},sensor=foreign value="text" {self.until_ns - 1}'
        url = f"{server.url}/write?db={server.database}"
        answer = urllib3.request("POST", url, body=line.encode(), retries=False)
        assert answer.status == 204, answer.data

    def __call__(self, point: Point) -> bool:
        return point[0] == self.measurement and point[2] < self.until_ns


def hourly(server: Influx) -> None:
    """The database keeps each hour apart, by a default policy of its own."""
    server.query(
        f'CREATE RETENTION POLICY hourly ON "{server.database}" '
        "DURATION INF REPLICATION 1 SHARD DURATION 1h DEFAULT"
    )
    server.policy, server.bucket = "hourly", f"{server.database}/hourly"


def copied(played: Path, folder: Path, server: Influx, now: int) -> Life:
    """A life on a copy of what was played, which delivers all of it to this server."""
    return Life.again(played, folder, target(server), now)
