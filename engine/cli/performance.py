"""`lifeline performance`: how well the alarms of a plant serve the people who answer them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import SpecError
from .console import JsonOption, LangOption, language, print_json
from .plant_files import (
    DEFAULT_CONFIG,
    ConfigArgument,
    DataOption,
    data_directory,
    places,
    whereabouts,
)

if TYPE_CHECKING:
    from ..log import LogReader
    from ..outputs.text import Language
    from ..performance import Figures, Performance, Where, World
    from ..record import Record
    from ..replay.runs import Run

NamesOption = list[str] | None
_AT_ONCE: Final = 1_000


def performance(
    config: ConfigArgument = DEFAULT_CONFIG,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Begin [default: 30 days ago].")
    ] = "",
    until: Annotated[str, typer.Option("--to", metavar="TIME", help="End [default: now].")] = "",
    site: Annotated[NamesOption, typer.Option(help="All about this site; may be repeated.")] = None,
    area: Annotated[NamesOption, typer.Option(help="All about this area; may be repeated.")] = None,
    position: Annotated[
        NamesOption, typer.Option(help="All about this operator position; may be repeated.")
    ] = None,
    world: Annotated[
        str, typer.Option(metavar="WORLD", help="actual, exercise (drills) or historic (late).")
    ] = "actual",
    as_json: JsonOption = False,
    lang: LangOption = "",
    data: DataOption = None,
) -> None:
    """How the alarms perform: rates, floods, bad actors.

    Figures after EEMUA 191 and ISA-18.2 / IEC 62682 from the alert records that the plant keeps, beside a running engine or without one: alarms per 10 minutes, floods,
    chattering, standing and stale alarms, priorities, the worst ten, times to acknowledge. Each with its target and clause.
    Prints a line for each operator position, area and site; all about those that are named.

    \b
    lifeline performance                             # the last 30 days
    lifeline performance --from 2026-11-01 --to 2026-11-07 --position "desk 1"
    lifeline performance plant/lifeline.yaml --area hefei/shushan --lang zh
    lifeline performance --from 24h --json | jq '.figures[] | {name, average, bands}'

    TIME: 2026-11-22T06:00:00+08:00, a date (UTC), or how long ago, such as 24h. Periods are whole
    ten minutes: the one that --from lies in is left out, the one that --to lies in is counted.
    """
    from ..performance import Performance
    from .standing import opened_readers

    wanted = {("site", n) for n in site or ()} | {("area", n) for n in area or ()}
    wanted |= {("position", n) for n in position or ()}
    kind = checked_world(world)
    readers = opened_readers(data_directory(config, data))
    try:
        begin, end = _period(since, until, readers)
        where = whereabouts(config)
        made = Performance(begin, assets=any(place.by_asset for place in where.values()))
        for record in _records(readers, end, made):
            made.step(record)
    finally:
        for reader in readers:
            reader.close()
    told = Told.of(made, end, where, kind, wanted)
    if as_json:
        print_json(told.document())
    else:
        told.print(language(lang), config)


def checked_world(text: str) -> World:
    """Raises SpecError for what is none."""
    from ..performance import WORLDS

    for world in WORLDS:
        if text == world:
            return world
    raise SpecError("unknown world", found=repr(text), expected=", ".join(WORLDS))


@dataclass(frozen=True, slots=True)
class Told:
    """Figures to be told: `figures` of all, `chosen` those that were named, `apart` how many alarms
    the other worlds have."""

    figures: list[Figures]
    chosen: list[Figures]
    apart: dict[World, int]
    counters: dict[str, int]

    @classmethod
    def of(
        cls,
        made: Performance,
        end: int,
        where: Mapping[str, Where],
        world: World = "actual",
        wanted: Set[tuple[str, str]] = frozenset(),
    ) -> Told:
        """Up to and with the interval in which `end` lies. Raises SpecError for a wanted name that
        there is not."""
        from ..performance import WORLDS

        at = upwards(end)
        figures = made.at(at, where, world)
        _refuse_unknown(wanted, figures)
        chosen = [f for f in figures if (f.scope, f.name) in wanted]
        apart = {
            other: sum(
                f.alarms for f in made.at(at, where, other, lambda scope, _: scope == "site")
            )
            for other in WORLDS
            if other != world
        }
        return cls(figures, chosen, apart, made.counters())

    def document(self) -> dict[str, Any]:
        """As JSON: the named ones, else all."""
        from .performance_report import document

        return document(self.chosen or self.figures, self.apart, self.counters)

    def print(self, speech: Language, config: Path | None) -> None:
        """For people: all about the named ones; else a line each, and all about a position that is
        the only one."""
        from .performance_report import Report, one_zone

        report = Report(speech, one_zone(places(config).values() if config is not None else ()))
        pages = self.chosen
        if not pages:
            report.overview(self.figures)
            positions = [f for f in self.figures if f.scope == "position"]
            pages = positions if len(positions) == 1 else []
        for each in pages:
            report.page(each)
        report.remarks(self.apart, self.counters)


class Replayed:
    """Figures of a replay: from the interval in which its data begin to that in which they end.

    config  names positions, where there is one
    """

    def __init__(self, config: Path | None) -> None:
        self._named = whereabouts(config) if config is not None else {}
        self._made: Performance | None = None
        self._end = 0

    def reached(self, time: int) -> None:
        """The data have come to a time (ns)."""
        self._end = max(self._end, time)

    def step(self, record: Record, run: Run) -> None:
        """The next record."""
        self._performance(run).step(record)

    def told(self, run: Run) -> Told:
        """Of every site of the configuration, those without an alarm included."""
        from ..performance import Where

        configuration = run.core.configuration
        sites = () if configuration is None else configuration.sites
        where = {s.id: Where(s.area, exercise=s.exercise) for s in sites if not s.retired}
        return Told.of(self._performance(run), self._end, {**where, **self._named})

    def _performance(self, run: Run) -> Performance:
        from ..performance import Performance

        if self._made is None:
            by_asset = any(place.by_asset for place in self._named.values())
            begin = upwards(run.begins + 1) - upwards(1)
            self._made = Performance(begin, assets=by_asset)
        return self._made


def upwards(time: int) -> int:
    """The end of the interval that a time lies in."""
    from ..performance.limits import INTERVAL_NS

    return -(-time // INTERVAL_NS) * INTERVAL_NS


def _refuse_unknown(wanted: Set[tuple[str, str]], figures: Sequence[Figures]) -> None:
    from ..config.nearest import nearest

    for scope, name in sorted(wanted):
        names = [f.name for f in figures if f.scope == scope]
        if name not in names:
            raise SpecError(
                f"no such {scope}",
                found=repr(name),
                expected="one that the plant's file or its alert records name",
                nearest=nearest(name, names),
            )


def _period(since: str, until: str, readers: Sequence[LogReader]) -> tuple[int, int]:
    """Begin and end in ns. Nothing is known of before the log; the interval in which it began
    counts."""
    from ..clock import SystemClock
    from ..performance.limits import REPORT_SPAN_NS
    from .times import moment

    now = SystemClock().wall()
    end = moment(until, end=True) if until else now
    begin = moment(since) if since else min(end, now) - REPORT_SPAN_NS
    if begin >= end:
        raise SpecError("the period ends before it begins", found=f"{since or '30d'} to {until}")
    known = min(reader.began() for reader in readers)
    return max(begin, upwards(known + 1) - upwards(1)), min(end, now)


def _records(readers: Sequence[LogReader], end: int, made: Performance) -> Iterator[Record]:
    """Records before `end`; what stands is told before, since its first records may be trimmed."""
    from ..record import decode_record

    for reader in readers:
        for standing in reader.standing():
            record = decode_record(standing.data)
            if record.time < end:
                made.adopt(record)
    for reader in readers:
        number = 0
        while rows := reader.records(number, _AT_ONCE):
            number = rows[-1].number
            yield from (r for r in map(decode_record, (row.data for row in rows)) if r.time < end)
