"""What a pack must keep to beyond its form: every limit has a mark, every parameter is declared."""

from __future__ import annotations

from ...quantities import load_catalogue
from ..problems import Problems, quoted
from .amounts import named
from .models import PackFile, PackRule
from .names import unknown
from .plain import Pack, keys_of, limits_of, mark_of, marks_of

_DEFAULT = "engineering default"


def check_pack(pack: Pack, problems: Problems) -> None:
    """Note what is wrong with names, marks and parameters of a pack."""
    seen: set[str] = set()
    for i, rule in enumerate(pack.model.rules):
        where = pack.document.where(("rules", i, "id"))
        if rule.id in seen:
            problems.error(where, "the rule stands twice", found=quoted(rule.id))
        seen.add(rule.id)
        _check_profiles(pack, i, rule, problems)
        for profile in pack.model.profiles or ("",):
            if rule.profiles.get(profile, {}) is not None:
                _check_marks(pack, i, rule, profile, problems)
    _check_parameters(pack.model, pack, problems)


def _check_profiles(pack: Pack, i: int, rule: PackRule, problems: Problems) -> None:
    for name in rule.profiles:
        if name not in pack.model.profiles:
            where = pack.document.where(("rules", i, "profiles", name), key=True)
            problems.refused(where, unknown("profile", name, pack.model.profiles))


def _check_marks(pack: Pack, i: int, rule: PackRule, profile: str, problems: Problems) -> None:
    """A limit without a mark is refused, and so is one that nobody asks for in a clause's name."""
    keys, marks = keys_of(rule, profile), marks_of(rule, profile)
    where = pack.document.where(("rules", i))
    limits = limits_of(keys)
    for key, _ in limits:
        if not mark_of(marks, key):
            problems.error(
                where,
                f"{rule.id}: the limit {key} has no mark{f' in {profile}' if profile else ''}",
                expected=f"marks: {{{key}: …}}",
            )
    letters = {mark_of(marks, key)[:1] for key, _ in limits}
    basis = (rule.profiles.get(profile) or {}).get("basis", rule.basis)
    if letters <= {"K"} and not str(basis).startswith(_DEFAULT):
        problems.error(
            where,
            f"{rule.id}: no limit has a source, but the basis names one",
            found=quoted(basis),
            expected=f"'{_DEFAULT}: …'",
        )
    for name in named(keys):
        if name not in pack.model.parameters:
            problems.refused(where, unknown("parameter", name, pack.model.parameters))
    for name in rule.needs:
        if name not in load_catalogue():
            problems.refused(where, unknown("quantity", name, load_catalogue()))


def _check_parameters(model: PackFile, pack: Pack, problems: Problems) -> None:
    for name, parameter in model.parameters.items():
        where = pack.document.where(("parameters", name))
        if parameter.quantity and parameter.quantity not in load_catalogue():
            problems.refused(where, unknown("quantity", parameter.quantity, load_catalogue()))
        for profile in parameter.profiles:
            if profile not in model.profiles:
                problems.refused(where, unknown("profile", profile, model.profiles))
