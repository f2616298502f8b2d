"""The parts of the MQTT seam that need no broker."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.limits import (
    MQTT_AWAY_TOLD_S,
    MQTT_BACKOFF_FIRST_S,
    MQTT_BACKOFF_MOST_S,
    MQTT_LOOP_STUCK_S,
    MQTT_PAUSED_TOLD_S,
    MQTT_STORM_DISCONNECTS,
    MQTT_SUBACK_WITHIN_S,
    SECOND_NS,
)
from lifeline.engine.mqtt import Delivery, MqttClient, PublishTicket, Trouble
from lifeline.engine.mqtt.backoff import Backoff
from lifeline.engine.mqtt.inbox import Inbox
from lifeline.engine.mqtt.outgoing import PublishWindow
from lifeline.engine.mqtt.session import password
from lifeline.engine.mqtt.trouble import REMEDY
from lifeline.engine.mqtt.watchdog import Vitals, Watchdog
from lifeline.engine.source import BrokerSpec, TlsSpec

WELL = Vitals(
    loop_alive=True,
    loop_turned=0,
    away_since=None,
    paused_since=None,
    awaiting_suback_since=None,
    disconnects=(),
)


def at(seconds: float) -> int:
    return int(seconds * SECOND_NS)


def kinds(watchdog: Watchdog, now: int, vitals: Vitals) -> list[str]:
    return [kind for kind, _ in watchdog.check(now, vitals)]


def test_a_healthy_client_has_no_trouble() -> None:
    assert kinds(Watchdog(), at(1), WELL) == []


@pytest.mark.parametrize(
    ("vitals", "after_s", "kind"),
    [
        (replace(WELL, loop_alive=False), 0.0, "loop_dead"),
        (WELL, MQTT_LOOP_STUCK_S, "loop_stuck"),
        (replace(WELL, away_since=0), MQTT_AWAY_TOLD_S, "away"),
        (replace(WELL, paused_since=0), MQTT_PAUSED_TOLD_S, "backpressure"),
        (replace(WELL, awaiting_suback_since=0), MQTT_SUBACK_WITHIN_S, "subscription_silent"),
        (replace(WELL, disconnects=(0,) * MQTT_STORM_DISCONNECTS), 1.0, "storm"),
    ],
)
def test_each_trouble_is_told_once_at_its_limit_and_again_after_it_ended(
    vitals: Vitals, after_s: float, kind: str
) -> None:
    def look(watchdog: Watchdog, now: int, seen: Vitals) -> list[str]:
        turned = seen.loop_turned if kind == "loop_stuck" else now
        return kinds(watchdog, now, replace(seen, loop_turned=turned))

    watchdog = Watchdog()
    if after_s > 1.0:
        assert look(watchdog, at(after_s) - 1, vitals) == []
    assert look(watchdog, at(after_s), vitals) == [kind]
    assert look(watchdog, at(after_s) + 1, vitals) == []
    assert kinds(watchdog, at(after_s) + 2, replace(WELL, loop_turned=at(after_s))) == []
    assert look(watchdog, at(after_s) + 3, vitals) == [kind]


def test_four_lost_connections_or_five_in_a_long_time_are_no_storm() -> None:
    few = replace(WELL, disconnects=(0,) * (MQTT_STORM_DISCONNECTS - 1))
    old = replace(WELL, disconnects=(0, *(at(61),) * (MQTT_STORM_DISCONNECTS - 1)))
    assert "storm" not in kinds(Watchdog(), at(1), few)
    assert "storm" not in kinds(Watchdog(), at(62), old)


def test_every_trouble_says_what_to_do() -> None:
    for kind, remedy in REMEDY.items():
        assert Trouble(kind, "me", "seen").text == f"mqtt me: {kind}: seen; {remedy}"


def test_backoff_doubles_within_half_and_whole_up_to_its_maximum_and_starts_anew() -> None:
    for seed in range(50):
        backoff = Backoff(random.Random(seed))
        for attempt in range(12):
            whole = min(MQTT_BACKOFF_MOST_S, MQTT_BACKOFF_FIRST_S * 2**attempt)
            assert whole / 2 <= backoff.next_s() <= whole
        backoff.reset()
        assert backoff.next_s() <= MQTT_BACKOFF_FIRST_S


def delivery(n: int, size: int = 1) -> Delivery:
    return Delivery("t", bytes(size), n, n, 1)


def test_the_inbox_is_full_by_messages_or_bytes_and_then_wakes_its_reader() -> None:
    woken: list[None] = []
    inbox = Inbox(lambda: woken.append(None), messages=3, size=100)
    full, room = [], []
    for n in range(3):
        room.append(inbox.room)
        full.append(inbox.full)
        inbox.put([delivery(n)])
    full.append(inbox.full)
    assert full == [False, False, False, True]
    assert room == [3, 2, 1]
    assert inbox.room == 0
    assert [d.mid for d in inbox.take(1, 0)] == [0]
    assert (bool(inbox.full), len(woken)) == (False, 1)
    inbox.put([delivery(9, size=98)])
    assert bool(inbox.full)
    assert [d.mid for d in inbox.take(9, 0)] == [1, 2, 9]
    assert len(woken) == 2
    assert inbox.take(9, 0) == []


def test_the_inbox_says_when_something_waits_and_wakes_whoever_waits_for_it() -> None:
    waiting: list[None] = []
    inbox = Inbox(lambda: None, lambda: waiting.append(None))
    taken: list[Delivery] = []
    thread = threading.Thread(target=lambda: taken.extend(inbox.take(9, 30.0)))
    thread.start()
    inbox.put([delivery(1)])
    thread.join(180)
    assert [d.mid for d in taken] == [1]
    inbox.put([])
    inbox.put([delivery(2), delivery(3)])
    inbox.put([delivery(4)])
    assert len(waiting) == 2  # once for 1, once for 2 and 3: 4 came on top of them


def test_an_answer_that_comes_before_the_packet_id_is_known_still_resolves_its_ticket() -> None:
    window = PublishWindow(2)
    ticket = PublishTicket("t")
    assert window.enter(0)
    window.answered(7, None)
    window.sent(7, ticket)
    assert ticket.done
    assert ticket.error is None
    assert len(window) == 0


def test_the_window_holds_so_many_and_no_more() -> None:
    window = PublishWindow(2)
    first, second = PublishTicket("a"), PublishTicket("b")
    assert window.enter(0)
    assert window.enter(0)
    window.sent(1, first)
    window.sent(2, second)
    assert not window.enter(0)
    window.answered(1, None)
    assert window.enter(0)
    window.leave()
    window.abandon(SinkError("gone"))
    with pytest.raises(SinkError, match="gone"):
        second.wait(0)
    assert window.enter(0)
    assert window.enter(0)


def test_a_broker_that_takes_less_makes_the_window_smaller() -> None:
    window = PublishWindow(3)
    tickets = [PublishTicket("t") for _ in range(3)]
    for mid, ticket in enumerate(tickets):
        assert window.enter(0)
        window.sent(mid, ticket)
    window.limit(1)
    for mid in (0, 1):
        window.answered(mid, None)
        assert not window.enter(0)
    window.answered(2, None)
    assert window.enter(0)
    assert not window.enter(0)
    window.limit(2)
    assert window.enter(0)


def test_a_ticket_resolves_once_and_calls_back_at_once_when_it_is_resolved() -> None:
    ticket = PublishTicket("t")
    called: list[str] = []
    ticket.add_done_callback(lambda t: called.append("before"))
    assert not ticket.wait(0)
    ticket.resolve(None)
    ticket.resolve(SinkError("too late"))
    ticket.add_done_callback(lambda t: called.append("after"))
    assert called == ["before", "after"]
    assert ticket.wait(0)


def test_the_password_comes_from_a_file_or_the_environment_and_is_never_in_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    file.write_text("geheim\n")
    monkeypatch.setenv("LIFELINE_TEST_PASSWORD", "secret")
    assert password(BrokerSpec()) is None
    assert password(BrokerSpec(password_file=str(file))) == "geheim"
    assert password(BrokerSpec(password_env="LIFELINE_TEST_PASSWORD")) == "secret"
    with pytest.raises(SpecError, match="no-such-file"):
        password(BrokerSpec(password_file=str(tmp_path / "no-such-file")))
    with pytest.raises(SpecError, match="LIFELINE_NOT_SET"):
        password(BrokerSpec(password_env="LIFELINE_NOT_SET"))
    file.write_bytes(b"geheim\xff")
    with pytest.raises(SpecError) as raised:
        password(BrokerSpec(password_file=str(file)))
    assert "geheim" not in str(raised.value)


def test_a_wrong_tls_file_is_the_operators_mistake(tmp_path: Path) -> None:
    wrong = tmp_path / "ca.pem"
    wrong.write_text("no certificate")
    for tls in (TlsSpec(ca_file=str(wrong)), TlsSpec(cert_file=str(tmp_path / "absent.pem"))):
        with pytest.raises(SpecError, match="TLS"):
            MqttClient(BrokerSpec(tls=tls), "me")
