"""One set-up, whichever InfluxDB answers."""

from __future__ import annotations

from collections.abc import Iterator

from ..outputs.influx_server import InfluxServer
from ..outputs.influx_target import InfluxTarget
from .asking import V1, V2
from .spans import Spans
from .steps import Step, step


def initialise(
    target: InfluxTarget,
    admin: InfluxTarget,
    spans: Spans,
    *,
    act: bool = True,
    shorten: bool = False,
    renew: bool = False,
) -> Iterator[Step]:
    """Makes what `target` names, step by step, as the administrator of `admin` (the same place).

    act      False: nothing is changed, the steps say what would be
    shorten  whether a retention may become shorter where that deletes data
    renew    whether logins that are there get new secrets

    Raises SinkError with the server's words where it does not answer or refuses, SpecError for
    files that cannot be read or written. What was done until then stays, and is found next time.
    """
    server = InfluxServer(admin)
    try:
        dialect = server.dialect()
        yield step("right", "server", name=dialect.text, url=target.url)
        if dialect.name == V1:
            from .v1 import SetupV1

            first = SetupV1(server, target, spans, act=act, shorten=shorten, renew=renew)
            yield from first.steps()
        elif dialect.name in V2:
            from .v2 import SetupV2

            with SetupV2(target, admin, spans, act=act, shorten=shorten, renew=renew) as second:
                yield from second.steps()
        else:
            yield step("cannot", "v3", name=dialect.text, todo=_V3)
    finally:
        server.close()


_V3 = "influxdb3 create database --retention-period 30d NAME; influxdb3 create token"
