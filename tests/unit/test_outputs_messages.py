"""What leaves by MQTT: topics, texts, times, payloads, the states that stand, commands."""

import re
from datetime import UTC
from pathlib import Path
from random import Random
from string import printable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.engine.command import Command, Reply
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import HOUR_NS, MAX_COMMAND_BYTES, SECOND_NS
from lifeline.engine.mqtt import Delivery
from lifeline.engine.outputs import topics
from lifeline.engine.outputs.commands import Refusal, read_command
from lifeline.engine.outputs.health import health_payload, will
from lifeline.engine.outputs.mqtt_commands import OrderedAcks
from lifeline.engine.outputs.mqtt_records import InOrder, Message, record_messages
from lifeline.engine.outputs.payload import record_payload, reply_payload, retained_hash
from lifeline.engine.outputs.ports import Place
from lifeline.engine.outputs.standing import Reconciliation, standing_changes
from lifeline.engine.outputs.text import LANGUAGES, amount, fill, render, table
from lifeline.engine.outputs.times import parse_rfc3339, rfc3339, zone
from lifeline.engine.outputs.window import Window
from lifeline.engine.record import Record, Transition

EAST = Place("hefei/shushan/east", "东区燃气", "Asia/Shanghai")
NOW = 1_767_225_600 * SECOND_NS


def record(**changes: object) -> Record:
    base = Record(
        tenant="acme", site="gas-east", seq=7, episode=7, rule="gas.combustible",
        rule_hash="00" * 16, subject="GD-1", area="hefei/shushan/east", quantity="gas.combustible",
        transition="raised", level_before="normal", level_after="orange", state_before="normal",
        state_after="unacknowledged", onset=NOW, time=NOW + 3 * SECOND_NS, value=27.25, limit=25.0,
        unit="%LEL", message="alarm.limit", basis="GB/T 50493-2019 5.5.2", previous="00" * 16,
        hash="ab" * 16, asset="M-12",
    )  # fmt: skip
    return msgspec.structs.replace(base, **changes)


# --- topics --------------------------------------------------------------------------------------


@given(st.text(min_size=1))
@example("a/b+#%2F")
@example("%")
def test_any_name_is_one_topic_level_and_comes_back(name: str) -> None:
    level = topics.segment(name)
    assert not set(level) & set("/+#\0")
    assert level
    assert topics.name(level) == name
    level.encode()


@example(area="hefei", site="-", other="x")
@given(area=st.text(), site=st.text(min_size=1), other=st.text(min_size=1))
def test_every_topic_has_its_fixed_depth(area: str, site: str, other: str) -> None:
    assert topics.record(area, site).count("/") == 6
    assert topics.alert(area, site, other, "red").count("/") == 8
    assert topics.state(area, site, other).count("/") == 7
    assert topics.command(site, other).count("/") == 4
    assert topics.site_of_state(topics.state(area, site, other)) == site
    assert topics.command_of(topics.command(site, other)) == (site, other)
    assert topics.command_of(topics.reply(site, other)) is None
    assert topics.site_of_state(topics.record(area, site)) is None


def test_the_topics_are_those_of_the_contract() -> None:
    area = "hefei/shushan/east"
    assert topics.record(area, "s") == "lifeline/v1/record/hefei/shushan/east/s"
    assert topics.alert(area, "s", "gas", "red") == "lifeline/v1/alert/hefei/shushan/east/s/gas/red"
    assert topics.state(area, "s", "r~x") == "lifeline/v1/state/hefei/shushan/east/s/r~x"
    assert topics.command("s", "u") == "lifeline/v1/command/s/u"
    assert topics.reply("s", "u") == "lifeline/v1/command/s/u/reply"
    assert topics.health("n") == "lifeline/v1/health/n"
    assert topics.record("", "_engine") == "lifeline/v1/record/-/-/-/_engine"


@pytest.mark.parametrize(
    ("before", "after", "levels"),
    [
        ("normal", "red", ["red"]),
        ("orange", "red", ["orange", "red"]),
        ("red", "normal", ["red"]),
        ("blue", "blue", ["blue"]),
        ("normal", "normal", []),
    ],
)
def test_a_record_goes_out_under_both_levels_that_are_not_normal(
    before: str, after: str, levels: list[str]
) -> None:
    first, *alerts, state = record_messages(record(level_before=before, level_after=after), {})
    assert first.topic == "lifeline/v1/record/hefei/shushan/east/gas-east"
    assert [m.topic.rsplit("/", 2)[1:] for m in alerts] == [["gas", level] for level in levels]
    assert {m.payload for m in alerts} <= {first.payload}
    assert not any(m.retain for m in (first, *alerts))
    assert state.retain


