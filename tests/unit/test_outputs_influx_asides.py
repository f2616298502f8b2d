"""The engine's figures and the limits as points; what happens to them while the server is away."""

import threading
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from lifeline.engine.clock import ManualClock, SystemClock
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.metrics import Durations, Reading, catalogue
from lifeline.engine.outputs.influx_aside import InfluxAside
from lifeline.engine.outputs.influx_health import BYTES_WAITING, HealthOutput, health_lines
from lifeline.engine.outputs.influx_limits import AGAIN_NS, LimitsOutput, limit_lines
from lifeline.engine.outputs.influx_retry import Answer
from lifeline.engine.outputs.influx_rounds import WaitingRounds
from lifeline.engine.outputs.lineprotocol import Lines
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

T = 1_767_225_600 * SECOND_NS
NONE = LevelLimits()
LADDER = (NONE, LevelLimits(high=20), LevelLimits(high=25, low=-5), LevelLimits(high=50))
RULE = Rule("gas.high", "limit", Select(), (Judgement("gas.combustible", "", "%LEL", LADDER),))
SLOPE = msgspec.structs.replace(RULE, id="gas.slope", kind="trend")
PLANT = Configuration(
    sites=(Site("east", "acme", "hefei/shushan/east"),),
    links=(Link(0, "mqtt"),),
    sensors=(
        Sensor("GD-1", 0, 0, "gas.combustible", "%LEL", asset="M-1"),
        Sensor("PT-1", 0, 0, "pipe.gas.pressure", "kPa"),
        Sensor("GD-0", 0, 0, "gas.combustible", "%LEL", retired=True),
    ),
    rules=(RULE, SLOPE),
)


