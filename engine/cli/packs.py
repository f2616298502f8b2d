"""`lifeline packs`: which packs of rules there are, what stands in them, what a change would change."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import LogError, SpecError
from .console import JsonOption, LangOption, language, print_json, stdout
from .exits import ExitCode

if TYPE_CHECKING:
    from ..config.packs.plain import Pack
    from ..configuration import Configuration

Facts = dict[str, dict[str, str]]

app = typer.Typer(
    name="packs",
    help="Packs of rules for a domain: list, show, diff.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list")
def list_(lang: LangOption = "", as_json: JsonOption = False) -> None:
    """The installed packs: version, title, profiles, and where their limits come from.

    F: found in a source, M: computed, K: an engineering default.
    """
    from ..config.packs.library import installed

    found = [_about(_pack(name), language(lang)) for name in installed()]
    if as_json:
        print_json(found)
        return
    for one in found:
        marks = ", ".join(f"{n} {mark}" for mark, n in one["marks"].items())
        profiles = f"; {', '.join(one['profiles'])}" if one["profiles"] else ""
        title = f"{one['title']}: {one['rules']} rules ({marks}){profiles}"
        stdout().print(f"{one['pack']:<18} {one['version']:>2}  {title}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A pack's name, or a file that ends in .yaml.")],
    profile: Annotated[str, typer.Option(help="Another profile than the pack's first.")] = "",
    lang: LangOption = "",
    as_json: JsonOption = False,
) -> None:
    """What stands in a pack: each limit with its mark, what an alarm means and what to do.

    \b
    lifeline packs show gas.toxic --profile gbz223
    lifeline packs show lifeline.yaml     # the rules in force, with what sites have otherwise and why
    """
    from ..config.packs.names import unknown
    from ..config.packs.shown import described, facts_of_pack, facts_of_plant

    if name.endswith((".yaml", ".yml")) and _is_plant(Path(name)):
        facts = facts_of_plant(_plant(Path(name)))
        if as_json:
            print_json(facts)
            return
        for what, one in facts.items():
            stdout().print("\n".join([what, *(f"  {path}: {text}" for path, text in one.items())]))
        return
    pack = _pack(name)
    if profile and profile not in pack.model.profiles:
        raise unknown("profile", profile, pack.model.profiles)
    if as_json:
        print_json(facts_of_pack(pack))
        return
    stdout().print("\n".join(described(pack, profile or pack.profile, language(lang))))


@app.command()
def diff(
    before: Annotated[
        str, typer.Argument(help="Pack, pack file, lifeline.yaml or data directory.")
    ],
    after: Annotated[str, typer.Argument(help="What it is compared with.")] = "",
    as_json: JsonOption = False,
) -> None:
    """What a pack, or the rules in force, would say otherwise.

    Of a lifeline.yaml alone: what it would change against the configuration that its engine runs, such as after
    an update that brought a new version of a pack. Of a pack file alone: against the installed one.

    \b
    lifeline packs diff lifeline.yaml
    lifeline packs diff gas.toxic my-gas.yaml
    lifeline packs diff old/lifeline.yaml lifeline.yaml

    Exit code 1 where anything differs, else 0.
    """
    from ..config.packs.shown import differences

    old, new = _compared(before, after)
    found = differences(old, new)
    if as_json:
        print_json([{n: getattr(one, n) for n in one.__dataclass_fields__} for one in found])
    else:
        shown = ""
        for one in found:
            if one.what != shown:
                stdout().print(one.what)
                shown = one.what
            for sign, text in (("-", one.before), ("+", one.after)):
                if text is not None:
                    stdout().print(f"  {sign} {one.path}: {text}")
        stdout().print(f"{len(found)} differences" if len(found) != 1 else "1 difference")
    if found:
        raise typer.Exit(ExitCode.FOUND)


def _compared(before: str, after: str) -> tuple[Facts, Facts]:
    from ..config.packs.shown import facts_of_plant
    from .plant_files import storage_directory

    if after:
        old, new = _facts(before), _facts(after)
    elif _is_plant(Path(before)):
        running = _in_force(storage_directory(Path(before)))
        old, new = facts_of_plant(running), _facts(before)
    else:
        pack = _pack(before)
        old, new = _facts(pack.name), _facts(before)
    if ("pack" in old) != ("pack" in new):
        raise SpecError("a pack is compared with a pack, and a plant with a plant", found=after)
    return old, new


def _facts(name: str) -> Facts:
    from ..config.packs.shown import facts_of_pack, facts_of_plant

    path = Path(name)
    if path.is_dir():
        return facts_of_plant(_in_force(path))
    if _is_plant(path):
        return facts_of_plant(_plant(path))
    return facts_of_pack(_pack(name))


def _in_force(directory: Path) -> Configuration:
    """The configuration that a log last had."""
    from ..embedded import DataDirectory
    from ..log.configurations import ConfigurationFiles

    found = ConfigurationFiles(DataDirectory(directory).configurations).newest()
    if found is None:
        raise LogError(f"{directory} holds no configuration: has the engine of this plant run yet?")
    return found


def _plant(path: Path) -> Configuration:
    from ..config import load

    return load(path).configuration


def _is_plant(path: Path) -> bool:
    """Whether a file is a lifeline.yaml and not a pack."""
    if path.suffix not in (".yaml", ".yml"):
        return False
    if not path.is_file():
        raise SpecError("no such file", where=str(path))
    from ..config.document import read_document
    from ..config.problems import Problems

    problems = Problems()
    document = read_document(path, problems)
    problems.raise_errors()
    return document is not None and isinstance(document.value, dict) and "sites" in document.value


def _pack(name: str) -> Pack:
    from ..config.packs.library import Library
    from ..config.problems import Problems

    problems = Problems()
    pack = Library(Path(), problems).find(name, "")
    problems.raise_errors()
    if pack is None:
        raise SpecError("the pack cannot be read", found=repr(name))
    return pack


def _about(pack: Pack, lang: str) -> dict[str, Any]:
    from ..config.packs.plain import keys_of, limits_of, mark_of, marks_of

    marks: Counter[str] = Counter()
    for profile in pack.model.profiles or ("",):
        for _, rule in pack.rules(profile):
            of = marks_of(rule, profile)
            marks.update(mark_of(of, path)[:1] for path, _ in limits_of(keys_of(rule, profile)))
    return {
        "pack": pack.name,
        "version": pack.model.version,
        "title": getattr(pack.model.title, lang),
        "profiles": list(pack.model.profiles),
        "rules": len(pack.model.rules),
        "marks": dict(sorted(marks.items())),
    }
