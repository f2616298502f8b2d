"""Finds packs: those of installed packages, through entry points, and files beside `lifeline.yaml`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from ...errors import SpecError
from ..document import read_document
from ..nearest import listed, nearest
from ..problems import Problems, quoted
from ..validation import validated
from .models import PackFile
from .plain import Pack
from .soundness import check_pack

GROUP: Final = "lifeline.packs"


@cache
def installed() -> dict[str, Path]:
    """The file of each pack of the installed packages, by name in their order.

    Raises SpecError where two have one name.
    """
    found: dict[str, Path] = {}
    for point in entry_points(group=GROUP):
        folder = Path(str(import_module(point.value).__file__)).parent
        for path in sorted(folder.glob("*.yaml")):
            if found.setdefault(path.stem, path) != path:
                raise SpecError("two packages have a pack of one name", found=repr(path.stem))
    return dict(sorted(found.items()))


class Library:
    """Packs by name or file, each read once; mistakes in their files go to `problems`."""

    def __init__(self, base: Path, problems: Problems) -> None:
        self._base, self._problems = base, problems
        self._read: dict[Path, Pack | None] = {}

    def find(self, name: str, where: str) -> Pack | None:
        """The pack; None after a mistake, which is told at `where` or in the pack's own file."""
        if name.endswith((".yaml", ".yml")):
            path: Path | None = self._base / name
            if path is not None and not path.is_file():
                self._problems.error(where, "no such file of a pack", found=quoted(name))
                return None
        else:
            path = installed().get(name)
        if path is None:
            self._problems.error(
                where,
                "unknown pack",
                found=quoted(name),
                expected=listed(list(installed())) + " (lifeline packs list)",
                nearest=nearest(name, installed()),
            )
            return None
        if path not in self._read:
            self._read[path] = read_pack(path, self._problems)
        return self._read[path]


def read_pack(path: Path, problems: Problems) -> Pack | None:
    """The pack of a file; None after a mistake."""
    document = read_document(path, problems)
    if document is None:
        return None
    before = problems.errors
    model = validated(PackFile, document, (), problems)
    if model is None:
        return None
    pack = Pack(model, document)
    check_pack(pack, problems)
    return pack if problems.errors == before else None
