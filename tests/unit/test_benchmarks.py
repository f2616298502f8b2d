"""The benchmarks' own arithmetic and packets, and that every claim can still be loaded.

What they measure is no test: nothing here looks at a clock.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run(code: str) -> str:
    """What the code prints, run as `benchmarks/run.py` would: by the folder's own names."""
    paths = f"import sys; sys.path[:0] = [{str(FOLDER)!r}, {str(FOLDER.parent / 'tests')!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", paths + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_claim_loads_and_says_how_it_is_measured() -> None:
    code = """
import importlib, run
for claim in run.CLAIMS:
    module = importlib.import_module(claim)
    assert callable(module.figures) and module.__doc__, claim
print(len(run.CLAIMS))
"""
    assert run(code) == "14"


def test_an_absent_reference_leaves_out_only_its_ratios(tmp_path: Path) -> None:
    listed = subprocess.run(
        [sys.executable, FOLDER / "run.py", "--bare", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert listed.returncode == 1
    assert "there is no bare.py" in listed.stderr


def test_what_fails_stands_in_the_table_with_its_reason() -> None:
    code = """
import sys, types, run
from figure import NotMeasured, Setting, table
def away(setting): raise NotMeasured("the broker is away")
def broken(setting): raise ValueError("a fault\\nof ours")
for name, figures in (("path", away), ("core", broken)):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].figures = figures
print(table([f for name in ("path", "core") for f in run.measure(name, Setting(None, None))]))
"""
    lines = run(code).splitlines()
    assert lines[2].split("|")[2].strip() == "not measured: the broker is away"
    assert lines[3].split("|")[2].strip() == "not measured: ValueError: a fault"


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([3, 1, 2], 0.5, 2), ([1], 0.99, 1), (list(range(100)), 0.99, 98), ([1, 2], 0.0, 1)],
)
def test_percentile_is_a_value_that_was_measured(
    values: list[int], share: float, wanted: int
) -> None:
    assert run(f"from figure import percentile; print(percentile({values}, {share}))") == str(
        wanted
    )


@pytest.mark.parametrize(
    ("waited", "broker", "said"),
    [
        (0.5, 0.0, ""),
        (0.0, 0.5, "; THE BROKER WAS THE BOTTLENECK"),
        (0.0, 0.0, "; THE LOAD WAS THE BOTTLENECK"),
    ],
)
def test_a_rate_says_who_held_it_up(waited: float, broker: float, said: str) -> None:
    code = f"""
import path
print(path.where_time_went([path.Round(1.0, {waited}, {broker}, dict(engine=0.5))] * 3))
"""
    assert run(code) == f"; cores: engine 0.50{said}"


def test_figures_have_three_significant_digits() -> None:
    code = "from figure import grouped; print(grouped(1234567), grouped(7.256), grouped(0.0))"
    assert run(code) == "1,230,000 7.26 0"


def test_every_installed_kind_is_measured_and_judges_something() -> None:
    """A kind without an entry in benchmarks/kind_cases.py fails here; one whose rule judges nothing too."""
    code = """
import kinds
from lifeline.engine.kinds import load_kinds
assert set(kinds.CASES) == set(load_kinds()), set(kinds.CASES) ^ set(load_kinds())
for name, case in kinds.CASES.items():
    small = kinds.written(case, kinds.WINDOWS["24 h"])
    assert small.rules[-1].kind == name, name
    assert case.windowed == ("window" in load_kinds()[name].options), name
    assert kinds.Running(kinds.plant(case, small, 100)).instances, name
    assert kinds.bytes_per_instance(case, small, 100) > 0, name
print("all")
"""
    assert run(code) == "all"


def test_a_kind_is_measured_beside_limit_on_the_same_rows() -> None:
    code = """
import kinds
kinds.ENTRIES, kinds.ROWS = 2, 200
print(kinds.measured("rate", 20, kinds.WINDOWS["24 h"], "", passes=2).value)
"""
    assert re.fullmatch(
        r"[\d.]+ M samples/s, [\d.]+ of limit's; \d+ bytes an instance \(20 instances, 0 records\)",
        run(code),
    )


@pytest.mark.parametrize("length", [0, 90, 127, 128, 20_000])
def test_the_loads_packets_are_what_paho_reads(length: int) -> None:
    """Each packet of the hand-made load, read by paho's own client."""
    code = f"""
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from load import publish_head
packet = publish_head("bench/s0/d1", {length}) + (7).to_bytes(2, "big") + b"x" * {length}
class Wire:
    def __init__(self): self.at = 0
    def recv(self, most):
        self.at += most
        return packet[self.at - most:self.at]
client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311, manual_ack=True)
client.on_message = lambda c, d, m: print(m.topic, m.qos, m.mid, len(m.payload))
client._sock = Wire()
client._packet_read()
"""
    assert run(code) == f"bench/s0/d1 1 7 {length}"


def test_a_plant_is_what_check_accepts(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from lifeline.engine.config import check
from plants import Plant
for points in (1, 50):
    file = Plant(100, 2, points).write(Path({str(tmp_path)!r}) / str(points), 1883)
    print([str(p) for p in check(file)])
"""
    assert run(code) == "[]\n[]"
