"""Each contract of `.importlinter` is kept, and catches what it forbids; the core does no IO."""

import configparser
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = "The engine imports no rules, the rules no simulators"
FLOORS = "Inside the engine a floor imports only what lies below it"
RUNTIMES = "The two runtimes do not know each other"
# The world outside: clocks, threads, files behind servers, sockets, chance, faces.
WORLD = frozenset(
    [
        "asyncio",
        "concurrent",
        "multiprocessing",
        "queue",
        "random",
        "secrets",
        "select",
        "selectors",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "threading",
        "time",
        "urllib",
        "http",
        "duckdb",
        "influxdb_client",
        "iotcore",
        "paho",
        "pyarrow",
        "rich",
        "typer",
        "urllib3",
        "uuid",
        "aiokafka",
        "faust",
    ]
)

Lint = Callable[[dict[str, str]], str]


def _floors() -> list[list[str]]:
    """Modules of the engine by floor, the highest first."""
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    # A name in brackets is one that the linter lets be absent.
    lines = contracts["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [[name.strip(" ()") for name in line.split(":")] for line in lines]


CORE_AND_BELOW = 3


@pytest.fixture
def lint(tmp_path: Path) -> Lint:
    """Runs import-linter on a copy of the rooms with some lines added to some files."""

    def run(added: dict[str, str]) -> str:
        view = tmp_path / "lifeline"
        for room in ("engine", "rules", "simulators"):
            copytree(ROOT / room, view / room, ignore=ignore_patterns("__pycache__"))
        copy(ROOT / ".importlinter", tmp_path)
        for name, line in added.items():
            with (view / name).open("a") as file:
                file.write(f"\n{line}\n")
        done = subprocess.run(
            [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"],
            cwd=tmp_path,
            # Before the editable install of the tree, which comes after every entry of sys.path.
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        broken = [line for line in done.stdout.splitlines() if line.endswith("BROKEN")]
        assert bool(broken) == (done.returncode != 0), done.stdout + done.stderr
        return done.stdout

    return run


def test_the_tree_keeps_every_contract(lint: Lint) -> None:
    out = lint({})
    assert f"{ROOMS} KEPT" in out, out
    assert f"{FLOORS} KEPT" in out, out
    assert f"{RUNTIMES} KEPT" in out, out


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("engine/frame.py", "import lifeline.rules"),
        ("engine/frame.py", "def late() -> None:\n    from lifeline import simulators"),
        ("rules/__init__.py", "from lifeline.simulators import sensor"),
    ],
)
def test_a_room_that_looks_up_is_caught(lint: Lint, file: str, line: str) -> None:
    assert f"{ROOMS} BROKEN" in lint({file: line})


@pytest.mark.parametrize("lower", range(1, len(_floors())))
def test_a_floor_that_looks_up_is_caught(lint: Lint, lower: int) -> None:
    floors = _floors()
    low, high = floors[lower][0], floors[lower - 1][0]
    out = lint({_file(high): "", _file(low): f"from lifeline.engine import {high}"})
    assert f"{FLOORS} BROKEN" in out
    assert f"lifeline.engine.{low} is not allowed to import lifeline.engine.{high}" in out


@pytest.mark.parametrize(("one", "other"), [("cluster", "embedded"), ("embedded", "cluster")])
def test_a_runtime_that_uses_the_other_is_caught(lint: Lint, one: str, other: str) -> None:
    out = lint({_file(one): f"from lifeline.engine import {other}"})
    assert f"{RUNTIMES} BROKEN" in out


def test_a_module_on_no_floor_is_caught(lint: Lint) -> None:
    out = lint({"engine/newcomer.py": ""})
    assert f"{FLOORS} BROKEN" in out
    assert "newcomer" in out


def test_the_core_and_what_lies_below_it_touch_no_outside_world(tree: Any) -> None:
    inside = {f"lifeline.engine.{name}" for floor in _floors()[CORE_AND_BELOW:] for name in floor}
    wrong = [
        f"{source.module}: {name}"
        for source in tree.sources()
        if ".".join(source.module.split(".")[:3]) in inside
        or source.module.startswith("lifeline.rules")
        for level, name in source.imports()
        if level == 0 and name.split(".")[0] in WORLD
    ]
    assert wrong == []


def test_the_oracle_knows_nothing_of_the_core_but_its_values(tree: Any) -> None:
    """An oracle that shares code with what it judges would share its mistakes."""
    values = {f"lifeline.engine.{name}" for name in _floors()[-1]}
    assert tree.oracle() != []
    shared = [
        f"{page.path.name}: {name}"
        for page in tree.oracle()
        for level, name in page.imports()
        if level == 0
        and name.startswith("lifeline.")
        and ".".join(name.split(".")[:3]) not in values
    ]
    assert shared == []


def _file(module: str) -> str:
    package = ROOT / "engine" / module / "__init__.py"
    return f"engine/{module}/__init__.py" if package.exists() else f"engine/{module}.py"
