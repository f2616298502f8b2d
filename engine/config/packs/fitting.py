"""Whether every name that a take is written with is one of the pack."""

from __future__ import annotations

from collections.abc import Mapping

from ...errors import SpecError
from ..document import Document
from ..problems import Problems, quoted
from .amounts import checked
from .models import HEAD, LIMITS, PackRule
from .names import unknown
from .plain import Pack
from .takes import Take


class Fitting:
    """Checks takes; every mistake goes to `problems` with its place in `lifeline.yaml`."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self._document, self._problems = document, problems

    def fits(self, pack: Pack, take: Take) -> bool:
        """Whether every name of the take is one of the pack."""
        model, before = take.model, self._problems.errors
        if model.version is not None and model.version != pack.model.version:
            self._problems.error(
                self._where(take, "version"),
                f"{pack.name} has another version; see what changed: lifeline packs diff",
                found=f"version: {model.version}",
                expected=f"version: {pack.model.version}, or none to take each",
            )
        if model.profile and model.profile not in pack.model.profiles:
            self._problems.refused(
                self._where(take, "profile"),
                unknown("profile", model.profile, pack.model.profiles),
            )
        rules = {rule.id: rule for _, rule in pack.rules(model.profile or pack.profile)}
        for name in model.without:
            if name not in rules:
                self._problems.refused(
                    self._where(take, "without", name, key=True),
                    unknown(f"rule of {pack.name}", name, rules),
                )
        self._check_given(pack, take)
        for path in model.change:
            self._check_change(pack, take, path, rules)
        return self._problems.errors == before

    def _check_given(self, pack: Pack, take: Take) -> None:
        profile = take.model.profile or pack.profile
        for name, text in take.model.given.items():
            where = self._where(take, "given", name)
            parameter = pack.model.parameters.get(name)
            if parameter is None:
                self._problems.refused(
                    where, unknown(f"parameter of {pack.name}", name, pack.model.parameters)
                )
                continue
            if profile in parameter.profiles:
                self._problems.error(
                    where,
                    f"{name} is the profile's: whoever has it otherwise says why",
                    found=quoted(text),
                    expected=f"change: {{{name}: {{to: {text}, reason: …}}}}",
                )
                continue
            self._checked(where, text, pack, name)

    def _checked(self, where: str, text: str, pack: Pack, name: str) -> None:
        try:
            checked(text, pack.model.parameters[name])
        except SpecError as error:
            self._problems.refused(where, error, prefix=f"{name}: ")

    def _check_change(
        self, pack: Pack, take: Take, path: str, rules: Mapping[str, PackRule]
    ) -> None:
        where = self._where(take, "change", path, key=True)
        if path in pack.model.parameters:
            to = self._where(take, "change", path, "to")
            self._checked(to, str(take.model.change[path].to), pack, path)
            return
        name, *steps = path.split(".")
        if not steps and name not in rules:
            self._problems.refused(
                where, unknown("rule or parameter", name, [*rules, *pack.model.parameters])
            )
        elif name not in rules:
            self._problems.refused(where, unknown(f"rule of {pack.name}", name, rules))
        elif not steps or len(steps) > 2 or steps[0] in HEAD:
            self._problems.error(
                where,
                "not a thing that a site can change",
                found=quoted(path),
                expected=f"{name}.<key> or {name}.<key>.<level>, such as {_example(rules[name])}; "
                "without: to leave the rule out",
            )
        elif name in take.model.without:
            self._problems.error(
                where,
                "the rule is left out and changed",
                found=quoted(name),
                expected="one of them",
            )

    def _where(self, take: Take, *steps: str, key: bool = False) -> str:
        return self._document.where((*take.at, *steps), key=key)


def _example(rule: PackRule) -> str:
    for key, value in (rule.model_extra or {}).items():
        if key in LIMITS:
            level = next(iter(value), "") if isinstance(value, dict) else ""
            return f"{rule.id}.{key}{'.' if level else ''}{level}"
    return f"{rule.id}.level"
