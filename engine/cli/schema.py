"""`lifeline schema`: the written forms as JSON Schemas, for editors and other programs."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ..errors import SpecError
from .console import stderr, stdout

# Written forms of other rooms: the name of a file and its model.
_OTHERS: Final = "lifeline.schemas"


def schema(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="Which one; without it, the names.")
    ] = "",
    directory: Annotated[
        Path | None, typer.Option("--all", metavar="DIR", help="Write every schema into DIR.")
    ] = None,
) -> None:
    """JSON Schemas of the files, the rules, packs, rule tests, scenarios, a command.

    Editors complete and check lifeline.yaml with it: put

    \b
        # yaml-language-server: $schema=lifeline.schema.json

    on the first line of the file, and beside it what `lifeline schema lifeline.yaml` prints.

    \b
    lifeline schema                       # the names
    lifeline schema lifeline.yaml > lifeline.schema.json
    lifeline schema rule.trend
    lifeline schema --all schemas/
    """
    found = _all()
    if directory is not None:
        _write(directory, found)
    elif not name:
        stdout().print("\n".join(found))
    elif name in found:
        stdout().print(_text(found[name]))
    else:
        from ..config.nearest import listed, nearest

        raise SpecError(
            "no such schema",
            found=repr(name),
            expected=listed(list(found)),
            nearest=nearest(name, found),
        )


def _all() -> dict[str, dict[str, Any]]:
    from ..config import schemas
    from ..config.schema import published
    from ..outputs.commands import command_schema
    from ..ruletest.models import TestDocument

    tests = published("test.yaml", TestDocument)
    others = {
        point.name: published(point.name, point.load())
        for point in sorted(entry_points(group=_OTHERS), key=lambda p: p.name)
    }
    return {**schemas(), "test.yaml": tests, **others, "command": command_schema()}


def _write(directory: Path, found: dict[str, dict[str, Any]]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, document in found.items():
        path = directory / f"{name}.schema.json"
        path.write_text(_text(document) + "\n", encoding="utf-8")
        stderr().print(f"wrote {path}")


def _text(document: dict[str, Any]) -> str:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False)
