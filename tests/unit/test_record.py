"""Records: complete in themselves, numbered without gaps, chained by hash."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import pytest

from battery.drive import Drive, limit, path, plant
from battery.splits import judged, transitions
from lifeline.engine.core import ENGINE_SITE, Core
from lifeline.engine.entry import Entry, Header, Recovered, SiteHead
from lifeline.engine.record import (
    GENESIS,
    Record,
    Transition,
    decode_record,
    detail_digest,
    first_break,
    run_digest,
    verify,
)
from oracle.generate import scenario
from oracle.generate_plant import PACES


@cache
def sites() -> dict[str, list[Record]]:
    """Every record of random logs with all that can happen, by site of one log."""
    found: dict[str, list[Record]] = {}
    for seed in range(35):
        log = scenario(seed, 600, pace=PACES[seed % len(PACES)])
        for record in transitions(judged(log.entries)):
            found.setdefault(f"{seed}.{record.site}", []).append(record)
    return found


def test_the_random_logs_show_every_transition() -> None:
    seen = {record.transition for records in sites().values() for record in records}
    assert seen == {transition.name.lower() for transition in Transition}


def test_every_record_follows_from_the_one_before_it() -> None:
    for records in sites().values():
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        assert records[0].previous == GENESIS.hex()
        assert all(verify(record) for record in records)
        assert first_break(records) is None


def test_records_are_read_back_as_they_were_written() -> None:
    for records in sites().values():
        for record in records:
            data = record.encode()
            assert decode_record(data) == record
            assert decode_record(data).encode() == data
            assert len(record.hash) == len(record.previous) == 32


CHANGES: dict[str, Any] = {
    **dict.fromkeys(
        (
            "tenant", "site", "rule", "rule_hash", "subject", "area", "quantity", "unit", "message",
            "basis", "asset",
        ),
        lambda text: text + "x",
    ),
    **dict.fromkeys(("seq", "episode", "onset", "time", "until"), lambda number: number + 1),
    **dict.fromkeys(("value", "limit"), lambda number: 0.5 if number is None else None),
    **dict.fromkeys(("level_before", "level_after"), lambda x: "red" if x != "red" else "blue"),
    **dict.fromkeys(
        ("state_before", "state_after"), lambda x: "shelved" if x != "shelved" else "normal"
    ),
    **dict.fromkeys(("exercise", "historic", "uncertain", "unknown", "first_out"), lambda flag: not flag),
    "transition": lambda x: "actual" if x != "actual" else "known",
    "detail": lambda x: {**x, "principal": "somebody else"},
    "previous": lambda x: x[::-1] if x != x[::-1] else "11" * 16,
    "hash": lambda x: x[::-1],
}  # fmt: skip


@pytest.mark.parametrize("name", Record.__struct_fields__)
def test_no_field_of_a_record_can_be_changed_unseen(name: str) -> None:
    for records in list(sites().values())[:8]:
        for record in records[:40]:
            value = CHANGES[name](getattr(record, name))
            assert not verify(msgspec.structs.replace(record, **{name: value}))


def test_a_chain_breaks_where_a_record_is_missing_changed_or_moved() -> None:
    records = max(sites().values(), key=len)
    middle = len(records) // 2
    assert first_break([*records[:middle], *records[middle + 1 :]]) == records[middle + 1]
    forged = msgspec.structs.replace(records[middle], value=77.0)
    assert first_break([*records[:middle], forged, *records[middle + 1 :]]) == forged
    swapped = [*records[:middle], records[middle + 1], records[middle]]
    assert first_break(swapped) == records[middle + 1]
    assert first_break(records[middle:]) is None
    assert first_break([]) is None


def test_the_digest_of_a_run_is_over_the_heads_of_its_sites() -> None:
    log = scenario(0, 400)
    core, last = Core(), {}
    for position, entry in enumerate(log.entries, 1):
        for record in core.step(position, entry):
            last[record.site] = record
    assert len(last) > 1
    heads = {site: bytes.fromhex(record.hash) for site, record in last.items()}
    assert core.site_digests() == {site: record.hash for site, record in last.items()}
    assert core.digest() == run_digest(heads)
    assert {site: core.head(site) for site in last} == {
        site: (record.seq, heads[site]) for site, record in last.items()
    }
    assert core.head("nowhere") == (0, GENESIS)


def test_sites_without_a_record_do_not_count_in_a_digest() -> None:
    one = {"a": b"x" * 16}
    assert run_digest({**one, "b": GENESIS}) == run_digest(one) != run_digest({})
    assert run_digest({"a": b"x" * 16, "b": b"y" * 16}) == run_digest({"b": b"y" * 16, **one})
    assert run_digest({"a": b"y" * 16}) != run_digest(one) != run_digest({"b": b"x" * 16})


def test_the_digest_of_a_detail_does_not_depend_on_its_order() -> None:
    assert detail_digest({"a": "1", "b": "2"}) == detail_digest({"b": "2", "a": "1"})
    assert detail_digest({"a": "1"}) != detail_digest({"a": "2"}) != detail_digest({})
    assert detail_digest({}) == GENESIS


def test_an_alarm_is_named_by_rule_and_subject_and_belongs_to_a_domain() -> None:
    drive = Drive(plant(limit({"red": 9.0})))
    (record,) = drive.say(0, 9.5)
    assert (record.alarm, record.domain) == ("high~P1", "gas")
    (blind,) = [drive.tick(1), drive.tick(100, resumed=True)][1]
    assert (blind.domain, blind.site, blind.transition) == ("engine", ENGINE_SITE, "notice")


def test_what_is_no_record_is_refused() -> None:
    record = next(iter(sites().values()))[0]
    for data in (b"", b"{}", record.encode()[:-1], b"[" + record.encode() + b"]"):
        with pytest.raises(msgspec.DecodeError):
            decode_record(data)


def test_after_a_lost_tail_numbers_and_chain_go_on_behind_the_highest_known() -> None:
    drive = Drive(plant(limit({"red": 9.0})))
    drive.say(0, 9.5)
    known = "ab" * 16
    lost = Recovered({"site": SiteHead(41, known), "gone": SiteHead(5, known)}, "disk")
    notes = list(drive.core.step(len(drive.log) + 1, Entry(Header(), lost)))
    drive.log.append(Entry(Header(), lost))
    assert [(r.rule, r.site, r.detail) for r in notes] == [
        ("engine.recovered", ENGINE_SITE, {"reason": "disk"})
    ]
    (record,) = drive.say(10, 1.0)
    assert (record.seq, record.previous, record.episode) == (42, known, 1)
    assert verify(record)


def test_a_head_that_lies_behind_is_not_taken() -> None:
    drive = Drive(plant(limit({"red": 9.0})))
    (raised,) = drive.say(0, 9.5)
    lost = Recovered({"site": SiteHead(1, "ab" * 16)})
    drive.core.step(len(drive.log) + 1, Entry(Header(), lost))
    drive.log.append(Entry(Header(), lost))
    (record,) = drive.say(10, 1.0)
    assert (record.seq, record.previous) == (2, raised.hash)
    assert path(drive.records) == ["raised red", "returned normal"]
