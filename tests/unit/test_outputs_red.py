"""The lane of red alerts beside everything else, against a real outbox."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.errors import LogError, SinkError
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import OUTPUT_WINDOW
from lifeline.engine.log import LogStore, Ticket
from lifeline.engine.metrics import catalogue
from lifeline.engine.metrics.parts import output_readings
from lifeline.engine.mqtt import PublishTicket
from lifeline.engine.outputs import mqtt_records, mqtt_red, topics
from lifeline.engine.outputs.mqtt_output import CURSOR, RED_CURSOR
from lifeline.engine.outputs.mqtt_records import InOrder, Message, RecordStream, record_messages
from lifeline.engine.outputs.mqtt_red import RED_PLACES, RED_WINDOW, Reds
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.record import Record

SITES = ("east", "west")
WINDOW = OUTPUT_WINDOW - RED_PLACES


def record(
    site: str, seq: int, before: str, after: str, subject: str = "red", *, closes: bool = False
) -> Record:
    return Record(
        tenant="acme", site=site, seq=seq, episode=1, rule="gas.limit", rule_hash="00",
        subject=subject, area="a/b/c", quantity="gas.combustible", transition="level",
        level_before=before, level_after=after, state_before="unacknowledged",
        state_after="normal" if closes else "unacknowledged", onset=1, time=2, value=1.0, limit=1.0, unit="%LEL",
        message="alarm.limit", basis="", previous="", hash=f"{seq:032x}",
    )  # fmt: skip


def is_red(message: Message) -> bool:
    return "/alert/" in message.topic and message.topic.endswith("/red")


class Life:
    """One life of both streams: the worker's events run when told, the broker answers when told.
    Without `room` there is none for each second publication at first.
    """

    def __init__(self, store: LogStore, *, room: bool = True) -> None:
        self.store = store
        self._room = room
        self._asked = 0
        self.sent: list[tuple[Message, PublishTicket]] = []
        self.failed: list[tuple[str, str]] = []
        self._events: deque[Callable[[], None]] = deque()
        rest = (self.publish, self._events.append, lambda *_: True, self._fail)
        self.main = RecordStream(CURSOR, store, InOrder(store), WINDOW, *rest)
        self.red = RecordStream(
            RED_CURSOR, store, Reds(store), RED_WINDOW, *rest, begin=self.main.cursor
        )

    def publish(self, message: Message) -> PublishTicket | None:
        self._asked += 1
        if not self._room and self._asked % 2:
            return None
        ticket = PublishTicket(message.topic)
        self.sent.append((message, ticket))
        return ticket

    def _fail(self, kind: str, text: str) -> None:
        self.failed.append((kind, text))
        self.main.restart()
        self.red.restart()

    def settle(self) -> None:
        """What was asked of the log is durable, and the worker knows."""
        self.store.set_cursor("alert:beside", 0).wait(30)
        while self._events:
            self._events.popleft()()

    def turn(self, main: bool = True) -> None:
        self.settle()
        self.red.turn({})
        if main:
            self.main.turn({})

    def answer(self, which: Callable[[Message], bool], most: int = 1_000) -> int:
        """The broker's answers to the first so many of those; how many there were."""
        found = [t for m, t in self.sent if which(m) and not t.done][:most]
        for ticket in found:
            ticket.resolve(None)
        self.settle()
        return len(found)

    def drain(self) -> None:
        self.turn()
        while self.answer(lambda _: True) or not (self.main.idle and self.red.idle):
            self.turn()

    def heard(self, which: Callable[[Message], bool]) -> list[tuple[str, int]]:
        told = [msgspec.json.decode(m.payload) for m, _ in self.sent if which(m)]
        return [(t["site"], t["seq"]) for t in told]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    with_beside = opened(tmp_path)
    yield with_beside
    with_beside.close()


def opened(directory: Path) -> LogStore:
    store = LogStore.open(directory)
    store.set_cursor("alert:beside", 0).wait(30)
    return store


def commit(store: LogStore, records: list[Record]) -> None:
    rows = [(r.site, r.seq, r.encode()) for r in records]
    at = store.outbox_end() + 1
    store.append_records(at, rows, standing_changes(records)).wait(30)


def swings(count: int, red_every: int) -> list[Record]:
    """Orange up and down at one site, and every so many a red one."""
    return [
        record("east", n, "normal", "red" if n % red_every == 0 else "orange")
        for n in range(1, count + 1)
    ]


