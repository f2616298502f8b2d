"""docs/architecture.md shows who imports whom as the code has it, and the drawing sees a change."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LINTER = """
[importlinter:contract:floors]
layers =
    (cli)
    embedded : replay
    clock : log
    core
    plan
    errors : frame
"""
PROJECT = """
[project.entry-points."lifeline.rules"]
limit = "lifeline.rules.limit:KIND"
"""


@pytest.fixture(scope="module")
def diagram() -> ModuleType:
    """docs/architecture_diagram.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location(
        "architecture_diagram", ROOT / "docs" / "architecture_diagram.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def small(root: Path, files: dict[str, str]) -> Path:
    """A repository in small, with these files."""
    base = {
        ".importlinter": LINTER,
        "pyproject.toml": PROJECT,
        "engine/__init__.py": "",
        "engine/errors.py": "",
        "engine/plan.py": "from .errors import LifelineError",
        "engine/log/__init__.py": "",
        "engine/cli/__init__.py": "",
        "rules/__init__.py": "",
        "rules/limit.py": "",
        "simulators/__init__.py": "",
    }
    for name, text in {**base, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_the_page_has_the_drawing_that_the_code_gives(diagram: ModuleType) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert diagram.replaced(page, diagram.drawn()) == page, (
        "the imports have changed: python docs/architecture_diagram.py draws them anew"
    )


def test_every_part_of_the_tree_is_in_the_drawing(diagram: ModuleType) -> None:
    drawing = diagram.drawn()
    folders = {path.parent for room in diagram.ROOMS for path in (ROOT / room).rglob("*.py")}
    parts = {folder.relative_to(ROOT) for folder in folders} - {Path("engine")}
    assert parts
    # A package inside a drawn part belongs to it.
    assert [
        str(part)
        for part in parts
        if not any(f'["{one}"]' in drawing for one in (part, part.parent))
    ] == []


@pytest.mark.parametrize(
    ("file", "text", "edge"),
    [
        ("engine/log/a.py", "from ..plan import Plan", ("engine/log", "mechanics", "at import")),
        ("engine/log/a.py", "from .. import plan", ("engine/log", "mechanics", "at import")),
        ("engine/log/a.py", "def f():\n    from ..plan import P", ("engine/log", "mechanics", "when used")),
        ("engine/log/__init__.py", "from .. import errors", ("engine/log", "values", "at import")),
        ("engine/cli/a.py", "import lifeline.engine.log.b", ("engine/cli", "engine/log", "at import")),
        ("rules/limit.py", "from lifeline.engine.plan import P", ("rules", "mechanics", "at import")),
        ("simulators/commands/a.py", "from ..x import y", ("simulators/commands", "simulators", "at import")),
    ],
)  # fmt: skip
def test_an_import_is_an_edge(
    diagram: ModuleType, tmp_path: Path, file: str, text: str, edge: tuple[str, str, str]
) -> None:
    before = diagram.Tree(small(tmp_path, {})).imports()
    found = diagram.Tree(small(tmp_path, {file: text})).imports()
    assert {(*key, when) for key, when in found.items() if key not in before} == {edge}


def test_an_import_that_always_happens_outweighs_one_that_is_put_off(
    diagram: ModuleType, tmp_path: Path
) -> None:
    late, now = "def f():\n    from .. import plan\n", "from .. import plan\n"
    tree = diagram.Tree(small(tmp_path, {"engine/log/a.py": late, "engine/log/b.py": now}))
    assert tree.imports()["engine/log", "mechanics"] == diagram.AT_IMPORT


def test_what_only_a_type_checker_follows_is_no_import(diagram: ModuleType, tmp_path: Path) -> None:
    text = "if TYPE_CHECKING:\n    from ..plan import Plan\nelse:\n    from ..errors import E\n"
    found = diagram.Tree(small(tmp_path, {"engine/log/a.py": text})).imports()
    assert ("engine/log", "mechanics") not in found
    assert ("engine/log", "values") in found


def test_an_entry_point_is_drawn_from_whoever_asks_for_it(
    diagram: ModuleType, tmp_path: Path
) -> None:
    asking = 'GROUP = "lifeline.rules"\nfound = entry_points(group=GROUP)\n'
    assert diagram.Tree(small(tmp_path, {})).entry_points() == []
    tree = diagram.Tree(small(tmp_path, {"engine/plan.py": asking}))
    assert tree.entry_points() == [("mechanics", "lifeline.rules", "rules")]
    assert 'mechanics == "lifeline.rules" ==> rules' in diagram.drawn(tmp_path)


def test_a_page_without_the_marks_is_refused(diagram: ModuleType) -> None:
    with pytest.raises(ValueError, match="no part"):
        diagram.replaced("# Architecture", "")
