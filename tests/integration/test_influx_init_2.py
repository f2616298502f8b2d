"""`lifeline influx init` and `downsample` against a real InfluxDB 2.7.11."""

import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from influx_samples import (
    START,
    expected,
    plain_states,
    random_frame,
    same,
    sent,
)
from lifeline.engine.clock import SystemClock
from lifeline.engine.errors import SinkError
from lifeline.engine.frame import Frame
from lifeline.engine.influx_setup import Spans, Step, downsample, initialise
from lifeline.engine.influx_setup.limits import HOUR_NS
from lifeline.engine.limits import DAY_NS, MINUTE_NS
from lifeline.engine.outputs.influx_http import InfluxSender
from lifeline.engine.outputs.influx_server import InfluxServer
from lifeline.engine.outputs.influx_target import InfluxTarget
from servers.influx2 import Influx2
from servers.process import wait_until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx2]:
    with Influx2(tmp_path_factory.mktemp("influx2")) as running:
        yield running


def target_of(server: Influx2, bucket: str, folder: Path) -> InfluxTarget:
    return InfluxTarget(
        server.url, org=server.org, bucket=bucket, token_file=str(folder / "secrets" / "token")
    )


def admin_of(server: Influx2, bucket: str, folder: Path) -> InfluxTarget:
    file = folder / "operator"
    file.write_text(server.token)
    return InfluxTarget(server.url, org=server.org, bucket=bucket, token_file=str(file))


def set_up(
    server: Influx2, bucket: str, folder: Path, spans: Spans = Spans(), **how: bool
) -> list[Step]:
    target = target_of(server, bucket, folder)
    return list(initialise(target, admin_of(server, bucket, folder), spans, **how))


def kept(server: Influx2, bucket: str) -> dict[str, int]:
    found = server.ask("GET", "/api/v2/buckets?limit=100")["buckets"]
    return {
        each["name"]: sum(rule["everySeconds"] for rule in each["retentionRules"])
        for each in found
        if each["name"].startswith(bucket)
    }


def stored(admin: InfluxTarget, bucket: str) -> Any:
    text = (
        f'from(bucket: "{bucket}") |> range(start: 0) '
        '|> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")'
    )
    fields = ("min", "max", "mean", "sum", "count", "last")
    server = InfluxServer(admin)
    rows = list(server.flux(text))
    server.close()
    return {
        (r["sensor"], int(r["_time"].timestamp()) * 10**9): tuple(r[f] for f in fields)
        for r in rows
    }


def test_everything_is_made_once_and_found_right_ever_after(
    server: Influx2, tmp_path: Path
) -> None:
    dry = set_up(server, "plant", tmp_path, act=False)
    assert kept(server, "plant") == {}
    first = set_up(server, "plant", tmp_path)
    assert [s.state for s in first if s.state != "note"] == ["right"] + ["made"] * 7
    assert plain_states(dry) == plain_states(first)
    day = 86_400
    assert kept(server, "plant") == {
        "plant": 30 * day, "plant_1m": 365 * day, "plant_1h": 3_650 * day
    }  # fmt: skip
    secrets = [tmp_path / "secrets" / f"token{s}" for s in ("", "_read")]
    before = [file.read_text() for file in secrets]
    assert [stat.S_IMODE(file.stat().st_mode) for file in secrets] == [0o600, 0o600]
    said = " ".join(step.text(language) for step in first for language in ("en", "zh"))
    assert not any(secret.strip() in said for secret in before)

    state = server.ask("GET", "/api/v2/tasks"), server.ask("GET", "/api/v2/authorizations")
    assert set(plain_states(set_up(server, "plant", tmp_path)).values()) == {"right"}
    assert state == (
        server.ask("GET", "/api/v2/tasks"), server.ask("GET", "/api/v2/authorizations")
    )  # fmt: skip
    assert [file.read_text() for file in secrets] == before


def test_one_token_only_writes_and_the_other_only_reads(server: Influx2, tmp_path: Path) -> None:
    set_up(server, "least", tmp_path)
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    set_up(server, "other", elsewhere)
    writer = target_of(server, "least", tmp_path)
    reader = InfluxTarget(
        server.url, org=server.org, bucket="least", token_file=writer.token_file + "_read"
    )
    now = SystemClock().wall()
    sent(writer, Frame.of([0], [now], [1.5]))
    everything = 'from(bucket: "{}") |> range(start: -1h)'
    rows = list(InfluxServer(reader).flux(everything.format("least")))
    assert {row["_field"]: row["_value"] for row in rows} == {"value": 1.5, "quality": 0}
    refusal = InfluxSender(reader, SystemClock()).send(b"gas value=1\n")
    assert refusal.status in (401, 403, 404), refusal
    for who, bucket in ((writer, "least"), (reader, "other")):
        with pytest.raises(SinkError):
            list(InfluxServer(who).flux(everything.format(bucket)))


