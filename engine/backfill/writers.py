"""Where a backfill writes: each writer is its own, so that no live output waits for it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from secrets import SystemRandom
from typing import Final, Protocol
from uuid import uuid4

from ..clock import Clock
from ..configuration import Configuration
from ..errors import LogError
from ..limits import INFLUX_BATCH_BYTES, INFLUX_BATCH_POINTS, INFLUX_DEAD_LINES, SECOND_NS
from ..log import Bury, Requests
from ..outputs.influx_again import kept_form
from ..outputs.influx_cardinality import RoomedEncoder
from ..outputs.influx_feeds import alert_line
from ..outputs.influx_output import ALERTS, SERIES
from ..outputs.influx_retry import Answer, Delivery, Refused
from ..outputs.lineprotocol import Lines
from ..outputs.ports import Place
from .windows import Content, Samples

_ENCODERS: Final = 4
# What a server of 1.x says of points that it would delete at once: no later try can help them.
_TOO_OLD: Final = "beyond retention policy"


class Writer(Protocol):
    """Takes what is written again. `refused` counts what the receiver would not take."""

    refused: int

    def write(self, content: Content) -> None:
        """Returns when it is durable there, or refused and kept as a dead letter. Raises
        StoppedError when it is to stop, SinkError and LogError where it cannot go on."""
        ...

    def close(self) -> None:
        """Closes what is its own."""
        ...


class _Patience:
    """Waits for the server as the live output does, and says so."""

    def __init__(self, pause: Callable[[float], bool], tell: Callable[[str], object]) -> None:
        self._pause, self._tell = pause, tell
        self._told = ""

    def wait(self, ns: int) -> bool:
        return self._pause(ns / SECOND_NS)

    def tell(self, kind: str, text: str) -> None:
        said = f"{kind}: {text}"
        if said != self._told:
            self._tell(said)
        self._told = said

    def well(self) -> None:
        self._told = ""


class InfluxWriter:
    """Writes lines by a connection of its own, with the retries of a live output.

    send       one write, never raises (`InfluxSender.send`)
    places     where sites are, for the texts of alerts
    requests   where lines that the server refuses are left for the log's owner
    pause      waits so many seconds; True when it is to stop
    tell       hears what it waits for
    room       series of samples that there is room for, as for the live output; None: any number
    """

    def __init__(
        self,
        send: Callable[[bytes], Answer],
        close: Callable[[], None],
        places: Mapping[str, Place],
        requests: Requests,
        clock: Clock,
        pause: Callable[[float], bool],
        tell: Callable[[str], object],
        room: int | None = None,
    ) -> None:
        self._delivery = Delivery(send, _Patience(pause, tell), SystemRandom().random)
        self._close, self._places, self._requests = close, places, requests
        self._clock, self._tell = clock, tell
        self._encoders: OrderedDict[bytes, RoomedEncoder] = OrderedDict()
        self._room, self._roomless = room, False
        self.refused = 0
        self.unkept = 0
        self.too_old = 0

    def write(self, content: Content) -> None:
        """See `Writer`."""
        if isinstance(content, Samples):
            self._samples(self._encoder(content.configuration), content)
        elif content:
            texts = (alert_line(r, self._places.get(r.site) or Place(r.area)) for r in content)
            self._deliver(Lines.of(texts), ALERTS)

    def _samples(self, encoder: RoomedEncoder, content: Samples) -> None:
        lines, _ = encoder.encode(content.frame)
        held = len(content) - len(lines)
        if held:
            self.refused += held
            if not self._roomless:
                self._tell(encoder.count().text)
            self._roomless = True
        self._deliver(lines, SERIES)

    def close(self) -> None:
        """Closes the connection and the inbox."""
        self._close()
        self._requests.close()

    def _encoder(self, configuration: Configuration) -> RoomedEncoder:
        version = configuration.version()
        found = self._encoders.get(version)
        if found is None:
            found = self._encoders[version] = RoomedEncoder(configuration, self._room)
            if len(self._encoders) > _ENCODERS:
                self._encoders.popitem(last=False)
        self._encoders.move_to_end(version)
        return found

    def _deliver(self, lines: Lines, topic: str) -> None:
        size = min(INFLUX_BATCH_BYTES, self._delivery.largest or INFLUX_BATCH_BYTES)
        for start, stop in lines.batches(INFLUX_BATCH_POINTS, size):
            dead = self._delivery.deliver(lines, start, stop)
            if dead:
                self._bury(dead, topic)

    def _bury(self, dead: list[Refused], topic: str) -> None:
        """As the live output does: the first of a batch, the others counted in their words."""
        self.refused += len(dead)
        there = [each for each in dead if _TOO_OLD not in each.answer.text]
        if len(there) < len(dead) and not self.too_old:
            self._tell(f"some are older than the server keeps anything: {dead[0].answer.text}")
        self.too_old += len(dead) - len(there)
        dead = there
        if not dead:
            return
        kept, now = dead[:INFLUX_DEAD_LINES], self._clock.wall()
        more = f" (and {len(dead) - len(kept)} more)" if len(dead) > len(kept) else ""
        letters = tuple((topic, kept_form(each, more), each.reason, now) for each in kept)
        try:
            self._requests.submit(Bury(f"backfill-{uuid4().hex}", letters))
        except LogError as error:
            # So many wait that the table could not hold them either.
            self.unkept += len(kept)
            self._tell(f"{len(kept)} refused lines are not kept: {error}")
