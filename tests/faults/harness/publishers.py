"""Real publishers: every site's gateways by QoS 1, each site with its ledger."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from lifeline.engine.clock import Clock, SystemClock
from lifeline.engine.limits import SECOND_NS
from lifeline.simulators.gateway import Connection
from lifeline.simulators.ledger import Ledger
from lifeline.simulators.plant import Scenario
from lifeline.simulators.publish import Published, publish
from lifeline.simulators.shapes import messages
from lifeline.simulators.stream import Stream
from servers.mosquitto import Mosquitto

from .plant import Plant

_POLL_S: Final = 0.1


class JumpingClock:
    """The machine's clocks, ahead by as much as was jumped: an hour passes at once."""

    def __init__(self) -> None:
        self._machine = SystemClock()
        self._ahead = 0

    def jump(self, ns: int) -> None:
        """So much time has passed."""
        self._ahead += ns

    def wall(self) -> int:
        """Wall time, ns."""
        return self._machine.wall() + self._ahead

    def monotonic(self) -> int:
        """Monotonic time, ns."""
        return self._machine.monotonic() + self._ahead


class Publishers:
    """Publish the scenarios of a plant, from `start` to `stop`, a thread for each site."""

    def __init__(
        self, plant: Plant, broker: Mosquitto, directory: Path, clock: Clock | None = None
    ) -> None:
        self.published: list[Published] = []
        self.ledgers = {s.site.id: directory / f"{s.site.id}.ledger" for s in plant.scenarios}
        self._plant, self._broker = plant, broker
        self._clock = clock or SystemClock()
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(s,), name=f"publish-{s.site.id}")
            for s in plant.scenarios
        ]

    def __enter__(self) -> Publishers:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begins; returns at once."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Nothing new; returns when all that was sent is acknowledged. Harmless when repeated."""
        self._ending.set()
        self.join()

    def join(self) -> None:
        """Returns when all scenarios have come to their end, or were stopped."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def sent(self) -> int:
        """Distinct samples that the ledgers hold; after `stop`."""
        return sum(sum(Ledger.read(path).counts().values()) for path in self.ledgers.values())

    def complaints(self) -> list[str]:
        """Why any of them gave up, or failed."""
        found = [f"a publisher gave up: {p.gave_up}" for p in self.published if p.gave_up]
        started = [thread for thread in self._threads if thread.ident is not None]
        return found + ["a publisher failed"] * (len(started) - len(self.published))

    def resend(self, seconds: float) -> None:
        """The last seconds again, the same bytes, as gateways do that have not heard their
        PUBACKs."""
        client = Connection("resend", self._broker.host, self._broker.port, clock=SystemClock())
        client.open()
        try:
            for scenario in self._plant.scenarios:
                until = int(Ledger.read(self.ledgers[scenario.site.id]).time.max())
                _send(client, scenario, until - round(seconds * SECOND_NS), until)
        finally:
            client.close()

    def _run(self, scenario: Scenario) -> None:
        self.published.append(
            publish(
                scenario,
                self._broker.host,
                self._broker.port,
                ledger_path=self.ledgers[scenario.site.id],
                stop=self._ending,
                clock=self._clock,
            )
        )


def _send(client: Connection, scenario: Scenario, first_ns: int, last_ns: int) -> None:
    """The messages of a scenario that were due between the two times, acknowledged."""
    window = scenario.site.window_ns
    rows = Stream(scenario).take(last_ns // window * window)
    again = rows.take(rows.due >= first_ns // window * window)
    for number, message in enumerate(messages(scenario.site, again)):
        while not client.room():
            client.wait(_POLL_S)
        client.send(number, message.topic, message.payload)
    while client.waiting():
        client.wait(_POLL_S)
