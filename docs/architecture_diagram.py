"""Draws the diagram of docs/architecture.md from the code: who imports whom, floor by floor.

    python docs/architecture_diagram.py            writes the page's drawn part anew
    python docs/architecture_diagram.py --check    exit code 1 if it is not what the code says

Floors and their names come from `.importlinter`, imports from the syntax trees of the three rooms,
entry points from `pyproject.toml`. Nothing of the project is imported, so that it runs anywhere.
"""

from __future__ import annotations

import ast
import configparser
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- drawn by docs/architecture_diagram.py: do not edit from here -->"
END = "<!-- to here -->"
ROOMS = ("engine", "rules", "simulators")
# `.importlinter` has one line a floor; these are their names, the highest first.
FLOORS = ("faces", "runtimes", "rim", "core", "mechanics", "values")
_WORDS_A_LINE = 4
# Imports of these are in the table but not drawn: everybody needs the values and the clock.
_EVERYBODYS = ("values", "rim")

# At the head of a module, or inside a function. What only a type checker follows is no import.
AT_IMPORT, WHEN_USED = "at import", "when used"


@dataclass(frozen=True)
class Import:
    """`part` imports `target`, both parts of the drawing, when `when` says."""

    part: str
    target: str
    when: str


class Tree:
    """The rooms of a repository, as the parts of the drawing.

    A part is a sub-package (`engine/log`), a room that has code of its own (`rules`), or the
    modules of the engine that lie on one floor without a package (`values`, …).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.floors = _floors(root)
        self._floor_of = {name: floor for floor, names in self.floors.items() for name in names}

    def packages(self, floor: str) -> list[str]:
        """Sub-packages on a floor, as parts."""
        names = (name for name in self.floors[floor] if (self.root / "engine" / name).is_dir())
        return sorted(f"engine/{name}" for name in names)

    def loose(self, floor: str) -> list[str]:
        """Modules on a floor that are in no sub-package."""
        return sorted(
            name for name in self.floors[floor] if (self.root / "engine" / f"{name}.py").is_file()
        )

    def parts(self) -> list[str]:
        """Every part, from the top of the drawing to its bottom."""
        outside = ["simulators/commands", "simulators", "rules"]
        found = [part for part in outside if any((self.root / part).glob("*.py"))]
        for floor in FLOORS:
            found += self.packages(floor)
            found += [floor] if self.loose(floor) else []
        return found

    def part_of(self, module: str) -> str | None:
        """The part that holds `lifeline.<room>.…`; None for names that are in none."""
        room, *inside = module.split(".")[1:]
        if room != "engine":
            package = inside and (self.root / room / inside[0]).is_dir()
            return f"{room}/{inside[0]}" if package else room
        if not inside or inside[0] not in self._floor_of:
            return None
        name = inside[0]
        return f"engine/{name}" if (self.root / room / name).is_dir() else self._floor_of[name]

    def imports(self) -> dict[tuple[str, str], str]:
        """(part, target) → when; an import that always happens outweighs one that is put off."""
        found: dict[tuple[str, str], str] = {}
        for path in self.sources():
            for edge in self._imports_of(path):
                if found.get((edge.part, edge.target)) != AT_IMPORT:
                    found[edge.part, edge.target] = edge.when
        return found

    def sources(self) -> list[Path]:
        """Every Python file of the rooms, sorted."""
        return sorted(path for room in ROOMS for path in (self.root / room).rglob("*.py"))

    def _imports_of(self, path: Path) -> Iterator[Import]:
        module = _module(path.relative_to(self.root))
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        part = self.part_of(module)
        for name, when in _imported(ast.parse(path.read_text("utf-8")), package, AT_IMPORT):
            target = self.part_of(name)
            if part is not None and target is not None and target != part:
                yield Import(part, target, when)

    def entry_points(self) -> list[tuple[str, str, str]]:
        """(part that looks, group, part that is found), by the groups of `pyproject.toml`."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text("utf-8"))["project"]
        groups: Mapping[str, Mapping[str, str]] = project.get("entry-points", {})
        return sorted(
            {
                (looker, group, target)
                for group, points in groups.items()
                for looker in self._lookers(group)
                for value in points.values()
                if (target := self.part_of(value.partition(":")[0])) is not None
            }
        )

    def _lookers(self, group: str) -> set[str]:
        """The parts whose code names the group and asks for its entry points."""
        found = set()
        for path in self.sources():
            text = path.read_text("utf-8")
            if "entry_points(" in text and f'"{group}"' in text:
                found.add(self.part_of(_module(path.relative_to(self.root))))
        return {part for part in found if part is not None}


