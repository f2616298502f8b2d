"""Mosquitto's three files, made from who may do what: passwords, access rules, settings.

    publishers   (gateways)    write their own topics, nothing else
    engine                     reads the publishers' topics and commands, writes the outputs
    regulators                 read records, alerts, states of their areas, and health
    operators                  read their sites and command them, only under their own name

A topic that is not granted is refused. The broker is the only one who knows who publishes: MQTT
does not pass it on, so `<user>` in a command topic can be believed only because of these rules.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ..errors import SpecError
from ..limits import MQTT_MAX_PACKET_BYTES, MQTT_RECEIVE_WINDOW
from . import topics
from .passwords import check_user, completed, password_file, read_password_file

PASSWORDS: Final = "passwords"
RULES: Final = "acl"
SETTINGS: Final = "mosquitto.conf"
_DEEPER: Final = {
    **{"record": "", "alert": "/+/+", "state": "/+", "cap": ""},
    **{f"{topics.DRILL}alert": "/+/+", f"{topics.DRILL}state": "/+"},
    **{"notice": "", f"{topics.DRILL}notice": ""},
}
_READ_BY_AREA: Final = (*_DEEPER,)
_SESSION_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class AclSpec:
    """Who may do what, as plain data.

    engine      the login of the engine; one name for all of its connections
    publishers  user → topic filters that it may publish on (`city-gas/east/#`)
    regulators  user → area paths, whole or a beginning (`hefei`, `hefei/shushan/east`)
    operators   user → ids of sites (`area:<path>` for an area) that it may command
    One user may be both a regulator and an operator.
    """

    engine: str = "lifeline"
    publishers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    regulators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    operators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def users(self) -> tuple[str, ...]:
        """Every login, sorted. Raises SpecError for a name that cannot be one."""
        names = {self.engine, *self.publishers, *self.regulators, *self.operators}
        return tuple(sorted(check_user(name) for name in names))


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the broker listens. Only the loopback unless told otherwise.

    With `cert_file` and `key_file` it speaks TLS; `ca_file` asks clients for certificates too.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    cert_file: str = ""
    key_file: str = ""
    ca_file: str = ""


def access_rules(spec: AclSpec) -> str:
    """The ACL file. Raises SpecError for a user, filter or area that cannot stand in it."""
    spec.users()
    if spec.engine in {*spec.publishers, *spec.regulators, *spec.operators}:
        raise SpecError(
            "the engine's login must be its own", found=repr(spec.engine), expected="another name"
        )
    rights: dict[str, dict[str, None]] = {user: {} for user in spec.users()}

    def grant(user: str, how: str, *filters: str) -> None:
        rights[user].update(dict.fromkeys(f"topic {how} {_filter(each)}" for each in filters))

    _grant_engine(spec, rights[spec.engine])
    for user, filters in spec.publishers.items():
        grant(user, "write", *(_publishable(each) for each in filters))
    for user, areas in spec.regulators.items():
        grant(user, "read", *(each for area in areas for each in _area_filters(area)))
        grant(user, "read", f"{topics.ROOT}/health/+")
    for user, sites in spec.operators.items():
        grant(user, "read", *(each for site in sites for each in _site_filters(site)))
        grant(user, "write", *(topics.command(site, user) for site in sites))
        grant(user, "read", *(topics.reply(site, user) for site in sites))
        grant(user, "read", f"{topics.ROOT}/health/+")
    blocks = ["\n".join((f"user {user}", *rules)) for user, rules in rights.items()]
    return "# Written by `lifeline acl`; what is not granted is refused.\n" + "".join(
        f"\n{block}\n" for block in blocks
    )


def _grant_engine(spec: AclSpec, rights: dict[str, None]) -> None:
    own = f"{topics.ROOT}/"
    written = [f"{own}{kind}/#" for kind in (*_READ_BY_AREA, "health")]
    # Its own retained states are read back and compared; $SYS tells what the broker dropped.
    read = [topics.COMMANDS, topics.STATES, topics.DRILL_STATES, "$SYS/#"]
    read += [each for filters in spec.publishers.values() for each in filters]
    rules = [f"topic write {each}" for each in (*written, f"{topics.COMMANDS}/reply")]
    rights.update(dict.fromkeys([*rules, *(f"topic read {_filter(each)}" for each in read)]))


def _area_filters(area: str) -> list[str]:
    """Everything below an area path of one to three levels."""
    levels = area.split("/")
    if not 1 <= len(levels) <= topics.AREA_DEPTH or not all(levels):
        raise SpecError(
            "not an area path", found=repr(area), expected="city, city/district or …/street"
        )
    names = [topics.segment(level) for level in levels]
    names += ["+"] * (topics.AREA_DEPTH - len(names))
    path = "/".join(names)
    return [f"{topics.ROOT}/{kind}/{path}/+{_DEEPER[kind]}" for kind in _READ_BY_AREA]


def _site_filters(site: str) -> list[str]:
    """Everything about one site, wherever it lies; of an area (`area:<path>`) its own alarms."""
    if site.startswith(topics.AREA_SITE):
        path = topics.area_levels(site.removeprefix(topics.AREA_SITE))
        own = f"{path}/{topics.EMPTY}"
        return [f"{topics.ROOT}/{kind}/{own}{_DEEPER[kind]}" for kind in _READ_BY_AREA]
    name = topics.segment(site)
    return [f"{topics.ROOT}/{kind}/+/+/+/{name}{_DEEPER[kind]}" for kind in _READ_BY_AREA]


def _publishable(topic_filter: str) -> str:
    """A publisher must not be able to speak as the engine."""
    first = topic_filter.split("/", 1)[0]
    if first in ("+", "#", topics.ROOT.split("/", 1)[0]) or first.startswith("$"):
        raise SpecError(
            "a publisher may not write there",
            found=repr(topic_filter),
            expected="a filter that begins with a name of its own, such as city-gas/east/#",
        )
    return topic_filter


def _filter(text: str) -> str:
    levels = text.split("/")
    wild = any(set(level) & set("+#") and level not in ("+", "#") for level in levels)
    if not text or wild or "#" in levels[:-1] or not text.isprintable() or text != text.strip():
        raise SpecError("not a topic filter", found=repr(text), expected="a/+/b or a/#")
    return text


def settings(directory: Path, listener: Listener) -> str:
    """mosquitto.conf: what was acknowledged outlives the broker but for its last second, nobody
    enters unnamed.
    """
    tls = {"certfile": listener.cert_file, "keyfile": listener.key_file, "cafile": listener.ca_file}
    lines = [
        "# Written by `lifeline acl`. Mosquitto 2.0 or later.",
        f"listener {listener.port} {listener.host}",
        *(f"{name} {path}" for name, path in tls.items() if path),
        *(["require_certificate true"] if listener.ca_file else []),
        "allow_anonymous false",
        f"password_file {directory / PASSWORDS}",
        f"acl_file {directory / RULES}",
        "",
        "# Mosquitto keeps everything in memory unless told otherwise, then saves every 30 min: a",
        "# power cut would lose sessions, queued messages and retained states.",
        "persistence true",
        f"persistence_location {directory / 'data'}/",
        "# Saved each second: killed, the broker loses about the last second of what it acknowledged.",
        "# At each change instead (autosave_on_changes true) it writes its whole store for every",
        "# message: 110 a second were taken while the engine was away, 30,000 this way; and a kill",
        "# still lost some, since it saves after it has acknowledged.",
        "autosave_interval 1",
        "autosave_on_changes false",
        "",
        "# The default drops all but 1,000 messages for an absent subscriber, without a word.",
        "max_queued_messages 0",
        "max_queued_bytes 0",
        "# A subscriber that never comes back must not fill the disk instead.",
        f"persistent_client_expiration {_SESSION_DAYS}d",
        "# The engine acknowledges in batches; the default window of 20 would stall it.",
        f"max_inflight_messages {MQTT_RECEIVE_WINDOW}",
        f"max_packet_size {MQTT_MAX_PACKET_BYTES}",
        "max_keepalive 300",
        "set_tcp_nodelay true",
        "",
        "# The engine holds several connections under one login, so this must stay off unless each",
        "# gets a login of its own; until then whoever has a login can take another's client id.",
        "use_username_as_clientid false",
    ]
    return "\n".join(lines) + "\n"


def write_files(
    directory: Path,
    spec: AclSpec,
    listener: Listener | None = None,
    *,
    passwords: Mapping[str, str] | None = None,
    renew: Iterable[str] = (),
) -> dict[str, str]:
    """Writes the three files for the broker; returns the passwords made for new users.

    Users of an existing password file keep their passwords, except those in `renew`; users that
    are no longer named lose their access. Each file is replaced whole or not at all, and
    readable by its owner only. Raises SpecError, OSError.
    """
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    rules = access_rules(spec)
    old = directory / PASSWORDS
    existing = read_password_file(old.read_text(encoding="utf-8")) if old.exists() else {}
    kept = {user: hashed for user, hashed in existing.items() if user not in set(renew)}
    hashes, made = completed(spec.users(), kept, passwords or {})
    (directory / "data").mkdir(mode=0o700, exist_ok=True)
    _replace(directory / PASSWORDS, password_file(hashes))
    _replace(directory / RULES, rules)
    _replace(directory / SETTINGS, settings(directory, listener or Listener()))
    return made


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
