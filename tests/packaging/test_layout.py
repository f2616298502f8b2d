"""What pyproject.toml says of the tree is what the tree is."""

import importlib.metadata
import re
import sys
from typing import Any

import pytest

ROOMS = ("engine", "rules", "simulators")
# Who may import what an extra brings.
EXTRAS = {"cluster": "lifeline.engine.cluster", "simulators": "lifeline.simulators"}


def test_the_list_of_packages_is_every_folder_with_code(tree: Any) -> None:
    folders = {source.path.parent.relative_to(tree.root) for source in tree.sources()}
    found = sorted(".".join(("lifeline", *folder.parts)) for folder in folders)
    assert sorted(tree.project()["tool"]["setuptools"]["packages"]) == found


def test_every_folder_with_code_is_a_package(tree: Any) -> None:
    folders = {source.path.parent for source in tree.sources()}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_see_the_room_itself(tree: Any, room: str) -> None:
    link = tree.root / ".typing" / "lifeline" / room
    assert link.is_symlink()
    assert link.resolve() == (tree.root / room).resolve()
    assert (tree.root / room / "py.typed").exists()


def test_nobody_can_put_code_into_the_namespace_itself(tree: Any) -> None:
    assert not (tree.root / ".typing" / "lifeline" / "__init__.py").exists()
    assert set(tree.project()["tool"]["setuptools"]["package-dir"].values()) == set(ROOMS)


def test_a_room_imports_itself_relatively_and_other_rooms_absolutely(tree: Any) -> None:
    wrong = []
    for source in tree.sources():
        room = source.module.split(".")[1]
        depth = source.module.count(".") - (0 if source.is_package else 1)
        for level, name in source.imports():
            if level == 0 and name.startswith(f"lifeline.{room}."):
                wrong.append(f"{source.path}: {name} is in the same room, import it relatively")
            if level > depth:
                wrong.append(f"{source.path}: {'.' * level}{name} leaves the room")
    assert wrong == []


def test_nothing_imports_a_room_by_the_name_of_its_folder(tree: Any) -> None:
    wrong = [
        f"{source.path}: {name}"
        for source in tree.sources()
        for level, name in source.imports()
        if level == 0 and name.split(".")[0] in ROOMS
    ]
    assert wrong == []


def test_every_library_that_is_imported_is_declared(tree: Any) -> None:
    """An environment for tests holds more than a user's: a library that only dev brings would
    be missed here by every other test."""
    distributions = importlib.metadata.packages_distributions()
    project = tree.project()["project"]
    declared = {_distribution(word) for word in project["dependencies"]}
    optional = project["optional-dependencies"]

    def allowed(module: str) -> set[str]:
        extras = [optional[name] for name, owner in EXTRAS.items() if module.startswith(owner)]
        return declared | {_distribution(word) for words in extras for word in words}

    undeclared = {
        f"{source.module}: {top}"
        for source in tree.sources()
        for level, name in source.imports()
        if level == 0
        and (top := name.split(".")[0]) not in {"lifeline", *sys.stdlib_module_names}
        and not allowed(source.module) & {_normal(each) for each in distributions.get(top, [])}
    }
    assert undeclared == set()


def test_every_declared_library_is_pinned(tree: Any) -> None:
    pinned = {_distribution(line) for line in (tree.root / "constraints.txt").read_text().split()}
    project = tree.project()["project"]
    extras = project["optional-dependencies"]
    own = f"{project['name']}[{','.join(EXTRAS)}]"
    assert own in extras["dev"]
    brought = [word for name in EXTRAS for word in extras[name]]
    libraries = [*brought, *(word for word in extras["dev"] if word != own)]
    wanted = [*project["dependencies"], *libraries, "uv"]
    assert [word for word in wanted if _distribution(word) not in pinned] == []


def test_every_decision_is_in_the_index(tree: Any) -> None:
    folder = tree.root / "docs" / "decisions"
    pages = {page.name for page in folder.glob("*.md")} - {"README.md"}
    listed = re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(pages)


def _distribution(requirement: str) -> str:
    return _normal(re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