def test_red_goes_out_while_the_window_of_everything_else_is_full(store: LogStore) -> None:
    life = Life(store)
    commit(store, swings(400, 10))
    life.turn()
    stuck = life.heard(lambda m: not is_red(m))
    assert 0 < len(stuck) <= WINDOW
    for _ in range(40):
        life.answer(is_red)
        life.turn()
    assert life.heard(lambda m: not is_red(m)) == stuck, "nobody answered those"
    assert life.heard(is_red) == [("east", n) for n in range(10, 401, 10)]
    assert (life.main.cursor, life.red.position) == (0, 400)
    life.drain()
    kept = life.heard(lambda m: "/record/" in m.topic)
    assert kept == [("east", n) for n in range(1, 401)]
    assert life.main.cursor == 400


def test_no_more_red_is_on_its_way_than_its_window(store: LogStore) -> None:
    life = Life(store)
    commit(store, swings(3 * RED_WINDOW, 1))
    life.turn()
    life.turn()
    assert len(life.heard(is_red)) == RED_WINDOW, "after a crash no more than that comes again"
    assert life.red.in_flight == RED_WINDOW
    assert len(life.heard(lambda m: not is_red(m))) <= WINDOW


def test_a_stream_takes_no_more_rows_in_a_turn_than_it_is_told(store: LogStore) -> None:
    life = Life(store)
    commit(store, swings(5, 1_000))
    life.main.turn({}, 2)
    assert (len(life.heard(lambda m: "/record/" in m.topic)), life.main.more) == (2, True)
    life.main.turn({}, 9)
    assert life.main.more is False


def test_a_lane_that_is_new_tells_nothing_of_what_was_told_before(store: LogStore) -> None:
    commit(store, swings(50, 5))
    store.set_cursor(CURSOR, 42).wait(30)  # as an older version left it
    life = Life(store)
    assert life.red.cursor == 42
    life.drain()
    assert life.heard(is_red) == [("east", 45), ("east", 50)]


def test_everything_else_waits_until_a_new_lane_knows_where_it_begins(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.set_cursor

    def refused(name: str, position: int) -> Ticket:
        ticket = Ticket()
        ticket.resolve(LogError("the disk is full"))
        return ticket

    monkeypatch.setattr(store, "set_cursor", refused)
    life = Life(store)
    assert not life.red.begun
    monkeypatch.setattr(store, "set_cursor", real)
    life.settle()
    assert {kind for kind, _ in life.failed} == {"log"}
    life.settle()
    assert life.red.begun
    assert RED_CURSOR in store.cursors()


def test_the_cursor_follows_over_what_is_not_red(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_red, "LOOK_AT_ONCE", 7)
    life = Life(store)
    commit(store, swings(100, 1_000))
    for _ in range(20):
        life.turn()
    assert life.heard(is_red) == []
    assert (life.red.position, life.red.cursor) == (100, 0)
    life.red.follow()
    life.settle()
    assert store.cursor(RED_CURSOR) == life.red.cursor == 100


def test_a_subject_called_red_is_not_red(store: LogStore) -> None:
    life = Life(store)
    commit(store, [record("east", n, "normal", "orange", subject="red") for n in range(1, 30)])
    commit(store, [record("east", 30, "red", "normal")])
    life.drain()
    assert life.heard(is_red) == [("east", 30)]


def test_a_refused_red_alert_comes_again_and_nothing_is_passed(store: LogStore) -> None:
    life = Life(store)
    commit(store, swings(20, 5))
    life.turn()
    _, ticket = next((m, t) for m, t in life.sent if is_red(m))
    ticket.resolve(SinkError("not authorized", permanent=True))
    life.settle()
    assert life.failed[0][0] == "refused"
    assert (life.red.cursor, life.main.cursor) == (0, 0)
    life.drain()
    assert list(dict.fromkeys(life.heard(is_red))) == [("east", n) for n in (5, 10, 15, 20)]


def test_no_topic_is_of_both_streams_and_together_they_are_everything(store: LogStore) -> None:
    for before in LEVELS:
        for after in LEVELS:
            any_record = record("east", 1, before, after)
            parts = [p.messages(any_record, {}) for p in (Reds(store), InOrder(store))]
            reds, rest = parts if Reds(store).count(any_record) else ([], parts[1])
            assert all(map(is_red, reds))
            assert not any(map(is_red, rest))
            assert sorted(reds + rest) == sorted(record_messages(any_record, {}))


LEVEL = st.sampled_from(["normal", "orange", "red"])
ACT = st.one_of(
    st.tuples(st.just("commit"), st.lists(st.tuples(st.sampled_from(SITES), LEVEL, LEVEL), max_size=30)),
    st.tuples(st.just("turn"), st.booleans()),
    st.tuples(st.just("answer"), st.integers(1, 12)),
    st.tuples(st.just("answer red"), st.integers(1, 12)),
    st.tuples(st.just("refuse"), st.none()),
    st.tuples(st.just("follow"), st.none()),
    st.tuples(st.just("crash"), st.none()),
)  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.lists(ACT, max_size=25))
def test_every_topic_has_its_records_in_order_whatever_happens(
    acts: list[tuple[str, object]],
) -> None:
    with TemporaryDirectory() as folder:
        store = opened(Path(folder))
        made: list[Record] = []
        lives = [Life(store)]
        for act in acts:
            _do(act, lives, made, store)
        lives[-1].drain()
        assert lives[-1].red.position == lives[-1].main.position == store.outbox_end()
        store.close()
    expected: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for each in made:
        for message in record_messages(each, {}):
            expected[message.topic].append((each.site, each.seq))
    heard: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for life in lives:
        for message, _ in life.sent:
            told = msgspec.json.decode(message.payload)
            heard[message.topic].append((told["site"], told["seq"]))
    assert {topic: list(dict.fromkeys(seqs)) for topic, seqs in heard.items()} == expected
    for topic, seqs in heard.items():
        again = len(seqs) - len(expected[topic])
        window = RED_WINDOW if topic.endswith("/red") else WINDOW
        times = len(lives) - 1 + sum(len(life.failed) for life in lives)
        assert again <= times * window


