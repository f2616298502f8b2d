"""`lifeline alerts`: what stands now, and what comes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from ..errors import LogError, SpecError
from ..level import LEVELS
from .console import JsonOption, LangOption, language, print_raw, stderr, stdout
from .plant_files import DEFAULT_CONFIG, ConfigOption, DataOption, data_directory, places

if TYPE_CHECKING:
    from ..log import LogReader
    from ..outputs.ports import Place
    from ..outputs.text import Language
    from ..record import Record

_POLL_S: Final = 0.2
_AT_ONCE: Final = 1_000
WORLDS: Final = ("actual", "exercise")  # by the record's flag


def alerts(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    site: Annotated[list[str] | None, typer.Option(help="Only this site; may be repeated.")] = None,
    level: Annotated[
        str, typer.Option(metavar="LEVEL", help="Only this level and graver ones.")
    ] = "",
    world: Annotated[
        str,
        typer.Option(metavar="WORLD", help="actual, exercise (drills); both unless given."),
    ] = "",
    last: Annotated[
        int, typer.Option(min=0, metavar="N", help="The last N records instead of what stands.")
    ] = 0,
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """What stands now; with --follow, what comes.

    Prints the gravest first. Reads the plant's data directory, beside a running engine or without one; changes nothing.
    --level takes blue, yellow, orange or red: an alarm that reached it is printed until it ends.
    Alarms of a drill say so (EXERCISE, 演练) and come last.

    \b
    lifeline alerts                       # what stands now
    lifeline alerts --follow --level orange
    lifeline alerts --last 50 --site gas-east
    lifeline alerts --follow --json | jq -r .text.zh

    With --json each line is one record, the same document as on the MQTT topics.
    """
    from .standing import opened_readers

    least = _least(level)
    readers = opened_readers(data_directory(config, data))
    speech: Language | Literal[""] = "" if as_json else language(lang)
    printer = _Printer(set(site or ()), least, _world(world), places(config), speech)
    try:
        ends = {reader: reader.outbox_end() for reader in readers}
        if last:
            printer.events(_last(readers, last))
        else:
            printer.standing(readers)
        if follow:
            _follow(ends, printer)
    finally:
        for reader in readers:
            reader.close()


def _least(level: str) -> int:
    if not level:
        return 0
    if level not in LEVELS[1:]:
        raise SpecError("unknown level", found=repr(level), expected="blue, yellow, orange or red")
    return LEVELS.index(level)


def _world(text: str) -> str:
    if text not in ("", *WORLDS):
        raise SpecError("unknown world", found=repr(text), expected=" or ".join(WORLDS))
    return text


class _Printer:
    """Prints the wanted ones of records; as JSON where no language is given."""

    def __init__(
        self,
        sites: set[str],
        least: int,
        world: str,
        known: Mapping[str, Place],
        speech: Language | Literal[""],
    ) -> None:
        from .format import Lines

        self._sites = sites
        self._least = least
        self._world = world
        self._known = known
        self._lines = Lines(speech, known, dated=True) if speech else None
        self._console = stdout()

    def events(self, rows: Iterable[bytes]) -> None:
        """Encoded records, as they came."""
        from ..record import decode_record

        for record in filter(self._wanted, map(decode_record, rows)):
            if self._lines is None:
                self._raw(record)
            else:
                self._console.print(self._lines.event(record))

    def standing(self, readers: list[LogReader]) -> None:
        """What stands now."""
        from .standing import standing_records

        records = [r for r in standing_records(*readers) if self._wanted(r)]
        for record in records:
            if self._lines is None:
                self._raw(record)
            else:
                self._console.print(self._lines.standing(record))
        if self._lines is not None and not records:
            calm = "没有报警。" if self._lines.language == "zh" else "No alarm stands."
            self._console.print(calm, style="green")

    def _wanted(self, record: Record) -> bool:
        from .format import reaches

        here = not self._sites or record.site in self._sites
        mine = self._world in ("", WORLDS[record.exercise])
        return here and mine and reaches(record, self._least)

    def _raw(self, record: Record) -> None:
        from ..outputs.payload import record_payload
        from ..outputs.ports import Place

        print_raw(record_payload(record, self._known.get(record.site) or Place(record.area)))


def _last(readers: list[LogReader], n: int) -> list[bytes]:
    """The last `n` records of all logs, each log in its own order, together by event time."""
    from heapq import merge

    from ..record import decode_record

    rows = ([row.data for row in reader.last_records(n)] for reader in readers)
    return list(merge(*rows, key=lambda data: decode_record(data).time))[-n:]


def _follow(numbers: dict[LogReader, int], printer: _Printer) -> None:
    """Prints what comes behind an outbox number of each log, until interrupted."""
    broken = False
    while True:
        came = False
        for reader, number in list(numbers.items()):
            try:
                rows = reader.records(number, _AT_ONCE)
            except LogError as error:
                if not broken:
                    stderr().print(f"lifeline: {error}; trying again")
                broken = True
                continue
            broken = False
            printer.events(row.data for row in rows)
            if rows:
                numbers[reader], came = rows[-1].number, True
        if not came:
            time.sleep(_POLL_S)