@given(st.data())
def test_a_record_is_rendered_once_and_its_messages_are_counted_without(
    data: st.DataObject,
) -> None:
    level = st.sampled_from(["normal", "blue", "yellow", "orange", "red"])
    any_record = record(
        level_before=data.draw(level),
        level_after=data.draw(level),
        transition=data.draw(st.sampled_from([t.name.lower() for t in Transition])),
        state_after=data.draw(st.sampled_from(["normal", "unacknowledged", "shelved"])),
    )
    places = {"gas-east": EAST}
    in_order = InOrder(None)  # type: ignore[arg-type]  # nothing is read
    messages = in_order.messages(any_record, places)
    assert in_order.count(any_record) == len(messages)
    assert len({id(m.payload) for m in messages if m.payload}) == 1
    assert messages[0].payload == record_payload(any_record, EAST)


# --- texts ---------------------------------------------------------------------------------------


def test_both_tables_have_the_same_keys_and_placeholders() -> None:
    english, chinese = table("en"), table("zh")
    assert {s: set(english[s]) for s in english} == {s: set(chinese[s]) for s in chinese}
    for section in english:
        for key, template in english[section].items():
            found = set(re.findall(r"\{(\w+)\}", template))
            assert found == set(re.findall(r"\{(\w+)\}", chinese[section][key])), (section, key)


def test_a_silent_sensor_of_a_returned_alarm_makes_no_normal_alarm_stand() -> None:
    stands = record(transition="unknown", level_before="red", level_after="red")
    over = record(transition="unknown", level_before="normal", level_after="normal")
    assert render(stands, "en").startswith("Red alarm stands, but its sensor is silent")
    assert render(over, "en").startswith("Its sensor is silent; the alarm had returned")
    assert render(over, "zh").startswith("传感器无数据；报警已恢复但尚未关闭")


def test_every_transition_and_level_has_its_words() -> None:
    for language in LANGUAGES:
        named = {t.name.lower() for t in Transition}
        assert set(table(language)["transitions"]) == named | {"unknown_normal"}
        assert set(table(language)["levels"]) == {"normal", "blue", "yellow", "orange", "red"}


def test_a_raised_alarm_reads_like_a_sentence() -> None:
    assert render(record(), "en", UTC, "East gas") == (
        "Orange alarm: combustible gas, point detector at East gas M-12 GD-1 is 27.25 %LEL, "
        "limit 25 %LEL"
    )
    assert render(record(), "zh", UTC, "东区燃气") == (
        "橙色报警：东区燃气 M-12 GD-1 可燃气体浓度为 27.25 %LEL，限值 25 %LEL"
    )


@pytest.mark.parametrize(
    "key",
    [
        *("alarm.limit", "alarm.rate", "alarm.trend", "alarm.flatline", "alarm.stale"),
        *("alarm.balance", "alarm.multivariate"),
        *("alarm.vote", "alarm.composite", "alarm.ladder"),
        *("alarm.accumulate", "alarm.shift", "alarm.spike", "alarm.range"),
        *("alarm.clock", "alarm.forecast", "alarm.deviation", "engine.blind", "engine.recovered"),
    ],
)
def test_every_message_key_has_its_own_words(key: str) -> None:
    for language in LANGUAGES:
        known = render(record(message=key, value=None, limit=None), language)
        generic = render(record(message="alarm.unheard", value=None, limit=None), language)
        assert known != generic
        assert "gas-east" in known or key.startswith("engine.")
        assert not re.search(r"[\[\]{}]", known)


def test_an_unknown_key_falls_back_to_the_rule_and_an_authors_sentence_stays() -> None:
    assert "rule gas.combustible at gas-east M-12 GD-1: 27.25 %LEL, limit 25 %LEL" in render(
        record(message="alarm.of_a_later_version"), "en"
    )
    own = render(record(message="Valve house: leave at once!"), "en")
    assert "Valve house: leave at once! (rule gas.combustible" in own


def test_marks_for_drill_backlog_and_doubt_are_in_the_text() -> None:
    text = render(record(exercise=True, historic=True, uncertain=True), "en")
    assert text.startswith("EXERCISE - ")
    assert "[from a backlog]" in text
    assert "[uncertain]" in text
    assert render(record(exercise=True), "zh").startswith("【演练】")


def test_who_acted_and_why_is_in_the_text() -> None:
    acted = record(
        transition="shelved", state_after="shelved", until=NOW + HOUR_NS,
        detail={"principal": "zhang", "reason": "calibration [bay 3] {x}", "id": "1"},
    )  # fmt: skip
    text = render(acted, "zh", zone("Asia/Shanghai"))
    assert "zhang已搁置，至2026-01-01T09:00:00.000+08:00（calibration [bay 3] {x}）" in text


