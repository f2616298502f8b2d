"""Writes docs/packs/<pack>.md from the packs of this project, and the table of them in docs/packs.md.

python docs/packs_page.py            writes them anew
python docs/packs_page.py --check    exit code 1 if they are not what the packs say
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lifeline.engine.config.packs.library import installed, read_pack
from lifeline.engine.config.packs.models import LIMITS, PackRule
from lifeline.engine.config.packs.plain import Pack, keys_of, limits_of, mark_of, marks_of
from lifeline.engine.config.packs.shown import flat
from lifeline.engine.config.problems import Problems
from lifeline.engine.quantities import quantity

DOCS = Path(__file__).resolve().parent
INDEX = DOCS / "packs.md"
_SHIPPED = DOCS.parent / "rules" / "packs"
_LEVELS = {"blue": "蓝", "yellow": "黄", "orange": "橙", "red": "红"}
_TABLE = re.compile(r"(<!-- written by docs/packs_page.py -->\n).*?(<!-- to here -->)", re.DOTALL)


def packs() -> list[Pack]:
    """The packs of this project. Raises SpecError where one has a mistake."""
    problems = Problems()
    found = [
        pack
        for path in installed().values()
        if path.parent == _SHIPPED and (pack := read_pack(path, problems)) is not None
    ]
    problems.raise_errors()
    return found


def page(pack: Pack) -> str:
    """The page of a pack, in both languages."""
    model = pack.model
    lines = [f"# {model.title.en} · {model.title.zh}", ""]
    lines += [f"Pack `{pack.name}`, version {model.version}. {model.about.en}", ""]
    lines += [f"**中文** {model.about.zh}", "", "```yaml", f"packs: [{_example(pack)}]", "```", ""]
    lines += [
        "F: found in the source named, mostly third-party copies of a standard; M: computed from such figures; K: engineering "
        "default, not verified. How a site changes a limit, and why it must say so: [packs](../packs.md).",
        "",
    ]
    if model.profiles:
        lines += ["| profile | what | |", "|---|---|---|"]
        for n, (name, one) in enumerate(model.profiles.items()):
            default = " (unless another is named)" if n == 0 else ""
            lines.append(f"| `{name}`{default} | {one.title.en} | {one.title.zh} |")
        lines.append("")
    if model.parameters:
        lines += ["| the site gives | what | |", "|---|---|---|", *_parameters(pack), ""]
    for rule in model.rules:
        lines += _rule(pack, rule)
    return "\n".join(lines).rstrip() + "\n"


def _example(pack: Pack) -> str:
    asked = [name for name, one in pack.model.parameters.items() if not one.profiles]
    if not asked and not pack.model.profiles:
        return pack.name
    profile = f", profile: {pack.profile}" if pack.model.profiles else ""
    given = f", given: {{{asked[0]}: …}}" if asked else ""
    return f"{{pack: {pack.name}{profile}{given}}}"


def _parameters(pack: Pack) -> Iterator[str]:
    for name, one in pack.model.parameters.items():
        by_profile = ", ".join(f"{p} {amount}" for p, amount in one.profiles.items())
        known = f"; by profile: {by_profile} ({one.mark})" if by_profile else ""
        form = f"such as {one.such_as}"
        if one.quantity:
            form = f"in {quantity(one.quantity).unit} or a unit like it"
        yield f"| `{name}` | {one.title.en}, {form}{known} | {one.title.zh} |"


def _rule(pack: Pack, rule: PackRule) -> list[str]:
    lines = [f"## {pack.name}.{rule.id}: {rule.title.en} · {rule.title.zh}", ""]
    lines += [
        f"`{rule.kind}` on {', '.join(f'`{q}`' for q in rule.select.quantity)}. {rule.explanation.en}"
    ]
    lines += [
        f"**First:** {rule.advice.en}",
        "",
        f"{rule.explanation.zh}**处置：**{rule.advice.zh}",
        "",
    ]
    lines += ["| profile | limit | | basis |", "|---|---|---|---|", *_limits(pack, rule), ""]
    keys, marks = keys_of(rule, pack.profile), marks_of(rule, pack.profile)
    options = {k: v for k, v in keys.items() if k not in (*LIMITS, "id", "kind", "select", "basis")}
    if options:
        said = ", ".join(f"`{path}` {text}" for path, text in flat(options))
        default = f" ({marks['default']})" if "default" in marks else ""
        lines += [f"Besides: {said}{default}.", ""]
    return lines


def _limits(pack: Pack, rule: PackRule) -> list[str]:
    """One row a limit and profile; profiles that say the same share their rows."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for profile in pack.model.profiles or ("",):
        if rule.profiles.get(profile, {}) is None:
            continue
        keys, marks = keys_of(rule, profile), marks_of(rule, profile)
        for path, value in limits_of(keys):
            rows.setdefault((path, str(value), mark_of(marks, path)), []).append(profile)
    every = len(pack.model.profiles or ("",))
    return [
        f"| {'all' if len(of) == every else ', '.join(of)} | {path.replace('.', ' ')} "
        f"{_LEVELS.get(path.rpartition('.')[2], '')} | {value} | {mark} |"
        for (path, value, mark), of in rows.items()
    ]


def table(found: list[Pack]) -> str:
    """The table of all packs."""
    lines = ["| pack | | | rules | profiles | limits by mark |", "|---|---|---|---|---|---|"]
    for pack in found:
        marks: dict[str, int] = {}
        for profile in pack.model.profiles or ("",):
            for _, rule in pack.rules(profile):
                of = marks_of(rule, profile)
                for path, _ in limits_of(keys_of(rule, profile)):
                    letter = mark_of(of, path)[0]
                    marks[letter] = marks.get(letter, 0) + 1
        counted = ", ".join(f"{n} {letter}" for letter, n in sorted(marks.items()))
        profiles = ", ".join(pack.model.profiles) or "one"
        lines.append(
            f"| [`{pack.name}`](packs/{pack.name}.md) | {pack.model.title.en} | {pack.model.title.zh} "
            f"| {len(pack.model.rules)} | {profiles} | {counted} |"
        )
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every written page by its path; the index with its table."""
    found = packs()
    index = INDEX.read_text("utf-8")
    made = {DOCS / "packs" / f"{pack.name}.md": page(pack) for pack in found}
    made[INDEX] = _TABLE.sub(lambda m: f"{m[1]}{table(found)}\n{m[2]}", index)
    return made


def stale() -> list[Path]:
    """Pages that are not what the packs say, and pages of no pack."""
    made = pages()
    wrong = [p for p, text in made.items() if not p.is_file() or p.read_text("utf-8") != text]
    return wrong + [path for path in (DOCS / "packs").glob("*.md") if path not in made]


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where a page differs."""
    if "--check" in arguments:
        return int(bool(stale()))
    for path, text in pages().items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