def _floors(root: Path) -> dict[str, list[str]]:
    """Names of modules and sub-packages by floor, as `.importlinter` has them."""
    contracts = configparser.ConfigParser()
    contracts.read(root / ".importlinter", "utf-8")
    lines = contracts["importlinter:contract:floors"]["layers"].strip().splitlines()
    names = [[name.strip(" ()") for name in line.split(":")] for line in lines]
    return dict(zip(FLOORS, names, strict=True))


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(("lifeline", *parts[: -1 if parts[-1] == "__init__" else None]))


def _imported(node: ast.AST, package: str, when: str) -> Iterator[tuple[str, str]]:
    """(`lifeline.…`, when) of every import in `node` that a running program reaches."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        for name in _names(node, package):
            if name.startswith("lifeline.") and name.count(".") > 1:
                yield name, when
        return
    inside: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        inside = node.orelse
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        when = WHEN_USED
    for child in inside:
        yield from _imported(child, package, when)


def _names(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    if isinstance(node, ast.Import):
        return [name.name for name in node.names]
    base = node.module or ""
    if node.level:
        parts = package.split(".")
        base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
    return [f"{base}.{name.name}" for name in node.names]


# --- the page ------------------------------------------------------------------------------------


def drawn(root: Path = ROOT) -> str:
    """What stands between BEGIN and END: the diagram, and a table of every import."""
    tree = Tree(root)
    edges = tree.imports()
    return "\n".join([BEGIN, "", *_diagram(tree, edges), "", *_table(tree, edges), "", END])


def _diagram(tree: Tree, edges: Mapping[tuple[str, str], str]) -> list[str]:
    lines = ["```mermaid", "flowchart TB"]
    for room in ("simulators", "rules"):
        parts = [part for part in tree.parts() if part.split("/")[0] == room]
        lines += _box(room, room, [_node(part, part) for part in parts])
    floors = [line for floor in FLOORS for line in _floor(tree, floor)]
    lines += _box("engine", "engine", floors)
    order = {part: place for place, part in enumerate(tree.parts())}
    for part, target in sorted(edges, key=lambda edge: (order[edge[0]], order[edge[1]])):
        if target not in _EVERYBODYS:
            arrow = "-->" if edges[part, target] == AT_IMPORT else "-.->"
            lines.append(f"    {_id(part)} {arrow} {_id(target)}")
    for part, group, target in tree.entry_points():
        lines.append(f'    {_id(part)} == "{group}" ==> {_id(target)}')
    return [*lines, "```"]


def _floor(tree: Tree, floor: str) -> list[str]:
    nodes = [_node(part, part) for part in tree.packages(floor)]
    loose = tree.loose(floor)
    if loose:
        rows = [loose[i : i + _WORDS_A_LINE] for i in range(0, len(loose), _WORDS_A_LINE)]
        nodes.append(_node(floor, "<br/>".join(" · ".join(row) for row in rows)))
    return _box(f"floor_{floor}", floor, nodes)


def _box(name: str, title: str, inside: list[str]) -> list[str]:
    return [f"    subgraph {name}_box [{title}]", *("    " + line for line in inside), "    end"]


def _node(part: str, label: str) -> str:
    return f'    {_id(part)}["{label}"]'


def _id(part: str) -> str:
    return part.replace("/", "_")


def _table(tree: Tree, edges: Mapping[tuple[str, str], str]) -> list[str]:
    lines = ["| part | imports | only inside functions |", "|---|---|---|"]
    for part in tree.parts():
        cells = [
            ", ".join(f"`{target}`" for target in tree.parts() if edges.get((part, target)) == when)
            for when in (AT_IMPORT, WHEN_USED)
        ]
        lines.append(f"| `{part}` | {cells[0] or '–'} | {cells[1] or '–'} |")
    return lines


def replaced(page: str, part: str) -> str:
    """The page with its drawn part exchanged. Raises ValueError where the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no part between {BEGIN!r} and {END!r}")
    return before + part + after


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where the page differs."""
    page = PAGE.read_text("utf-8")
    wanted = replaced(page, drawn())
    if "--check" in arguments:
        return int(page != wanted)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
