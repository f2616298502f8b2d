"""From the section `calls:` and its roster to what the call log carries and how persons are reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..areas.configuration import AreaConfiguration, prefixes
from ..calls.configuration import (
    CallChain,
    CallConfiguration,
    CallSite,
    Person,
    Step,
)
from ..calls.limits import WITHIN_NS
from ..configuration import Site
from ..level import LEVELS
from .authored import absolute
from .call_models import CallsModel, ChainModel, PersonModel, RosterFile, StepModel
from .call_spec import CallSpec, ChannelSpec, Contact, LinkSpec
from .document import Document, Steps, read_document
from .doubtful import Doubtful
from .hours import read_hours
from .learned import offsets
from .nearest import Names
from .problems import Problems, quoted
from .roster_table import roster_of_table
from .validation import validated

_TABLES: Final = (".csv", ".tsv", ".txt")


class RosterReader:
    """Compiles the roster; what has a mistake is told and left out."""

    def __init__(
        self,
        document: Document,
        sites: Sequence[Site],
        areas: AreaConfiguration,
        doubtful: Doubtful,
        problems: Problems,
    ) -> None:
        self._document = document
        self._sites, self._areas = sites, areas
        self._doubtful, self._problems = doubtful, problems
        self._base = document.path.parent

    def read(self, model: CallsModel | None) -> CallSpec | None:
        """What the section says; None where there is none, or its roster cannot be read."""
        if model is None:
            return None
        path = self._base / model.roster
        if not path.is_file():
            self._problems.error(
                self._document.where(("calls", "roster")),
                "no such roster",
                found=quoted(model.roster),
                expected="a file beside this one",
            )
            return None
        table = path.suffix.lower() in _TABLES
        roster = (roster_of_table if table else read_document)(path, self._problems)
        if roster is None:
            return None
        file = validated(RosterFile, roster, (), self._problems)
        return None if file is None else self._compiled(model, file, roster)

    def _compiled(self, model: CallsModel, file: RosterFile, roster: Document) -> CallSpec:
        persons = self._persons(file, roster)
        names = Names("person", {person.id for person in file.persons})
        chains: dict[str, CallChain] = {}
        where: list[tuple[str, str]] = []
        for i, chain in enumerate(file.chains):
            at = roster.where(("chains", i))
            place = chain.site or f"area:{chain.area}"
            self._check_place(chain, roster, i)
            if place in chains:
                self._problems.error(at, "the place has two chains", found=quoted(place))
                continue
            chains[place] = self._chain(chain, roster, i, names)
            where.append((place, at))
        self._stand_ins(file, roster, names)
        links = model.links
        configuration = CallConfiguration(
            tuple(persons),
            tuple(chains.values()),
            (
                *(CallSite(site.id, site.area) for site in self._sites),
                *(CallSite(area.site, area.path) for area in self._areas.areas),
            ),
            tuple(sorted(LEVELS.index(level) for level in set(model.levels))),
            _over(model.answer_within.by_level()),
            model.rounds,
            {zone: offsets(zone) for zone in sorted({p.zone for p in persons})},
        )
        return CallSpec(
            configuration,
            tuple(self._contact(p, roster, i) for i, p in enumerate(file.persons)),
            None
            if links is None
            else LinkSpec(
                links.host,
                links.port,
                links.url.rstrip("/"),
                absolute(self._base, links.key_file),
                links.expires,
            ),
            str(roster.path),
            tuple(where),
        )

    def _persons(self, file: RosterFile, roster: Document) -> list[Person]:
        found: dict[str, Person] = {}
        for i, person in enumerate(file.persons):
            if person.id in found:
                self._problems.error(
                    roster.where(("persons", i, "id")),
                    "the person stands twice",
                    found=quoted(person.id),
                )
                continue
            found[person.id] = Person(
                person.id,
                person.name,
                tuple(person.roles),
                read_hours(person.hours) if person.hours else (),
                person.zone or file.zone,
                person.stand_in or "",
            )
        return list(found.values())

    def _contact(self, person: PersonModel, roster: Document, i: int) -> Contact:
        base = roster.path.parent
        channels = tuple(
            ChannelSpec(c.name or f"channel {n}", c.url, absolute(base, c.url_file), c.url_env)
            for n, c in enumerate(person.channels, 1)
        )
        return Contact(
            person.id,
            person.name,
            tuple(person.roles),
            channels,
            person.verified or "",
            roster.where(("persons", i)),
        )

    def _chain(self, chain: ChainModel, roster: Document, i: int, names: Names) -> CallChain:
        steps = tuple(
            self._step(step, roster, ("chains", i, "call", n), names)
            for n, step in enumerate(chain.call)
        )
        within = chain.answer_within.by_level()
        return CallChain(chain.site, chain.area or "", steps, within, chain.last)

    def _step(self, step: StepModel, roster: Document, at: Steps, names: Names) -> Step:
        seen: set[str] = set()
        for person in step.persons:
            if person not in names:
                self._problems.refused(roster.where(at), names.unknown(person))
            elif person in seen:
                self._problems.error(
                    roster.where(at), "the person stands twice in the step", found=quoted(person)
                )
            seen.add(person)
        return Step(tuple(step.persons), tuple(sorted(LEVELS.index(x) for x in step.levels)))

    def _check_place(self, chain: ChainModel, roster: Document, i: int) -> None:
        if chain.site:
            sites = {site.id for site in self._sites} | {a.site for a in self._areas.areas}
            names = Names("site", sites | self._doubtful.sites)
            if chain.site not in names:
                at = roster.where(("chains", i, "site"))
                self._problems.refused(at, names.unknown(chain.site))
            return
        paths = {path for site in self._sites for path in prefixes(site.area)}
        if chain.area not in paths and not self._doubtful.sites:
            unknown = Names("area", paths).unknown(chain.area or "")
            self._problems.warning(
                roster.where(("chains", i, "area")),
                "no site lies in the area",
                found=quoted(chain.area),
                expected=unknown.expected,
                nearest=unknown.nearest,
            )

    def _stand_ins(self, file: RosterFile, roster: Document, names: Names) -> None:
        stand_ins = {p.id: p.stand_in for p in file.persons if p.stand_in}
        for i, person in enumerate(file.persons):
            if person.stand_in is None:
                continue
            at = roster.where(("persons", i, "stand_in"))
            if person.stand_in not in names:
                self._problems.refused(at, names.unknown(person.stand_in))
                continue
            seen, other = {person.id}, stand_ins.get(person.id)
            while other is not None and other not in seen:
                seen.add(other)
                other = stand_ins.get(other)
            if other == person.id:
                self._problems.error(
                    at, "stand-ins stand in for each other", found=quoted(person.stand_in)
                )


def _over(said: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    blue, yellow, orange, red = (mine or usual for mine, usual in zip(said, WITHIN_NS, strict=True))
    return blue, yellow, orange, red
