"""What a roster compiles to: who is called, and how each is reached."""

from __future__ import annotations

from dataclasses import dataclass

from ..calls.configuration import CallConfiguration
from ..calls.limits import LINK_NS


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One way to reach a person. The URL of `url_file` or `url_env` is read when it is used."""

    name: str
    url: str = ""
    url_file: str = ""
    url_env: str = ""


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is reached, and when somebody last tried ("": nobody did). `where` the roster
    says so."""

    id: str
    name: str
    roles: tuple[str, ...]
    channels: tuple[ChannelSpec, ...]
    verified: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """Where links are answered, and what persons reach that by. `key_file` "": beside the log."""

    host: str = "127.0.0.1"
    port: int = 9480
    url: str = ""
    key_file: str = ""
    expires_ns: int = LINK_NS


@dataclass(frozen=True, slots=True)
class CallSpec:
    """Whom alarms call. `where` is the roster's place of each chain, by `<site>` or `area:<path>`."""

    configuration: CallConfiguration
    contacts: tuple[Contact, ...]
    links: LinkSpec | None
    roster: str
    where: tuple[tuple[str, str], ...] = ()