@given(
    st.builds(
        record,
        transition=st.text() | st.sampled_from([t.name.lower() for t in Transition]),
        message=st.text() | st.sampled_from(list(table("en")["messages"])),
        unit=st.text(printable, max_size=5),
        value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
        quantity=st.text(),
        level_after=st.text(),
        detail=st.dictionaries(st.sampled_from(["principal", "reason"]), st.text()),
    )
)
def test_rendering_never_raises(any_record: Record) -> None:
    for language in LANGUAGES:
        assert render(any_record, language)
    record_payload(any_record, EAST)


def test_optional_parts_go_when_a_word_is_missing() -> None:
    assert fill("a[ by {x}][ ({y})]: {z}", {"x": "", "y": "w", "z": ""}) == "a (w): "
    assert amount(1e-9, "mm/d") == "1e-09 mm/d"
    assert amount(21.5, "Cel") == "21.5 °C"


# --- times ---------------------------------------------------------------------------------------


@given(st.integers(-(2**62), 2**62), st.sampled_from(["UTC", "Asia/Shanghai", "America/St_Johns"]))
def test_a_rendered_time_reads_back_to_the_millisecond(time: int, name: str) -> None:
    text = rfc3339(time, zone(name))
    assert parse_rfc3339(text) == time // 1_000_000 * 1_000_000


@pytest.mark.parametrize(
    "text", ["", "now", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"]
)
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"offset|month"):
        parse_rfc3339(text)


def test_an_unknown_zone_is_the_operators_mistake() -> None:
    with pytest.raises(SpecError, match="unknown time zone"):
        Place("a/b/c", zone="Asia/Hefei")


# --- payloads ------------------------------------------------------------------------------------


def test_the_payload_has_every_field_of_the_record_and_people_can_read_it() -> None:
    payload = msgspec.json.decode(record_payload(record(), EAST))
    for name in Record.__struct_fields__:
        assert payload[name] == getattr(record(), name)
    assert payload["version"] == 1
    assert payload["alarm"] == "gas.combustible~GD-1"
    assert payload["domain"] == "gas"
    assert payload["site_name"] == "东区燃气"
    assert payload["event_utc"] == "2026-01-01T00:00:03.000+00:00"
    assert payload["event_local"] == "2026-01-01T08:00:03.000+08:00"
    assert payload["onset_local"] == "2026-01-01T08:00:00.000+08:00"
    assert payload["until_utc"] == ""
    assert set(payload["text"]) == {"en", "zh"}


def test_the_regulators_page_names_every_field_and_topic() -> None:
    page = (Path(__file__).parents[2] / "docs" / "regulator.md").read_text(encoding="utf-8")
    english = page.partition("# 订阅报警")[0]
    named = set(re.findall(r"`([a-z_]+)`", english))
    named |= {f"{x}_{y}" for x in ("onset", "until") for y in ("utc", "local")}  # `onset_…`
    assert set(msgspec.json.decode(record_payload(record(), EAST))) <= named
    for word in ("record", "alert", "state", "health", "command"):
        assert page.count(f"`lifeline/v1/{word}/") >= 2
    for transition in Transition:
        assert f"`{transition.name.lower()}`" in english


def test_a_retained_payload_is_known_by_its_hash() -> None:
    assert retained_hash(record_payload(record(), EAST)) == "ab" * 16
    for wrong in (b"", b"{", b"[]", b'{"hash": 3}', b"\xff", b"x" * 100):
        assert retained_hash(wrong) == ""


def test_health_and_will_are_told_apart_from_each_other() -> None:
    running = msgspec.json.decode(health_payload("plant-a", "running", NOW, {"alarms": 3}))
    assert (running["status"], running["alarms"], running["interval_s"]) == ("running", 3, 10)
    topic, payload = will("plant-a")
    assert topic == "lifeline/v1/health/plant-a"
    assert msgspec.json.decode(payload) == {"version": 1, "node": "plant-a", "status": "lost"}


# --- states --------------------------------------------------------------------------------------


def test_a_state_is_the_last_record_and_is_emptied_when_it_closes() -> None:
    state = record_messages(record(), {"gas-east": EAST})[-1]
    assert state.topic == "lifeline/v1/state/hefei/shushan/east/gas-east/gas.combustible~GD-1"
    assert msgspec.json.decode(state.payload)["seq"] == 7
    closed = record(state_after="normal", level_after="normal", transition="cleared")
    assert record_messages(closed, {})[-1] == Message(state.topic, b"", retain=True)
    notice = record_messages(record(transition="notice"), {})
    assert not any(m.retain for m in notice)


