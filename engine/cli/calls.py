"""`lifeline calls`: who is called for what, and who answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import LogError
from .console import STYLES, JsonOption, LangOption, language, print_json, stdout
from .plant_files import DEFAULT_CONFIG, ConfigOption, DataOption, call_directory, places

if TYPE_CHECKING:
    from pathlib import Path

    from rich.text import Text

    from ..calls.listing import Listed
    from ..outputs.ports import Place
    from ..record import Record

_PAGE: Final = 10_000
_WORDS: Final = {
    "open": "等待应答", "answered": "已应答", "exhausted": "无人应答", "ended": "已结束",
    "shed": "未呼叫", "reported": "演练结束",
}  # fmt: skip
_STATE_STYLES: Final = {"open": "yellow", "exhausted": "bold red", "answered": "green"}


def calls(
    last: Annotated[
        int, typer.Option(min=0, metavar="N", help="The last N calls too, whatever became of them.")
    ] = 10,
    site: Annotated[list[str] | None, typer.Option(help="Only this site; may be repeated.")] = None,
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Who is called, and who answered.

    Prints the open calls first, then the last ones: level, alarm, whom it called, by when an answer
    is due, who answered and after how long. Exercises are marked. Reads the data directory, beside
    a running engine or without one; changes nothing.

    \b
    lifeline calls                        # open ones, and the last ten
    lifeline calls --last 0               # only open ones
    lifeline calls --site gas-east --json | jq -r '.[].answered'

    To answer: the link in the message, or lifeline ack ALARM.
    """
    from ..calls.listing import listed

    found = listed(call_records(call_directory(config, data)))
    if site:
        found = [call for call in found if call.site in site]
    opened = [call for call in found if call.is_open]
    others = [call for call in found if not call.is_open]
    shown = [*opened, *reversed(others[-last:] if last else [])]
    if as_json:
        print_json(shown)
        return
    speech = language(lang)
    console, known = stdout(), places(config)
    for call in shown:
        console.print(line(call, speech, known))
    if not opened:
        console.print(
            "没有等待应答的呼叫。" if speech == "zh" else "No call is open.", style="green"
        )


def call_records(directory: Path) -> list[Record]:
    """Every call record that is kept, in order. Raises LogError where there is no call log."""
    from ..embedded import DataDirectory
    from ..log import LogReader
    from ..record import decode_record

    folder = DataDirectory(directory).calls
    if not folder.is_dir():
        raise LogError(f"{directory} has no call log: lifeline.yaml names no roster ('calls:')")
    reader, after = LogReader.open(folder), 0
    found: list[Record] = []
    try:
        while rows := reader.records(after, _PAGE):
            found += [decode_record(row.data) for row in rows]
            after = rows[-1].number
    finally:
        reader.close()
    return found


def line(call: Listed, speech: str, known: Mapping[str, Place]) -> Text:
    """One call for a person."""
    from rich.text import Text

    from ..outputs.times import zone
    from .format import clock_time, level_label

    place = known.get(call.site)
    where = zone(place.zone) if place else None
    zh = speech == "zh"
    text = Text()
    text.append(clock_time(call.began, where, date=True), style="dim")
    text.append("  ")
    text.append(level_label(call.level), style=STYLES[call.level])
    text.append("  ")
    if call.exercise:
        text.append("【演练】 " if zh else "EXERCISE ", style="bold")
    state = _WORDS[call.state] if zh else call.state
    text.append(f"[{state}] ", style=_STATE_STYLES.get(call.state, "dim"))
    text.append(f"{call.site}/{call.alarm}  ", style="bold")
    if call.is_open and call.asked:
        by = clock_time(call.answer_by, where) if call.answer_by else ""
        text.append(f"→ {', '.join(call.asked)} {('≤ ' + by) if by else ''}  ")
    for who, after in call.answered.items():
        text.append(f"✓ {who} {after} s  ", style="green")
    for who in call.overdue:
        text.append(f"… {who}  ", style="yellow")
    for who, why in call.failed.items():
        text.append(f"✗ {who} ({why})  ", style="red")
    return text
