"""InfluxDB 2.x: buckets with their retention, tasks, authorizations; by influxdb-client's API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from ..errors import SinkError, SpecError
from ..limits import SECOND_NS
from ..outputs.influx_http import import_client
from ..outputs.influx_target import InfluxTarget
from .limits import HOUR_SHARD_NS, LATE_NS, MINUTE_SHARD_NS
from .sampling import HOUR_SUFFIX, HOURS, MINUTE_SUFFIX, MINUTES, seconds, task, task_name
from .spans import FOREVER, Spans, span_text
from .steps import Step, step
from .v2_tokens import TokensV2, library

_PAGE = 100  # what the API gives at most in one answer
_TIMEOUT_MS = 30_000


class SetupV2:
    """Compares a server of 2.x with what is wanted, and makes the difference.

    A context manager; `admin` holds the operator's token.
    """

    def __init__(
        self,
        target: InfluxTarget,
        admin: InfluxTarget,
        spans: Spans,
        *,
        act: bool,
        shorten: bool,
        renew: bool,
    ) -> None:
        self._target = target
        self._admin = admin
        self._spans = spans
        self._act = act
        self._shorten = shorten
        self._renew = renew
        self._bucket = target.bucket or target.name
        self._client: Any = None
        self._org = ""

    def __enter__(self) -> Self:
        import_client()
        from influxdb_client.client.influxdb_client import InfluxDBClient

        self._client = InfluxDBClient(
            url=self._admin.url,
            token=self._admin.token(),
            org=self._target.org,
            timeout=_TIMEOUT_MS,
            ssl_ca_cert=self._admin.ca_file or None,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def steps(self) -> Iterator[Step]:
        """Each step as it is done. Raises SinkError where the server refuses."""
        with _told(self._admin.token()):
            if not self._admin.token() and self._fresh():
                yield step("cannot", "not_set_up", url=self._target.url)
                return
            self._org = self._organisation()
            if not self._org:
                yield step("cannot", "org", name=self._target.org)
                return
            ids: list[str | None] = []
            for place, name in enumerate(self._names()):
                made, found = self._keep(name, place)
                ids.append(found)
                yield made
            for stage in (MINUTES, HOURS):
                yield self._sample(stage)
            yield step("note", "late", late=span_text(LATE_NS))
            tokens = TokensV2(
                self._client, self._org, self._target, act=self._act, renew=self._renew
            )
            yield from tokens.steps(ids)

    def _names(self) -> tuple[str, str, str]:
        return self._bucket, self._bucket + MINUTE_SUFFIX, self._bucket + HOUR_SUFFIX

    def _fresh(self) -> bool:
        return bool(library().SetupService(self._client.api_client).get_setup().allowed)

    def _organisation(self) -> str:
        """The id; "" where there is none of this name."""
        if not self._target.org or self._target.org == "-":
            raise SpecError(
                "InfluxDB 2 needs an organisation", expected="outputs: {influx: {org: …}}"
            )
        name = self._target.org
        found = _found(lambda: self._client.organizations_api().find_organizations(org=name))
        return str(found[0].id) if found else ""

    # --- buckets ---------------------------------------------------------------------------------

    def _keep(self, name: str, place: int) -> tuple[Step, str | None]:
        """One bucket with its retention, and its id where it is there."""
        buckets = self._client.buckets_api()
        found = _found(lambda: buckets.find_buckets(name=name, org_id=self._org).buckets)
        kept = self._spans.or_default[place]
        given = (self._spans.raw, self._spans.minute, self._spans.hour)[place]
        if not found:
            made = None
            if self._act:
                rules = _rules(kept, (0, MINUTE_SHARD_NS, HOUR_SHARD_NS)[place])
                made = buckets.create_bucket(
                    bucket_name=name, org=self._target.org, retention_rules=rules
                ).id
            return step("made", "bucket", name=name, kept=span_text(kept)), made
        bucket = found[0]
        has = sum(rule.every_seconds for rule in bucket.retention_rules or ()) * SECOND_NS
        if given is None or given == has:
            return step("right", "bucket", name=name, kept=span_text(has)), bucket.id
        shorter = given != FOREVER and (has == FOREVER or given < has)
        if shorter and not self._shorten and self._holds(name):
            words = {"name": name, "found": span_text(has), "kept": span_text(given)}
            return step("differs", "kept_longer", **words), bucket.id
        if self._act:
            bucket.retention_rules = _rules(given, (0, MINUTE_SHARD_NS, HOUR_SHARD_NS)[place])
            buckets.update_bucket(bucket)
        return step("changed", "bucket", name=name, kept=span_text(given)), bucket.id

    def _holds(self, name: str) -> bool:
        """Whether there is anything that a shorter time would delete."""
        from .sampling import flux_string

        text = f"from(bucket: {flux_string(name)}) |> range(start: 0) |> limit(n: 1)"
        tables = self._client.query_api().query(text, org=self._org)
        return any(table.records for table in tables)

    # --- tasks -----------------------------------------------------------------------------------

    def _sample(self, stage: Any) -> Step:
        """One task, compared by its text."""
        tasks = self._client.tasks_api()
        name, wanted = task_name(stage, self._bucket), task(stage, self._bucket)
        found = tasks.find_tasks(name=name, org_id=self._org, limit=_PAGE)
        words = {
            "what": "task", "name": name,
            "every": seconds(stage.every), "back": seconds(stage.back),
        }  # fmt: skip
        if not found:
            if self._act:
                self._create_task(wanted)
            return step("made", "downsampling", **words)
        there = found[0]
        if there.flux.strip() == wanted.strip():
            if there.status == "active":
                return step("right", "downsampling", **words)
            return step("note", "task_off", name=name)  # somebody's decision
        if self._act:
            tasks.delete_task(there.id)
            self._create_task(wanted)
        return step("changed", "downsampling", **words)

    def _create_task(self, flux: str) -> None:
        request = library().TaskCreateRequest(org_id=self._org, flux=flux, status="active")
        self._client.tasks_api().create_task(task_create_request=request)


def _found(ask: Callable[[], Any]) -> list[Any]:
    """What is there; to ask for a name that is not there is answered with 404."""
    from influxdb_client.rest import ApiException

    try:
        return list(ask() or ())
    except ApiException as error:
        if error.status == 404:
            return []
        raise


def _rules(kept: int, shard: int) -> list[Any]:
    """Retention as the API takes it; none for ever."""
    if kept == FOREVER:
        return []
    shard_s = min(shard, kept) // SECOND_NS or None
    return [
        library().BucketRetentionRules(
            type="expire", every_seconds=kept // SECOND_NS, shard_group_duration_seconds=shard_s
        )
    ]


@contextmanager
def _told(token: str) -> Iterator[None]:
    """The client's errors as SinkError in the server's words, without the token."""
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError

    from ..outputs.influx_wire import message_of

    try:
        yield
    except ApiException as error:
        words = message_of(error.body or "") or str(error.reason)
        if token:
            words = words.replace(token, "***")
        permanent = 400 <= (error.status or 0) < 500
        raise SinkError(f"{error.status}: {words}", permanent=permanent) from error
    except (HTTPError, OSError) as error:
        raise SinkError(f"InfluxDB does not answer: {type(error).__name__}: {error}") from error