def test_the_table_of_standing_alarms_takes_the_last_record_of_each_alarm() -> None:
    first, second = record(), record(seq=8, transition="level", level_after="red")
    other = record(seq=9, subject="GD-2", state_after="normal", transition="cleared")
    notice = record(seq=10, transition="notice", state_after="normal")
    assert standing_changes([first, second, other, notice]) == [
        ("gas-east", "gas.combustible~GD-1", second.encode()),
        ("gas-east", "gas.combustible~GD-2", None),
    ]


def test_what_is_missing_is_published_and_orphans_are_emptied_and_strangers_left_alone() -> None:
    moved = Place("hefei/baohe/new")
    places = {"gas-east": moved, "gone": Place("hefei/shushan/old")}
    standing = [
        ("gas-east", "gas.combustible~GD-1", record().encode()),
        ("gas-east", "gas.combustible~GD-2", record(subject="GD-2", hash="cd" * 16).encode()),
    ]
    here = "lifeline/v1/state/hefei/baohe/new/gas-east/gas.combustible~GD"
    old = "lifeline/v1/state/hefei/shushan/east/gas-east/gas.combustible~GD-1"
    removed = "lifeline/v1/state/hefei/shushan/old/gone/a~b"
    stranger = "lifeline/v1/state/hefei/shushan/east/another-engine/a~b"
    reading = Reconciliation()
    reading.seen(f"{here}-1", record_payload(record(), moved))
    reading.seen(f"{here}-3", record_payload(record(), moved))
    for topic in (old, removed, stranger):
        reading.seen(topic, record_payload(record(), EAST))
    found = reading.differences(standing, places)
    assert set(found) == {f"{here}-2", f"{here}-3", old, removed}
    assert [topic for topic, payload in found.items() if not payload] == [f"{here}-3", old, removed]
    assert retained_hash(found[f"{here}-2"]) == "cd" * 16


def test_an_outdated_state_is_published_again() -> None:
    reading = Reconciliation()
    topic, payload, _ = record_messages(record(hash="11" * 16), {})[-1]
    reading.seen(topic, payload)
    found = reading.differences([("gas-east", "gas.combustible~GD-1", record().encode())], {})
    assert {t: retained_hash(p) for t, p in found.items()} == {topic: "ab" * 16}


# --- window --------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.randoms())
def test_the_cursor_moves_only_over_rows_that_arrived_whole_and_in_order(
    sizes: list[int],
    random: Random,
) -> None:
    window = Window(1_000)
    for rowid, messages in enumerate(sizes, 1):
        window.sent(rowid, messages)
    acknowledgements = [rowid for rowid, n in enumerate(sizes, 1) for _ in range(n)]
    random.shuffle(acknowledgements)
    left = dict(enumerate(sizes, 1))
    for rowid in acknowledgements:
        window.acknowledged(rowid)
        left[rowid] -= 1
        whole = next((r for r in sorted(left) if left[r]), len(sizes) + 1) - 1
        assert (window.arrived() or 0) == whole
    window.durable(len(sizes))
    assert len(window) == 0


def test_a_window_takes_rows_until_its_messages_are_out_but_always_one() -> None:
    window = Window(5)
    assert window.fits(9)
    window.sent(1, 3)
    assert window.fits(2)
    assert not window.fits(3)
    window.acknowledged(1)
    assert not window.fits(3), "acknowledged, but not behind the durable cursor"
    window.durable(1)
    assert window.fits(3)


@given(st.permutations(range(8)))
def test_acknowledgements_leave_in_the_order_of_receipt(order: list[int]) -> None:
    sent: list[Delivery] = []
    acks = OrderedAcks(sent.extend)
    deliveries = [Delivery(f"t{i}", b"", 0, i + 1, 1) for i in range(8)]
    settle = [acks.received(delivery) for delivery in deliveries]
    for count, i in enumerate(order, 1):
        settle[i]()
        done = set(order[:count])
        assert sent == deliveries[: next((n for n in range(8) if n not in done), 8)]


# --- commands ------------------------------------------------------------------------------------

TOPIC = "lifeline/v1/command/gas-east/zhang"
SITES = frozenset({"gas-east"})


def read(payload: bytes, topic: str = TOPIC, retained: bool = False) -> Command | Refusal | None:
    return read_command(topic, payload, retained, NOW, SITES)


def command(**fields: object) -> bytes:
    base = {"id": "c-1", "action": "acknowledge", "alarm": "gas.combustible~GD-1"}
    return msgspec.json.encode({**base, **fields})


