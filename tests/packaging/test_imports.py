"""What is loaded when: each file under one name only, and the heavy libraries when they are used."""

import json
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("numba", "llvmlite", "scipy", "pandas", "pint", "pyarrow", "duckdb", "influxdb_client")
LOADED = "import json, sys; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"


def test_no_file_is_loaded_under_two_names(run_tree: Callable[[str], str], tree: Any) -> None:
    """`python -m` puts the working folder on sys.path, from which `engine` can be imported beside
    `lifeline.engine`: every class would exist twice."""
    names = json.loads(
        run_tree(
            "import importlib, json, sys\n"
            f"sys.path.insert(0, {str(tree.root)!r})\n"
            f"for name in {tree.modules()!r}: importlib.import_module(name)\n"
            "files = [(getattr(m, '__file__', None), n) for n, m in list(sys.modules.items())]\n"
            f"print(json.dumps([(f, n) for f, n in files if f and f.startswith({str(tree.root)!r})]))"
        )
    )
    ours = [(file, name) for file, name in names if "/.venv/" not in file]
    assert sorted(name for _, name in ours) == sorted(tree.modules())
    assert len({file for file, _ in ours}) == len(ours)


def test_compiled_code_is_kept_outside_the_tree_and_the_installation(
    run_tree: Callable[[str], str], tree: Any
) -> None:
    """Beside its source it would outlive a change of it, and shadow an editable install."""
    kept = run_tree(
        "import importlib\n"
        f"for name in {tree.modules()!r}: importlib.import_module(name)\n"
        "import numba; print(numba.config.CACHE_DIR)"
    ).strip()
    assert kept != ""
    forbidden = (tree.root, Path(sysconfig.get_path("purelib")))
    assert [place for place in forbidden if Path(kept).resolve().is_relative_to(place)] == []


def test_help_loads_no_heavy_library(run_tree: Callable[[str], str]) -> None:
    out = run_tree(
        "import sys; sys.argv = ['lifeline', '--help']\n"
        "from lifeline.engine.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"print(); {LOADED}"
    )
    loaded = json.loads(out.rstrip().split("\n")[-1])
    assert [
        name for name in (*HEAVY, "numpy", "pydantic", "paho", "iotcore") if name in loaded
    ] == []


@pytest.mark.parametrize("module", ["agent", "mqtt", "payload", "log"])
def test_an_agent_needs_no_compiler_and_no_store(
    run_tree: Callable[[str], str], module: str
) -> None:
    loaded = json.loads(run_tree(f"import lifeline.engine.{module}; {LOADED}"))
    assert [name for name in HEAVY if name in loaded] == []


# What is computed once, offline, and never while judging: `lifeline fit` and `lifeline backtest`.
OFFLINE = {"lifeline.engine.replay.together", "lifeline.engine.backtest.bounds"}


def test_a_live_process_never_imports_scipy(tree: Any) -> None:
    """Its arithmetic differs between builds, and it takes a second to load; oracles may use it."""
    users = {
        source.module
        for source in tree.sources()
        if not source.module.startswith("lifeline.simulators")
        for level, name in source.imports()
        if level == 0 and name.split(".")[0] == "scipy"
    }
    assert users == OFFLINE


def test_importing_everything_loads_no_statistics(
    run_tree: Callable[[str], str], tree: Any
) -> None:
    live = [name for name in tree.modules() if not name.startswith("lifeline.simulators")]
    run_tree(
        "import importlib, sys\n"
        f"for name in {live!r}: importlib.import_module(name)\n"
        "assert 'scipy.stats' not in sys.modules"
    )
