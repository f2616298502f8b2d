"""Where InfluxDB is, and how to log in there. Secrets are read when a connection is made."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..errors import SpecError

if TYPE_CHECKING:
    from ..config import InfluxSpec


class InfluxTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """A bucket of InfluxDB 2 (`org`, `bucket`, a token) or a database of 1.x (`database`,
    `retention_policy`, a login); which of its ways in a server has is found by asking it.

    Before a server of 1.x a bucket is read as `database/retention policy` and a token as
    `user:password`; before one with the v2 API a database is a bucket of that name.
    """

    url: str
    org: str = "-"
    bucket: str = ""
    token_file: str = ""
    token_env: str = ""
    ca_file: str = ""
    database: str = ""
    retention_policy: str = ""
    username: str = ""
    password_file: str = ""
    password_env: str = ""

    @classmethod
    def of(cls, spec: InfluxSpec) -> InfluxTarget:
        """The target that a configuration names."""
        return cls(**{name: getattr(spec, name) for name in cls.__struct_fields__})

    @property
    def name(self) -> str:
        """What a person calls it: the bucket, or `database` or `database/policy`."""
        if not self.database:
            return self.bucket
        return f"{self.database}/{self.retention_policy}".rstrip("/")

    def database_and_policy(self) -> tuple[str, str]:
        """What `/write` and InfluxQL want; the policy "" is the database's default."""
        if self.database:
            return self.database, self.retention_policy
        database, _, policy = self.bucket.partition("/")
        return database, policy

    def token(self) -> str:
        """The token, or `user:password`; "" where none is named.

        Raises SpecError where it cannot be read.
        """
        if self.username:
            password = _secret("password", self.password_file, self.password_env)
            return f"{self.username}:{password}"
        return _secret("token", self.token_file, self.token_env)


def authorization(token: str) -> dict[str, str]:
    """The header that every server of InfluxDB understands: 1.x before 1.8 knows no `Token`, and
    a token of 2.x has no colon."""
    if not token:
        return {}
    if ":" in token:
        return {"Authorization": "Basic " + base64.b64encode(token.encode()).decode()}
    return {"Authorization": f"Token {token}"}


def secrets_of(token: str) -> tuple[str, ...]:
    """What must not stand in any message: the token, its password, the header made of it."""
    _, _, password = token.partition(":")
    header = authorization(token).get("Authorization", "").rpartition(" ")[2]
    return tuple(each for each in (token, header, password) if each)


def _secret(what: str, file: str, variable: str) -> str:
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(
                f"the {what} file of InfluxDB cannot be read: {error}", found=file
            ) from error
    if not variable:
        return ""
    if variable not in os.environ:
        raise SpecError(
            f"the environment variable with InfluxDB's {what} is not set", found=variable
        )
    return os.environ[variable]
