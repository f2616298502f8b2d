"""The terminal: results on stdout, everything else on stderr, colours only where they are seen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from ..outputs.text import Language

STYLES: Final = {
    "normal": "green",
    "blue": "bright_blue",
    "yellow": "yellow",
    "orange": "dark_orange",
    "red": "bold white on red",  # 16 colours have no orange: it falls to bright red
}
LANGUAGE_VARIABLES: Final = ("LIFELINE_LANG", "LC_ALL", "LC_MESSAGES", "LANG")

LangOption = Annotated[
    str,
    typer.Option(
        "--lang", metavar="en|zh", help="Language of alarm texts [default: LANG decides]."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs instead of text.")]


def language(wanted: str = "") -> Language:
    """The language of a person: `wanted`, else what the environment says. Raises SpecError."""
    if wanted in ("en", "zh"):
        return wanted  # type: ignore[return-value]  # the comparison has narrowed it
    if wanted:
        raise SpecError("unknown language", found=repr(wanted), expected="en or zh")
    said = next((os.environ[name] for name in LANGUAGE_VARIABLES if os.environ.get(name)), "")
    return "zh" if said.lower().startswith("zh") else "en"


def stdout() -> Console:
    """Where results go. Without a terminal there are no control characters and no line breaks
    other than ours."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False, markup=False, emoji=False)


def stderr() -> Console:
    """Where progress and remarks go."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


@contextmanager
def progress(title: str, total: float | None, shown: bool | None = None) -> Iterator[Progressed]:
    """A bar on stderr while the block runs; gives a function that is told how much is done.

    `shown` None: only on a terminal. Shown without a terminal, it writes a line every tenth.
    """
    console = stderr()
    if shown is None:
        shown = console.is_terminal
    if not shown:
        yield lambda done: None
    elif not console.is_terminal:
        yield _tenths(console, title, total)
    else:
        from rich import progress as rich_progress

        bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.TaskProgressColumn(),
            rich_progress.TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        task = bar.add_task(title, total=total)
        with bar:
            yield lambda done: bar.update(task, completed=done)


Progressed = Callable[[float], Any]


def _tenths(console: Console, title: str, total: float | None) -> Progressed:
    said = -1

    def tell(done: float) -> None:
        nonlocal said
        tenth = int(10 * done / total) if total else 0
        if tenth > said:
            said = tenth
            console.print(f"{title}: {10 * tenth} %")

    return tell


def print_json(document: Any) -> None:
    """One JSON document on one line of stdout."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
    sys.stdout.flush()


def print_raw(data: bytes) -> None:
    """One line of JSON that is encoded already."""
    sys.stdout.write(data.decode() + "\n")
    sys.stdout.flush()
