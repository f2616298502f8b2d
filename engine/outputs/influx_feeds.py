"""What goes to InfluxDB, as lines: the log's samples, the outbox's records.

A feed turns what lies behind a cursor into a `Portion`: lines, and the position up to which they
stand for everything. It keeps no state that a restart would miss.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from ..configuration import Configuration
from ..entry import decode
from ..errors import SinkError
from ..frame import Frame
from ..level import LEVELS
from ..limits import INFLUX_BATCH_POINTS
from ..record import Record, decode_record
from .influx_cardinality import AlertSeries, RoomedEncoder, SeriesCount
from .lineprotocol import NO_LINES, Lines, line, prefix, string_field
from .ports import LogPort, OutboxPort, Place
from .text import LANGUAGES, render
from .times import zone

ENTRIES_AT_ONCE: Final = 256
#: What is read beyond a portion is read again for the next, so a read asks for about what is wanted.
ENTRIES_AT_FIRST: Final = 8
#: Entries that one portion stands for at most: ticks and commands make no lines, and the cursor must
#: get on where there is nothing else for hours.
ENTRIES_MOST: Final = 64 * ENTRIES_AT_ONCE
RECORDS_AT_ONCE: Final = 500
_ENCODERS: Final = 4
_MILLISECOND: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Portion:
    """Lines that stand for everything beyond the cursor up to `position`.

    `lost` is the range (first, last) of positions that left the log before they were read. `held`
    is the first line of each series that there is no room for, `count` the series of this feed.
    `more`: there was more when this was read.
    """

    lines: Lines
    position: int
    lost: tuple[int, int] | None = None
    held: Lines = NO_LINES
    count: SeriesCount | None = None
    more: bool = False


class UnknownRegistryError(SinkError):
    """Samples refer to a configuration that nobody has; writing them would mislabel them."""


class Feed(Protocol):
    """One stream of lines behind a cursor."""

    def next(self, after: int) -> Portion | None:
        """What comes beyond `after`, about a batch of it; None at the end."""
        ...


class SeriesFeed:
    """Samples of the log: measurement = domain, fields value and quality.

    Configurations are taken from the log's own config entries as they pass, else from
    `configuration`, which is asked by registry version. `room` is how many series there may be
    (None: any number).
    """

    def __init__(
        self,
        log: LogPort,
        configuration: Callable[[bytes], Configuration | None],
        room: int | None = None,
    ) -> None:
        self._log = log
        self._configuration = configuration
        self._room = room
        self._encoders: OrderedDict[bytes, RoomedEncoder] = OrderedDict()
        #: Of the last portion: how much the next reads at once.
        self._points_an_entry = INFLUX_BATCH_POINTS / ENTRIES_AT_FIRST

    def next(self, after: int) -> Portion | None:
        """See `Feed`. Raises UnknownRegistryError, EntryError, LogError."""
        entries = self._log.read(after, self._wanted(0))
        if not entries:
            return None
        lost, position, read, points = self._lost(after, entries[0][0]), after, 0, 0
        parts: list[tuple[Lines, Lines]] = []
        pending: list[Frame] = []
        registry = b""
        # Small frames make no small request while there is more behind them.
        while entries and points < INFLUX_BATCH_POINTS and read < ENTRIES_MOST:
            for at, data in entries:
                position = at
                read += 1
                entry = decode(data)
                payload = entry.payload
                if isinstance(payload, Configuration):
                    self._remember(payload.version(), payload)
                elif isinstance(payload, Frame) and len(payload):
                    if entry.header.registry != registry and pending:
                        parts.append(self._encode(registry, pending))
                        pending = []
                    registry = entry.header.registry
                    pending.append(payload)
                    points += len(payload)
                if points >= INFLUX_BATCH_POINTS:
                    break
            else:
                entries = self._behind(position, points)
        if pending:
            parts.append(self._encode(registry, pending))
        self._points_an_entry = max(1.0, points / read)
        lines = Lines.joined([goes for goes, _ in parts]) if parts else NO_LINES
        held = Lines.joined([each for _, each in parts if len(each)] or [NO_LINES])
        # Of the newest configuration: what an older one made is in the log's past.
        count = next(reversed(self._encoders.values())).count() if self._encoders else None
        return Portion(lines, position, lost, held, count, more=bool(entries))

    def _wanted(self, points: int) -> int:
        """How many entries are likely to fill a portion that has so many points."""
        likely = (INFLUX_BATCH_POINTS - points) / self._points_an_entry
        return min(max(math.ceil(likely), ENTRIES_AT_FIRST), ENTRIES_AT_ONCE)

    def _behind(self, position: int, points: int) -> Sequence[tuple[int, bytes]]:
        """What follows a position, unless something between was trimmed meanwhile: the next
        portion begins there and tells it."""
        entries = self._log.read(position, self._wanted(points))
        return [] if entries and self._lost(position, entries[0][0]) is not None else entries

    def _encode(self, registry: bytes, frames: list[Frame]) -> tuple[Lines, Lines]:
        encoder = self._encoders.get(registry)
        if encoder is None:
            configuration = self._configuration(registry)
            if configuration is None:
                raise UnknownRegistryError(
                    f"the log refers to configuration {registry.hex()}, which is not in it any "
                    "more; start the engine with the files of that time, or skip these samples"
                )
            encoder = self._remember(registry, configuration)
        return encoder.encode(Frame.concat(frames))

    def _remember(self, version: bytes, configuration: Configuration) -> RoomedEncoder:
        encoder = self._encoders.get(version)
        if encoder is None:
            encoder = self._encoders[version] = RoomedEncoder(configuration, self._room)
            if len(self._encoders) > _ENCODERS:
                self._encoders.popitem(last=False)
        self._encoders.move_to_end(version)
        return encoder

    def _lost(self, after: int, first_read: int) -> tuple[int, int] | None:
        """What was trimmed, or lost with a torn log, between the cursor and what is still there."""
        gone = after > 0 and first_read > after + 1 and self._log.first() == first_read
        return (after + 1, first_read - 1) if gone else None


class AlertFeed:
    """Records of the outbox: measurement `alert`. `room` is how many series there may be."""

    def __init__(
        self,
        outbox: OutboxPort,
        places: Callable[[str], Place | None],
        room: int | None = None,
    ) -> None:
        self._outbox = outbox
        self._places = places
        self._room = room
        self._series: AlertSeries | None = None

    def next(self, after: int) -> Portion | None:
        """See `Feed`. Raises LogError."""
        if self._series is None:
            self._series = AlertSeries(self._room, self._heads_until(after), after)
        rows = self._outbox.records(after, RECORDS_AT_ONCE)
        if not rows:
            self._series.recall(RECORDS_AT_ONCE)  # while there is nothing to do
            return None
        goes, held = [], []
        for *_, data in rows:
            record = decode_record(data)
            text = alert_line(record, self._places(record.site) or Place(record.area))
            head = alert_head(record)
            if self._series.admit(head):
                goes.append(text)
            elif self._series.hold(head):
                held.append(text)
        count = self._series.count()
        more = len(rows) == RECORDS_AT_ONCE
        return Portion(Lines.of(goes), rows[-1][0], held=Lines.of(held), count=count, more=more)

    def _heads_until(self, until: int) -> Iterator[str]:
        """Of the records that were written before, as far back as the outbox has them."""
        at = 0
        while at < until:
            rows = self._outbox.records(at, RECORDS_AT_ONCE)
            for rowid, *_, data in rows:
                if rowid > until:
                    return
                yield alert_head(decode_record(data))
            if not rows:
                return
            at = rows[-1][0]


def alert_time(record: Record) -> int:
    """The event time as the point's time: to the millisecond, then `seq` modulo a million as ns.

    Two records of one rule and sensor at one time would otherwise overwrite each other. The exact
    event time is the field `event`.
    """
    return record.time // _MILLISECOND * _MILLISECOND + record.seq % _MILLISECOND


def alert_head(record: Record) -> str:
    """The series of a record: measurement and tags."""
    tags = {
        "tenant": record.tenant,
        "area": record.area,
        "site": record.site,
        "asset": record.asset,
        "sensor": record.subject,
        "quantity": record.quantity,
        "rule": record.rule,
        "transition": record.transition,
    }
    return prefix("alert", tags)


def alert_line(record: Record, place: Place) -> str:
    """One record as a line: levels as 0 (normal) to 4 (red), times in ns."""
    fields = {
        "level": f"{LEVELS.index(record.level_after)}i",
        "level_before": f"{LEVELS.index(record.level_before)}i",
        "seq": f"{record.seq}i",
        "episode": f"{record.episode}i",
        "event": f"{record.time}i",
        "onset": f"{record.onset}i",
        "until": f"{record.until}i",
    }
    for name in ("value", "limit"):
        number = getattr(record, name)
        if number is not None:
            fields[name] = repr(float(number))
    for name in ("exercise", "historic", "uncertain", "unknown"):
        fields[name] = "true" if getattr(record, name) else "false"
    for name in ("state_after", "unit", "message", "basis", "hash"):
        fields[name.removesuffix("_after")] = string_field(getattr(record, name))
    for name in ("principal", "role", "reason", "id"):
        if name in record.detail:
            fields["command" if name == "id" else name] = string_field(record.detail[name])
    for language in LANGUAGES:
        text = render(record, language, zone(place.zone), place.name)
        fields[f"text_{language}"] = string_field(text)
    return line(alert_head(record), fields, alert_time(record))