def test_an_acknowledgement_carries_who_what_and_up_to_where() -> None:
    found = read(command(episode=7, seq=9, reason="on my way", role="duty officer"))
    assert found == Command(
        id="c-1", action="acknowledge", site="gas-east", alarm="gas.combustible~GD-1",
        principal="zhang", role="duty officer", reason="on my way", episode=7, seq=9, issued=NOW,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("expires", "at"),
    [("8h", NOW + 8 * HOUR_NS), ("2026-01-01T10:00:00+08:00", NOW + 2 * HOUR_NS)],
)
def test_shelving_ends_after_a_duration_or_at_a_time(expires: str, at: int) -> None:
    found = read(command(action="shelve", expires=expires))
    assert isinstance(found, Command)
    assert found.expires == at


def test_maintenance_and_its_end_are_read() -> None:
    begun = read(command(action="maintenance", alarm="asset:T-1", expires="4h", reason="permit 17"))
    assert isinstance(begun, Command)
    assert (begun.action, begun.alarm, begun.reason) == ("maintenance", "asset:T-1", "permit 17")
    for action in ("end_maintenance", "in_service", "reset"):
        assert isinstance(read(command(action=action)), Command)


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (command(action="shelve"), "expires_missing"),
        (command(action="maintenance", reason="work"), "expires_missing"),
        (command(action="out_of_service", reason="broken"), "expires_missing"),
        (command(action="maintenance", expires="4h"), "reason_missing"),
        (command(action="out_of_service", expires="4h"), "reason_missing"),
        (command(action="shelve", expires="soon"), "expires_unreadable"),
        (command(action="shelve", expires="2026-01-01T10:00:00"), "expires_unreadable"),
        (command(action="shelve", expires="2025-12-31T00:00:00Z"), "expires_past"),
        (command(action="shelve", expires="0s"), "expires_past"),
        (command(action="destroy"), "malformed"),
        (command(expire="8h"), "malformed"),
        (command(id=""), "malformed"),
        (command(id="x" * 129), "malformed"),
        (command(id="a\nb"), "malformed"),
        (command(seq=-1), "malformed"),
        (command(seq=10**30), "malformed"),
        (command(seq="7"), "malformed"),
        (command(principal="li"), "malformed"),
        (command(reason="x" * 1_001), "malformed"),
        (b'{"id": "c-1"}', "malformed"),
        (b"[" * 10_000, "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"null", "malformed"),
        (b" " * (MAX_COMMAND_BYTES + 1), "too_long"),
    ],
)
def test_what_is_not_a_command_is_refused_with_a_reason_in_both_languages(
    payload: bytes, key: str
) -> None:
    found = read(payload)
    assert isinstance(found, Refusal)
    assert found.key == key
    reply = found.reply()
    assert (reply.outcome, reply.site, reply.principal) == ("refused", "gas-east", "zhang")
    assert reply.reason
    sent = msgspec.json.decode(reply_payload(reply, NOW, found.reasons()))
    assert reply.reason in sent["text"]["en"]
    assert sent["text"]["zh"].startswith("已拒绝：")


def test_a_refusal_names_the_id_where_it_can_be_read() -> None:
    refusals = [read(command(extra=1)), read(command(id="x y")), read(command(), retained=True)]
    assert [r.id for r in refusals if isinstance(r, Refusal)] == ["c-1", "", "c-1"]


def test_retained_commands_and_unknown_sites_are_refused() -> None:
    retained = read(command(), retained=True)
    assert isinstance(retained, Refusal)
    assert retained.key == "retained"
    foreign = read(command(), topic="lifeline/v1/command/gas-west/zhang")
    assert isinstance(foreign, Refusal)
    assert (foreign.key, foreign.site) == ("unknown_site", "gas-west")


def test_replies_and_emptied_topics_are_no_commands() -> None:
    assert read(command(), topic=f"{TOPIC}/reply") is None
    assert read(b"") is None


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["id", "action", "seq", "x"]), x),
).map(lambda x: msgspec.json.encode(x)))  # fmt: skip
def test_no_payload_makes_reading_raise(payload: bytes) -> None:
    read(payload)


def test_a_reply_of_the_engine_is_rendered_in_both_languages() -> None:
    reply = Reply("c-1", "done", "", "gas-east", "a~b", 9, "zhang")
    sent = msgspec.json.decode(reply_payload(reply, NOW))
    assert (sent["id"], sent["outcome"], sent["seq"]) == ("c-1", "done", 9)
    assert sent["text"] == {"en": "done", "zh": "已执行"}
