"""A campaign: publishers, people, a witness and a broker that live on, an engine that dies.

Seeds draw the deaths and are printed; moments depend on the machine all the same, so a failure is
found in what is left behind (the directory is kept by pytest), not by running it again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifeline.engine.clock import SystemClock
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.outputs import topics
from lifeline.engine.warming import warm
from lifeline.simulators.plant import Site
from servers.mosquitto import Mosquitto, MosquittoSub

from . import evidence
from .engine import EngineProcess
from .people import People
from .plant import KINDS, Plant, three_sites, write_plant
from .publishers import Publishers
from .tail import DRAINED_AFTER_S, WRONG_DRAINED_AFTER_S, Tail, wait_outbox
from .verdict import Verdict

# The broker persists, every second. Saving at every change, which is for tests that kill the broker,
# it takes 100 messages a second from a backlog, and acknowledgements wait in its socket.
BROKER: Final = {"autosave_interval": 1, "autosave_on_changes": False}
RECORDS: Final = f"{topics.ROOT}/record/#"
# A life that should die at a point and has not come there by then is killed, and counted so.
POINT_WITHIN_S: Final = 90.0
RECORDS_WITHIN_S: Final = 300.0
WITNESSED_WITHIN_S: Final = 180.0
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


class Campaign:
    """Runs a plan of deaths and judges what is left.

    sites, kinds    what speaks, and the kinds of rules that judge it
    least_records   the last life goes on until the outbox holds so many, then
    settle_s        so much longer; then the publishers end
    """

    broker: Mosquitto
    witness: MosquittoSub
    publishers: Publishers

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
        self._deaths = tuple(deaths)
        self._mutant = mutant
        self._sites = tuple(sites) or three_sites()
        self._kinds = tuple(kinds)
        self._least_records, self._settle_s = least_records, settle_s
        self._violations: list[str] = []

    def run(self) -> Verdict:
        """The whole of it; takes as long as the lives do."""
        warm()  # so that no life spends its time compiling
        began = time.monotonic()
        with ExitStack() as stack:
            enter = stack.enter_context
            self.broker = enter(Mosquitto(self.directory / "broker", BROKER))
            self._plant = self._write_plant()
            self.witness = enter(
                MosquittoSub(self.broker, RECORDS, self.directory / "witness", client_id="witness")
            )
            self.publishers = enter(Publishers(self._plant, self.broker, self.directory))
            self._engine = enter(EngineProcess(self._plant, self.broker, mutant=self._mutant))
            people = self._live(stack)
            answers = self._end(people)
        return self._judge(answers, people, time.monotonic() - began)

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

    # --- lives ------------------------------------------------------------------------------------

    def _live(self, stack: ExitStack) -> People:
        """The first life subscribes before anybody publishes: until a session stands, a broker
        keeps nothing for it. Then the deaths; the life behind the last one lives on."""
        people: People | None = None
        for death in [*self._deaths, None]:
            self._engine.start(crash_at=death.point if death else "")
            if people is None:
                self._engine.wait_subscribed()
                self.publishers.start()
                people = stack.enter_context(
                    People(self._plant, self.broker, self.seed, lambda: self._engine.life.serves)
                )
            if death is None or not self._dies(death):
                break
            if death.before_next is not None:
                death.before_next(self)
        assert people is not None
        return people

    def _dies(self, death: Death) -> bool:
        """Ends the present life; False where it ended in a way of its own."""
        engine = self._engine
        if death.point:
            if engine.wait_dead(POINT_WITHIN_S):
                engine.life.died_at_point = engine.life.killed
        else:
            if not death.from_start:
                engine.wait_subscribed()
            if death.quiet:
                self.publishers.stop()
            engine.wait_dead(death.after_s)
        engine.kill()
        return self._was_killed()

    def _was_killed(self) -> bool:
        life = self._engine.life
        if not life.killed:
            said = self._engine.said()
            last = said.splitlines()[-1] if said else "nothing said"
            self._violations.append(
                f"life {life.number} ended by itself with {life.code}: {last}\n{said}"
            )
        return life.killed

    def _end(self, people: People) -> Counter[str]:
        """The last life goes on until everything is settled, and is stopped in order."""
        engine, answers = self._engine, Counter[str]()
        if engine.alive() and engine.wait_subscribed():
            self._wait_records()
            engine.wait_dead(self._settle_s)
        people.stop()
        self.publishers.stop()
        if engine.alive():
            silent_s = WRONG_DRAINED_AFTER_S if self._mutant else DRAINED_AFTER_S
            Tail(self._plant.storage).drain(self.publishers.sent(), engine.alive, silent_s)
            answers = people.answers()
            self._wait_delivered()
        if engine.alive():
            code = engine.stop()
            if code:
                self._violations.append(f"stopping ended with {code}:\n{engine.said()}")
        elif not engine.life.killed and not self._violations:
            self._was_killed()
        return answers

    def _wait_records(self) -> None:
        """Until the outbox holds as many records as are wanted, or too long."""
        wait_outbox(
            self._plant.storage,
            lambda records: records >= self._least_records or not self._engine.alive(),
            RECORDS_WITHIN_S,
        )

    def _wait_delivered(self) -> None:
        """Until the witness has as many records as the outbox, or too long."""
        wait_outbox(
            self._plant.storage,
            lambda records: self._has_seen(records) or not self._engine.alive(),
            WITNESSED_WITHIN_S,
        )

    def _has_seen(self, records: int) -> bool:
        return len(evidence.witnessed(self.witness.messages())) >= records

    # --- judgement --------------------------------------------------------------------------------

    def _judge(self, answers: Counter[str], people: People, seconds: float) -> Verdict:
        found = evidence.gather(self._plant.storage)
        audits = evidence.audits(found, self.publishers.ledgers)
        messages = self.witness.messages()
        violations = [
            *self._violations,
            *people.errors,
            *self.publishers.complaints(),
            *evidence.claim_a(found),
            *evidence.chains(found),
            *evidence.claim_b(audits),
            *evidence.delivered(found, messages),
            *evidence.last_snapshot(self._plant.storage, found.replay_digest),
        ]
        if answers["none"]:
            violations.append(f"{answers['none']} commands in the inbox were never answered")
        lost = people.by_mqtt - found.commands
        if lost:
            violations.append(f"commands by MQTT are not in the log: {sorted(lost)[:5]}")
        return Verdict(
            self.seed,
            self._engine.lives,
            found,
            audits,
            answers + Counter(mqtt=len(people.by_mqtt)),
            len(messages),
            seconds,
            violations,
        )
