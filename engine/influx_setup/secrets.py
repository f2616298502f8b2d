"""Secrets of logins: made here, written to files that only their owner reads, never shown."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from ..errors import SpecError

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def new_secret() -> str:
    """A random password of 192 bits, without a character that InfluxQL or a shell minds."""
    return secrets.token_urlsafe(24)


def read_secret(file: Path) -> str | None:
    """What the file holds; None where there is none. Raises SpecError where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"the secret file cannot be read: {error}", found=str(file)) from error


def write_secret(file: Path, secret: str) -> None:
    """Writes it, with mode 0600, to a file that is not there yet.

    Raises SpecError where it is there, or its folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as out:
            out.write(secret + "\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise SpecError(f"the secret file cannot be written: {error}", found=str(file)) from error


def replace_secret(file: Path, secret: str) -> None:
    """The same over one that is there, all of it or nothing."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    write_secret(beside, secret)
    try:
        beside.replace(file)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SpecError(f"the secret file cannot be written: {error}", found=str(file)) from error


def others_read(file: Path) -> bool:
    """Whether anyone but the owner may do anything with it."""
    return bool(file.stat().st_mode & _OTHERS)
