"""The page behind links over HTTP: GET shows it, POST answers, nothing else.

Mail scanners and chat programs fetch links before a person sees them: GET and HEAD change nothing. It
listens on one address, by default of this machine only; whoever lets others reach it puts a reverse
proxy with TLS before it. The signature in the link is the login.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from ..calls.limits import DESK_CONNECTIONS, DESK_PATH_CHARS, DESK_REQUEST_S
from ..listening import Listening, Server
from ..outputs.ports import Place
from .answering import Answering, Page
from .page import STATUS, rendered

_LOG = logging.getLogger("lifeline.calls")
_HEADERS: Final = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    ),
)


class Desk(Listening):
    """Serves the page; see `Listening`."""

    def __init__(
        self,
        host: str,
        port: int,
        answering: Callable[[], Answering],
        places: Callable[[], Mapping[str, Place]],
    ) -> None:
        super().__init__(lambda at: _Server(at, answering, places), "calls: links", host, port)


class _Server(Server):
    """Who comes beyond DESK_CONNECTIONS waits; each request ends within DESK_REQUEST_S."""

    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        answering: Callable[[], Answering],
        places: Callable[[], Mapping[str, Place]],
    ) -> None:
        self.answering = answering
        self.places = places
        super().__init__(address, _Handler, DESK_CONNECTIONS, "lifeline-desk", _LOG)


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: one request a connection, so that nobody holds a thread by keeping one open."""

    server: _Server
    timeout = DESK_REQUEST_S
    server_version = "lifeline"
    sys_version = ""

    def do_GET(self) -> None:
        """Shows the page; changes nothing."""
        self._show(self.server.answering().look(self._token()), after=False)

    def do_HEAD(self) -> None:
        """As GET, without the page."""
        self.do_GET()

    def do_POST(self) -> None:
        """Answers."""
        self._show(self.server.answering().answer(self._token()), after=True)

    def _token(self) -> str:
        """The last part of the path: what stands before it is a proxy's business."""
        path = self.path[:DESK_PATH_CHARS].partition("?")[0]
        return path.rstrip("/").rpartition("/")[2]

    def _show(self, page: Page, after: bool) -> None:
        body = rendered(page, self.server.places(), after).encode()
        self.send_response(HTTPStatus(STATUS[page.verdict]))
        for name, value in _HEADERS:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Not into any log: the path is a secret."""
