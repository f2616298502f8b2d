"""What the files of `lifeline fit` have in common: TOML with a format and a hash over everything else in it."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import msgspec

from ..errors import SpecError
from ..limits import MAX_PROFILE_BYTES
from .authored import AuthoredError


class Fitted(msgspec.Struct, frozen=True):
    """One such file; `FORMAT` names the form, `BY` the command that writes it."""

    FORMAT: ClassVar[str]
    BY: ClassVar[str]

    def hash(self) -> str:
        """32 hex digits over everything that was learned."""
        data = msgspec.json.encode([self.FORMAT, self], order="deterministic")
        return hashlib.blake2b(data, digest_size=16).hexdigest()


File = TypeVar("File", bound=Fitted)


def quoted(text: str) -> str:
    """A string of TOML, or a key."""
    return msgspec.json.encode(text).decode()


def read_fitted(
    path: Path, at: tuple[str, ...], kind: type[File], look: Callable[[File], None]
) -> File:
    """The file. Raises SpecError (at the key `at`) for anything else, for one that was changed after it
    was written, and what `look` raises of what is wrong in it."""
    try:
        if path.stat().st_size > MAX_PROFILE_BYTES:
            raise AuthoredError(at, "the learned file is too large", found=str(path.name))
        fitted = _decoded(path.read_bytes(), kind)
        look(fitted)
    except OSError as error:
        raise AuthoredError(
            at,
            "the learned file cannot be read",
            found=path.name,
            expected=f"a file of `{kind.BY}` beside this one",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise AuthoredError(
            at, f"not a file of `{kind.BY}`", found=f"{path.name}: {error}"
        ) from error
    except SpecError as error:
        raise AuthoredError.of(at, error) from error
    return fitted


def _decoded(data: bytes, kind: type[File]) -> File:
    found: dict[str, Any] = tomllib.loads(data.decode("utf-8"))
    if found.pop("format", None) != kind.FORMAT:
        raise SpecError(f"not a file of `{kind.BY}`", expected=f"format = {kind.FORMAT}")
    written = found.pop("hash", "")
    fitted = msgspec.convert(found, kind)
    if fitted.hash() != written:
        raise SpecError(
            "the learned file was changed after it was written",
            found=str(written),
            expected="what `lifeline fit` wrote; fit again",
        )
    return fitted
