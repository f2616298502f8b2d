"""A campaign: publishers, people and a broker that live on, an engine that dies again and again.

Seeds draw the deaths and are printed; moments depend on the machine all the same, so a failure is
found in what is left behind (the directory is kept by pytest), not by running it again.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lifeline.engine.clock import SystemClock
from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.warming import warm
from lifeline.simulators.audit import Audit
from lifeline.simulators.gateway import Connection
from lifeline.simulators.ledger import Ledger
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.publish import Published, publish
from lifeline.simulators.shapes import messages
from lifeline.simulators.stream import Stream
from servers.mosquitto import Mosquitto

from . import evidence
from .engine import EngineProcess, Life
from .evidence import Evidence
from .people import People
from .plant import KINDS, Plant, three_sites, write_plant

# A life that should die at a point and has not come there by then is killed, and counted so.
POINT_WITHIN_S: Final = 20.0
# Nothing new has come for so long: the broker has no more for the engine.
DRAINED_AFTER_S: Final = 4.0
# The broker persists, every second. Saving at every change, which is for tests that kill the broker,
# it takes 100 messages a second from a backlog, and acknowledgements wait in its socket.
BROKER: Final = {"autosave_interval": 1, "autosave_on_changes": False}
RECORDS_WITHIN_S: Final = 120.0
_POLL_S: Final = 0.1
# Event time begins so long after the plant was written: by then the engine has started.
_LEAD_S: Final = 4
# How long a publisher could go on (a campaign ends it), and how often the sites' stories of
# incidents and faults play within that.
_LONGEST_S: Final = 900.0
_STORIES: Final = 15


@dataclass(frozen=True, slots=True)
class Death:
    """How a life ends: at a named point, or `after_s` seconds, counted from the moment at which it
    has subscribed, or from its very beginning.

    `quiet`: the publishers end when it has subscribed, and nothing new is sent any more.
    `before_next` runs while the engine is dead.
    """

    point: str = ""
    after_s: float = 0.0
    from_start: bool = False
    quiet: bool = False
    before_next: Callable[[Campaign], None] | None = None


@dataclass(slots=True)
class Verdict:
    """What a campaign found. `violations` is empty when every claim holds."""

    seed: int
    lives: list[Life]
    evidence: Evidence
    audits: dict[str, Audit]
    published: list[Published]
    commands: Counter[str]
    seconds: float
    violations: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """Lives that SIGKILL ended."""
        return sum(life.killed for life in self.lives)

    @property
    def points(self) -> Counter[str]:
        """The named points at which lives died, without their count."""
        return Counter(life.crash_at.partition(":")[0] for life in self.lives if life.died_at_point)

    @property
    def restored(self) -> list[Life]:
        """Lives that began from a snapshot."""
        return [life for life in self.lives if life.restored and life.restored.position]

    def total(self, name: str) -> int:
        """A count of the audits, over all sites."""
        return sum(getattr(audit, name) for audit in self.audits.values())

    def summary(self) -> str:
        """One paragraph for people."""
        alive = sum(life.restored.all_alive for life in self.restored if life.restored)
        points = ", ".join(f"{name} {n}" for name, n in sorted(self.points.items()))
        took = [life.subscribed_s for life in self.lives if life.subscribed_s is not None]
        equal = self.evidence.live_digest == self.evidence.replay_digest
        return (
            f"seed {self.seed}: {self.kills} kills, {sum(self.points.values())} of them at points"
            f" ({points}); {len(self.lives)} starts, {len(self.restored)} from a snapshot, {alive}"
            " of these with pending, unacknowledged and shelved alarms alive,"
            f" {statistics.median(took):.1f} s (median) until subscribed;"
            f" {self.evidence.entries} entries, {len(self.evidence.outbox)} records;"
            f" samples sent {self.total('sent')}, acknowledged {self.total('acked')}, logged"
            f" {self.total('logged')}, redelivered {self.total('duplicated')}, lost"
            f" {self.total('lost')}; commands {dict(self.commands)}; digest"
            f" {self.evidence.live_digest} {'=' if equal else '≠'} {self.evidence.replay_digest}"
            f" of the replay; {self.seconds:.0f} s"
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


class Tail:
    """The samples of a log that is being written, by (sensor, event time)."""

    def __init__(self, directory: Path) -> None:
        self.samples: set[tuple[int, int]] = set()
        self._directory = directory
        self._position = 0

    def advance(self) -> bool:
        """Reads what is new; whether samples were among it."""
        reader, found = LogReader.open(self._directory), False
        try:
            for position, data in reader.read(self._position, 1 << 31):
                self._position, payload = position, decode(data).payload
                if isinstance(payload, Frame):
                    rows = zip(payload.sensor.tolist(), payload.time.tolist(), strict=True)
                    self.samples.update(rows)
                    found = True
        finally:
            reader.close()
        return found


class Campaign:
    """Runs a plan of deaths and judges what is left.

    sites, kinds    what speaks, and the kinds of rules that judge it
    least_records   the last life goes on until the outbox holds so many, then
    settle_s        so much longer; then the publishers end
    """

    def __init__(
        self,
        directory: Path,
        seed: int,
        deaths: Sequence[Death],
        *,
        sites: Sequence[Site] = (),
        kinds: Sequence[str] = KINDS,
        mutant: str = "",
        least_records: int = 0,
        settle_s: float = 2.0,
    ) -> None:
        self.directory = directory
        self.seed = seed
        self.deaths = list(deaths)
        self.mutant = mutant
        self._sites = tuple(sites) or three_sites()
        self._kinds = tuple(kinds)
        self._least_records, self._settle_s = least_records, settle_s
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._published: list[Published] = []
        self._violations: list[str] = []

    def run(self) -> Verdict:
        """The whole of it; takes as long as the lives do."""
        warm()  # so that no life spends its time compiling
        began = time.monotonic()
        with ExitStack() as stack:
            self.broker = stack.enter_context(Mosquitto(self.directory / "broker", BROKER))
            self.plant = self._write_plant()
            self.engine = stack.enter_context(
                EngineProcess(self.plant, self.broker, mutant=self.mutant)
            )
            stack.callback(self._stop_publishing)
            people = self._live(stack)
            answers = self._end(people)
        return self._judge(answers, people, time.monotonic() - began)

    def resend(self, seconds: float) -> None:
        """The publishers send the last seconds again, the same bytes, as gateways do that have not
        heard their PUBACKs."""
        client = Connection("resend", self.broker.host, self.broker.port, clock=SystemClock())
        client.open()
        try:
            for scenario in self.plant.scenarios:
                until = int(Ledger.read(self.ledgers()[scenario.site.id]).time.max())
                _send(client, scenario, until - round(seconds * SECOND_NS), until)
        finally:
            client.close()

    def ledgers(self) -> dict[str, Path]:
        """Every site's ledger."""
        return {s.site.id: self.directory / f"{s.site.id}.ledger" for s in self.plant.scenarios}

    # --- lives ------------------------------------------------------------------------------------

    def _write_plant(self) -> Plant:
        start = SystemClock().wall() + _LEAD_S * SECOND_NS
        folder = self.directory / "plant"
        folder.mkdir()
        return write_plant(
            folder,
            self._sites,
            start,
            _LONGEST_S,
            self.seed,
            self.broker.port,
            stories=_STORIES,
            kinds=self._kinds,
        )

    def _live(self, stack: ExitStack) -> People:
        """The first life subscribes before anybody publishes: until a session stands, a broker
        keeps nothing for it. Then the deaths."""
        people: People | None = None
        for death in [*self.deaths, None]:
            self.engine.start(crash_at=death.point if death else "")
            if people is None:
                self._must_subscribe()
                self._publish()
                people = stack.enter_context(
                    People(self.plant, self.broker, self.seed, lambda: self.engine.life.serves)
                )
            if death is None or not self._die(death):
                break
            if death.before_next is not None:
                death.before_next(self)
        assert people is not None
        return people

    def _die(self, death: Death) -> bool:
        """Ends the present life; False where it ended in a way of its own."""
        if death.point:
            if not self.engine.wait_dead(POINT_WITHIN_S):
                self.engine.kill()
            else:
                self.engine.life.died_at_point = self.engine.life.killed
        else:
            if not death.from_start:
                self.engine.wait_subscribed()
            if death.quiet:
                self._stop_publishing()
            self.engine.wait_dead(death.after_s)
            self.engine.kill()
        return self._was_killed()

    def _was_killed(self) -> bool:
        if not self.engine.life.killed:
            life, said = self.engine.life, self.engine.said()
            last = said.splitlines()[-1] if said else "nothing said"
            self._violations.append(
                f"life {life.number} ended by itself with {life.code}: {last}\n{said}"
            )
        return self.engine.life.killed

    def _must_subscribe(self) -> None:
        if not self.engine.wait_subscribed():
            self._was_killed()

    def _end(self, people: People) -> Counter[str]:
        """The last life goes on until everything is settled, and is stopped in order."""
        answers: Counter[str] = Counter()
        if self.engine.alive() and self.engine.wait_subscribed():
            self._wait_records()
            self.engine.wait_dead(self._settle_s)
            people.stop()
            self._stop_publishing()
            self._wait_drained()
        people.stop()
        self._stop_publishing()
        if self.engine.alive():
            answers = people.answers()
            code = self.engine.stop()
            if code:
                self._violations.append(f"stopping ended with {code}:\n{self.engine.said()}")
        elif self.engine.life.code is not None and not self.engine.life.killed:
            self._was_killed()
        return answers

    # --- publishers --------------------------------------------------------------------------------

    def _publish(self) -> None:
        for scenario in self.plant.scenarios:
            ledger = self.ledgers()[scenario.site.id]

            def run(scenario=scenario, ledger=ledger) -> None:  # type: ignore[no-untyped-def]
                self._published.append(
                    publish(
                        scenario,
                        self.broker.host,
                        self.broker.port,
                        ledger_path=ledger,
                        stop=self._ending,
                    )
                )

            thread = threading.Thread(target=run, name=f"publish-{scenario.site.id}")
            thread.start()
            self._threads.append(thread)

    def _stop_publishing(self) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    # --- judgement ---------------------------------------------------------------------------------

    def _wait_records(self) -> None:
        until = time.monotonic() + RECORDS_WITHIN_S
        reader = LogReader.open(self.plant.storage)
        try:
            while self.engine.alive() and time.monotonic() < until:
                if reader.outbox_end() >= self._least_records:
                    return
                time.sleep(_POLL_S)
        finally:
            reader.close()

    def _wait_drained(self) -> None:
        """Until every sample is in the log, or nothing has come for a while."""
        ledgers = [Ledger.read(path) for path in self.ledgers().values()]
        sent = sum(sum(ledger.counts().values()) for ledger in ledgers)
        tail, since = Tail(self.plant.storage), time.monotonic()
        while self.engine.alive() and time.monotonic() - since < DRAINED_AFTER_S:
            if tail.advance():
                since = time.monotonic()
            if len(tail.samples) >= sent:
                return
            time.sleep(_POLL_S)

    def _judge(self, answers: Counter[str], people: People, seconds: float) -> Verdict:
        found = evidence.gather(self.plant.storage)
        audits = evidence.audits(found, self.ledgers())
        violations = [
            *self._violations,
            *people.errors,
            *evidence.claim_a(found),
            *evidence.chains(found),
            *evidence.claim_b(audits),
            *evidence.last_snapshot(self.plant.storage, found.replay_digest),
        ]
        if answers["none"]:
            violations.append(f"{answers['none']} commands in the inbox were never answered")
        lost = people.by_mqtt - found.commands
        if lost:
            violations.append(f"commands by MQTT are not in the log: {sorted(lost)[:5]}")
        violations += [f"a publisher gave up: {p.gave_up}" for p in self._published if p.gave_up]
        return Verdict(
            self.seed,
            self.engine.lives,
            found,
            audits,
            self._published,
            answers + Counter(mqtt=len(people.by_mqtt)),
            seconds,
            violations,
        )
