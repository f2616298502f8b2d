"""The wheel is the tree: nothing left out, nothing added, and it runs without the repository."""

import configparser
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("wheel")


def test_the_wheel_holds_every_file_of_the_rooms_and_nothing_else(wheel: Path, tree: Any) -> None:
    packed = zipfile.ZipFile(wheel)
    files = {name for name in packed.namelist() if ".dist-info/" not in name}
    assert files == {f"lifeline/{path.relative_to(tree.root)}" for path in tree.files()}
    for path in tree.files():
        assert packed.read(f"lifeline/{path.relative_to(tree.root)}") == path.read_bytes()


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")] != []


def test_every_module_of_the_wheel_imports_without_the_repository(
    run_installed: Callable[[str], str], installed: Path, tree: Any
) -> None:
    places = run_installed(
        "import importlib\n"
        f"for name in {tree.modules()!r}: print(importlib.import_module(name).__file__)"
    ).split("\n")[:-1]
    assert places == [
        str(installed / "lifeline" / path.path.relative_to(tree.root)) for path in tree.sources()
    ]


def test_every_entry_point_of_the_wheel_leads_somewhere(
    run_installed: Callable[[str], str], installed: Path, tree: Any
) -> None:
    (declared,) = installed.glob("*.dist-info/entry_points.txt")
    points = configparser.ConfigParser(delimiters="=")
    points.read_string(declared.read_text())
    targets = [target for section in points.sections() for target in points[section].values()]
    assert sorted(points["lifeline.rules"]) == sorted(
        tree.project()["project"]["entry-points"]["lifeline.rules"]
    )
    run_installed(
        "from importlib.metadata import EntryPoint\n"
        f"for target in {targets!r}: EntryPoint('any', target, 'any').load()"
    )
