"""From the section `areas:` to what the area log carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import filter as matching
from typing import Final

from ..areas.configuration import (
    Area,
    AreaConfiguration,
    AreaSite,
    Breaker,
    Ladder,
    Pick,
    Silence,
    prefixes,
)
from ..configuration import Site
from ..groups import DATA_KINDS
from ..level import LEVELS
from ..quantities import load_catalogue
from ..rule import Rule
from ..selection import is_pattern
from .area_models import AlarmSelect, AreaModel, BreakerModel, LadderModel, SilenceModel
from .document import Document, Steps
from .doubtful import Doubtful
from .nearest import Names
from .problems import Problems, quoted

#: The ladder of an area that names none.
OWN_LADDER: Final = "area.ladder"
_AREA_QUANTITIES: Final = ("area.ladder",)


class AreaReader:
    """Compiles the section; what has a mistake is told and left out."""

    def __init__(
        self,
        document: Document,
        sites: Sequence[Site],
        rules: Sequence[Rule],
        doubtful: Doubtful,
        problems: Problems,
    ) -> None:
        self._where = document.where
        self._sites, self._rules = sites, rules
        self._doubtful, self._problems = doubtful, problems
        self._paths = {path for site in sites for path in prefixes(site.area)}

    def read(self, models: Sequence[AreaModel]) -> AreaConfiguration:
        """Every area, over all sites; empty where no area is configured."""
        if not models:
            return AreaConfiguration()
        ladders = [ladder.id for model in models for ladder in model.ladders or ()]
        self._names = {
            "rule": Names("rule", {*(r.id for r in self._rules), *ladders, OWN_LADDER}),
            "quantity": Names("quantity", {*load_catalogue(), *_AREA_QUANTITIES}),
            "site": Names("site", {s.id for s in self._sites} | self._doubtful.sites),
        }
        found: dict[str, Area] = {}
        for i, model in enumerate(models):
            if model.path in found:
                self._error(("areas", i, "path"), "the area stands twice", model.path)
                continue
            found[model.path] = self._area(model, ("areas", i))
        return AreaConfiguration(
            tuple(found.values()),
            tuple(AreaSite(site.id, site.area, exercise=site.exercise) for site in self._sites),
            tuple(sorted(rule.id for rule in self._rules if rule.kind in DATA_KINDS)),
        )

    def _area(self, model: AreaModel, at: Steps) -> Area:
        if model.path not in self._paths and not self._doubtful.sites:
            unknown = Names("area", self._paths).unknown(model.path)
            self._problems.warning(
                self._where((*at, "path")),
                "no site lies in the area",
                found=quoted(model.path),
                expected=unknown.expected,
                nearest=unknown.nearest,
            )
        self._once(model, at)
        ladders = model.ladders if model.ladders is not None else [LadderModel(id=OWN_LADDER)]
        return Area(
            path=model.path,
            name=model.name,
            ladders=tuple(self._ladder(x, (*at, "ladders", i)) for i, x in enumerate(ladders)),
            breakers=tuple(
                self._breaker(x, (*at, "halt_work", i)) for i, x in enumerate(model.halt_work)
            ),
            silence=_silence(model.silence),
        )

    def _once(self, model: AreaModel, at: Steps) -> None:
        seen: set[str] = set()
        listed = [("ladders", i, x.id) for i, x in enumerate(model.ladders or ())]
        listed += [("halt_work", i, x.id) for i, x in enumerate(model.halt_work)]
        for section, i, name in listed:
            if name in seen:
                self._error((*at, section, i, "id"), "the id stands twice in this area", name)
            seen.add(name)

    def _ladder(self, model: LadderModel, at: Steps) -> Ladder:
        counts = model.counts
        return Ladder(
            id=model.id,
            pick=self._pick(model.select, (*at, "select")),
            count=model.count,
            counts=(counts.yellow, counts.orange, counts.red),
            on_delay=model.on_delay,
            off_delay=model.off_delay,
            basis=model.basis,
            message=model.message,
        )

    def _breaker(self, model: BreakerModel, at: Steps) -> Breaker:
        return Breaker(
            id=model.id,
            pick=self._pick(model.when, (*at, "when")),
            level=LEVELS.index(model.level),
            release_after=model.release_after,
            release=model.release,
            expires=model.expires,
            basis=model.basis,
            message=model.message,
        )

    def _pick(self, select: AlarmSelect, at: Steps) -> Pick:
        for key in ("rule", "quantity", "site"):
            named: list[str] = getattr(select, key)
            for i, name in enumerate(named):
                if not self._known(key, name):
                    place = (*at, key, i) if len(named) > 1 else (*at, key)
                    self._problems.refused(self._where(place), self._names[key].unknown(name))
        return Pick(tuple(select.rule), tuple(select.quantity), tuple(select.site))

    def _known(self, key: str, name: str) -> bool:
        names = self._names[key]
        if key == "site" and name.startswith("area:"):
            return True
        if (key == "rule" and "rules" in self._doubtful.keys) or name in names:
            return True
        return is_pattern(name) and bool(matching(_all(names), name))

    def _error(self, at: Steps, message: str, found: str) -> None:
        self._problems.error(self._where(at), message, found=quoted(found))


def _all(names: Names) -> Iterable[str]:
    return list(names.valid)


def _silence(model: SilenceModel) -> Silence:
    def level(name: str) -> int:
        return 0 if name == "off" else LEVELS.index(name)

    return Silence(level(model.site), level(model.gateway), level(model.engine))
