"""An engine that calls, killed again and again in the middle of calling: by what a mail server and a
webhook received, nobody was forgotten, and nobody called twice but for what was on its way."""

import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from embedded_runs import plant
from lifeline.engine.calls.core import CallCore
from lifeline.engine.calls.entry import decode_call
from lifeline.engine.calls.limits import IN_FLIGHT
from lifeline.engine.calls.records import ASKS, CALLED
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record, decode_record, first_break
from plant_files import HEAD
from receiving import Mail, Received, Webhook, mail_server, webhook

CHILD = Path(__file__).with_name("calls_child.py")
KILLS = 4
SENSORS = 150
PATIENCE_S = 120.0
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
            assert child.wait(60) == 0
            return
        give_up = time.monotonic() + PATIENCE_S
        while sum(map(len, received)) < wait_for:
            assert child.poll() is None, "it ended by itself"
            assert time.monotonic() < give_up, "nobody is called"
            threading.Event().wait(0.002)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(60)
        if child.stdout is not None:
            child.stdout.close()


def told(messages: list[Received]) -> list[set[tuple[str, str]]]:
    """(call, person) of each message, by the links in it."""
    found = []
    for message in messages:
        person = message.to.partition("@")[0]
        tokens = [link.rpartition("/")[2] for link in message.links()]
        found.append({(token.partition(".")[0], person) for token in tokens})
    return found


def call_records(directory: Path) -> list[Record]:
    """What the call log left; a replay of it leaves the same, and each chain is whole."""
    reader = LogReader.open(directory / "calls")
    core = CallCore()
    made: dict[tuple[str, int], bytes] = {}
    while entries := reader.read(core.position, 1_000):
        for position, data in entries:
            for record in core.step(position, decode_call(data)):
                made[record.site, record.seq] = record.encode()
    outbox = {(row.site, row.seq): row.data for row in reader.records(0, 1_000_000)}
    reader.close()
    assert outbox == made
    records = [decode_record(data) for data in made.values()]
    assert first_break(sorted(records, key=lambda r: r.seq)) is None
    return records


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
        return told([*mail.messages, *hook.messages]), call_records(directory)


def test_kills_forget_nobody_and_repeat_no_more_than_was_on_its_way(tmp_path: Path) -> None:
    messages, records = run(tmp_path, wrong=False)
    asked = {
        (r.detail["call"], person)
        for r in records
        if r.message in ASKS
        for person in r.detail["persons"].split(", ")
    }
    assert len(asked) >= len(PERSONS) * KILLS
    counts = Counter(pair for message in messages for pair in message)
    assert set(counts) == asked
    recorded = Counter(
        (r.detail["call"], r.detail["persons"]) for r in records if r.message == CALLED
    )
    assert recorded == Counter(asked)
    repeats = sum(any(counts[pair] > 1 for pair in message) for message in messages)
    again = repeats - len({frozenset(m) for m in messages if any(counts[p] > 1 for p in m)})
    print(f"{len(asked)} asked, {len(messages)} messages, {repeats} of them with repeats ({again})")
    most = {pair: n - 1 for pair, n in counts.items() if n > 1}
    assert max(most.values(), default=0) <= KILLS
    assert repeats <= 2 * KILLS * IN_FLIGHT


def test_the_harness_catches_a_caller_that_counts_before_it_sends(tmp_path: Path) -> None:
    messages, records = run(tmp_path, wrong=True)
    recorded = {(r.detail["call"], r.detail["persons"]) for r in records if r.message == CALLED}
    counts = {pair for message in messages for pair in message}
    assert recorded - counts, "nobody was forgotten: the harness proves nothing"


pytestmark = pytest.mark.integration
