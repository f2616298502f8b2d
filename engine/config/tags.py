"""Reads the rows of tag lists into sensors, in plain tight code: lists reach 100,000 rows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NoReturn, TypeAlias, TypeVar

from ..configuration import Sensor
from ..errors import SpecError
from ..limits import STALE_INTERVALS
from ..units import parse_duration
from .authored import FORBIDDEN, name_fault
from .cells import Cells, Places, Tag, Tags
from .columns import COLUMNS
from .measures import Measure, Measures, Reporting, number, reporting, usual_reporting
from .nearest import Names
from .problems import Problems, quoted
from .table import Table

_T = TypeVar("_T")
Check: TypeAlias = Callable[[], object]
_LAST: Final = -1  # the empty cell that stands at the end of each row


class _DoubtfulPlaceError(SpecError):
    """The row names a site or source that has a mistake of its own, which is told there."""


class TagReader:
    """Reads tables one after the other; a row with a mistake is told and left out."""

    def __init__(self, places: Places, problems: Problems) -> None:
        self.found = Tags()
        self._places = places
        self._problems = problems
        self._measures = Measures()
        self._seen: dict[tuple[int, str], Tag] = {}
        self._link_at: dict[tuple[int, str], int] = {}
        self._reporting: dict[str, Reporting] = {}
        self._durations: dict[str, int] = {}
        sites = {*places.site_at, *places.doubtful.sites}
        self._sites = Names("site", sites)
        self._sources = Names("source", {*places.sources, *places.doubtful.sources})
        self._gaps: dict[tuple[str, str, str], tuple[str, int]] = {}

    def read(self, table: Table, site: str = "", source: str = "") -> None:
        """Read every row; `site` and `source` hold where a row's cell is empty."""
        at = [table.at.get(column.name, _LAST) for column in COLUMNS]
        for row, cells in enumerate(table.rows):
            if self._problems.full:
                self._stop(table, row)
                return
            cells.append("")
            named = Cells._make([cells[i] for i in at])
            try:
                self._row(table, row, named, site, source)
            except SpecError as error:
                self._tell(table.where(row), named, site, source, error)

    def _stop(self, table: Table, row: int) -> None:
        """Read no further: a shifted column would take minutes to say one thing 100,000 times."""
        rest = len(table.rows) - row
        self._places.doubtful.tables = True
        self._problems.error(
            table.where(row), f"{rest} more rows are not checked", expected="fewer mistakes first"
        )

    def tell_gaps(self) -> None:
        """Note what the rows left to the catalogue: one warning each, naming the first row."""
        for (message, found, expected), (where, count) in self._gaps.items():
            more = f", and {count - 1} more rows" if count > 1 else ""
            self._problems.warning(where, message, found=found + more, expected=expected)

    def _row(self, table: Table, row: int, cells: Cells, site: str, source: str) -> None:
        where = table.where(row)
        self._checked_id(cells.id)
        serving = self._source(cells.source or source)
        site_index = self._site(cells.site or site, serving)
        self._checked_tenant(cells.tenant, site_index)
        measure = self._measures.of(cells.quantity, cells.unit, cells.gas, cells.lel_basis)
        low, high = measure.bounds(cells.low, cells.high, cells.range)
        if low is None and high is None:
            self._gap_in_range(measure, where)
        speaks = self._reports(cells.reports, measure, where)
        sensor = Sensor(
            id=cells.id,
            site=site_index,
            link=self._link(site_index, serving),
            quantity=measure.quantity.name,
            unit=measure.quantity.unit,
            asset=cells.asset,
            name=cells.name,
            gas=measure.gas,
            lat=_degrees(cells.lat, 90.0, "lat") if cells.lat else None,
            lon=_degrees(cells.lon, 180.0, "lon") if cells.lon else None,
            low=_or_usual(low, measure.quantity.low),
            high=_or_usual(high, measure.quantity.high),
            max_rate=measure.max_rate(cells.max_rate, low, high),
            reports=speaks.reports,
            interval=speaks.interval,
            stale=self._stale(cells.stale, speaks, self._places.sites[site_index].exercise),
        )
        self._keep(sensor, Tag(serving, cells.topic, cells.field, measure, table, row))

    def _tell(self, where: str, cells: Cells, site: str, source: str, first: SpecError) -> None:
        """Note every mistake of a row that was refused for its first one."""
        found: list[SpecError] = []

        def tried(check: Callable[[], _T]) -> _T | None:
            try:
                return check()
            except SpecError as error:
                found.append(error)
                return None

        tried(lambda: self._checked_id(cells.id))
        serving = tried(lambda: self._source(cells.source or source))
        if serving is None:
            tried(lambda: self._known_site(cells.site or site))
            at = None
        else:
            at = tried(lambda: self._site(cells.site or site, serving))
        if at is not None:
            tried(lambda: self._checked_tenant(cells.tenant, at))
        self._try_measure(cells, where, tried)
        if cells.reports:
            tried(lambda: reporting(cells.reports))
        if cells.stale:
            tried(lambda: parse_duration(cells.stale))
        if cells.lat:
            tried(lambda: _degrees(cells.lat, 90.0, "lat"))
        if cells.lon:
            tried(lambda: _degrees(cells.lon, 180.0, "lon"))
        self._places.doubtful.sensors.add(cells.id)
        self._places.doubtful.assets.add(cells.asset)
        for error in found or [first]:
            if not isinstance(error, _DoubtfulPlaceError):
                self._problems.refused(where, error)

    def _try_measure(self, cells: Cells, where: str, tried: Callable[[Check], object]) -> None:
        """Try what depends on quantity, unit and gas."""
        try:
            measure = self._measures.of(cells.quantity, cells.unit, cells.gas, cells.lel_basis)
        except SpecError as error:
            tried(partial(_raise, error))
            for end in filter(None, (cells.low, cells.high)):
                tried(partial(number, end))
            return
        tried(lambda: measure.bounds(cells.low, cells.high, cells.range))
        tried(lambda: measure.max_rate(cells.max_rate, 0.0, 1.0))
        if not cells.reports and usual_reporting(measure.quantity) is None:
            tried(lambda: self._reports("", measure, where))

    def _keep(self, sensor: Sensor, tag: Tag) -> None:
        if sensor.low is not None and sensor.high is not None and sensor.low >= sensor.high:
            raise SpecError(
                "the range is empty",
                found=f"{sensor.low:g} to {sensor.high:g} {sensor.unit}",
                expected="both ends, since one of them is the catalogue's",
            )
        first = self._seen.setdefault((sensor.site, sensor.id), tag)
        if first is not tag:
            raise SpecError(
                "the sensor stands twice",
                found=quoted(sensor.id),
                expected=f"one row; the first is at {first.where}",
            )
        self.found.sensors.append(sensor)
        self.found.tags.append(tag)

    @staticmethod
    def _checked_id(sensor_id: str) -> None:
        fault = name_fault(sensor_id)
        if fault:
            raise SpecError(
                fault, found=quoted(sensor_id), expected=f"an id without {' '.join(FORBIDDEN)}"
            )

    def _source(self, name: str) -> str:
        sources = self._places.sources
        if name in sources:
            return name
        if not name and len(sources) == 1:
            return next(iter(sources))
        if name in self._places.doubtful.sources or (not name and self._places.doubtful.sources):
            raise _DoubtfulPlaceError(name)
        raise self._sources.unknown(name)

    def _site(self, name: str, source: str) -> int:
        serves = self._places.sources[source]
        index = self._places.site_at.get(name or serves)
        if index is None:
            if not name and not serves and len(self._places.sites) == 1:
                return 0
            if (name or serves) in self._places.doubtful.sites:
                raise _DoubtfulPlaceError(name)
            raise self._sites.unknown(name or serves)
        if serves and name and name != serves:
            raise SpecError(
                f"source {source} serves another site",
                found=quoted(name),
                expected=quoted(serves),
            )
        return index

    def _known_site(self, name: str) -> None:
        """A site's cell by itself, where the source is not known."""
        if name and name not in self._sites:
            raise self._sites.unknown(name)

    def _checked_tenant(self, tenant: str, site: int) -> None:
        owner = self._places.sites[site].tenant
        if tenant and tenant != owner:
            raise SpecError(
                f"site {self._places.sites[site].id} belongs to another tenant",
                found=quoted(tenant),
                expected=quoted(owner),
            )

    def _link(self, site: int, source: str) -> int:
        key = (site, source)
        index = self._link_at.get(key)
        if index is None:
            index = self._link_at[key] = len(self.found.links)
            self.found.links.append(key)
        return index

    def _reports(self, cell: str, measure: Measure, where: str) -> Reporting:
        if cell:
            return _remembered(self._reporting, cell, reporting)
        usual = usual_reporting(measure.quantity)
        if usual is None:
            raise SpecError(
                "reports is missing, and the catalogue names no usual interval",
                found=measure.quantity.name,
                expected="periodic 10s, on_change 60s or event",
            )
        taken = f"{usual.reports} {usual.interval / 1e9:g}s" if usual.interval else usual.reports
        self._gap(
            "reports is missing: the catalogue's longest usual interval is taken",
            f"{measure.quantity.name} as {taken}",
            "how often the sensor really speaks: it becomes stale after three intervals",
            where,
        )
        return usual

    def _stale(self, cell: str, speaks: Reporting, drill: bool) -> int:
        """Nobody feeds a drill between two of them: there silence is judged only where it is written."""
        if cell:
            return _remembered(self._durations, cell, parse_duration)
        return 0 if drill else STALE_INTERVALS * speaks.interval

    def _gap_in_range(self, measure: Measure, where: str) -> None:
        if measure.quantity.needs_sensor_range:
            self._gap(
                "no valid range is known: values are not checked",
                measure.quantity.name,
                "low and high, or range",
                where,
            )

    def _gap(self, message: str, found: str, expected: str, where: str) -> None:
        first, count = self._gaps.get((message, found, expected), (where, 0))
        self._gaps[(message, found, expected)] = (first, count + 1)


def _remembered(known: dict[str, _T], cell: str, read: Callable[[str], _T]) -> _T:
    if cell not in known:
        known[cell] = read(cell)
    return known[cell]


def _raise(error: SpecError) -> NoReturn:
    raise error


def _or_usual(stated: float | None, usual: float) -> float | None:
    if stated is not None:
        return stated
    return usual if usual == usual else None  # NaN: the catalogue knows none


def _degrees(cell: str, most: float, name: str) -> float:
    value = number(cell)
    if abs(value) > most:
        raise SpecError(
            f"{name} is out of range",
            found=quoted(cell),
            expected=f"{-most:g} to {most:g} degrees",
        )
    return value
