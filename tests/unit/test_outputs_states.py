"""The retained states against a real outbox: no older state ever follows a newer one."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lifeline.engine.limits import RETAINED_QUIET_NS
from lifeline.engine.log import LogStore
from lifeline.engine.mqtt import PublishTicket
from lifeline.engine.outputs.mqtt_records import Message, RecordStream
from lifeline.engine.outputs.mqtt_states import StateKeeper
from lifeline.engine.outputs.ports import Place
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.record import Record

PLACES = {"gas-east": Place("hefei/shushan/east")}
TOPIC = "lifeline/v1/state/hefei/shushan/east/gas-east/gas.limit~GD-1"


def record(seq: int, state: str) -> Record:
    return Record(
        tenant="acme", site="gas-east", seq=seq, episode=1, rule="gas.limit", rule_hash="00",
        subject="GD-1", area="hefei/shushan/east", quantity="gas.combustible", transition="level",
        level_before="orange", level_after="red", state_before="unacknowledged", state_after=state,
        onset=1, time=2, value=1.0, limit=1.0, unit="%LEL", message="alarm.limit", basis="",
        previous="", hash=f"{seq:032x}",
    )  # fmt: skip


class Broker:
    """What was published, in order; answers when told, so that a test holds the moment."""

    def __init__(self) -> None:
        self.sent: list[tuple[Message, PublishTicket]] = []
        self.listening: list[bool] = []
        self.failed: list[tuple[str, str]] = []

    def publish(self, message: Message) -> PublishTicket | None:
        ticket = PublishTicket(message.topic)
        self.sent.append((message, ticket))
        return ticket

    def answer(self) -> None:
        for _, ticket in self.sent:
            ticket.resolve(None)

    def states(self) -> list[int]:
        """seq of each state published, 0 for an emptied one."""
        retained = [m.payload for m, _ in self.sent if m.retain]
        return [msgspec.json.decode(p)["seq"] if p else 0 for p in retained]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    opened = LogStore.open(tmp_path)
    yield opened
    opened.close()


def commit(store: LogStore, position: int, *records: Record) -> None:
    rows = [(r.site, r.seq, r.encode()) for r in records]
    store.append_records(position, rows, standing_changes(records)).wait(180)


def made(store: LogStore) -> tuple[Broker, StateKeeper, RecordStream]:
    broker = Broker()
    fail = lambda kind, text: broker.failed.append((kind, text))  # noqa: E731
    post = lambda event: event()  # noqa: E731
    keeper = StateKeeper(store, broker.publish, post, broker.listening.append, fail)
    stream = RecordStream("alert:mqtt", store, broker.publish, post, keeper.takes, fail)
    return broker, keeper, stream


def read_retained(keeper: StateKeeper, now: int = 0) -> int:
    """A connection whose retained topics were read; the time then."""
    keeper.ready(1, now)
    keeper.ready(1, now)
    return now + RETAINED_QUIET_NS


def test_rows_that_the_table_already_includes_publish_no_state(store: LogStore) -> None:
    commit(store, 1, *(record(seq, "unacknowledged") for seq in (1, 2, 3)))
    broker, keeper, stream = made(store)
    now = read_retained(keeper)
    keeper.turn(True, now, PLACES)
    assert broker.states() == [3]
    stream.turn(PLACES)
    assert broker.states() == [3], "the backlog must not show its older states again"
    broker.answer()
    commit(store, 2, record(4, "normal"))
    stream.turn(PLACES)
    assert broker.states() == [3, 0]
    broker.answer()
    store.set_cursor("alert:other", 0).wait(180)  # whatever was asked before is durable now
    assert stream.cursor == store.outbox_end()


def test_before_the_retained_topics_are_read_no_state_is_published(store: LogStore) -> None:
    broker, keeper, stream = made(store)
    keeper.ready(1, 0)
    assert broker.listening == [True]
    commit(store, 1, record(1, "unacknowledged"))
    stream.turn(PLACES)
    assert broker.states() == []
    keeper.ready(1, 5)
    keeper.turn(True, 5 + RETAINED_QUIET_NS - 1, PLACES)
    assert broker.states() == []
    keeper.turn(True, 5 + RETAINED_QUIET_NS, PLACES)
    assert broker.states() == [1]
    assert broker.listening == [True, False]
    before = keeper.idle
    broker.answer()
    assert (before, keeper.idle) == (False, True)


def test_what_is_retained_late_delays_the_comparison_and_is_found(store: LogStore) -> None:
    broker, keeper, _ = made(store)
    now = read_retained(keeper)
    keeper.seen(TOPIC, b'{"hash": "old"}', now - 1)
    keeper.turn(True, now, PLACES)
    assert broker.sent == []
    keeper.turn(True, now - 1 + RETAINED_QUIET_NS, PLACES)
    assert [(m.topic, m.payload) for m, _ in broker.sent] == [(TOPIC, b"")]


def test_an_older_state_that_still_waits_is_dropped_when_a_newer_one_was_shown(
    store: LogStore,
) -> None:
    """The window was full when the connection was lost; the comparison shows the newest state."""
    broker, keeper, stream = made(store)
    keeper.turn(True, read_retained(keeper), PLACES)
    room: list[bool] = []
    publish = broker.publish

    def sometimes(message: Message) -> PublishTicket | None:
        return publish(message) if room else None

    stream._publish = sometimes
    commit(store, 1, record(1, "unacknowledged"))
    stream.turn(PLACES)
    commit(store, 2, record(2, "acknowledged"))
    keeper.ready(2, 0)
    keeper.ready(2, 0)
    keeper.turn(True, RETAINED_QUIET_NS, PLACES)
    assert broker.states() == [2]
    room.append(True)
    stream.turn(PLACES)
    assert broker.states() == [2]


def test_a_lost_connection_begins_the_reading_anew(store: LogStore) -> None:
    broker, keeper, _ = made(store)
    keeper.ready(1, 0)
    keeper.ready(1, 0)
    keeper.seen(TOPIC, b"{}", 0)
    keeper.ready(2, 10)
    keeper.turn(False, 10 + RETAINED_QUIET_NS, PLACES)
    assert broker.listening == [True], "not connected: silence says nothing"
    keeper.turn(True, 10 + RETAINED_QUIET_NS, PLACES)
    assert broker.listening == [True, False]
    assert broker.sent == [], "what the broker kept before may be gone with it"


def test_a_refused_publication_is_told(store: LogStore) -> None:
    from lifeline.engine.errors import SinkError

    commit(store, 1, record(1, "unacknowledged"))
    broker, keeper, stream = made(store)
    stream.turn(PLACES)
    broker.sent[0][1].resolve(SinkError("not authorized", permanent=True))
    assert broker.failed[0][0] == "refused"
    assert stream.cursor == 0
    stream.restart()
    before = len(broker.sent)
    stream.turn(PLACES)
    assert [m.topic for m, _ in broker.sent[before:]] == [m.topic for m, _ in broker.sent[:before]]
    assert keeper.corrected == 0
