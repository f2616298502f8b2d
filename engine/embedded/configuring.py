"""Configurations on their way into the log.

The log alone says which configuration is in force; what the files say becomes true by an entry.
"""

from __future__ import annotations

from ..config import Plant
from ..configuration import Configuration, continued
from ..entry import Entry, Header, encode
from ..errors import SpecError
from ..log import ConfigurationFiles, LogStore
from ..planning import compile_plan
from ..stages.appending import append_and_wait

PRODUCER = "configuration"


def next_configuration(
    in_force: Configuration | None, wanted: Configuration
) -> Configuration | None:
    """`wanted` with the indices of what is in force; None where that says the same already.

    Raises SpecError for what the core could not run: an entry that cannot be stepped would stop
    the engine for good.
    """
    following = continued(in_force, wanted)
    if in_force is not None and following.encode() == in_force.encode():
        return None
    compile_plan(following, following.version())
    return following


def append_configuration(
    store: LogStore, files: ConfigurationFiles, configuration: Configuration, now: int
) -> int:
    """Logs it durably; returns the position. Raises LogError, also where the disk takes too long."""
    files.keep(configuration)
    header = Header(producer=PRODUCER, received=now, registry=configuration.version())
    return append_and_wait(store, encode(Entry(header, configuration)))


def refuse_move(before: Plant, wanted: Plant, *, with_areas: bool) -> None:
    """Raises SpecError for what a running engine cannot become. `with_areas`: it has that stage."""
    for what in ("node", "storage", "monitoring"):
        was, is_wanted = getattr(before, what), getattr(wanted, what)
        if was != is_wanted:
            raise SpecError(
                f"{what} changes only with a restart", found=str(is_wanted), expected=str(was)
            )
    if wanted.areas.areas and not with_areas:
        raise SpecError("the first area comes only with a restart", expected="no areas")
    if (before.calls is None) != (wanted.calls is None):
        raise SpecError("the section 'calls' comes and goes only with a restart")
