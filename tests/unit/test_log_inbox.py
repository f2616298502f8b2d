"""The inbox: commands of other processes, and their answers."""

import sqlite3
import threading
from pathlib import Path

import pytest

from lifeline.engine.clock import ManualClock
from lifeline.engine.command import Command, Reply
from lifeline.engine.errors import LogError
from lifeline.engine.limits import INBOX_COMMANDS, INBOX_REPLIES
from lifeline.engine.log import Inbox
from lifeline.engine.log.inbox import INBOX_FILE


def command(number: int) -> Command:
    """An acknowledgement."""
    return Command(f"c{number}", "acknowledge", "site", "rule~sensor", "duty")


def test_a_command_goes_to_the_engine_and_its_answer_comes_back(tmp_path: Path) -> None:
    engine, person = Inbox(tmp_path), Inbox(tmp_path)
    assert engine.poll() == []
    person.submit(command(1))
    assert engine.poll() == [command(1)]
    assert engine.poll() == []
    assert person.wait_reply("c1", 0.0) is None
    answers: list[Reply | None] = []
    waiter = threading.Thread(target=lambda: answers.append(person.wait_reply("c1", 60.0)))
    waiter.start()
    engine.reply(Reply("c1", "done", seq=7))
    waiter.join()
    assert answers == [Reply("c1", "done", seq=7)]
    engine.close()
    person.close()


def test_the_same_command_again_is_one_command(tmp_path: Path) -> None:
    engine, person = Inbox(tmp_path), Inbox(tmp_path)
    person.submit(command(1))
    person.submit(command(1))
    person.submit(command(2))
    assert engine.poll() == [command(1), command(2)]
    engine.close()
    person.close()


def test_what_was_not_answered_is_found_again_by_the_next_engine(tmp_path: Path) -> None:
    engine, person = Inbox(tmp_path), Inbox(tmp_path)
    for n in (1, 2):
        person.submit(command(n))
    assert len(engine.poll()) == 2
    engine.reply(Reply("c1", "done"))
    engine.close()
    engine = Inbox(tmp_path)
    assert engine.poll() == [command(2)]
    engine.close()
    person.close()


def test_commands_and_answers_are_bounded(tmp_path: Path) -> None:
    engine, person = Inbox(tmp_path), Inbox(tmp_path)
    for n in range(INBOX_COMMANDS):
        person.submit(command(n))
    with pytest.raises(LogError, match="1000 commands wait already"):
        person.submit(command(INBOX_COMMANDS))
    for n in range(INBOX_REPLIES + 1):
        engine.reply(Reply(f"c{n}", "done"))
    person.submit(command(INBOX_COMMANDS))
    assert person.wait_reply("c0", 0.0) is None
    assert person.wait_reply("c1", 0.0) == Reply("c1", "done")
    engine.close()
    person.close()


def test_a_command_that_cannot_be_read_is_answered_and_stops_nothing(tmp_path: Path) -> None:
    engine, person = Inbox(tmp_path), Inbox(tmp_path)
    other = sqlite3.connect(tmp_path / INBOX_FILE)
    with other:
        other.execute("INSERT INTO commands (id, data) VALUES ('bad', ?)", (b"\xff{",))
    other.close()
    person.submit(command(1))
    assert engine.poll() == [command(1)]
    reply = person.wait_reply("bad", 0.0)
    assert reply is not None
    assert reply.outcome == "refused"
    engine.close()
    person.close()


def test_a_ruined_inbox_is_kept_aside_and_begun_anew(tmp_path: Path) -> None:
    (tmp_path / INBOX_FILE).write_bytes(b"rubbish" * 1_000)
    inbox = Inbox(tmp_path, ManualClock(1))
    inbox.submit(command(1))
    assert inbox.poll() == [command(1)]
    assert len(list(tmp_path.glob(f"damaged-*-{INBOX_FILE}"))) == 1
    inbox.close()
