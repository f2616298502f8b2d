"""Tokens of InfluxDB 2.x: one that may only write the plant's bucket, one that may only read it and
what is made of it. A token is known by its description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..outputs.influx_target import InfluxTarget
from .logins import Login, Purpose, logins_v2
from .secrets import others_read, replace_secret, write_secret
from .steps import Step, step


def library() -> Any:
    """influxdb-client, which has no types of its own."""
    import influxdb_client

    return influxdb_client


class TokensV2:
    """Makes the plant's tokens. `client` is the administrator's."""

    def __init__(
        self, client: Any, org: str, target: InfluxTarget, *, act: bool, renew: bool
    ) -> None:
        self._client = client
        self._org = org
        self._target = target
        self._act = act
        self._renew = renew

    def steps(self, buckets: Sequence[str | None]) -> Iterator[Step]:
        """Each token and its file; `buckets` are the ids of samples, minutes and hours."""
        logins = logins_v2(self._target)
        if not logins:
            yield step("note", "no_login")
            return
        api = self._client.authorizations_api()
        there = {
            each.description: each
            for each in api.find_authorizations(org_id=self._org)
            if each.status == "active"
        }
        for login in logins:
            name = self._name(login.purpose)
            if login.file is None:
                yield step("note", "login_env", name=name, variable=login.variable)
                continue
            wanted = buckets[:1] if login.purpose == "write" else buckets
            yield from self._token(login, name, there.get(name), wanted)
            if login.file.exists() and others_read(login.file):
                yield step("differs", "mode", file=str(login.file))

    def _name(self, purpose: Purpose) -> str:
        return f"lifeline {purpose} {self._target.bucket or self._target.name}"

    def _token(
        self, login: Login, name: str, found: Any, buckets: Sequence[str | None]
    ) -> Iterator[Step]:
        assert login.file is not None
        words = {"purpose": login.purpose, "name": name, "file": str(login.file)}
        secret = login.secret()
        if found is not None and not self._renew:
            if secret is None:
                yield step("differs", "login_unknown", name=name, file=str(login.file))
            elif not self._takes(secret):
                yield step("differs", "login_refused", name=name, file=str(login.file))
            else:
                yield step("right", "login", **words)
            return
        if found is None and secret is not None and not self._renew:
            # Somebody's own token: it may do what it may do, and nobody else's is taken away.
            takes = self._takes(secret)
            yield step(
                "right" if takes else "differs", "login" if takes else "login_refused", **words
            )
            return
        if self._act:
            made = self._create(name, login.purpose, [b for b in buckets if b])
            put = write_secret if secret is None else replace_secret
            put(login.file, made.token)
            if found is not None:
                self._client.authorizations_api().delete_authorization(found)
        yield step("changed" if found is not None else "made", "login", **words)

    def _create(self, name: str, purpose: Purpose, buckets: Sequence[str]) -> Any:
        api = library()
        permissions = [
            api.Permission(
                action=purpose,
                resource=api.PermissionResource(type="buckets", id=bucket, org_id=self._org),
            )
            for bucket in buckets
        ]
        request = api.Authorization(org_id=self._org, permissions=permissions, description=name)
        return self._client.authorizations_api().create_authorization(authorization=request)

    def _takes(self, secret: str) -> bool:
        """Whether the server knows the token, asked for what every token may see: nothing of
        buckets that are not its own."""
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.rest import ApiException

        with InfluxDBClient(
            url=self._target.url,
            token=secret,
            org=self._target.org,
            ssl_ca_cert=self._target.ca_file or None,
        ) as client:
            try:
                client.buckets_api().find_buckets(limit=1)
            except ApiException as error:
                if error.status == 401:
                    return False
                if error.status not in (403, 404):
                    raise
        return True
