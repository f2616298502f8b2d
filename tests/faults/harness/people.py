"""People who acknowledge and shelve while engines die: half through the inbox, half by MQTT."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from lifeline.engine.clock import SystemClock
from lifeline.engine.command import Action, Command
from lifeline.engine.errors import LogError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import Inbox, LogReader, StandingRow
from lifeline.engine.outputs import topics
from servers.mosquitto import Mosquitto

from .plant import Plant

USER: Final = "operator"
PAUSE_S: Final = 0.15
# Nobody answers: they go on, but not so fast that a start has nothing else to do.
PATIENCE_S: Final = 1.0
ANSWER_WITHIN_S: Final = 120.0
# Shelves that expire while engines live and die, and some that stay.
_SHELVES_S: Final = (3, 6, 12, 3600)
_CHOICES: Final[tuple[Action, ...]] = ("acknowledge", "acknowledge", "shelve", "shelve", "unshelve")


class People:
    """Act at random on what stands, until `stop`; never wait for an answer meanwhile.

    served    whether an engine is there, as far as people can tell
    by_inbox  ids of commands that lie durably in the inbox
    by_mqtt   ids of commands that the broker has acknowledged
    """

    def __init__(
        self, plant: Plant, broker: Mosquitto, seed: int, served: Callable[[], bool]
    ) -> None:
        self.by_inbox: list[str] = []
        self.by_mqtt: set[str] = set()
        self.errors: list[str] = []
        self._plant = plant
        self._served = served
        self._chance = random.Random(seed)
        self._stopping = threading.Event()
        self._sent: dict[int, str] = {}
        self._number = 0
        self._inbox = Inbox(plant.storage)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=USER)
        self._client.on_publish = self._published
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="people", daemon=True)

    def __enter__(self) -> People:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()
        self._inbox.close()

    def stop(self) -> None:
        """No further command."""
        self._stopping.set()
        self._thread.join()

    def answers(self) -> Counter[str]:
        """What became of the commands in the inbox, by outcome; `none` where nobody answered."""
        outcomes: Counter[str] = Counter()
        for number in self.by_inbox:
            reply = self._inbox.wait_reply(number, ANSWER_WITHIN_S)
            outcomes["none" if reply is None else reply.outcome] += 1
        return outcomes

    def _run(self) -> None:
        reader = LogReader.open(self._plant.storage)
        try:
            while not self._stopping.wait(PAUSE_S if self._served() else PATIENCE_S):
                # The database is between two lives now and then.
                with contextlib.suppress(LogError):
                    standing = reader.standing()
                    if standing:
                        self._act(self._chance.choice(standing))
        except Exception as error:  # told by the campaign
            self.errors.append(repr(error))
        finally:
            reader.close()

    def _act(self, alarm: StandingRow) -> None:
        self._number += 1
        number = f"{USER}-{self._number}"
        action = self._chance.choice(_CHOICES)
        shelf_s = self._chance.choice(_SHELVES_S) if action == "shelve" else 0
        if self._number % 2:
            expires = SystemClock().wall() + shelf_s * SECOND_NS if shelf_s else 0
            self._inbox.submit(
                Command(number, action, alarm.site, alarm.alarm, USER, expires=expires)
            )
            self.by_inbox.append(number)
            return
        body: dict[str, Any] = {"id": number, "action": action, "alarm": alarm.alarm}
        body |= {"expires": f"{shelf_s}s"} if shelf_s else {}
        info = self._client.publish(
            topics.command(alarm.site, USER), msgspec.json.encode(body), qos=1
        )
        self._sent[info.mid] = number

    def _published(
        self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any
    ) -> None:
        self.by_mqtt.add(self._sent.get(mid, ""))
