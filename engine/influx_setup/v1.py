"""InfluxDB 1.x: database, retention policies, continuous queries, users; asked by InfluxQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..errors import SpecError
from ..outputs.influx_server import InfluxServer
from ..outputs.influx_target import InfluxTarget
from .asking import as_rows, rows
from .limits import HOUR_SHARD_NS, LATE_NS, MINUTE_SHARD_NS
from .sampling import (
    HOUR_POLICY,
    HOURS,
    MINUTE_POLICY,
    MINUTES,
    continuous_query,
    identifier,
    seconds,
)
from .spans import FOREVER, Spans, parse_go_duration, span_text
from .steps import Step, step
from .v1_logins import UsersV1

_FIRST_POLICY: Final = "autogen"  # what CREATE DATABASE makes by itself


@dataclass(frozen=True, slots=True)
class _Policy:
    name: str
    kept: int
    default: bool


class SetupV1:
    """Compares a server of 1.x with what is wanted, and makes the difference.

    server   asked as an administrator
    act      False: nothing is changed, and the steps say what would be
    """

    def __init__(
        self,
        server: InfluxServer,
        target: InfluxTarget,
        spans: Spans,
        *,
        act: bool,
        shorten: bool,
        renew: bool,
    ) -> None:
        self._server = server
        self._target = target
        self._spans = spans
        self._act = act
        self._shorten = shorten
        self._renew = renew
        self._database, self._policy = target.database_and_policy()
        if not self._database:
            raise SpecError(
                "the plant's file names no database", expected="outputs: {influx: {database: …}}"
            )

    def steps(self) -> Iterator[Step]:
        """Each step as it is done. Raises SinkError where the server refuses."""
        new = self._database not in self._names("SHOW DATABASES")
        yield from self._make_database(new)
        policies = {} if new else self._policies()
        raw = self._raw_name(policies)
        yield from self._keep(raw, self._spans.raw, 0, policies, made=new)
        yield from self._keep(MINUTE_POLICY, self._spans.minute, 1, policies)
        yield from self._keep(HOUR_POLICY, self._spans.hour, 2, policies)
        yield from self._sample(raw, new)
        yield step("note", "late", late=span_text(LATE_NS))
        yield from UsersV1(
            self._server, self._target, self._database, act=self._act, renew=self._renew
        ).steps()

    # --- database and retention ------------------------------------------------------------------

    def _make_database(self, new: bool) -> Iterator[Step]:
        if new:
            kept = _duration(self._spans.or_default[0])
            name = identifier(self._policy or _FIRST_POLICY)
            self._do(
                f"CREATE DATABASE {identifier(self._database)} "
                f"WITH DURATION {kept} REPLICATION 1 NAME {name}"
            )
        yield step("made" if new else "right", "database", name=self._database)

    def _policies(self) -> dict[str, _Policy]:
        statement = f"SHOW RETENTION POLICIES ON {identifier(self._database)}"
        return {
            r["name"]: _Policy(r["name"], parse_go_duration(r["duration"]), r["default"])
            for r in rows(self._server, statement)
        }

    def _raw_name(self, policies: dict[str, _Policy]) -> str:
        """The policy of the samples: the one that is named, else the database's default."""
        default = next((p.name for p in policies.values() if p.default), _FIRST_POLICY)
        return self._policy or default

    def _keep(
        self,
        name: str,
        given: int | None,
        place: int,
        policies: dict[str, _Policy],
        *,
        made: bool = False,
    ) -> Iterator[Step]:
        """One policy. `given` None: what is there may stay as it is."""
        kept = self._spans.or_default[place]
        full = f"{self._database}.{name}"
        found = policies.get(name)
        on = f"{identifier(name)} ON {identifier(self._database)}"
        if found is None:
            if not made:
                shard = (0, MINUTE_SHARD_NS, HOUR_SHARD_NS)[place]
                if kept != FOREVER:
                    shard = min(shard, kept)
                self._do(
                    f"CREATE RETENTION POLICY {on} DURATION {_duration(kept)} REPLICATION 1"
                    + (f" SHARD DURATION {seconds(shard)}" if shard else "")
                )
            yield step("made", "policy", name=full, kept=span_text(kept))
        elif given is None or given == found.kept:
            yield step("right", "policy", name=full, kept=span_text(found.kept))
        elif _shorter(given, found.kept) and not self._shorten and self._holds(name):
            yield step(
                "differs", "kept_longer",
                name=full, found=span_text(found.kept), kept=span_text(given),
            )  # fmt: skip
        else:
            # A policy of 1.x may keep nothing for less time than one of its shards spans.
            shard = (0, MINUTE_SHARD_NS, HOUR_SHARD_NS)[place]
            fits = f" SHARD DURATION {seconds(min(shard, given))}" if shard and given else ""
            self._do(f"ALTER RETENTION POLICY {on} DURATION {_duration(given)}{fits}")
            yield step("changed", "policy", name=full, kept=span_text(given))

    def _holds(self, policy: str) -> bool:
        """Whether there is anything that a shorter time would delete."""
        at = f"{identifier(self._database)}.{identifier(policy)}"
        statement = f"SELECT * FROM {at}./.*/ LIMIT 1"  # noqa: S608  quoted by `identifier`
        return bool(self._server.influxql(statement))

    # --- down-sampling ---------------------------------------------------------------------------

    def _sample(self, raw: str, new: bool) -> Iterator[Step]:
        found = {} if new else self._queries()
        for stage in (MINUTES, HOURS):
            name = f"lifeline_{stage.name}"
            wanted = continuous_query(stage, self._database, raw)
            words = {
                "what": "continuous query", "name": name,
                "every": seconds(stage.every), "back": seconds(stage.back),
            }  # fmt: skip
            if name not in found:
                self._do(wanted)
                yield step("made", "downsampling", **words)
            elif _plain(found[name]) == _plain(wanted):
                yield step("right", "downsampling", **words)
            else:
                on = identifier(self._database)
                self._do(f"DROP CONTINUOUS QUERY {identifier(name)} ON {on}")
                self._do(wanted)
                yield step("changed", "downsampling", **words)

    def _queries(self) -> dict[str, str]:
        for series in self._server.influxql("SHOW CONTINUOUS QUERIES"):
            if series.get("name") == self._database:
                return {row["name"]: row["query"] for row in as_rows(series)}
        return {}

    # --- asking ----------------------------------------------------------------------------------

    def _do(self, statement: str) -> None:
        if self._act:
            self._server.influxql(statement, post=True)

    def _names(self, statement: str) -> set[str]:
        return {row["name"] for row in rows(self._server, statement)}


def _duration(ns: int) -> str:
    return "INF" if ns == FOREVER else seconds(ns)


def _shorter(given: int, found: int) -> bool:
    return given != FOREVER and (found == FOREVER or given < found)


def _plain(query: str) -> str:
    """A statement without what the server writes differently: quotes and blanks."""
    return re.sub(r'[\s"]+', " ", query.replace('"', "")).strip()
