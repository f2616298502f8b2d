"""Which InfluxDB answers: found by asking, since its owner may change it without telling us.

    /ping            X-Influxdb-Version and X-Influxdb-Build; 3.x says it in the body
    /health          `version`, where something between us and the server took the headers away
    /api/v2/setup    only 2.x has it: for builds that call their version "unknown"
    /api/v2/write    404 as plain text: there is no such way in (before 1.8); 404 as JSON is an
                     answer of the v2 API about the bucket

`/write` is in every version; 2.x and later keep it for senders of 1.x.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from .influx_wire import Reply, Wire

_NUMBERS: Final = re.compile(r"(\d+)\.(\d+)")
_CLOUD: Final = "influxdb-cloud"
#: Answers after which nothing is known about the server yet.
_NOT_NOW: Final = frozenset({401, 403, 408, 425, 429})


class Dialect(msgspec.Struct, frozen=True):
    """What a server is and can.

    name        influxdb-1, influxdb-2, influxdb-3 or influxdb-cloud
    version     as it says it, which may be "" or "unknown"
    writes_v2   whether `/api/v2/write` is there
    flux        whether it answers Flux; False where nobody asked (`asked(wire, flux=False)`)
    """

    name: str
    version: str
    writes_v2: bool
    flux: bool = False

    @property
    def text(self) -> str:
        """For a person."""
        return f"{self.name} {self.version}".strip()


@dataclass(frozen=True, slots=True)
class NoDialect:
    """The answer where nobody said what it is: down, busy, refusing us, or no InfluxDB at all."""

    reply: Reply


def asked(wire: Wire, *, flux: bool = False) -> Dialect | NoDialect:
    """Asks the server. Raises urllib3's HTTPError and OSError where nobody answers."""
    ping = wire.request("GET", "/ping")
    if _not_now(ping) or (ping.status >= 300 and ping.status != 404):
        return NoDialect(ping)
    version = _version(ping) or _version(wire.request("GET", "/health"))
    name = _name(wire, version, ping.headers.get("x-influxdb-build", ""))
    # A write of nothing to a bucket of no name: only whether there is such a way in.
    nothing = {"org": "-", "bucket": "", "precision": "ns"}
    write = wire.request("POST", "/api/v2/write", nothing, b"")
    if _not_now(write) and write.status not in (401, 403):
        return NoDialect(write)
    writes_v2 = write.status not in (404, 405) or write.body.lstrip()[:1] == b"{"
    return Dialect(name, version, writes_v2, flux and _answers_flux(wire, name))


def _not_now(reply: Reply) -> bool:
    return reply.status in _NOT_NOW or reply.status >= 500


class _Said(msgspec.Struct, frozen=True):
    version: str = ""


def _version(reply: Reply) -> str:
    stated = reply.headers.get("x-influxdb-version", "")
    if stated or reply.status >= 300:
        return stated.removeprefix("v")
    try:
        return msgspec.json.decode(reply.body, type=_Said).version.removeprefix("v")
    except msgspec.MsgspecError:
        return ""


def _name(wire: Wire, version: str, build: str) -> str:
    if build.lower() == "cloud":
        return _CLOUD
    if found := _NUMBERS.match(version):
        return f"influxdb-{found[1]}"
    return "influxdb-2" if wire.request("GET", "/api/v2/setup").status == 200 else "influxdb-1"


def _answers_flux(wire: Wire, name: str) -> bool:
    """2.x does. 1.x has it from 1.7 on, and switched off unless its owner wants it."""
    if name != "influxdb-1":
        return name in ("influxdb-2", _CLOUD)
    kind = {"Content-Type": "application/vnd.flux", "Accept": "application/csv"}
    reply = wire.request("POST", "/api/v2/query", None, b"buckets() |> limit(n: 1)", kind)
    return reply.status not in (403, 404, 405)
