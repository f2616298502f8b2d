"""What the exit codes of `lifeline` mean; docs/commands.md has the same table."""

from __future__ import annotations

from enum import IntEnum

from ..errors import (
    EntryError,
    InvariantError,
    LifelineError,
    LogError,
    PayloadError,
    SinkError,
    SpecError,
)


class ExitCode(IntEnum):
    """Stable: scripts rely on them."""

    OK = 0
    FOUND = 1  # problems found, digests that differ, samples lost, a command refused
    USAGE = 2  # the command line itself is wrong
    UNREACHABLE = 3  # the engine, a broker or a server does not answer
    STORAGE = 4  # the log cannot be opened, read, written or trusted
    INTERNAL = 70  # a claim of the design does not hold: report it
    INTERRUPTED = 130  # Ctrl-C


def code_of(error: LifelineError) -> ExitCode:
    """The exit code that an error ends the process with."""
    match error:
        case SpecError() | PayloadError():
            return ExitCode.FOUND
        case SinkError():
            return ExitCode.UNREACHABLE
        case LogError() | EntryError():
            return ExitCode.STORAGE
        case InvariantError():
            return ExitCode.INTERNAL
        case _:  # an embedded server that does not come up
            return ExitCode.UNREACHABLE


TABLE: tuple[tuple[ExitCode, str], ...] = (
    (ExitCode.OK, "done; nothing was found"),
    (ExitCode.FOUND, "problems found, digests differ, samples lost, or refused"),
    (ExitCode.USAGE, "the command line is wrong"),
    (ExitCode.UNREACHABLE, "the engine, a broker or a server does not answer"),
    (ExitCode.STORAGE, "the log cannot be opened, read, written or trusted"),
    (
        ExitCode.INTERNAL,
        "a fault of Lifeline: please report it; or a worker ended by itself and says why",
    ),
    (ExitCode.INTERRUPTED, "interrupted"),
)
