"""Series are counted exactly and held below the limit: the known go on, a restart finds the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.outputs.influx_cardinality import (
    REASON,
    USUAL_TRANSITIONS,
    AlertSeries,
    doubts,
    expected,
)
from lifeline.engine.outputs.influx_feeds import AlertFeed, SeriesFeed, alert_head, alert_line
from lifeline.engine.outputs.influx_output import SERIES, InfluxOutput
from lifeline.engine.outputs.influx_retry import Answer
from lifeline.engine.outputs.influx_room import MAX_SERIES, room_for_alerts, room_for_samples
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select


def plant(n: int, rules: tuple[Rule, ...] = ()) -> Configuration:
    return Configuration(
        sites=(Site(id="east", tenant="acme", area="hefei/shushan/east"),),
        links=(Link(site=0, source="mqtt"),),
        sensors=tuple(
            Sensor(id=f"S{i}", site=0, link=0, quantity="gas.combustible", unit="%LEL")
            for i in range(n)
        ),
        rules=rules,
    )


class Log:
    """A log in memory, as a feed reads it."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = [(at, encode(entry)) for at, entry in enumerate(entries, 1)]

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        return [each for each in self._entries if each[0] > after][:limit]

    def first(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the feed asks its log for {name}")


def samples(configuration: Configuration, sensors: Sequence[int], start: int = 0) -> Entry:
    n = len(sensors)
    frame = Frame.of(sensors, start + np.arange(n), np.ones(n))
    return Entry(Header(registry=configuration.version()), frame)


def told(configuration: Configuration, entries: Sequence[Entry], room: int) -> Any:
    feed = SeriesFeed(
        Log(entries),
        lambda version: configuration if version == configuration.version() else None,
        room,
    )
    return feed.next(0)


def sensors_in(body: bytes) -> list[str]:
    return [line.partition(b"sensor=")[2].partition(b",")[0].decode() for line in body.splitlines()]


def test_sensors_beyond_the_room_are_held_and_the_others_go_on() -> None:
    configuration = plant(5)
    portion = told(configuration, [samples(configuration, [0, 4, 1, 3, 2, 4, 3, 0])], 3)
    assert sensors_in(portion.lines.body) == ["S0", "S1", "S2", "S0"]
    assert sensors_in(portion.held.body) == ["S4", "S3"]  # the first of each, as they came
    count = portion.count
    assert (count.series, count.without_room, count.lines_held) == (3, 2, 4)
    assert count.names == ("S3", "S4")
    assert "outputs.influx.max_series" in count.text


def test_the_first_line_of_a_series_is_held_once() -> None:
    configuration = plant(3)
    feed = SeriesFeed(
        Log([samples(configuration, [2, 2], 10 * i) for i in range(600)]),
        lambda _version: configuration,
        2,
    )
    held, after = 0, 0
    while (portion := feed.next(after)) is not None:
        held, after = held + len(portion.held), portion.position
        assert len(portion.lines) == 0
        last = portion.count
    assert held == 1
    assert last is not None
    assert last.lines_held == 1200


def test_with_room_for_all_nothing_is_held() -> None:
    configuration = plant(5)
    portion = told(configuration, [samples(configuration, [0, 4])], 5)
    assert (len(portion.lines), len(portion.held), portion.count.text) == (2, 0, "")
    assert portion.count.series == 5


def test_a_removed_sensor_frees_its_room_for_the_next_in_age() -> None:
    before = plant(4)
    retired = replace(before.sensors[1], retired=True)
    after = replace(before, sensors=(before.sensors[0], retired, *before.sensors[2:]))
    assert sensors_in(told(before, [samples(before, [0, 1, 2, 3])], 2).lines.body) == ["S0", "S1"]
    portion = told(after, [samples(after, [0, 1, 2, 3])], 2)
    assert sensors_in(portion.lines.body) == ["S0", "S1", "S2"]  # S1's old samples are its own
    assert (portion.count.series, portion.count.without_room) == (2, 1)


def test_a_configuration_that_follows_in_the_log_is_counted() -> None:
    small, large = plant(2), plant(4)
    entries = [
        Entry(Header(), small), samples(small, [0, 1]),
        Entry(Header(), large), samples(large, [3]),
    ]  # fmt: skip
    portion = told(small, entries, 3)
    assert (portion.count.series, portion.count.without_room) == (3, 1)
    assert sensors_in(portion.held.body) == ["S3"]


# --- alerts ---------------------------------------------------------------------------------------


def record(seq: int, subject: str, transition: str = "raised") -> Record:
    return Record(
        tenant="acme", site="east", seq=seq, episode=1, rule="gas.high", rule_hash="00" * 16,
        subject=subject, area="hefei/shushan/east", quantity="gas.combustible",
        transition=transition, level_before="normal", level_after="red", state_before="normal",
        state_after="unacknowledged", onset=1, time=seq, value=1.0, limit=0.5, unit="%LEL",
        message="alarm.limit", basis="", previous="00" * 16, hash="00" * 16,
    )  # fmt: skip


class Outbox:
    """An outbox in memory."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.rows = [(i, r.site, r.seq, i, r.encode()) for i, r in enumerate(records, 1)]

    def records(self, after: int, limit: int) -> list[tuple[int, str, int, int, bytes]]:
        return [row for row in self.rows if row[0] > after][:limit]


RECORDS = [record(1, "A"), record(2, "B"), record(3, "A"), record(4, "C"), record(5, "A"),
           record(6, "C"), record(7, "B", "cleared")]  # fmt: skip


def alerts(outbox: Outbox, room: int | None) -> AlertFeed:
    return AlertFeed(outbox, lambda _site: Place("hefei/shushan/east"), room)  # type: ignore[arg-type]


def test_known_series_of_alerts_go_on_and_new_ones_are_held() -> None:
    portion = alerts(Outbox(RECORDS), 2).next(0)
    assert portion is not None
    assert sensors_of_alerts(portion.lines.body) == ["A", "B", "A", "A"]
    assert sensors_of_alerts(portion.held.body) == ["C", "B"]
    assert portion.count is not None
    assert (portion.count.series, portion.count.without_room) == (2, 2)
    assert portion.count.lines_held == 3


def sensors_of_alerts(body: bytes) -> list[str]:
    return [line.partition(b"sensor=")[2].partition(b",")[0].decode() for line in body.splitlines()]


@pytest.mark.parametrize("cursor", range(len(RECORDS) + 1))
def test_a_restart_anywhere_decides_as_if_it_had_not_been(cursor: int) -> None:
    outbox = Outbox(RECORDS)
    whole = alerts(outbox, 2).next(0)
    resumed = alerts(outbox, 2).next(cursor)
    assert whole is not None
    heads = [alert_head(r) for r in RECORDS]
    taken = {line.partition(" ")[0] for line in whole.lines.body.decode().splitlines()}
    if resumed is None:
        assert cursor == len(RECORDS)
        return
    went = [line.partition(" ")[0] for line in resumed.lines.body.decode().splitlines()]
    assert went == [head for head in heads[cursor:] if head in taken]


def test_the_past_is_read_when_it_matters_or_when_there_is_time() -> None:
    read: list[str] = []

    def past() -> Any:
        for head in ("a", "b", "c"):
            read.append(head)
            yield head

    series = AlertSeries(10, past(), 3)
    assert series.admit("new")
    assert read == []  # there is room: the past decides nothing
    assert series.recall(2)
    assert read == ["a", "b"]
    assert not series.recall(None)
    assert series.count().series == 4

    full = AlertSeries(1, past(), 3)
    assert full.admit("a")
    assert not full.admit("b")
    assert full.admit("a")


def test_an_alert_line_begins_with_its_series() -> None:
    text = alert_line(record(1, "T 1,a=b"), Place("hefei/shushan/east"))
    assert text.startswith(alert_head(record(1, "T 1,a=b")) + " level=4i,")


# --- what is told ---------------------------------------------------------------------------------


class Kept(Log):
    """A log that keeps dead letters and a cursor."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(entries)
        self.letters: list[tuple[str, bytes, str, int]] = []
        self.at = 0

    def cursor(self, _name: str) -> int:
        return self.at

    def set_cursor(self, _name: str, position: int) -> None:
        self.at = position

    def dead_letters_of(self, letters: Any) -> None:
        self.letters += letters


class Still:
    """A clock that stands."""

    def wall(self) -> int:
        return 7

    def monotonic(self) -> int:
        return 7


def test_the_output_keeps_one_dead_letter_a_series_and_tells_while_it_lasts() -> None:
    configuration = plant(4)
    log = Kept([samples(configuration, [0, 1, 2, 3, 3, 2])])
    bodies: list[bytes] = []

    def send(body: bytes) -> Answer:
        bodies.append(body)
        return Answer(204)

    feed = SeriesFeed(log, lambda _version: configuration, 2)  # type: ignore[arg-type]
    output = InfluxOutput(SERIES, feed, log, send, Still())  # type: ignore[arg-type]
    output._turn()
    assert sensors_in(b"".join(bodies)) == ["S0", "S1"]
    assert log.at == 1
    assert [(topic, reason) for topic, _, reason, _ in log.letters] == [(SERIES, REASON)] * 2
    line, _, why = log.letters[0][1].partition(b"\n")
    assert sensors_in(line) == ["S2"]
    assert why.startswith(b"# 2 series beyond the 2 ")
    assert [t.kind for t in output.troubles()] == ["max_series"]
    counters = output.counters()
    assert (counters["series"], counters["series_without_room"]) == (2, 2)
    assert counters["lines_without_room"] == 4


def test_what_a_configuration_can_make_is_counted_and_doubted() -> None:
    level = LevelLimits(high=1.0)
    none = LevelLimits()
    judgement = Judgement("gas.combustible", "", "%LEL", (none, none, level, level))
    both = Rule("gas.high", "limit", Select(), (judgement,))
    half = Rule("gas.some", "limit", Select(sensor=("S1*",)), (judgement,))
    configuration = plant(20, (both, half))
    found = expected(configuration)
    selected = 20 + 11  # S1, S10 to S19
    assert (found.samples, found.alerts, found.limits) == (
        20, selected * USUAL_TRANSITIONS, selected * 2
    )  # fmt: skip
    assert doubts(configuration, MAX_SERIES) == []
    (alerts_doubt,) = doubts(configuration, 10 * selected * USUAL_TRANSITIONS - 10)
    assert "series of alerts" in alerts_doubt
    assert len(doubts(configuration, 20)) == 2
    assert room_for_samples(MAX_SERIES) + room_for_alerts(MAX_SERIES) == MAX_SERIES
