"""`lifeline roster` and `lifeline calls`, beside an engine that calls for real."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from embedded_runs import Run, plant, until
from lifeline.engine.cli.app import app
from lifeline.engine.limits import SECOND_NS
from plant_files import HEAD
from receiving import Webhook, webhook

FRESH = (datetime.now(UTC).date() - timedelta(days=30)).isoformat()
CALLS = "calls: {roster: roster.yaml, answer_within: {red: 20s}, links: {port: 0}}\n"
RULES = """\
rules:
  - {id: gas.high, kind: limit, select: {quantity: gas.combustible}, high: {red: 50 %LEL}}
"""


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as hook:
        yield hook


@pytest.fixture
def run(tmp_path: Path, hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LIFELINE_LANG", "en")
    roster = f"""\
version: 1
zone: Asia/Shanghai
persons:
  - {{id: zhang, name: 张伟, channels: ["{hook.url("zhang")}"], hours: mon-fri 08:00-18:00, stand_in: li, verified: {FRESH}}}
  - {{id: li, channels: [{{name: sms, url: "{hook.url("li")}"}}], verified: {FRESH}}}
chains:
  - {{site: east, call: [zhang, li]}}
  - {{area: hefei, call: [li]}}
"""
    (tmp_path / "roster.yaml").write_text(roster, encoding="utf-8")
    run = Run(plant(tmp_path, head=HEAD.replace("mqtt: {}", "") + CALLS, rules=RULES))
    run.outputs = True
    return run


def config(run: Run) -> list[str]:
    return ["--config", str(run.plant.storage.directory.parent / "lifeline.yaml")]


def test_check_and_show(run: Run) -> None:
    path = config(run)[1]
    done = CliRunner().invoke(app, ["roster", "check", path])
    assert done.exit_code == 0, done.output
    assert "2 persons, 0 to mend" in done.output
    night = ["--at", "2026-11-22T03:00:00+08:00"]
    shown = CliRunner().invoke(app, ["roster", "show", "east", *night, *config(run)]).output
    assert "RED" in shown
    assert "0 min 20 s" in shown
    assert "li  (for zhang 张伟)  sms" in shown
    day = ["--at", "2026-11-23T10:00:00+08:00", "--level", "red", "--json"]
    found = CliRunner().invoke(app, ["roster", "show", "east", *day, *config(run)]).output
    (document,) = msgspec.json.decode(found)
    assert [[p["called"] for p in step] for step in document["steps"]] == [["zhang"], ["li"]]
    wrong = CliRunner().invoke(app, ["roster", "show", "hefei/shushen", *config(run)])
    assert wrong.exit_code == 1
    assert "did you mean hefei/shushan " in wrong.output
    broken = Path(path).with_name("roster.yaml")
    broken.write_text(broken.read_text().replace(f"verified: {FRESH}", "verified: 2020-01-01"))
    done = CliRunner().invoke(app, ["roster", "check", path, "--json"])
    assert done.exit_code == 1
    assert msgspec.json.decode(done.output)["problems"][0]["where"] == "roster.yaml:4"


def test_a_drill_calls_everybody_waits_for_answers_and_leaves_alarms_alone(
    run: Run, hook: Webhook
) -> None:
    import http.client
    from urllib.parse import urlsplit

    with run.engine() as engine:
        results = []
        order = ["roster", "drill", "east", "--reason", "monthly", "--as", "duty", *config(run)]
        thread = threading.Thread(
            target=lambda: results.append(CliRunner().invoke(app, order)), daemon=True
        )
        thread.start()
        until(lambda: len(hook.messages) == 2)
        for message in hook.messages:
            assert message.title.startswith("【演练】")
            assert "monthly" in message.body
        (link,) = hook.to("li")[0].links()
        parts = urlsplit(link)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=180)
        connection.request("POST", parts.path)
        assert connection.getresponse().status == 200
        connection.close()
        assert engine.calls is not None
        core = engine.calls.core
        assert thread.is_alive()
        for _ in range(30):
            run.pass_time(engine, 1)
            until(lambda: core.wall > engine.clock.wall() - 2 * SECOND_NS)
        thread.join(180)
        (done,) = results
        assert done.exit_code == 1, done.output
        assert "call drill over, 1/2 answered: li" in done.output
        assert "silent: zhang" in done.output
        assert all(r.exercise for r in run.records if r.quantity == "call")
        assert {r.rule for r in run.records if r.quantity != "call"} <= {"engine.stale"}
        listed = CliRunner().invoke(app, ["calls", *config(run)]).output
        assert "EXERCISE [reported] east/drill~" in listed
        assert "No call is open." in listed


def test_calls_lists_open_ones_first_and_digest_proves_their_log(run: Run, hook: Webhook) -> None:
    with run.engine() as engine:
        run.send(engine, 60.0)
        until(lambda: any(r.rule == "call.called" for r in run.records))
        out = CliRunner().invoke(app, ["calls", *config(run)]).output
        assert "[open] east/gas.high~GD-1  → " in out
        found = CliRunner().invoke(app, ["calls", "--json", *config(run)]).output
        (call,) = msgspec.json.decode(found)
        assert (call["level"], call["site"], len(call["reached"])) == ("red", "east", 1)
    done = CliRunner().invoke(app, ["digest", str(run.plant.storage.directory), "--json"])
    assert done.exit_code == 0, done.output
    document = msgspec.json.decode(done.output)
    assert [s["verdict"] for s in document["calls"]["sites"]] == ["equal"]


def test_without_an_engine_or_a_roster_a_drill_says_so(run: Run, tmp_path: Path) -> None:
    run.plant.storage.directory.mkdir()
    done = CliRunner().invoke(app, ["roster", "drill", "east", *config(run)])
    assert done.exit_code == 3
    assert "no engine runs" in done.output
    other = tmp_path / "other"
    other.mkdir()
    plant(other, rules=RULES)
    done = CliRunner().invoke(app, ["roster", "show", "east", "-c", str(other / "lifeline.yaml")])
    assert done.exit_code == 1
    assert "the file names no roster" in done.output
