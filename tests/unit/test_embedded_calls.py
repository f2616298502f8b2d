"""Call and respond in an engine: alarm, mail, webhook, link, answer; on real servers of the loopback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from call_messages import call_records
from embedded_runs import Run, plant, replay, until
from lifeline.engine.command import Command
from lifeline.engine.embedded import Engine
from lifeline.engine.record import Record
from plant_files import HEAD
from receiving import Mail, Webhook, mail_server, webhook

CALLS = "calls: {roster: roster.yaml, answer_within: {red: 20s}, links: {port: 0}}\n"
RULES = """\
rules:
  - id: gas.high
    kind: limit
    select: {quantity: gas.combustible}
    high: {yellow: 10 %LEL, orange: 25 %LEL, red: 50 %LEL}
    message: 关闭入口阀门
"""
ROSTER = """\
version: 1
zone: Asia/Shanghai
persons:
  - {{id: zhang, name: 张伟, channels: ["{mail_zhang}"], verified: 2026-10-01}}
  - {{id: li, name: 李娜, channels: ["{hook_li}", "{mail_li}"], verified: 2026-10-01}}
  - {{id: boss, channels: ["{hook_boss}"], verified: 2026-10-01}}
chains:
  - {{site: east, call: [zhang, li]}}
  - {{area: hefei, call: [{{persons: boss, levels: [red]}}]}}
