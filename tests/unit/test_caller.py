"""The output that calls: what is told to whom, what fails and hangs, and where the cursor stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from area_logs import SECOND, SiteAlarms
from call_logs import CallLog, configured
from embedded_runs import until
from lifeline.engine.alarm_table import Event
from lifeline.engine.calls.entry import Result, Sent
from lifeline.engine.calls.limits import ATTEMPTS, NAMED_CALLS
from lifeline.engine.calls.records import ASKS
from lifeline.engine.clock import ManualClock
from lifeline.engine.config import ChannelSpec, Contact
from lifeline.engine.errors import LogError
from lifeline.engine.notify.caller import CURSOR, Caller
from lifeline.engine.notify.channels import Sender, channel_fault, has_secret, scrubbed, url_of
from lifeline.engine.notify.messages import message
from lifeline.engine.notify.queue import Ask, CallQueue
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record
from receiving import Webhook, webhook

PLACES = {"a": Place("hefei/shushan/east", "东城门站", "Asia/Shanghai")}


def contact(person: str, *urls: str) -> Contact:
    channels = tuple(ChannelSpec(f"c{n}", url) for n, url in enumerate(urls))
    return Contact(person, "", (), channels, "2026-10-01")


class Impatient(Sender):
    """Waits for the first channel of a person a moment, for the others as long as it takes."""

    def send(self, channel: Any, title: str, body: str) -> str:
        self._limit_s = 0.05 if channel.name == "c0" else 60.0
        return super().send(channel, title, body)


@dataclass
class Outbox:
    """A call log and its outbox in memory; results go into the log as the engine would do it."""

    log: CallLog
    rows: list[Record] = field(default_factory=list)
    cursors: dict[str, int] = field(default_factory=dict)
    refuse: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def records(self, after: int, limit: int) -> Sequence[tuple[int, str, int, int, bytes]]:
        with self.lock:
            found = list(enumerate(self.log.records, 1))[after : after + limit]
        return [(number, r.site, r.seq, 0, r.encode()) for number, r in found]

    def cursor(self, name: str) -> int:
        return self.cursors.get(name, 0)

    def set_cursor(self, name: str, position: int) -> Any:
        self.cursors[name] = position

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]]) -> object:
        raise AssertionError("a caller has no dead letters")

    def give(self, results: Sequence[Result]) -> None:
        if self.refuse:
            raise LogError("the disk is full")
        with self.lock:
            self.log.put(Sent(tuple(results)))

    def said(self, rule: str) -> list[str]:
        with self.lock:
            return [r.detail["persons"] for r in self.log.records if r.rule == f"call.{rule}"]


@dataclass
class Desk:
    """A caller over an outbox, with what it told."""

    outbox: Outbox
    site: SiteAlarms
    hook: Webhook
    clock: ManualClock
    troubles: list[tuple[str, str]] = field(default_factory=list)
    made: list[Caller] = field(default_factory=list)

    def caller(self, *contacts: Contact, sender: Sender | None = None) -> Caller:
        caller = Caller(
            self.outbox,
            self.clock,
            {c.id: c for c in contacts},
            lambda: PLACES,
            lambda record, person: f"http://x.example/{record.detail['call']}",
            self.outbox.give,
            lambda kind, text: self.troubles.append((kind, text)),
            sender or Sender(60.0),
        )
        self.made.append(caller)
        caller.start()
        return caller

    def raised(self, *names: str, level: str = "red") -> None:
        with self.outbox.lock:
            self.outbox.log.hear(*(self.site.set(name, level) for name in names))

    def settled(self, caller: Caller) -> None:
        until(lambda: caller.position >= len(self.outbox.log.records))
        until(lambda: self.outbox.cursor(CURSOR) == caller.position)


@pytest.fixture
def desk() -> Iterator[Callable[..., Desk]]:
    with webhook() as hook:
        made: list[Desk] = []

        def make(*steps: tuple[str, ...]) -> Desk:
            log = CallLog()
            log.put(configured(*steps))
            made.append(Desk(Outbox(log), SiteAlarms("a"), hook, ManualClock(1_000 * SECOND)))
            return made[-1]

        yield make
        for each in made:
            for caller in each.made:
                caller.stop()


def test_a_hanging_channel_gives_way_to_the_next_within_its_time(
    desk: Callable[..., Desk],
) -> None:
    d = desk(("zhang",))
    d.hook.hung.add("stuck")
    caller = d.caller(
        contact("zhang", d.hook.url("stuck"), d.hook.url("zhang")), sender=Impatient()
    )
    d.raised("gas~1")
    d.settled(caller)
    assert [m.to for m in d.hook.messages] == ["zhang"]
    called = next(r for r in d.outbox.log.records if r.rule == "call.called")
    assert called.detail["channel"] == "c1"
    assert "c0: no answer within 0.05 s" in called.detail["reason"]
    assert caller.counters()["hung"] == 1


def test_all_channels_are_tried_so_often_and_then_the_next_person_is_called(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.engine.notify.caller.ATTEMPT_PAUSE_S", 0.0)
    d = desk(("zhang",), ("li",), ("boss",))
    d.hook.status["zhang"] = 503
    caller = d.caller(
        contact("zhang", d.hook.url("zhang"), d.hook.url("zhang")),
        contact("boss", d.hook.url("boss")),
    )
    d.raised("gas~1")
    d.settled(caller)
    assert caller.counters()["tries_failed"] == 2 * ATTEMPTS
    assert d.outbox.said("failed") == ["zhang", "li"]
    assert d.outbox.said("called") == ["boss"]
    failed = [r.detail["reason"] for r in d.outbox.log.records if r.rule == "call.failed"]
    assert "503" in failed[0]
    assert str(d.hook.port) not in failed[0]
    assert failed[1] == "the roster has no channel for this person"
    assert [kind for kind, _ in d.troubles] == ["call_not_told", "call_not_told"]


def test_what_comes_while_a_person_was_just_told_is_told_in_one_message_the_gravest_first(
    desk: Callable[..., Desk],
) -> None:
    d = desk(("zhang",))
    caller = d.caller(contact("zhang", d.hook.url("zhang")))
    d.raised("gas~0")
    d.settled(caller)
    d.raised(*(f"gas~{n}" for n in range(1, 20)), level="orange")
    d.raised("gas~99")
    caller.wake()
    until(lambda: caller.counters()["waiting"] == 20)
    assert len(d.hook.messages) == 1
    d.clock.advance(10 * SECOND)
    caller.wake()
    d.settled(caller)
    second = d.hook.messages[1]
    assert second.title.startswith("【红色报警】东城门站")
    assert "另 19 条" in second.title
    assert second.body.index("99") < second.body.index("橙色")
    assert second.body.count("since") == NAMED_CALLS
    assert "10 more wait for an answer: 10 × orange" in second.body
    assert d.outbox.said("called") == ["zhang"] * 21


def test_who_was_not_told_when_the_answer_came_is_left_in_peace(
    desk: Callable[..., Desk],
) -> None:
    d = desk(("zhang",))
    d.raised("gas~0")
    with d.outbox.lock:
        d.outbox.log.hear(d.site.event("gas~0", Event.ACKNOWLEDGE))
    caller = d.caller(contact("zhang", d.hook.url("zhang")))
    d.settled(caller)
    assert d.hook.messages == []


def test_results_that_the_log_refuses_are_given_again_and_the_cursor_waits(
    desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lifeline.engine.notify.caller.RESULT_RETRY_S", 0.01)
    d = desk(("zhang",))
    d.outbox.refuse = True
    caller = d.caller(contact("zhang", d.hook.url("zhang")))
    d.raised("gas~0")
    until(lambda: len(d.troubles) > 2)
    assert d.outbox.cursor(CURSOR) == 0
    d.outbox.refuse = False
    d.settled(caller)
    assert d.outbox.said("called") == ["zhang"]
    assert len(d.hook.messages) == 1


def test_a_caller_that_starts_anew_tells_only_whom_the_log_does_not_know_as_told(
    desk: Callable[..., Desk],
) -> None:
    d = desk(("zhang", "li"))
    first = d.caller(contact("zhang", d.hook.url("zhang")), contact("li", d.hook.url("li")))
    d.raised("gas~0")
    d.settled(first)
    first.stop()
    d.outbox.cursors[CURSOR] = 0
    again = d.caller(contact("zhang", d.hook.url("zhang")), contact("li", d.hook.url("li")))
    d.settled(again)
    assert sorted(m.to for m in d.hook.messages) == ["li", "zhang"]


def test_reasons_hold_nothing_of_the_url() -> None:
    url = "mailto://user:S3cret@mail.example.com:587?to=zhang@x.org&name=Plant%20East"
    text = scrubbed("cannot log in user S3cret at mail.example.com, Plant East", url)
    for word in ("S3cret", "user", "mail.example.com", "Plant East"):
        assert word not in text
    assert len(scrubbed("x" * 999, url)) < 200


def test_channels_are_understood_without_being_used(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert channel_fault("json://127.0.0.1:9/x") == ""
    assert channel_fault("mailto://user:pass@example.com") == ""
    assert channel_fault("nothing://x") != ""
    assert has_secret("mailto://user:pass@example.com")
    assert not has_secret("json://127.0.0.1/x")
    path = tmp_path / "url"
    assert (
        url_of(ChannelSpec("c", url_file=str(path)))[1] == "url cannot be read (FileNotFoundError)"
    )
    path.write_text("json://h/x\n")
    assert url_of(ChannelSpec("c", url_file=str(path))) == ("json://h/x", "")
    monkeypatch.delenv("NO_SUCH_URL", raising=False)
    assert url_of(ChannelSpec("c", url_env="NO_SUCH_URL"))[1] != ""


def test_a_flood_is_one_message_a_minute_and_red_comes_as_ever(desk: Callable[..., Desk]) -> None:
    d = desk(("zhang",))
    caller = d.caller(contact("zhang", d.hook.url("zhang")))
    d.raised("gas~0", level="orange")
    caller.wake()
    d.settled(caller)
    d.raised(*(f"gas~{n}" for n in range(1, 1_000)), level="orange")
    caller.wake()
    until(lambda: caller.counters()["waiting"] == 999)
    assert caller.counters()["flooded"] == 1
    d.clock.advance(59 * SECOND)
    d.raised("gas~red")
    caller.wake()
    d.settled(caller)  # one message for all: nothing is left for the next minute
    assert [m.title[:6] for m in d.hook.messages] == ["【橙色报警】", "【红色报警】"]
    assert "990" in d.hook.messages[1].body, "ten by name, the others counted"
    d.raised("gas~late", level="orange")
    caller.wake()
    until(lambda: caller.counters()["waiting"] == 1)
    d.clock.advance(60 * SECOND)
    caller.wake()
    d.settled(caller)
    assert len(d.hook.messages) == 3


def test_an_exercise_is_marked_in_title_and_body_in_both_languages() -> None:
    log = CallLog()
    log.put(configured(("zhang",)))
    log.drill()
    said = message([log.records[0]], PLACES, lambda _: "http://x/1")
    assert said.title.startswith("【演练】")
    assert "[EXERCISE]" in said.title
    assert said.body.count("http://x/1") == 2
    assert said.body.startswith("【演练】【红色报警】东城门站（hefei/shushan/east）")


rows = st.lists(
    st.tuples(st.sampled_from(("ask", "result", "end", "begin", "done")), st.integers(0, 4)),
    max_size=60,
)


@given(rows)
def test_the_cursor_stands_before_the_first_row_that_is_not_settled(steps: list[Any]) -> None:
    log = CallLog()
    log.put(configured(("p", "q")))
    site = SiteAlarms("a")
    queue, number, unsettled = CallQueue(0), 0, dict[Ask, int]()
    asked: list[Record] = []
    for what, n in steps:
        made: list[Record] = []
        if what == "ask":
            made = log.hear(site.set(f"gas~{len(asked)}", "red"))
        elif what == "result" and n < len(asked):
            made = log.sent(asked[n], "p")
        elif what == "end" and n < len(asked):
            if site.alarms[f"gas~{n}"].state == 1:
                made = log.hear(site.event(f"gas~{n}", Event.ACKNOWLEDGE))
        elif what == "begin":
            queue.begin("q")
        elif what == "done":
            done = list(queue._out)[:1]
            queue.done(done)
            for ask in done:
                unsettled.pop(ask, None)
        for record in made:
            number += 1
            queue.take(number, record)
            call, persons = record.detail["call"], record.detail.get("persons", "").split(", ")
            if record.message in ASKS:
                asked.append(record)
                unsettled |= {Ask(call, 1, person): number for person in persons}
            elif record.rule == "call.called":
                unsettled.pop(Ask(call, 1, persons[0]), None)
            elif record.rule == "call.answered":
                for ask in [a for a in unsettled if a.call == call and a not in queue._out]:
                    del unsettled[ask]
        assert queue.cursor == (min(unsettled.values()) - 1 if unsettled else number)
        assert len(queue) == len(unsettled)
