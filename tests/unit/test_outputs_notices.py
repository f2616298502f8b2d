"""Notices against a real outbox: in a flood one message a group and minute, and nothing untold after a crash."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from area_logs import SiteAlarms
from lifeline.engine.errors import SinkError
from lifeline.engine.flooding import FloodGate
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.log import LogStore
from lifeline.engine.mqtt import PublishTicket
from lifeline.engine.outputs.mqtt_records import Message
from lifeline.engine.outputs.notice_output import who_answers
from lifeline.engine.outputs.notice_stream import NoticeStream
from lifeline.engine.outputs.ports import Place
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.performance import Watch, Where
from lifeline.engine.performance.hearing import sounds
from lifeline.engine.record import Record

T0 = 1_800_000_000 * SECOND_NS // MINUTE_NS * MINUTE_NS
AREA = "hefei/shushan/east"
PLACES = {"east": Place(AREA, "东区", "Asia/Shanghai")}


class Broker:
    """What was published; answers when told, so that a test holds the moment."""

    def __init__(self, room: int = 1_000_000) -> None:
        self.sent: list[tuple[Message, PublishTicket]] = []
        self.room = room

    def publish(self, message: Message) -> PublishTicket | None:
        if sum(not ticket.done for _, ticket in self.sent) >= self.room:
            return None
        ticket = PublishTicket(message.topic)
        self.sent.append((message, ticket))
        return ticket

    def answer(self, n: int = 1_000_000) -> None:
        for _, ticket in [each for each in self.sent if not each[1].done][:n]:
            ticket.resolve(None)

    def told(self) -> list[dict[str, Any]]:
        """What arrived."""
        return [json.loads(m.payload) for m, t in self.sent if t.done and t.error is None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LogStore]:
    opened = LogStore.open(tmp_path)
    yield opened
    opened.close()


def commit(store: LogStore, *records: Record) -> None:
    rows = [(r.site, r.seq, r.encode()) for r in records]
    store.append_records(store.outbox_end() + 1, rows, standing_changes(records)).wait(180)


def streamed(store: LogStore, broker: Broker) -> NoticeStream:
    return NoticeStream(
        "alert:notices", store, lambda: FloodGate(lambda r: (r.site,)), broker.publish
    )


def alarms(
    site: SiteAlarms, first: int, n: int, level: str = "orange", **flags: bool
) -> list[Record]:
    site.time = T0
    return [r for i in range(first, first + n) for r in site.set(f"gas~S{i}", level, **flags)]


def settle(store: LogStore, stream: NoticeStream, broker: Broker, now: int) -> None:
    while stream.turn(now, PLACES):
        broker.answer()
    broker.answer()
    stream.turn(now, PLACES)
    store.set_cursor("alert:beside", 1).wait(180)  # whatever was written before it is durable


def test_in_a_flood_there_is_one_message_a_group_and_minute(store: LogStore) -> None:
    broker, site = Broker(), SiteAlarms("east")
    commit(store, *alarms(site, 0, 3_000), *alarms(site, 5_000, 7, "red"))
    stream = streamed(store, broker)
    settle(store, stream, broker, T0)
    kinds = Counter(message["kind"] for message in broker.told())
    assert kinds == {"alarm": 17, "flood": 1}
    assert sum(m["level_after"] == "red" for m in broker.told() if m["kind"] == "alarm") == 7
    assert store.cursor("alert:notices") == 10, "nobody has heard of the eleventh"
    settle(store, stream, broker, T0 + MINUTE_NS)
    (group,) = [m for m in broker.told() if m["kind"] == "group"]
    assert (group["count"], group["worst"], group["site"], group["rule"]) == (
        2_990,
        "orange",
        "east",
        "gas",
    )
    assert (
        group["text"]["zh"]
        == "东区，规则 gas：2990 条报警，最高橙色；首条 S10，2027-01-15T16:00:00.000+08:00"
    )
    assert group["text"]["en"].startswith(
        "2990 alarms at 东区, rule gas, gravest orange; the first S10"
    )
    assert store.cursor("alert:notices") == store.outbox_end()
    (topic,) = {m.topic for m, _ in broker.sent if b'"kind":"group"' in m.payload}
    assert topic == f"lifeline/v1/notice/{AREA}/east"


def test_a_drill_is_told_on_topics_of_its_own_and_says_so(store: LogStore) -> None:
    broker, site = Broker(), SiteAlarms("east")
    commit(store, *alarms(site, 0, 20, exercise=True))
    settle(store, streamed(store, broker), broker, T0)
    settle(store, stream := streamed(store, broker), broker, T0)
    settle(store, stream, broker, T0 + MINUTE_NS)
    assert all(m.topic.startswith("lifeline/v1/drill-notice/") for m, _ in broker.sent)
    for message in broker.told():
        assert message["text"]["zh"].startswith("【演练】"), message
        assert message["text"]["en"].startswith("EXERCISE - "), message


def test_what_the_broker_refuses_is_told_again(store: LogStore) -> None:
    broker, site = Broker(), SiteAlarms("east")
    commit(store, *alarms(site, 0, 5))
    stream = streamed(store, broker)
    stream.turn(T0, PLACES)
    broker.sent[2][1].resolve(SinkError("not authorised"))
    broker.answer()
    with pytest.raises(SinkError, match="not authorised"):
        stream.turn(T0, PLACES)
    stream.restart()
    settle(store, stream, broker, T0)
    assert {m["subject"] for m in broker.told()} == {f"S{i}" for i in range(5)}
    assert stream.cursor == store.outbox_end()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_left_untold_whenever_it_crashes(store: LogStore, seed: int) -> None:
    """Records, minutes, a slow broker and crashes in any order: at the end each alarm that sounds was
    told, or was counted in a summary of its site, at least once."""
    chance, now = random.Random(seed), T0
    sites = {name: SiteAlarms(name) for name in ("east", "west")}
    sounded: Counter[str] = Counter()
    brokers = [Broker(room=20)]
    stream = streamed(store, brokers[-1])
    for number in range(120):
        name = chance.choice(list(sites))
        made = alarms(
            sites[name], 1_000 * number, chance.randrange(12), chance.choice(["blue", "red"])
        )
        if made:
            commit(store, *made)
            sounded[name] += sum(map(sounds, made))
        if chance.random() < 0.3:
            now += chance.choice((SECOND_NS, MINUTE_NS, 11 * MINUTE_NS))
        stream.turn(now, PLACES)
        brokers[-1].answer(chance.randrange(20))
        if chance.random() < 0.08:
            brokers.append(Broker(room=20))
            store.set_cursor("alert:beside", number).wait(180)
            stream = streamed(store, brokers[-1])
    for _ in range(200):
        stream.turn(now, PLACES)
        brokers[-1].answer()
        now += SECOND_NS * 20
    heard: Counter[str] = Counter()
    rows: set[tuple[str, str]] = set()
    for broker in brokers:
        for message in broker.told():
            if message["kind"] == "group":
                heard[message["site"]] += message["count"]
            elif message["kind"] == "alarm" and (message["site"], message["alarm"]) not in rows:
                rows.add((message["site"], message["alarm"]))
                heard[message["site"]] += 1
    assert stream.cursor == store.outbox_end()
    assert all(heard[name] >= n for name, n in sounded.items())
    if len(brokers) == 1:
        assert heard == sounded


def test_who_answers_is_asked_of_the_configuration_of_now() -> None:
    (record,) = SiteAlarms("east").set("gas~S", "blue")
    where: dict[str, Where] = {}
    positions = who_answers(lambda: where)
    assert positions(record) == (AREA,)
    where["east"] = Where(AREA, "desk 1", (Watch("tanks", ("T-*",)), Watch("all")))
    assert positions(record) == ("all",)
