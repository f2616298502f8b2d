"""Scenarios that people write: a YAML file with sites, time, happenings and faults, to `Scenario`s.

Every mistake is told with its line, and the nearest valid name, as `lifeline check` does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lifeline.engine.config.document import Document, Steps, read_document
from lifeline.engine.config.nearest import Names
from lifeline.engine.config.problems import Problems, quoted
from lifeline.engine.config.validation import validated
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS

from .cause import Happening, Run, kind_of, place_of, size_of
from .faults import AMOUNTS, WORDS, SensorFault
from .plant import Scenario, Site
from .script import scripted
from .sites import builder, names

if TYPE_CHECKING:
    from .scenario_models import FaultModel, HappeningModel, ScenarioFile, SiteModel

# A file that repeats something more often than this has a unit wrong.
MAX_REPEATS: Final = 100_000
# Builders' parameters that a file can write, as they are annotated.
_NUMBERS: Final = ("int", "float", "bool")
_DURATION_ONLY: Final = "moments by time need the file's `start`"


@dataclass(frozen=True, slots=True)
class WrittenScenario:
    """A file of a scenario, as read; `start_ns` is None where it leaves the time to whoever runs it."""

    model: ScenarioFile
    document: Document

    @property
    def start_ns(self) -> int | None:
        """The first event time that the file names."""
        return None if self.model.start is None else self.model.start.ns

    @property
    def duration_s(self) -> float:
        """How long it lasts."""
        return self.model.duration / SECOND_NS

    def scenarios(
        self, start_ns: int, seed: int | None = None, duration_s: float | None = None
    ) -> list[Scenario]:
        """A run of each site from `start_ns` on, moved up to a whole second; equal arguments give
        equal runs. A `duration_s` shorter than the file's cuts the run off.

        Raises SpecError with every mistake, each with its line.
        """
        problems = Problems()
        start_ns = -(-start_ns // SECOND_NS) * SECOND_NS
        run = Run(
            start_ns,
            self.duration_s if duration_s is None else duration_s,
            self.model.seed if seed is None else seed,
        )
        found = _Reader(self.model, self.document, run, problems).scenarios()
        problems.raise_errors()
        return found


def read_scenario(path: Path) -> WrittenScenario:
    """The file; its names and times are checked by `scenarios`. Raises SpecError for its form."""
    from .scenario_models import ScenarioFile

    problems = Problems()
    document = read_document(path, problems)
    model = None if document is None else validated(ScenarioFile, document, (), problems)
    problems.raise_errors()
    assert document is not None
    assert model is not None
    return WrittenScenario(model, document)


class _Reader:
    """Turns a file into runs; what is wrong goes to `problems`."""

    def __init__(
        self, model: ScenarioFile, document: Document, run: Run, problems: Problems
    ) -> None:
        self._model = model
        self._document = document
        self._run = run
        self._problems = problems
        self._sites: dict[str, Site] = {}

    def scenarios(self) -> list[Scenario]:
        for k, one in enumerate(self._model.sites):
            self._told(("sites", k), lambda one=one, k=k: self._stand(one, k))  # type: ignore[misc]
        happenings: dict[str, list[Happening]] = {name: [] for name in self._sites}
        faults: dict[str, list[SensorFault]] = {name: [] for name in self._sites}
        for k, happening in enumerate(self._model.happenings):
            steps: Steps = ("happenings", k)
            self._told(steps, lambda h=happening, at=steps: self._happen(h, at, happenings))  # type: ignore[misc]
        for k, fault in enumerate(self._model.faults):
            steps = ("faults", k)
            self._told(steps, lambda f=fault, at=steps: self._break(f, at, faults))  # type: ignore[misc]
        if self._problems.errors:
            return []
        return [
            Scenario(
                site,
                self._run.start_ns,
                self._run.duration_s,
                self._run.seed,
                scripted(site, self._run, happenings[name], faults[name]),
                self._run.duration_s,
            )
            for name, site in self._sites.items()
        ]

    def _told(self, steps: Steps, read: Callable[[], None]) -> None:
        try:
            read()
        except SpecError as error:
            self._problems.refused(self._document.where(steps), error)

    def _at(self, steps: Steps, find: Callable[[], Any]) -> Any:
        """What `find` gives; what it raises is told at the line of that key."""
        try:
            return find()
        except SpecError as error:
            raise SpecError(
                error.message,
                where=error.where or self._document.where(steps),
                found=error.found,
                expected=error.expected,
                nearest=error.nearest,
            ) from error

    # --- sites ----------------------------------------------------------------------------------
    def _stand(self, one: SiteModel, k: int) -> None:
        self._at(("sites", k, "site"), lambda: _known("simulated site", names(), one.site))
        build = builder(one.site)
        options = self._options(one, build, k)
        given = (one.id,) if one.id else ()
        try:
            site = build(*given, **options)
        except (TypeError, ValueError) as error:
            where = self._document.where(("sites", k, "options"))
            raise SpecError(f"{one.site} cannot be built so: {error}", where=where) from error
        if site.id in self._sites:
            raise SpecError("a site stands twice", found=quoted(site.id), expected="an id each")
        self._sites[site.id] = site

    def _options(
        self, one: SiteModel, build: Callable[..., Site], k: int
    ) -> dict[str, int | float]:
        known = [
            name
            for name, parameter in inspect.signature(build).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation in _NUMBERS
        ]
        valid = Names(f"option of {one.site}", known)
        for name in one.options:
            if name not in valid:
                where = self._document.where(("sites", k, "options", name), key=True)
                self._problems.refused(where, valid.unknown(name))
        return {name: value for name, value in one.options.items() if name in valid}

    def _site(self, named: str, steps: Steps) -> Site:
        if not named and len(self._sites) == 1:
            return next(iter(self._sites.values()))
        self._at((*steps, "site"), lambda: _known("site of this file", self._sites, named))
        return self._sites[named]

    # --- what happens, what breaks ----------------------------------------------------------------
    def _happen(
        self, model: HappeningModel, steps: Steps, found: dict[str, list[Happening]]
    ) -> None:
        site = self._site(model.site, steps)
        kind = self._at((*steps, "what"), lambda: kind_of(site, model.what))
        where = self._at((*steps, "where"), lambda: place_of(site, kind, model.where))
        size = self._at((*steps, "size"), lambda: size_of(kind, model.size))
        for onset, end in self._spans(model, steps):
            found[site.id].append(Happening(kind.kind, where, onset, end, size))

    def _break(self, model: FaultModel, steps: Steps, found: dict[str, list[SensorFault]]) -> None:
        site = self._site(model.site, steps)
        sensors = self._at((*steps, "where"), lambda: _sensors(site, model))
        amount = self._at((*steps, "size"), lambda: _amount(model))
        en, zh = WORDS[model.what]
        places = ", ".join(model.where)
        for onset, end in self._spans(model, steps):
            number = len(found[site.id]) + 1
            found[site.id].append(
                SensorFault(
                    id=f"{site.id}/fault-{number}-{model.what}",
                    site=site.id,
                    kind=model.what,
                    sensors=sensors,
                    onset_ns=onset,
                    end_ns=end,
                    what_en=f"{places}: {en}",
                    what_zh=f"{places}：{zh}",
                    amount=amount,
                )
            )

    def _spans(self, model: HappeningModel | FaultModel, steps: Steps) -> Iterator[tuple[int, int]]:
        """Onset and end of each time, those that a cut run does not reach left out."""
        start = self._run.start_ns
        if model.at.absolute and self._model.start is None:
            raise SpecError(_DURATION_ONLY, where=self._document.where((*steps, "at")))
        # A run that is moved takes its moments along.
        first = model.at.ns - self._model.start.ns if model.at.absolute else model.at.ns  # type: ignore[union-attr]
        if not 0 <= first < self._model.duration:
            raise SpecError(
                "it does not begin within the run",
                where=self._document.where((*steps, "at")),
                found=f"{first / SECOND_NS:g} s after the beginning",
                expected=f"0 to {self._model.duration / SECOND_NS:g} s",
            )
        if model.lasts <= 0:
            raise SpecError("it must last", where=self._document.where((*steps, "for")))
        until = round(self._run.duration_s * SECOND_NS)
        if model.every is None:
            onsets = range(first, first + 1)
        else:
            onsets = self._at((*steps, "every"), lambda: _repeated(model, first, until))
        for onset in onsets:
            if onset < until:
                yield start + onset, start + onset + model.lasts


def _known(what: str, valid: Iterable[str], name: str) -> None:
    names = Names(what, valid)
    if name not in names:
        raise names.unknown(name)


def _repeated(model: HappeningModel | FaultModel, first: int, until: int) -> range:
    every = model.every or 0
    if every <= model.lasts:
        raise SpecError("it begins again before it has ended", expected="every: longer than for:")
    if (until - first) // every > MAX_REPEATS:
        raise SpecError("it happens too often", expected=f"at most {MAX_REPEATS:,} times")
    return range(first, until, every)


def _sensors(site: Site, model: FaultModel) -> tuple[str, ...]:
    """The ids that sensors, assets and gateways stand for; a lost gateway is a gateway."""
    gateways = {
        g.name: tuple(p.id for p in site.points if p.gateway == k)
        for k, g in enumerate(site.gateways)
    }
    known: dict[str, tuple[str, ...]] = dict(gateways)
    if model.what == "gateway_lost":
        names_of = f"gateway of {site.name}"
    else:
        for point in site.points:
            known[point.asset] = (*known.get(point.asset, ()), point.id)
        known |= {p.id: (p.id,) for p in site.points}
        names_of = f"sensor, asset or gateway of {site.name}"
    for name in model.where:
        _known(names_of, known, name)
    sensors = tuple(dict.fromkeys(s for name in model.where for s in known[name]))
    if model.what == "poisoned":
        gas = {p.id for p in site.points if p.quantity.startswith("gas.")}
        if not set(sensors) <= gas:
            raise SpecError("only a gas sensor can be poisoned", found=", ".join(model.where))
    return sensors


def _amount(model: FaultModel) -> float:
    if model.what not in AMOUNTS:
        if model.size is not None:
            raise SpecError(f"{model.what} has no size", found=f"{model.size:g}")
        return 0.0
    measure, usual, least, most = AMOUNTS[model.what]
    if model.size is None:
        if usual == 0.0:
            raise SpecError(f"the size of {model.what} is missing", expected=measure)
        return usual
    if not least <= model.size <= most:
        raise SpecError(
            f"the size of {model.what} ({measure}) is out of bounds",
            found=f"{model.size:g}",
            expected=f"{least:g} to {most:g}",
        )
    return model.size
