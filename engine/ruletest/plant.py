"""The configuration that a case is run with: the file's own sensors and rules, or a plant's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..config.cells import Places, Tags
from ..config.checking import load
from ..config.columns import TAGS
from ..config.document import Document, Steps
from ..config.doubtful import Doubtful
from ..config.measures import Measure
from ..config.nearest import listed, nearest
from ..config.packs.library import Library
from ..config.packs.models import PackTakeAnywhere
from ..config.packs.reading import load as load_pack
from ..config.packs.takes import takes_of
from ..config.packs.taking import Taking
from ..config.problems import Problems
from ..config.rules_loading import RuleLoader, author_kinds
from ..config.selection import Selector
from ..config.table import Table
from ..config.tags import TagReader
from ..config.written_rules import written_rules
from ..configuration import Configuration, Link, Sensor, Site
from ..errors import SpecError
from ..gases import gas
from ..quantities import quantity
from .models import Case, TestDocument

SITE: Final = "test"
_SOURCE: Final = "series"


@dataclass(frozen=True, slots=True)
class Said:
    """A sensor of a case: its place in the configuration, how its amounts are read."""

    index: int
    measure: Measure
    interval: int


@dataclass(frozen=True, slots=True)
class Plant:
    """The configuration of a case and its sensors by the names that the test gives them."""

    configuration: Configuration
    sensors: dict[str, Said]


def plant_of(
    model: TestDocument, document: Document, case: int, problems: Problems
) -> Plant | None:
    """The plant of a case; None after a mistake, which goes to `problems`."""
    before = problems.errors
    if model.config:
        configuration, measures = _of_file(document, model.config), {}
    else:
        tags = _tags(model, document, problems)
        measures = {s.id: tag.measure for s, tag in zip(tags.sensors, tags.tags, strict=True)}
        configuration = _of_sensors(model, document, case, tags, problems)
    found = _said(model.cases[case], configuration, measures, document, ("cases", case), problems)
    if problems.errors > before:
        return None
    return _only(configuration, found)


def _of_file(document: Document, name: str) -> Configuration:
    path = document.path.parent / name
    if not path.is_file():
        raise SpecError(
            "no such file",
            where=document.where(("config",)),
            found=repr(name),
            expected="a lifeline.yaml",
        )
    return load(path).configuration


def _tags(model: TestDocument, document: Document, problems: Problems) -> Tags:
    """The sensors of the file, read as rows of a tag list."""
    places = Places([_site()], {SITE: 0}, {_SOURCE: SITE}, Doubtful())
    reader = TagReader(places, problems)
    for name, cells in model.sensors.items():
        line = int(document.where(("sensors", name)).rpartition(":")[2])
        row = {"id": name, **cells}
        for key in cells:
            if key not in TAGS.by_name or key == "id":
                problems.error(
                    document.where(("sensors", name, key), key=True),
                    "no column of a tag list",
                    found=repr(key),
                    expected=listed(list(TAGS.by_name)),
                    nearest=nearest(key, TAGS.by_name),
                )
        at = {key: i for i, key in enumerate(row)}
        reader.read(Table(document.path, at, [list(row.values())], [line]), SITE, _SOURCE)
    return reader.found


def _site() -> Site:
    return Site(SITE, "test", "test/test/test")


def _of_sensors(
    model: TestDocument, document: Document, case: int, tags: Tags, problems: Problems
) -> Configuration:
    sites, sensors = [_site()], tags.sensors
    loader = RuleLoader(author_kinds(), sites, Selector(sites, sensors), Doubtful(), problems)
    own = model.cases[case].packs
    key: Steps = ("packs",) if own is None else ("cases", case, "packs")
    packs: list[PackTakeAnywhere] = model.packs if own is None else own
    takes = takes_of(packs, [], sites, document, problems, key)
    library = Library(document.path.parent, problems)
    for taken in Taking(document, library, loader.selector, problems).rules(takes):
        load_pack(taken, loader)
    for written in written_rules(document, problems):
        loader.read(written)
    link = Link(0, _SOURCE, grace=model.grace, heartbeat=model.heartbeat)
    return Configuration(tuple(sites), (link,), tuple(sensors), tuple(loader.rules))


def _said(
    case: Case,
    configuration: Configuration,
    measures: dict[str, Measure],
    document: Document,
    at: Steps,
    problems: Problems,
) -> dict[str, Said]:
    found: dict[str, Said] = {}
    known: dict[str, list[int]] = {}
    for i, sensor in enumerate(configuration.sensors):
        for name in (sensor.id, f"{configuration.sites[sensor.site].id}/{sensor.id}"):
            known.setdefault(name, []).append(i)
    for name in case.series:
        places = known.get(name, [])
        if len(places) != 1:
            problems.error(
                document.where((*at, "series", name), key=True),
                "several sites have such a sensor" if places else "unknown sensor",
                found=repr(name),
                expected="<site>/<sensor>" if places else listed(list(known)),
                nearest=() if places else nearest(name, known),
            )
            continue
        sensor = configuration.sensors[places[0]]
        found[name] = Said(places[0], measures.get(name) or _canonical(sensor), sensor.interval)
    return found


def _canonical(sensor: Sensor) -> Measure:
    """Of a plant's sensor: plain numbers are canonical."""
    of = gas(sensor.gas) if sensor.gas else None
    return Measure(quantity(sensor.quantity), sensor.unit, sensor.gas, of, 1.0, 0.0)


def _only(configuration: Configuration, said: dict[str, Said]) -> Plant:
    """Only the sensors that a case speaks of: the others would fall silent."""
    kept = sorted(one.index for one in said.values())
    place = {index: i for i, index in enumerate(kept)}
    sensors = tuple(configuration.sensors[i] for i in kept)
    return Plant(
        Configuration(configuration.sites, configuration.links, sensors, configuration.rules),
        {name: Said(place[one.index], one.measure, one.interval) for name, one in said.items()},
    )