def until(what: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 180
    while not what():
        assert time.monotonic() < give_up, "it did not come to that"
        threading.Event().wait(0.002)


@pytest.fixture
def running() -> Iterator[Callable[[InfluxAside], None]]:
    """Starts an output; it is stopped at the end, and ends then."""
    started: list[InfluxAside] = []

    def start(output: InfluxAside) -> None:
        output.start()
        started.append(output)

    yield start
    for output in started:
        output.stop()
        assert not output.alive()


class Server:
    """Takes bodies while it is up; keeps whoever writes waiting while it hangs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.up = True
        self.going = threading.Event()
        self.going.set()
        self.asked = threading.Semaphore(0)

    def send(self, body: bytes) -> Answer:
        self.asked.release()
        self.going.wait()
        if not self.up:
            return Answer(None, "nobody answers")
        self.lines += body.decode().splitlines()
        return Answer(204)


def test_figures_with_equal_labels_share_a_line_and_versions_make_no_series() -> None:
    steps = Durations((0.001, 0.1))
    for ns in (500_000, 2_000_000, 3_000_000_000):
        steps.add(ns)
    lines = health_lines(
        [
            catalogue.INFO(1, "n", "engine", "0.1.0", "3.11"),
            catalogue.LAG_ENTRIES(3, "0"),
            catalogue.LAG_SECONDS(float("nan"), "0"),
            catalogue.LOG_POSITION(7, "0"),
            catalogue.CONFIGURATION(1, "0", "ab12"),
            steps.reading(catalogue.STEP),
        ],
        "n 1",
        "engine",
        T,
    )
    assert lines == [
        'engine,node=n\\ 1,role=engine info_version="0.1.0",info_python="3.11",info=1.0,'
        f"step_seconds_sum=3.0025,step_seconds_count=3.0 {T}",
        "engine,node=n\\ 1,partition=0,role=engine lag_entries=3.0,log_position=7.0,"
        f'configuration_info_version="ab12",configuration_info=1.0 {T}',
        f"engine,le=0.001,node=n\\ 1,role=engine step_seconds_bucket=1.0 {T}",
        f"engine,le=0.1,node=n\\ 1,role=engine step_seconds_bucket=2.0 {T}",
        f"engine,le=+Inf,node=n\\ 1,role=engine step_seconds_bucket=3.0 {T}",
    ]


def test_rounds_are_bounded_by_number_and_bytes_and_the_oldest_goes_first() -> None:
    waiting = WaitingRounds(3, 100)
    for number in range(5):
        waiting.put(Lines.of([f"a v={number}.0 1", f"b v={number}.0 1"]))
    assert (waiting.points, waiting.dropped, waiting.waiting) == (10, 4, 6)
    oldest = waiting.take()
    assert oldest is not None
    assert oldest.body.startswith(b"a v=2.0")
    waiting.put(Lines.of(["x" * 78]))  # 20 + 20 + 79 bytes
    assert waiting.dropped == 6
    waiting.put(Lines.of(["x" * 200]))
    assert (waiting.waiting, waiting.take()) == (0, None)  # it alone is too long


def test_figures_are_taken_on_while_the_server_hangs_and_go_on_after(
    running: Callable[[InfluxAside], None],
) -> None:
    server = Server()
    rounds = 0

    def readings() -> list[Reading]:
        nonlocal rounds
        rounds += 1
        return [catalogue.CHECKPOINTS(rounds)]

    server.going.clear()
    output = HealthOutput(
        readings,
        "n",
        "engine",
        server.send,
        SystemClock(),
        interval_ns=SECOND_NS // 500,
        waiting=WaitingRounds(3, BYTES_WAITING),
    )
    running(output)
    assert server.asked.acquire(timeout=180)
    until(lambda: output.counters()["dropped"] >= 20)
    before = rounds
    server.going.set()
    until(lambda: len(server.lines) >= 10)
    numbers = [int(float(each.split("checkpoints_total=")[1].split()[0])) for each in server.lines]
    assert numbers[0] == 1  # it was on its way
    assert numbers[1] >= before - 3 > 3  # the oldest were dropped
    assert numbers == sorted(numbers)
    until(lambda: output.position > before)
    assert output.troubles() == ()


def test_a_server_that_is_away_is_told_and_a_figure_that_fails_too(
    running: Callable[[InfluxAside], None],
) -> None:
    server = Server()
    server.up = False
    away = HealthOutput(
        lambda: [catalogue.CHECKPOINTS(1)], "n", "engine", server.send, SystemClock()
    )
    running(away)
    until(lambda: bool(away.troubles()))
    assert [(t.kind, t.output) for t in away.troubles()] == [("unreachable", "health:influx")]


def test_every_limit_of_a_sensor_is_a_line_by_rule_level_and_side() -> None:
    tags = (
        "area=hefei/shushan/east,asset=M-1,level={},quantity=gas.combustible,rule=gas.high,"
        "sensor=GD-1,side={},site=east,tenant=acme"
    )
    assert list(limit_lines(PLANT, T)) == [
        f'limit,{tags.format(level, side)} value={value},unit="%LEL" {T}'
        for level, side, value in (
            ("yellow", "high", 20.0),
            ("orange", "high", 25.0),
            ("orange", "low", -5.0),
            ("red", "high", 50.0),
        )
    ]


def test_limits_are_written_at_the_start_at_a_change_and_each_day(
    running: Callable[[InfluxAside], None],
) -> None:
    server, clock = Server(), ManualClock(T)
    configuration: list[Configuration | None] = [None]
    output = LimitsOutput(lambda: configuration[0], server.send, clock, look_ns=SECOND_NS // 1_000)
    running(output)
    configuration[0] = PLANT
    until(lambda: len(server.lines) == 4)
    clock.advance(AGAIN_NS)
    until(lambda: len(server.lines) == 8)
    assert server.lines[4:] == list(limit_lines(PLANT, T + AGAIN_NS))
    configuration[0] = msgspec.structs.replace(PLANT, rules=(SLOPE, RULE, RULE))
    until(lambda: len(server.lines) == 16)
    assert output.position == output.end == 16


def test_limits_take_the_room_that_sensors_leave_and_say_what_is_cut(
    running: Callable[[InfluxAside], None],
) -> None:
    server, wider = Server(), Server()
    sensors = 2  # in force; the third is retired
    output = LimitsOutput(lambda: PLANT, server.send, ManualClock(T), room=sensors + 3)
    running(output)
    until(lambda: bool(output.troubles()))
    assert server.lines == list(limit_lines(PLANT, T))[:3]
    assert output.counters()["cut"] == 1
    (trouble,) = output.troubles()
    assert trouble.kind == "limits_cut"
    assert "max_series" in trouble.text
    whole = LimitsOutput(lambda: PLANT, wider.send, ManualClock(T), room=sensors + 4)
    running(whole)
    until(lambda: len(wider.lines) == 4)
    assert (whole.counters()["cut"], whole.troubles()) == (0, ())
