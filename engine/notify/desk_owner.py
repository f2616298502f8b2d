"""The desk and its links as the configuration wants them now: made, changed, ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Protocol

from ..clock import Clock
from ..record import Record
from .answering import Answering, Calls
from .desk import Desk
from .links import Links, key_of

_SLASHES: Final = "/"


class LinkWish(Protocol):
    """Where links are answered; see `config.LinkSpec`."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def url(self) -> str: ...
    @property
    def key_file(self) -> str: ...
    @property
    def expires_ns(self) -> int: ...


class DeskOwner:
    """`key_file` is where the key lies unless the configuration names another file."""

    def __init__(self, key_file: Path, calls: Calls, clock: Clock) -> None:
        self._key_file, self._calls, self._clock = key_file, calls, clock
        self._wish: LinkWish | None = None
        self._desk: Desk | None = None
        self._links: Links | None = None
        self._answering: Answering | None = None
        self._started = False

    def become(self, wish: LinkWish | None) -> None:
        """Links are answered so from now on. Raises SpecError for the key or the address."""
        if wish == self._wish:
            return
        before = self._wish
        links = desk = None
        moved = (
            wish is None or before is None or (wish.host, wish.port) != (before.host, before.port)
        )
        if wish is not None:
            key = key_of(Path(wish.key_file) if wish.key_file else self._key_file)
            if moved:
                desk = Desk(wish.host, wish.port, self._now, self._calls.places)
            at = desk or self._desk
            assert at is not None
            host = f"[{at.host}]" if ":" in at.host else at.host
            url = wish.url or f"http://{host}:{at.port}"
            links = Links(key, url.rstrip(_SLASHES), wish.expires_ns)
        if moved:
            self.stop()
            self._desk = desk
        self._wish, self._links = wish, links
        if links is not None:
            self._answering = Answering(links, self._calls, self._clock)
        if desk is not None and self._started:
            desk.start()

    def _now(self) -> Answering:
        assert self._answering is not None, "it is made before the desk is started"
        return self._answering

    def start(self) -> None:
        """Answers from now on."""
        self._started = True
        if self._desk is not None:
            self._desk.start()

    def stop(self) -> None:
        """Answers no more."""
        if self._desk is not None:
            self._desk.stop()
            self._desk = None

    def link(self, record: Record, person: str) -> str:
        """What a message gives this person to answer by; "" where links are not configured."""
        if self._links is None:
            return ""
        return self._links.link(record.detail["call"], person, record.time)

    @property
    def port(self) -> int:
        """Where it listens; 0: nowhere."""
        return 0 if self._desk is None else self._desk.port

    def status(self) -> dict[str, Any]:
        """What was done, as plain JSON values."""
        did = self._answering
        if did is None:
            return {"port": 0}
        return {
            "port": self.port,
            "looked": did.looked,
            "answered": did.answered,
            "refused": did.refused,
        }
