"""`--monitor`: where one of several processes with one file serves its checks and figures."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SpecError

if TYPE_CHECKING:
    from ..config import Plant

MonitorOption = Annotated[
    str,
    typer.Option(
        "--monitor",
        envvar="LIFELINE_MONITOR",
        metavar="[HOST:]PORT",
        help="Serve /livez, /readyz and /metrics there, whatever the file says; off: nowhere.",
    ),
]
_LOOPBACK = "127.0.0.1"


def monitored(plant: Plant, monitor: str) -> Plant:
    """The plant with what `--monitor` says in place of its section `monitoring`; "" changes
    nothing. Raises SpecError for what is no address.

    >>> address("9465"), address("0.0.0.0:9465"), address("[::1]:9465"), address("off")
    (('127.0.0.1', 9465), ('0.0.0.0', 9465), ('::1', 9465), None)
    """
    if not monitor:
        return plant
    from ..config import MonitoringSpec

    found = address(monitor)
    return replace(plant, monitoring=None if found is None else MonitoringSpec(*found))


def address(text: str) -> tuple[str, int] | None:
    """Host and port of `[HOST:]PORT`; None for `off`. Raises SpecError."""
    if text == "off":
        return None
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
        raise SpecError(
            "--monitor is no address", found=repr(text), expected="a port, HOST:PORT, or off"
        )
    return host.removeprefix("[").removesuffix("]") or _LOOPBACK, int(port)