def _do(act: tuple[str, object], lives: list[Life], made: list[Record], store: LogStore) -> None:
    life, (what, how) = lives[-1], act
    if what == "commit":
        assert isinstance(how, list)
        new: list[Record] = []
        for site, before, after in how:
            seq = 1 + sum(r.site == site for r in (*made, *new))
            new.append(record(site, seq, before, after))
        if new:
            commit(store, new)
        made += new
    elif what == "turn":
        life.turn(main=bool(how))
    elif what in ("answer", "answer red"):
        assert isinstance(how, int)
        life.answer(is_red if what == "answer red" else lambda _: True, how)
    elif what == "refuse":
        for _, ticket in [s for s in life.sent if not s[1].done][:1]:
            ticket.resolve(SinkError("no", permanent=True))
        life.settle()
    elif what == "follow":
        life.red.follow()
    elif what == "crash":
        life.settle()
        lives.append(Life(store))


ALARM = st.tuples(st.sampled_from(["GD-1", "GD-2"]), st.sampled_from(["normal", "orange", "red"]))


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.lists(ALARM, max_size=60), st.integers(0, 40)), max_size=8),
    st.booleans(),
)
def test_in_a_backlog_states_are_passed_and_none_goes_back(
    batches: list[tuple[list[tuple[str, str]], int]], room: bool
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mqtt_records, "BACKLOG", 3)
        store = opened(Path(folder))
        life = Life(store, room=room)
        made: list[Record] = []
        for batch, answers in batches:
            first = len(made) + 1
            new = [
                record("east", first + n, "orange", level, subject, closes=level == "normal")
                for n, (subject, level) in enumerate(batch)
            ]
            if new:
                commit(store, new)
            made += new
            life.turn()
            life.answer(lambda _: True, answers)
        life.drain()
        passed = life.main.states_passed
        assert len(life.main._newest) == 0, "whatever was sent ahead of its record was come to"
        store.close()
    records = [("east", n) for n in range(1, len(made) + 1)]
    assert life.heard(lambda m: "/record/" in m.topic) == records
    states: dict[str, list[bytes]] = defaultdict(list)
    last: dict[str, Message] = {}
    for each in made:
        *_, state = record_messages(each, {})
        last[state.topic] = state
    for message, _ in life.sent:
        if message.retain:
            states[message.topic].append(message.payload)
    assert {topic: seen[-1] for topic, seen in states.items()} == {
        topic: state.payload for topic, state in last.items()
    }
    for seen in states.values():
        seqs = [msgspec.json.decode(p)["seq"] for p in seen if p]
        assert seqs == sorted(set(seqs))
    assert sum(map(len, states.values())) + passed == len(made)


def test_states_of_a_standing_alarm_are_passed(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_records, "BACKLOG", 3)
    life = Life(store)
    commit(store, swings(200, 1_000))
    life.drain()
    assert life.heard(lambda m: m.retain) == [("east", 200)]
    assert life.main.states_passed == 199


def test_the_lane_is_told_beside_its_output() -> None:
    told = {"alive": True, "position": 3, "behind": 7, "counters": {}, "troubles": []}
    outputs = {CURSOR: {**told, "red": {"position": 10, "behind": 1}}}
    behind = [r for r in output_readings(outputs) if r.metric is catalogue.OUTPUT_BEHIND]
    assert {r.labels: r.value for r in behind} == {(CURSOR,): 7, (RED_CURSOR,): 1}


def test_the_topic_of_red_is_the_one_that_subscribers_know() -> None:
    assert is_red(Message(topics.alert("a/b/c", "east", "gas", "red"), b""))
