"""An engine that calls, killed again and again in the middle of calling: by what a mail server and a
webhook received, nobody was forgotten, and nobody called twice but for what was on its way."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from call_messages import asked, call_records, recorded, repeats, told
from embedded_runs import plant
from lifeline.engine.calls.limits import IN_FLIGHT
from lifeline.engine.record import Record
from plant_files import HEAD
from receiving import Mail, Received, Webhook, mail_server, webhook

CHILD = Path(__file__).with_name("calls_child.py")
KILLS = 4
SENSORS = 150
PATIENCE_S = 180.0
RULES = """\
rules:
  - {id: gas.high, kind: limit, select: {quantity: gas.combustible}, high: {red: 50 %LEL}}
"""
CALLS = "calls: {roster: roster.yaml, rounds: 1, links: {port: 0}}\n"
PERSONS = [f"p{n}" for n in range(6)]


def files(directory: Path, mail: Mail, hook: Webhook) -> Path:
    """A plant of many sensors whose alarms call six persons at once, by mail or webhook."""
    rows = [f"GD-{n},east,gas.combustible,%LEL,0,100,periodic 1h,methane" for n in range(SENSORS)]
    tags = "\n".join(["id,site,quantity,unit,low,high,reports,gas", *rows, ""])
    persons = [
        f'  - {{id: {p}, channels: ["{(mail if n % 2 else hook).url(p)}"], verified: 2026-10-01}}'
        for n, p in enumerate(PERSONS)
    ]
    roster = ["version: 1", "persons:", *persons, "chains:"]
    roster += [f"  - {{site: east, call: [[{', '.join(PERSONS)}]]}}", ""]
    (directory / "roster.yaml").write_text("\n".join(roster), encoding="utf-8")
    sites = "sites:\n  - {id: east, area: hefei/shushan/east}\n"
    head = HEAD.replace("mqtt: {}", "") + CALLS
    made = plant(directory, head=head, rules=RULES, tags=tags, sites=sites)
    return made.storage.directory


def life(
    path: Path, first: int, wait_for: int, received: list[list[Received]], wrong: bool
) -> None:
    """One life, ended by kill -9 once so many messages have come, or (0) in order."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(path), str(first), *(["wrong"] if wrong else [])],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        if wait_for == 0:
            assert child.stdout.readline() == "stopped\n"
            assert child.wait(180) == 0
            return
        give_up = time.monotonic() + PATIENCE_S
        while sum(map(len, received)) < wait_for:
            assert child.poll() is None, "it ended by itself"
            assert time.monotonic() < give_up, "nobody is called"
            threading.Event().wait(0.002)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(180)
        if child.stdout is not None:
            child.stdout.close()


def run(tmp_path: Path, wrong: bool) -> tuple[list[set[tuple[str, str]]], list[Record]]:
    """What was told by message, and what the log says, after KILLS kills and an end in order."""
    with mail_server() as mail, webhook() as hook:
        directory = files(tmp_path, mail, hook)
        path = tmp_path / "lifeline.yaml"
        received = [mail.messages, hook.messages]
        for n in range(KILLS):
            so_far = sum(map(len, received))
            life(path, n * SENSORS // KILLS, so_far + 7 + 5 * n, received, wrong)
        life(path, -1, 0, received, wrong)
        return told([*mail.messages, *hook.messages]), call_records(directory / "calls")


def test_kills_forget_nobody_and_repeat_no_more_than_was_on_its_way(tmp_path: Path) -> None:
    messages, records = run(tmp_path, wrong=False)
    due = asked(records)
    assert len(due) >= len(PERSONS) * KILLS
    assert {pair for message in messages for pair in message} == due
    assert recorded(records) == Counter(due)
    again = repeats(messages)
    print(f"{len(due)} asked, {len(messages)} messages, {again} of them again")
    # One message a person is on its way, and IN_FLIGHT of them together.
    assert again <= KILLS * min(IN_FLIGHT, len(PERSONS))


def test_the_harness_catches_a_caller_that_counts_before_it_sends(tmp_path: Path) -> None:
    messages, records = run(tmp_path, wrong=True)
    counts = {pair for message in messages for pair in message}
    assert set(recorded(records)) - counts, "nobody was forgotten: the harness proves nothing"


pytestmark = pytest.mark.integration
