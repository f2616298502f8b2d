"""Dead letters tried again by a running engine: nothing lost, nothing doubled, told exactly."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from embedded_runs import START, Run, plant, replay, until
from lifeline.engine.agent.again import AgainDecoder
from lifeline.engine.agent.batch import PART, kept_form
from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.embedded import Engine
from lifeline.engine.entry import decode
from lifeline.engine.errors import LogError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DEAD_LETTER_BYTES, SECOND_NS
from lifeline.engine.log import (
    KeptLetter,
    LettersGone,
    LogReader,
    Outcome,
    Requests,
    Retry,
    Settlement,
)
from lifeline.engine.log.requests import REQUESTS_KEPT, Bury
from lifeline.engine.payload import compile_decoder
from log_entries import open_store, tick

MS = START // 1_000_000
SOURCES = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts}, text_numbers: true}
"""


def text_letter(
    at_s: int, value: str = "12.5", device: str = "GD-1"
) -> tuple[str, bytes, str, int]:
    """A number written as text, which the first configuration refuses."""
    body = {"ts": MS + 1000 * at_s, "value": value}
    topic = f"gas/east/{device}"
    return topic, json.dumps(body).encode(), "value_not_a_number", START + at_s * SECOND_NS


def ask(engine: Engine, ids: list[int], name: str = "r") -> Outcome:
    requests = Requests(engine.store.directory)
    try:
        requests.submit(Retry(name, tuple(ids)))
        until(lambda: (found := requests.answer(name)) is not None and found.done)
        found = requests.answer(name)
        assert found is not None
        return found
    finally:
        requests.close()


def ids_of(store: LogReader) -> list[int]:
    return [letter.id for letter in store.kept_letters(0, 100_000)]


def samples(directory: Path) -> list[tuple[str, int, int, float]]:
    """(producer, received, time, value) of every sample in the log."""
    reader = LogReader.open(directory)
    entries = [decode(data) for _, data in reader.read(0, 1_000_000)]
    reader.close()
    return [
        (e.header.producer, e.header.received, int(t), float(v))
        for e in entries
        if isinstance(e.payload, Frame)
        for t, v in zip(e.payload.time, e.payload.value, strict=True)
    ]


# --- the log's part ----------------------------------------------------------------------------------


def test_letters_and_what_they_became_change_in_one_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.dead_letters_of([("t", b"1", "not_json", 1), ("t", b"2", "not_json", 2)]).wait(180)
    first, second = ids_of(store)
    parts = [("t", b"half", "value_missing", 1)]
    end = store.settle_dead_letters(
        Settlement([first], [(second, "empty", None)], parts), [tick(1)]
    )
    assert end.wait(180) == 1
    kept = store.kept_letters(0, 10)
    assert [(x.reason, x.payload) for x in kept] == [("empty", b"2"), ("value_missing", b"half")]
    assert store.dead_letter_counts() == {"not_json": 2}  # nothing new came
    store.close()


