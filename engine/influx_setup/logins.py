"""The two logins that a plant needs: one that only writes, one that only reads.

The plant's file names the one that the engine writes with; its secret lies in `password_file` or
`token_file`. The reader's (dashboards, replay) lies beside it, in a file of that name with `_read`
behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..outputs.influx_target import InfluxTarget
from .secrets import read_secret

Purpose = Literal["write", "read"]
READ_SUFFIX: Final = "_read"


@dataclass(frozen=True, slots=True)
class Login:
    """Who, for what, and where the secret lies.

    user    its name; "" for a token of 2.x, which has none
    pair    whether the file holds `user:password` instead of the secret alone
    variable  the environment variable that holds the secret; then there is no file
    """

    purpose: Purpose
    user: str
    file: Path | None
    pair: bool = False
    variable: str = ""

    def in_file(self, secret: str) -> str:
        """What the file holds for a secret."""
        return f"{self.user}:{secret}" if self.pair else secret

    def secret(self) -> str | None:
        """The secret in the file; None where there is none. Raises SpecError."""
        text = None if self.file is None else read_secret(self.file)
        if not text:
            return None
        return text.partition(":")[2] if self.pair else text


def logins_v1(target: InfluxTarget) -> tuple[Login, ...]:
    """Users of 1.x; none where the plant's file names no credential.

    With the keys of 2.x the token file holds `user:password`; who is in it stays who it is.
    """
    if target.username:
        if target.password_env:
            return (Login("write", target.username, None, variable=target.password_env),)
        if not target.password_file:
            return ()
        file = Path(target.password_file)
        return (
            Login("write", target.username, file),
            Login("read", target.username + READ_SUFFIX, beside(file)),
        )
    database = target.database_and_policy()[0]
    if target.token_env:
        return (Login("write", f"{database}_write", None, variable=target.token_env),)
    if not target.token_file:
        return ()
    file = Path(target.token_file)
    return (
        Login("write", _named(file) or f"{database}_write", file, pair=True),
        Login("read", _named(beside(file)) or f"{database}_read", beside(file), pair=True),
    )


def logins_v2(target: InfluxTarget) -> tuple[Login, ...]:
    """Tokens of 2.x; none where the plant's file names none."""
    if target.token_env:
        return (Login("write", "", None, variable=target.token_env),)
    if not target.token_file:
        return ()
    file = Path(target.token_file)
    return Login("write", "", file), Login("read", "", beside(file))


def beside(file: Path) -> Path:
    """Where the reader's secret lies."""
    return file.with_name(file.name + READ_SUFFIX)


def reading(target: InfluxTarget) -> InfluxTarget:
    """The same with the reader's login where its secret lies beside the writer's; else unchanged:
    a login of a person's own may do both."""
    named = target.password_file if target.username else target.token_file
    if not named or not beside(Path(named)).exists():
        return target
    secret = str(beside(Path(named)))
    if not target.username:
        return msgspec.structs.replace(target, token_file=secret)
    user = target.username + READ_SUFFIX
    return msgspec.structs.replace(target, username=user, password_file=secret)


def _named(file: Path) -> str:
    """The user in a file of `user:password`."""
    return (read_secret(file) or "").partition(":")[0]
