"""`lifeline query`: SQL to a plant's store, while the engine runs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import SpecError
from .console import print_json, stderr
from .plant_files import DEFAULT_CONFIG

if TYPE_CHECKING:
    import pyarrow as pa

    from ..store.client import Answered

_FORMATS: Final = ("table", "csv", "json", "arrow")
# A table is looked at by a person, and its columns are only as wide as what is known of them.
_TABLE_ROWS: Final = 1_000
_CELL: Final = 60


def query(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PLANT] SQL", help="The plant's file or data directory; one SELECT."
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="table|csv|json|arrow", help="How to print it.")
    ] = "table",
    limit: Annotated[
        int | None,
        typer.Option(
            min=0, help="Rows at most, 0: all [default: 1000 of a table, else a million]."
        ),
    ] = None,
    timeout: Annotated[
        str, typer.Option(metavar="DURATION", help="How long the answer may take; 10 min at most.")
    ] = "30s",
) -> None:
    """Ask the plant's own store of series and alerts in SQL.

    While the engine runs it answers, one question at a time; else the file is read. Nothing can be
    changed by it. Needs `outputs: {store: {}}` in the plant's file.

    \b
    series     time tenant area site asset sensor quantity value quality
    series_1m  time … min max mean sum count last; and series_1h
    latest     the last sample of each sensor; sensor: all names
    alert      every record; level 0 normal to 4 red, text_en, text_zh

    \b
    lifeline query "SELECT site, sensor, value FROM latest ORDER BY ALL"
    lifeline query plant/lifeline.yaml "FROM alert WHERE time > ago(INTERVAL 1 DAY)"
    lifeline query "SUMMARIZE series_1h" --format json

    Times are UTC; ago(INTERVAL …) is so long before now. --format arrow writes an Arrow stream.
    """
    from ..amounts import parse_duration
    from ..store.client import ask
    from ..store.limits import ANSWER_BYTES, ANSWER_ROWS

    if form not in _FORMATS:
        raise SpecError("unknown format", found=repr(form), expected=", ".join(_FORMATS))
    if len(words) > 2:
        raise SpecError("too many words", expected='lifeline query PLANT "SELECT …", SQL in quotes')
    try:
        allowed = parse_duration(timeout)
    except SpecError as error:
        raise SpecError(
            "not a duration", found=repr(timeout), expected="a duration such as 30s"
        ) from error
    plant = Path(words[0]) if len(words) == 2 else DEFAULT_CONFIG
    rows = limit if limit is not None else _TABLE_ROWS if form == "table" else ANSWER_ROWS
    size = ANSWER_BYTES if limit is None else 0
    answer = ask(
        store_directory(plant), words[-1], rows=rows, size=size, timeout_ns=max(1, allowed)
    )
    with answer:
        _print(answer, form)
    if answer.more:
        stderr().print(f"lifeline: these are the first {answer.rows:,} rows; --limit 0 for all")


def store_directory(plant: Path) -> Path:
    """The storage directory of a plant, given by its file or itself. Raises SpecError, LogError."""
    from .plant_files import data_directory, on_cluster

    if plant.is_dir() and not (plant / DEFAULT_CONFIG).is_file():
        return plant
    config = plant / DEFAULT_CONFIG if plant.is_dir() else plant
    if on_cluster(config):
        raise SpecError(
            "a cluster has no store of its own",
            where=str(config),
            expected="series in InfluxDB (lifeline sink influx)",
        )
    return data_directory(config, None)


def _print(answer: Answered, form: str) -> None:
    if form == "arrow":
        _arrow(answer)
    elif form == "csv":
        _csv(answer)
    elif form == "json":
        for row in _shown(answer):
            print_json(row)
    else:
        _table(answer)


def _shown(answer: Answered) -> Iterator[dict[str, Any]]:
    from ..store.export import shown_times

    for batch in answer:
        for row in shown_times(batch).to_pylist():
            yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """Whole decimals, as which the database counts sums of integers, are integers."""
    from decimal import Decimal

    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


def _arrow(answer: Answered) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sys.stdout.buffer, answer.schema) as stream:
        for batch in answer:
            stream.write_batch(batch)
    sys.stdout.buffer.flush()


def _csv(answer: Answered) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.schema.names)
    for row in _shown(answer):
        writer.writerow("" if value is None else value for value in row.values())
    sys.stdout.flush()


def _table(answer: Answered) -> None:
    """Columns as wide as what they hold; numbers stand right."""
    from rich.cells import cell_len

    rows = list(_shown(answer))
    names = answer.schema.names
    right = [_is_number(field.type) for field in answer.schema]
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    for line in [names, ["─" * width for width in widths], *cells]:
        parts = [
            " " * (width - cell_len(text)) + text
            if to_right
            else text + " " * (width - cell_len(text))
            for text, width, to_right in zip(line, widths, right, strict=True)
        ]
        sys.stdout.write("  ".join(parts).rstrip() + "\n")
    sys.stdout.flush()


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
    text = " ".join(text.split()) if "\n" in text else text
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )
