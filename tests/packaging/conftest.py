"""The tree as files, the wheel built from it, and fresh interpreters to import them in."""

import ast
import os
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copy, copytree, ignore_patterns
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("engine", "rules", "simulators")
_BUILT = ignore_patterns("__pycache__", "*.nbi", "*.nbc", "*.pyc")


@dataclass(frozen=True)
class Source:
    """One Python file of a room; `module` is the name it is imported by."""

    path: Path
    module: str

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    def imports(self) -> Iterator[tuple[int, str]]:
        """(level, dotted name) of every import statement, also those inside functions."""
        for node in ast.walk(ast.parse(self.path.read_text())):
            if isinstance(node, ast.Import):
                yield from ((0, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = f"{node.module}." if node.module else ""
                yield from ((node.level, f"{base}{name.name}") for name in node.names)


class Tree:
    """The project's files, read anew from the disk."""

    root = ROOT

    def project(self) -> dict[str, Any]:
        return tomllib.loads((ROOT / "pyproject.toml").read_text())

    def files(self) -> list[Path]:
        """Every file in the rooms that is not a by-product of running them, sorted."""
        return sorted(
            path
            for room in ROOMS
            for path in (ROOT / room).rglob("*")
            if path.is_file()
            and path.parent.name != "__pycache__"
            and path.suffix not in {".nbi", ".nbc"}
        )

    def sources(self) -> list[Source]:
        return [Source(path, _module(path)) for path in self.files() if path.suffix == ".py"]

    def oracle(self) -> list[Source]:
        """The slow oracle that the core is tested against; it is not shipped."""
        return [Source(path, path.stem) for path in (ROOT / "tests" / "oracle").glob("*.py")]

    def modules(self) -> list[str]:
        return [source.module for source in self.sources()]


@pytest.fixture(scope="session")
def tree() -> Tree:
    return Tree()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built through a source distribution from a copy of the tree and without a network.

    From a copy, because setuptools leaves a build folder whose stale files get into the next one.
    """
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        copy(ROOT / name, source)
    for room in ROOMS:
        copytree(ROOT / room, source / room, ignore=_BUILT)
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source))
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the wheel, and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--quiet", "--target", str(target)]
    _run(sys.executable, "-m", "pip", "install", *options, str(wheel))
    return target


@pytest.fixture(scope="session")
def run_installed(installed: Path) -> Callable[[str], str]:
    """Runs code that sees the installed wheel and its dependencies, but not the tree.

    -S leaves out the .pth files of site-packages, by which an editable install would get in.
    """
    places = [str(installed), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]

    def run(code: str) -> str:
        seen = f"import sys; sys.path[:0] = {places!r}\n"
        return _run(sys.executable, "-I", "-S", "-W", "error", "-c", seen + code)

    return run


@pytest.fixture(scope="session")
def run_tree() -> Callable[[str], str]:
    """Runs code in a fresh interpreter of this environment; the code's output comes back."""
    return lambda code: _run(sys.executable, "-P", "-W", "error", "-c", code)


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("lifeline", *parts[: -1 if parts[-1] == "__init__" else None]))


def _run(*command: str) -> str:
    hidden = ("PYTHON", "NUMBA")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        command, env=clean, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)[:400]}\n{done.stdout}\n{done.stderr}"
    return done.stdout