def test_a_letter_that_is_gone_stops_the_whole_commit(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.dead_letters_of([("t", b"1", "not_json", 1), ("t", b"2", "not_json", 2)]).wait(180)
    first, second = ids_of(store)
    store.settle_dead_letters(Settlement([first])).wait(180)
    with pytest.raises(LettersGone):
        store.settle_dead_letters(Settlement([second, first]), [tick(1)]).wait(180)
    with pytest.raises(LettersGone):
        store.settle_dead_letters(Settlement([second, first])).wait(180)
    assert (ids_of(store), store.end()) == ([second], 0)
    assert store.append([tick(2)]).wait(180) == 1  # the writer goes on, no position is spent
    store.close()


def test_the_first_entry_of_a_time_is_found_in_any_log(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.before(START) == 0
    for number in range(1, 8):
        store.append([tick(number)]).wait(180)
    store.close()
    reader = LogReader.open(tmp_path)
    at = decode(reader.read(0, 1)[0][1]).header.appended
    assert (reader.before(at), reader.before(at + 1)) == (0, 7)
    reader.close()


def test_requests_wait_are_bounded_and_tell_how_far_they_are(tmp_path: Path) -> None:
    mine, engines = Requests(tmp_path), Requests(tmp_path)
    request = Bury("b", (("series:influx", b"m v=1 1\n# \xff", "influx_400", 7),))
    mine.submit(request)
    mine.submit(request)
    assert engines.poll() == [request]
    assert engines.poll() == []
    assert mine.answer("b") is None
    engines.tell(Outcome("b", total=1))
    assert mine.answer("b") == Outcome("b", total=1)
    engines.tell(Outcome("b", done=True, total=1))
    for n in range(REQUESTS_KEPT):
        mine.submit(Retry(str(n), (n,)))
    with pytest.raises(LogError, match="is the engine running"):
        mine.submit(Retry("more", ()))
    again = Requests(tmp_path)
    assert len(again.poll()) == REQUESTS_KEPT  # what nobody did is there for the next engine
    for each in (mine, engines, again):
        each.close()


# --- decoding again ----------------------------------------------------------------------------------


def letter(topic: str, payload: bytes, time: int = START, id: int = 1) -> KeptLetter:
    return KeptLetter(id, time, topic, "value_not_a_number", len(payload), payload)


def decoder(tmp_path: Path, payload: str) -> AgainDecoder:
    sources = SOURCES.replace('{sensor: "{device}", time: {path: ts}, text_numbers: true}', payload)
    made = plant(tmp_path, sources=sources)
    return AgainDecoder(made.sources, made.configuration)


def test_a_point_is_read_alone_where_it_says_everything_itself(tmp_path: Path) -> None:
    mended = decoder(
        tmp_path, '{points: data, sensor: "{device}", time: {path: ts}, text_numbers: true}'
    )
    point = json.dumps({"ts": MS, "value": "3"}).encode() + PART + b"words"
    read = mended.read(letter("gas/east/GD-1", point))
    assert (read.samples, read.reason) == (1, "")
    assert mended.read(letter("gas/east/GD-1", point.partition(PART)[0])).reason == "points_missing"


@pytest.mark.parametrize("payload", [
    '{points: data, sensor: "{device}", time: {path: $.ts, missing: receipt}, text_numbers: true}',
    '{points: data, value: $.value, sensor: "{device}", time: {path: ts}, text_numbers: true}',
])  # fmt: skip
def test_a_point_whose_message_said_the_rest_is_left(tmp_path: Path, payload: str) -> None:
    point = json.dumps({"ts": MS, "value": "3"}).encode() + PART + b"words"
    assert decoder(tmp_path, payload).read(letter("gas/east/GD-1", point)).reason == "part"


def test_a_message_without_a_time_keeps_that_of_its_receipt(tmp_path: Path) -> None:
    mended = decoder(
        tmp_path, '{sensor: "{device}", time: {path: ts, missing: receipt}, text_numbers: true}'
    )
    read = mended.read(letter("gas/east/GD-1", b'{"value": "3"}', START - 5))
    (entry,) = (decode(data) for data in read.entries)
    assert isinstance(entry.payload, Frame)
    assert (entry.header.received, entry.payload.time[0]) == (START - 5, START - 5)
    assert (entry.header.producer, entry.header.producer_seq) == ("deadletter", 1)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("gas/east/GD-1", b"{", "not_json"),
        ("gas/east/GD-9", b'{"ts": 1, "value": 1}', "unknown_sensor"),
        ("water/1", b"{}", "unknown_topic"),
        ("gas/east/GD-1", b"{" * DEAD_LETTER_BYTES, "cut"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, topic: str, payload: bytes, reason: str
) -> None:
    made = plant(tmp_path)
    read = AgainDecoder(made.sources, made.configuration).read(letter(topic, payload))
    assert (read.reason, read.entries) == (reason, [])
    assert read.words


def test_a_part_of_a_live_message_is_kept_with_its_mark(tmp_path: Path) -> None:
    payload = '{points: $, sensor: "{device}", time: {path: ts}}'
    sources = SOURCES.replace('{sensor: "{device}", time: {path: ts}, text_numbers: true}', payload)
    made = plant(tmp_path, sources=sources)
    points = [{"ts": MS, "value": 1}, {"ts": MS, "value": "x"}]
    message = ("gas/east/GD-1", json.dumps(points).encode(), START)
    (dead,) = compile_decoder(made.sources[0], made.configuration).decode([message]).dead
    _, kept, reason, _ = kept_form(dead)
    assert kept.startswith(b'{"ts": ' + str(MS).encode())
    assert PART in kept
    assert reason == "value_not_a_number"


# --- by a running engine -----------------------------------------------------------------------------


def test_a_mended_source_reads_what_was_refused_as_received_then(tmp_path: Path) -> None:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        run.send(engine, 1.0, 2.0, 60.0)
        letters = [text_letter(-7200), text_letter(-3600, "70"), text_letter(-1800, "---")]
        engine.store.dead_letters_of(letters).wait(180)
        ids = ids_of(engine.store)
        refused = ask(engine, ids, "before")
        assert (refused.taken, refused.refused) == (0, {"value_not_a_number": 3})
        assert ids_of(engine.store) == ids
        run.plant = plant(tmp_path, sources=SOURCES)
        engine.reload(run.plant)
        told = ask(engine, ids, "after")
        assert (told.total, told.taken, told.samples, told.gone) == (3, 2, 2, 0)
        assert told.refused == {"value_not_a_number": 1}
        assert [n for n, _, _ in told.named] == ids[2:]
        assert ids_of(engine.store) == ids[2:]
        run.stepped(engine)
        before = len(run.records)
        again = ask(engine, ids, "once more")
        assert (again.taken, again.gone) == (0, 2)
        run.stepped(engine)
        assert len(run.records) == before
        counters = engine.core.counters()
    assert counters["late"] == 2  # stored and not judged: 70 %LEL of an hour ago calls nobody
    made = [x for x in samples(run.plant.storage.directory) if x[0] == "deadletter"]
    assert [(r, t) for _, r, t, _ in made] == [
        (START + at * SECOND_NS, START + at * SECOND_NS) for at in (-7200, -3600)
    ]
    whole = replay(run.plant.storage.directory)
    assert whole.records == whole.outbox


def test_a_letter_of_a_sensor_never_heard_is_historic(tmp_path: Path) -> None:
    run = Run(plant(tmp_path, sources=SOURCES))
    with run.engine() as engine:
        run.pass_time(engine, 2)
        engine.store.dead_letters_of([text_letter(-3600, "70")]).wait(180)
        assert ask(engine, ids_of(engine.store)).taken == 1
        run.stepped(engine)
    raised = [r for r in run.records if r.rule == "gas.high"]
    assert [r.historic for r in raised] == [True]


def test_a_message_that_is_good_in_part_leaves_the_bad_part(tmp_path: Path) -> None:
    payload = '{points: $, sensor: "{device}", time: {path: ts}, text_numbers: true}'
    sources = SOURCES.replace('{sensor: "{device}", time: {path: ts}, text_numbers: true}', payload)
    run = Run(plant(tmp_path, sources=sources))
    with run.engine() as engine:
        points = [{"ts": MS + n, "value": v} for n, v in enumerate(["1", "x", "2"])]
        engine.store.dead_letters_of(
            [("gas/east/GD-1", json.dumps(points).encode(), "value_not_a_number", START)]
        ).wait(180)
        told = ask(engine, ids_of(engine.store))
        assert (told.taken, told.samples, told.parts) == (1, 2, 1)
        (left,) = engine.store.kept_letters(0, 10)
        assert (left.reason, left.time) == ("value_not_a_number", START)
        assert left.payload.startswith(b'{"ts"')
        assert ask(engine, [left.id], "part").refused == {"value_not_a_number": 1}
        run.stepped(engine)
    assert [v for _, _, _, v in samples(run.plant.storage.directory)] == [1.0, 2.0]


def test_a_request_of_before_the_start_is_done_then(tmp_path: Path) -> None:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        directory = engine.store.directory
        engine.store.dead_letters_of([text_letter(-60), ("a/b", b"{", "not_json", 1)]).wait(180)
        ids = ids_of(engine.store)
    requests = Requests(directory)
    requests.submit(Retry("early", tuple(ids)))
    requests.close()
    run.plant = plant(tmp_path, sources=SOURCES)
    with run.engine() as engine:
        told = ask(engine, ids, "early")
        assert (told.taken, told.refused) == (1, {"unknown_topic": 1})


def test_lines_are_left_where_no_influx_is_configured(tmp_path: Path) -> None:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        letters = [
            ("series:influx", b"gas v=1 1\n# no", "influx_400", START),
            ("alert:influx", b"x" * DEAD_LETTER_BYTES, "influx_400", START),
        ]
        engine.store.dead_letters_of(letters).wait(180)
        told = ask(engine, ids_of(engine.store))
        assert told.left == {"no_output": 1, "cut": 1}
        assert len(ids_of(engine.store)) == 2


# --- the commands ------------------------------------------------------------------------------------


def run_cli(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["deadletter", *(str(a) for a in arguments)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    run = Run(plant(tmp_path))
    with run.engine() as engine:
        letters = [text_letter(-60), text_letter(-30, "---"), ("a/b", b"\xff", "not_json", 1)]
        engine.store.dead_letters_of(letters).wait(180)
    return tmp_path / "lifeline.yaml"


def test_letters_are_listed_chosen_and_exported(config: Path, tmp_path: Path) -> None:
    done = run_cli("list", "--config", config, "--lang", "en")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 4
    assert "gas/east/GD-1  value_not_a_number" in lines[0]
    assert '"12.5"' in lines[0]
    assert lines[3] == "ever, by reason: not_json 1, value_not_a_number 2"
    found = run_cli("list", "--reason", "not_json", "--json", "--config", config)
    (document,) = map(json.loads, found.stdout.splitlines())
    assert (document["topic"], document["payload_base64"], document["cut"]) == (
        "a/b",
        "/w==",
        False,
    )
    assert len(run_cli("list", "--limit", 1, "--json", "--config", config).stdout.splitlines()) == 1
    since = run_cli("list", "--since", "2020-01-01", "--topic", "gas/*", "--json", "-c", config)
    assert len(since.stdout.splitlines()) == 2
    whole = tmp_path / "letters.jsonl"
    assert run_cli("list", "--export", whole, "--config", config).exit_code == 0
    exported = [json.loads(line) for line in whole.read_text().splitlines()]
    assert json.loads(exported[0]["payload"])["value"] == "12.5"
    assert whole.stat().st_mode & 0o077 == 0
    none = run_cli("list", "--topic", "water/*", "--lang", "zh", "--config", config)
    assert none.output.splitlines()[0] == "没有死信。"


def test_which_letters_must_be_said_and_an_engine_must_run(config: Path) -> None:
    assert run_cli("retry", "--config", config).exit_code == ExitCode.FOUND
    done = run_cli("retry", "--all", "--config", config)
    assert done.exit_code == ExitCode.UNREACHABLE
    assert "3 dead letters will be tried at its next start" in done.output
    none = run_cli("retry", "999", "--config", config, "--lang", "en")
    assert (none.exit_code, none.output) == (0, "No such dead letter.\n")


def test_the_command_tells_exactly_what_happened(config: Path) -> None:
    run = Run(plant(config.parent, sources=SOURCES))
    with run.engine() as engine:
        done = run_cli("retry", "--topic", "gas/*", "--config", config, "--lang", "en")
        assert done.exit_code == ExitCode.FOUND, done.output
        lines = done.output.splitlines()
        assert lines[0] == (
            "2 tried again: 1 taken (1 samples), 1 refused again, 0 left, 0 not there any more"
        )
        assert lines[1] == "  refused again: value_not_a_number 1"
        assert "'---'" in lines[2]
        done = run_cli("retry", "--all", "--json", "--config", config)
        told = json.loads(done.stdout)
        assert (told["total"], told["refused"]) == (
            2,
            {"unknown_topic": 1, "value_not_a_number": 1},
        )
        run.stepped(engine)
    assert not any(math.isnan(v) for *_, v in samples(run.plant.storage.directory))