def test_times_change_where_they_are_given_and_shorter_ones_ask_first(
    server: Influx2, tmp_path: Path
) -> None:
    set_up(server, "times", tmp_path)
    longer = set_up(server, "times", tmp_path, Spans(raw=60 * DAY_NS))
    assert plain_states(longer)["bucket times: 60d"] == "changed"
    assert kept(server, "times")["times"] == 60 * 86_400
    assert set(plain_states(set_up(server, "times", tmp_path)).values()) == {"right"}
    sent(target_of(server, "times", tmp_path), Frame.of([0], [SystemClock().wall()], [1.0]))
    refused = set_up(server, "times", tmp_path, Spans(raw=DAY_NS))
    assert [s.key for s in refused if s.state == "differs"] == ["kept_longer"]
    set_up(server, "times", tmp_path, Spans(raw=DAY_NS), shorten=True)
    assert kept(server, "times")["times"] == 86_400


def test_secrets_that_are_lost_or_wrong_are_told_and_renewed(
    server: Influx2, tmp_path: Path
) -> None:
    set_up(server, "lost", tmp_path)
    (tmp_path / "secrets" / "token").unlink()
    (tmp_path / "secrets" / "token_read").write_text("another")
    found = [s.key for s in set_up(server, "lost", tmp_path) if s.state == "differs"]
    assert found == ["login_unknown", "login_refused"]
    renewed = [(s.state, s.key) for s in set_up(server, "lost", tmp_path, renew=True)]
    assert renewed.count(("changed", "login")) == 2
    assert set(plain_states(set_up(server, "lost", tmp_path)).values()) == {"right"}
    sent(target_of(server, "lost", tmp_path), Frame.of([0], [SystemClock().wall()], [1.0]))


def test_a_task_that_somebody_switched_off_stays_off_and_a_changed_one_is_mended(
    server: Influx2, tmp_path: Path
) -> None:
    set_up(server, "tasks", tmp_path)
    found = server.ask("GET", "/api/v2/tasks?name=lifeline%20tasks%201m")["tasks"][0]
    server.ask("PATCH", f"/api/v2/tasks/{found['id']}", {"status": "inactive"})
    assert "task_off" in [s.key for s in set_up(server, "tasks", tmp_path)]
    other = found["flux"].replace("-20m", "-10m")
    server.ask("PATCH", f"/api/v2/tasks/{found['id']}", {"status": "active", "flux": other})
    mended = [s.key for s in set_up(server, "tasks", tmp_path) if s.state == "changed"]
    assert mended == ["downsampling"]
    assert set(plain_states(set_up(server, "tasks", tmp_path)).values()) == {"right"}


def test_an_organisation_that_is_not_there_is_told(server: Influx2, tmp_path: Path) -> None:
    from msgspec.structs import replace

    target = replace(target_of(server, "plant", tmp_path), org="nobody")
    steps = list(initialise(target, admin_of(server, "plant", tmp_path), Spans()))
    assert [s.key for s in steps if s.state == "cannot"] == ["org"]


def test_minutes_and_hours_are_those_of_numpy_and_making_them_again_changes_nothing(
    server: Influx2, tmp_path: Path
) -> None:
    set_up(server, "sampled", tmp_path, Spans(raw=0, minute=0, hour=0))
    writer, admin = target_of(server, "sampled", tmp_path), admin_of(server, "sampled", tmp_path)
    frame = random_frame(4 * 60, 40)
    sent(writer, frame)
    done = downsample(InfluxServer(admin, timeout_s=120), START + 5, START + 4 * HOUR_NS - 5)
    minutes, hours = expected(frame, MINUTE_NS), expected(frame, HOUR_NS)
    same(stored(admin, "sampled_1m"), minutes)
    same(stored(admin, "sampled_1h"), hours)
    assert (done.minutes, done.hours) == (len(minutes), len(hours))

    late = Frame.of([0, 0], [START + HOUR_NS, START + HOUR_NS + 1], [1e6, -1e6])
    sent(writer, late)
    sent(writer, frame)  # the whole time once more
    whole = Frame.concat([frame, late])
    whole = whole.take(np.argsort(whole.time, kind="stable"))
    downsample(InfluxServer(admin, timeout_s=120), START, START + 4 * HOUR_NS)
    same(stored(admin, "sampled_1m"), expected(whole, MINUTE_NS))
    same(stored(admin, "sampled_1h"), expected(whole, HOUR_NS))


def test_the_server_itself_makes_minutes_and_hours(server: Influx2, tmp_path: Path) -> None:
    """The tasks that `init` made are asked to run now, as their schedule would."""
    set_up(server, "tasked", tmp_path)
    admin = admin_of(server, "tasked", tmp_path)
    now = SystemClock().wall() // MINUTE_NS * MINUTE_NS
    frame = random_frame(12, 40, now - 14 * MINUTE_NS)
    sent(target_of(server, "tasked", tmp_path), frame)
    for stage, step in (("1m", MINUTE_NS), ("1h", HOUR_NS)):
        (task,) = server.ask("GET", f"/api/v2/tasks?name=lifeline%20tasked%20{stage}")["tasks"]
        server.ask("POST", f"/api/v2/tasks/{task['id']}/runs", {})
        rows = expected(frame, step)
        made = partial(stored, admin, f"tasked_{stage}")
        wait_until(partial(all_there, made, rows), f"the task of {stage}", within_s=180)
        same(made(), rows)


def all_there(made: Callable[[], Any], rows: Any) -> bool:
    return bool(made().keys() == rows.keys())
