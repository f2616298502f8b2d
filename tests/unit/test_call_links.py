"""Links that answer calls: signed, for a time, once; and the page behind them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from area_logs import SECOND, SiteAlarms
from call_logs import CallLog, configured
from lifeline.engine.alarm_table import Event
from lifeline.engine.calls.call import Call
from lifeline.engine.clock import ManualClock
from lifeline.engine.command import Command, Reply
from lifeline.engine.errors import SinkError, SpecError
from lifeline.engine.notify.answering import Answering
from lifeline.engine.notify.links import KEY_BYTES, Claim, Links, key_of
from lifeline.engine.notify.page import STATUS, rendered
from lifeline.engine.outputs.ports import Place

KEY = bytes(range(KEY_BYTES))
CALL = "0123456789abcdef"
NOW = 1_700_000_000
LINKS = Links(KEY, "https://alarm.example", 3_600 * SECOND)


def token(person: str = "zhang", expires: int = NOW + 60) -> str:
    return LINKS.token(Claim(CALL, person, expires))


def test_a_link_says_who_answers_what_until_when() -> None:
    link = LINKS.link(CALL, "张伟", NOW * SECOND)
    base, _, made = link.rpartition("/")
    assert base == "https://alarm.example"
    assert made.isascii()
    assert LINKS.read(made, NOW * SECOND) == Claim(CALL, "张伟", NOW + 3_600)


def test_what_is_changed_expired_or_of_another_key_is_told_apart() -> None:
    good = token()
    assert LINKS.read(good, (NOW + 59) * SECOND) == Claim(CALL, "zhang", NOW + 60)
    assert LINKS.read(good, (NOW + 60) * SECOND) == "expired"
    assert Links(bytes(KEY_BYTES), "", 1).read(good, NOW * SECOND) == "signature"
    call, expires, person, signature = good.split(".")
    later = f"{NOW + 99_999:x}"
    other = token("li").split(".")[2]
    for wrong in (
        f"{call}.{later}.{person}.{signature}",
        f"{call}.{expires}.{other}.{signature}",
        f"{call[::-1]}.{expires}.{person}.{signature}",
    ):
        assert LINKS.read(wrong, NOW * SECOND) == "signature"
    for wrong in ("", "x", good[:-1], good + "A", "..", good.replace(".", "/"), good + "\n"):
        assert LINKS.read(wrong, NOW * SECOND) == "malformed"


def test_every_bit_of_a_token_counts() -> None:
    good = token()
    for i, char in enumerate(good):
        changed = good[:i] + ("A" if char != "A" else "B") + good[i + 1 :]
        found = LINKS.read(changed, NOW * SECOND)
        assert found in ("signature", "malformed"), changed


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "calls" / "link.key"
    before = os.umask(0)
    try:
        key = key_of(path)
    finally:
        os.umask(before)
    assert len(key) == KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert key_of(path) == key
    path.chmod(0o640)
    with pytest.raises(SpecError, match="others can read the key"):
        key_of(path)
    path.chmod(0o600)
    path.write_text("short\n")
    with pytest.raises(SpecError, match="not a key"):
        key_of(path)


@dataclass
class Engine:
    """What the desk asks; it remembers what was asked of it. `outcome` is what it answers."""

    log: CallLog
    outcome: Reply | Exception
    commands: list[Command] = field(default_factory=list)

    def find(self, call: str) -> Call | None:
        return self.log.core.find(call)

    def acknowledge(self, command: Command, timeout_s: float) -> Reply:
        self.commands.append(command)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def answer(self, call: str, person: str, timeout_s: float) -> Reply:
        return self.log.answer(call, person)

    def places(self) -> dict[str, Place]:
        return {"a": Place("hefei/shushan/east", "东城门站", "Asia/Shanghai")}


@pytest.fixture
def desk() -> tuple[Answering, Engine, SiteAlarms]:
    log, site = CallLog(), SiteAlarms("a")
    log.put(configured(("zhang",), ("li",)))
    log.tick(NOW * SECOND - log.now)
    log.hear(site.set("gas~GD-1", "red"))
    engine = Engine(log, Reply("", "done"))
    return Answering(LINKS, engine, ManualClock(log.now)), engine, site


def link_of(engine: Engine, person: str = "zhang") -> str:
    (call,) = engine.log.core.open_calls()
    return LINKS.token(Claim(call.id, person, NOW + 600))


def test_looking_changes_nothing_and_answering_acknowledges_as_the_person(
    desk: tuple[Answering, Engine, SiteAlarms],
) -> None:
    answering, engine, _ = desk
    link = link_of(engine)
    for _ in range(3):
        page = answering.look(link)
        assert page.verdict == "open"
        html = rendered(page, engine.places(), after=False)
        assert "<button" in html
        assert "东城门站" in html
        assert "RED" in html
    assert engine.commands == []
    page = answering.answer(link)
    assert page.verdict == "answered"
    assert "<button" not in rendered(page, engine.places(), after=True)
    (command,) = engine.commands
    (call,) = engine.log.core.open_calls()
    assert (command.action, command.site, command.alarm) == ("acknowledge", "a", "gas~GD-1")
    assert (command.principal, command.role) == ("person:zhang", "call")
    assert (command.episode, command.seq) == (call.episode, call.seq)
    assert command.id == f"call-{call.id}-zhang"


def test_a_used_link_and_one_of_a_call_that_is_over_say_so(
    desk: tuple[Answering, Engine, SiteAlarms],
) -> None:
    answering, engine, site = desk
    mine, other = link_of(engine), link_of(engine, "li")
    engine.log.hear(site.event("gas~GD-1", Event.ACKNOWLEDGE, detail={"principal": "person:zhang"}))
    for look in (answering.look, answering.answer):
        assert look(mine).verdict == "repeated"
        over = look(other)
        assert (over.verdict, over.by) == ("over", "person:zhang")
        assert "zhang" in rendered(over, engine.places(), after=True)
    assert engine.commands == []


def test_what_the_engine_says_is_told(desk: tuple[Answering, Engine, SiteAlarms]) -> None:
    answering, engine, _ = desk
    link = link_of(engine)
    engine.outcome = Reply("", "refused", "it rose to red at seq 9: acknowledge that one")
    page = answering.answer(link)
    assert page.verdict == "refused"
    assert "seq 9" in rendered(page, engine.places(), after=True)
    engine.outcome = Reply("", "repeated")
    assert answering.answer(link).verdict == "repeated"
    engine.outcome = SinkError("the log is <full>")
    page = answering.answer(link)
    html = rendered(page, engine.places(), after=True)
    assert page.verdict == "busy"
    assert "<button" in html
    assert "&lt;full&gt;" in html


def test_a_drill_is_answered_by_each_person_for_themselves(
    desk: tuple[Answering, Engine, SiteAlarms],
) -> None:
    answering, engine, _ = desk
    drill = engine.log.drill().alarm
    links = {p: LINKS.token(Claim(drill, p, NOW + 600)) for p in ("zhang", "li", "boss")}
    assert "演练" in rendered(answering.look(links["li"]), engine.places(), after=False)
    assert answering.answer(links["li"]).verdict == "answered"
    assert answering.answer(links["li"]).verdict == "repeated"
    assert answering.answer(links["boss"]).verdict == "refused"
    assert answering.answer(links["zhang"]).verdict == "answered"
    assert engine.log.records[-1].detail["count"] == "2/2"
    assert engine.commands == []


def test_bad_links_are_explained_in_both_languages(
    desk: tuple[Answering, Engine, SiteAlarms],
) -> None:
    answering, engine, _ = desk
    cases = {
        "nonsense": "malformed",
        token(): "unknown",
        token(expires=NOW - 1): "expired",
        Links(bytes(KEY_BYTES), "", 1).token(Claim(CALL, "zhang", NOW + 60)): "signature",
    }
    for link, verdict in cases.items():
        page = answering.answer(link)
        assert page.verdict == verdict
        assert STATUS[page.verdict] >= 400
        html = rendered(page, engine.places(), after=True)
        assert "<button" not in html
        assert html.count("<strong>") == 2
