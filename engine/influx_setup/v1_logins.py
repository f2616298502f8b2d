"""Users of InfluxDB 1.x with the one privilege each needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import SinkError
from ..outputs.influx_server import InfluxServer
from ..outputs.influx_target import InfluxTarget
from .asking import authenticates, refused_login, rows
from .logins import Login, Purpose, logins_v1
from .sampling import identifier
from .secrets import new_secret, others_read, replace_secret, write_secret
from .steps import Step, step

_GRANT: Final[dict[Purpose, str]] = {"write": "WRITE", "read": "READ"}


class UsersV1:
    """Makes the plant's users on a server of 1.x, and says what they may."""

    def __init__(
        self,
        server: InfluxServer,
        target: InfluxTarget,
        database: str,
        *,
        act: bool,
        renew: bool,
    ) -> None:
        self._server = server
        self._target = target
        self._database = database
        self._act = act
        self._renew = renew

    def steps(self) -> Iterator[Step]:
        """Each user, its secret, its privilege. Raises SinkError, SpecError."""
        asks = authenticates(self._target)
        if not asks:
            yield step("note", "auth_off", url=self._target.url)
        logins = logins_v1(self._target)
        if not logins:
            yield step("note", "no_login")
            return
        users = {row["user"]: row["admin"] for row in rows(self._server, "SHOW USERS")}
        for login in logins:
            if login.file is None:
                yield step("note", "login_env", name=login.user, variable=login.variable)
                continue
            there = login.user in users
            yield from self._user(login, there, asks)
            if users.get(login.user):
                quoted = identifier(login.user)
                yield step("differs", "login_admin", name=login.user, quoted=quoted)
            else:
                yield from self._grant(login, there)

    def _user(self, login: Login, there: bool, asks: bool) -> Iterator[Step]:
        assert login.file is not None
        words = {"purpose": login.purpose, "name": login.user, "file": str(login.file)}
        secret = login.secret()
        if there and self._renew:
            self._give(login, "SET PASSWORD FOR {user} = {secret}", new_secret(), replace=True)
            yield step("changed", "login", **words)
        elif there and secret is None:
            yield step("differs", "login_unknown", name=login.user, file=str(login.file))
        elif there and secret is not None:
            yield (
                self._tried(login, secret, words)
                if asks
                else step("note", "login_untried", name=login.user, file=str(login.file))
            )
        else:
            self._give(login, "CREATE USER {user} WITH PASSWORD {secret}", secret)
            yield step("made", "login", **words)
        if login.file.exists() and others_read(login.file):
            yield step("differs", "mode", file=str(login.file))

    def _give(
        self, login: Login, statement: str, secret: str | None, *, replace: bool = False
    ) -> None:
        """Tells the server a secret that is in its file already: one that only the server knew
        would be lost with us."""
        if not self._act:
            return
        assert login.file is not None
        if secret is None or replace:
            secret = secret or new_secret()
            put = replace_secret if replace else write_secret
            put(login.file, login.in_file(secret))
        text = statement.format(user=identifier(login.user), secret=_literal(secret))
        self._server.influxql(text, post=True)

    def _tried(self, login: Login, secret: str, words: dict[str, str]) -> Step:
        """Whether the server takes this secret."""
        assert login.file is not None
        if login.pair:
            own = InfluxTarget(
                self._target.url, bucket=self._target.bucket, ca_file=self._target.ca_file,
                token_file=str(login.file),
            )  # fmt: skip
        else:
            own = InfluxTarget(
                self._target.url, ca_file=self._target.ca_file, database=self._database,
                username=login.user, password_file=str(login.file),
            )  # fmt: skip
        server = InfluxServer(own)
        try:
            server.influxql("SHOW DATABASES")
        except SinkError as error:
            if not refused_login(error):
                raise
            return step("differs", "login_refused", name=login.user, file=str(login.file))
        finally:
            server.close()
        return step("right", "login", **words)

    def _grant(self, login: Login, there: bool) -> Iterator[Step]:
        wanted = _GRANT[login.purpose]
        on, quoted = identifier(self._database), identifier(login.user)
        found = ""
        if there:
            granted = rows(self._server, f"SHOW GRANTS FOR {quoted}")
            privileges = {row["database"]: row["privilege"] for row in granted}
            found = privileges.get(self._database, "NO PRIVILEGES")
        words = {"name": login.user, "database": self._database, "wanted": wanted}
        if found == wanted:
            yield step("right", "grant", **words)
        elif found == "ALL PRIVILEGES":
            yield step("differs", "login_more", found=found, on=on, quoted=quoted, **words)
        else:
            if self._act:
                self._server.influxql(f"GRANT {wanted} ON {on} TO {quoted}", post=True)
            yield step(
                "changed" if there and found != "NO PRIVILEGES" else "made", "grant", **words
            )


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
