"""Compiled kernels: kept outside the tree, never mixed with those of other sources, ready in time."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

from lifeline.engine import compiled
from lifeline.engine.warming import warm

SHOW = (
    "from lifeline.engine import compiled; import numba, json;"
    "print(json.dumps([str(compiled.FOLDER), numba.config.CACHE_DIR]))"
)


def folder(code: str = SHOW, **environment: str) -> Path:
    """Where a fresh process keeps what it compiles."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "HOME")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    chosen, known_to_numba = json.loads(done.stdout)
    assert chosen == known_to_numba
    return Path(chosen)


def test_each_version_of_the_sources_has_a_folder_of_its_own(tmp_path: Path) -> None:
    home = {"XDG_CACHE_HOME": str(tmp_path)}
    assert folder(**home) == tmp_path / "lifeline" / "kernels" / compiled.fingerprint()
    changed = SHOW.replace(
        "compiled; ", "kinds; import pathlib; real = pathlib.Path.read_bytes;"
        "pathlib.Path.read_bytes = lambda path: real(path) + b' ';"
        "from lifeline.engine import compiled; ",
    )  # fmt: skip
    assert folder(changed, **home) != folder(**home)
    assert len(list((tmp_path / "lifeline" / "kernels").iterdir())) == 2


def test_a_folder_that_is_named_is_taken_but_not_one_that_a_parent_process_chose(
    tmp_path: Path,
) -> None:
    named = tmp_path / "named"
    assert folder(NUMBA_CACHE_DIR=str(named), XDG_CACHE_HOME=str(tmp_path)) == named
    other = tmp_path / "lifeline" / "kernels" / "of-other-sources"
    found = folder(NUMBA_CACHE_DIR=str(other), XDG_CACHE_HOME=str(tmp_path))
    assert found.name == compiled.fingerprint()


def test_numba_may_have_been_imported_before(tmp_path: Path) -> None:
    found = folder("import numba; " + SHOW, XDG_CACHE_HOME=str(tmp_path))
    assert found.is_relative_to(tmp_path)


def test_a_folder_that_others_can_write_is_not_trusted(tmp_path: Path) -> None:
    kernels = tmp_path / "lifeline" / "kernels"
    kernels.mkdir(parents=True)
    kernels.chmod(0o777)
    found = folder(XDG_CACHE_HOME=str(tmp_path))
    assert not found.is_relative_to(tmp_path)
    assert not found.exists(), "a temporary folder goes with its process"


def test_a_cache_that_cannot_be_made_does_not_stop_anything(tmp_path: Path) -> None:
    (tmp_path / "lifeline").write_text("a file where a folder should be")
    assert not folder(XDG_CACHE_HOME=str(tmp_path)).is_relative_to(tmp_path)


def test_all_that_kernels_take_in_is_in_the_fingerprint() -> None:
    sources = compiled.kernel_sources()
    known = {path.stem for path in sources}
    assert {"sensing_kernels", "judge_kernels", "trend_kernels", "flatline_kernels"} <= known
    # What the sources import of ours, the names of errors and of this module apart.
    imported = {
        name
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and (node.level or (node.module or "").startswith("lifeline."))
        for name in _modules(node)
    }
    assert imported - known <= {"compiled", "errors"}


def _modules(node: ast.ImportFrom) -> list[str]:
    module = (node.module or "").removeprefix("lifeline.engine").strip(".")
    return [module] if module else [alias.name for alias in node.names]


def test_warming_leaves_nothing_to_compile(tmp_path: Path) -> None:
    """A log of random entries meets no kernel that was not compiled before."""
    from numba.core.dispatcher import Dispatcher

    from lifeline.engine.core import Core
    from lifeline.engine.entry import decode, encode
    from oracle.generate import scenario
    from oracle.generate_plant import PACES

    steps: list[tuple[int, int]] = []
    warm(lambda what, done, total: steps.append((done, total)))
    assert steps == [(n, steps[-1][1]) for n in range(steps[-1][1] + 1)]

    def compiled_now() -> dict[str, int]:
        return {
            f"{name}.{key}": len(value.signatures)
            for name, module in list(sys.modules.items())
            if name.endswith("_kernels")
            for key, value in vars(module).items()
            if isinstance(value, Dispatcher)
        }

    before = compiled_now()
    for seed in range(4):
        core = Core()
        log = scenario(seed, 300, pace=PACES[seed], self_clocked=seed % 2 == 1)
        for position, entry in enumerate(log.entries, 1):
            core.step(position, decode(encode(entry)))
    assert compiled_now() == before