"""


@dataclass
class Calls:
    """A run whose alarms call."""

    run: Run
    mail: Mail
    hook: Webhook
    seen: int = 0
    engines: list[Engine] = field(default_factory=list)

    def settled(self, engine: Engine) -> None:
        """Both logs are stepped, everybody who is to be told was told, and that is recorded."""
        stage = engine.calls
        assert stage is not None

        def still() -> bool:
            fed = stage.feed.behind() == 0
            stepped = stage.core.position >= stage.store.end()
            told = stage.caller.position >= stage.store.outbox_end()
            ticked = stage.core.wall > engine.clock.wall() - 2_000_000_000
            return fed and stepped and told and ticked and not stage.stepper.open_positions

        until(lambda: bool(engine.failure) or still())
        assert not engine.failure

    def send(self, engine: Engine, value: float) -> None:
        self.run.send(engine, value)
        self.settled(engine)

    def pass_time(self, engine: Engine, seconds: int) -> None:
        for _ in range(seconds):
            self.run.pass_time(engine, 1)
            self.settled(engine)

    def told(self) -> list[str]:
        """What was recorded of calls since the last look."""
        new = [r for r in self.run.records[self.seen :] if r.quantity == "call"]
        self.seen = len(self.run.records)
        return [
            f"{r.rule.removeprefix('call.')} {r.detail.get('persons', '')}".strip() for r in new
        ]


@pytest.fixture
def calls(tmp_path: Path) -> Iterator[Calls]:
    with mail_server() as mail, webhook() as hook:
        text = ROSTER.format(
            mail_zhang=mail.url("zhang"),
            mail_li=mail.url("li"),
            hook_li=hook.url("li"),
            hook_boss=hook.url("boss"),
        )
        (tmp_path / "roster.yaml").write_text(text, encoding="utf-8")
        run = Run(plant(tmp_path, head=HEAD.replace("mqtt: {}", "") + CALLS, rules=RULES))
        run.outputs = True
        yield Calls(run, mail, hook)


def fetched(link: str, method: str) -> tuple[int, str]:
    """What a browser gets."""
    parts = urlsplit(link)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=180)
    connection.request(method, parts.path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def same_as_replay(directory: Path) -> list[Record]:
    """The call log leads to the records that it left; these, each chain whole."""
    found = replay(directory)
    assert found.outbox == found.records
    return call_records(directory / "calls")


def test_a_red_alarm_is_mailed_and_answered_by_its_link_once(calls: Calls) -> None:
    with calls.run.engine() as engine:
        calls.send(engine, 62.0)
        assert calls.told() == ["due zhang", "called zhang"]
        (mail,) = calls.mail.to("zhang")
        assert mail.title.startswith("【红色报警】east")
        for word in ("RED", "62 %LEL", "50 %LEL", "hefei/shushan/east", "GD-1", "关闭入口阀门"):
            assert word in mail.body
        (link,) = mail.links()
        # A mail scanner looks first, as often as it likes.
        for method in ("GET", "HEAD", "GET"):
            status, text = fetched(link, method)
            assert status == 200
        assert "button" in text
        assert "62 %LEL" in text
        calls.settled(engine)
        assert calls.told() == []
        status, text = fetched(link, "POST")
        assert status == 200
        assert "zhang 已应答" in text
        until(lambda: engine.calls is not None and not engine.calls.core.open_calls())
        calls.settled(engine)
        assert calls.told() == ["answered"]
        acknowledged = [r for r in calls.run.records if r.transition == "acknowledged"]
        assert [r.detail["principal"] for r in acknowledged] == ["person:zhang"]
        status, text = fetched(link, "POST")
        assert (status, "已使用" in text, "<button" in text) == (200, True, False)
        calls.pass_time(engine, 60)
        assert calls.told() == []
    same_as_replay(calls.run.plant.storage.directory)


def test_nobody_answers_and_the_chain_goes_on_to_the_area_and_round_again(calls: Calls) -> None:
    with calls.run.engine() as engine:
        calls.send(engine, 62.0)
        calls.pass_time(engine, 23)
        assert calls.told() == [
            "due zhang", "called zhang", "overdue zhang", "escalated li", "called li",
        ]  # fmt: skip
        assert [m.title.count("红色") for m in calls.hook.to("li")] == [1]
        calls.pass_time(engine, 23)
        assert calls.told() == ["overdue li", "escalated boss", "called boss"]
        calls.pass_time(engine, 23)
        assert calls.told() == ["overdue boss", "exhausted"]
        until(lambda: any(t.kind == "call_unanswered" for t in calls.run.troubles))
        calls.pass_time(engine, 23)
        assert calls.told() == ["repeated zhang", "called zhang"]
        assert len(calls.mail.to("zhang")) == 2
    same_as_replay(calls.run.plant.storage.directory)


def test_a_channel_that_fails_gives_way_to_the_next_and_a_person_to_the_next(calls: Calls) -> None:
    calls.hook.status["li"] = 500
    calls.mail.refuse.add("zhang@plant.example")
    with calls.run.engine() as engine:
        calls.send(engine, 62.0)
        calls.settled(engine)
        assert calls.told() == ["due zhang", "failed zhang", "escalated li", "called li"]
        assert calls.mail.to("zhang") == []
        assert len(calls.mail.to("li")) == 1
        failed = [r for r in calls.run.records if r.rule == "call.failed"]
        assert failed[0].detail["reason"].startswith("channel 1: ")
        called = [r for r in calls.run.records if r.rule == "call.called"]
        assert called[0].detail["channel"] == "channel 2"
    same_as_replay(calls.run.plant.storage.directory)


def test_yellow_calls_nobody_and_a_rise_beyond_the_answer_calls_anew(calls: Calls) -> None:
    with calls.run.engine() as engine:
        calls.send(engine, 12.0)
        assert calls.told() == []
        calls.send(engine, 30.0)
        assert calls.told() == ["due zhang", "called zhang"]
        engine.act(Command("a", "acknowledge", "east", "gas.high~GD-1", "duty"))
        until(lambda: engine.calls is not None and not engine.calls.core.open_calls())
        calls.settled(engine)
        assert calls.told() == ["answered"]
        calls.pass_time(engine, 20)
        calls.send(engine, 62.0)
        assert calls.told() == ["due zhang", "called zhang"]
        assert [m.title[:5] for m in calls.mail.to("zhang")] == ["【橙色报警", "【红色报警"]
    same_as_replay(calls.run.plant.storage.directory)
