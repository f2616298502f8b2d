"""The page behind links over HTTP: GET shows it, POST answers, nothing else.

Mail scanners and chat programs fetch links before a person sees them: GET and HEAD change nothing. It
listens on one address, by default of this machine only; whoever lets others reach it puts a reverse
proxy with TLS before it. The signature in the link is the login.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from ..calls.limits import DESK_CONNECTIONS, DESK_PATH_CHARS, DESK_REQUEST_S
from ..errors import SpecError
from ..outputs.ports import Place
from .answering import Answering, Page
from .page import STATUS, rendered

_LOG = logging.getLogger("lifeline.calls")
_STOP_S: Final = 5.0
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


class Desk:
    """Serves from `start` to `stop`. `port` 0: any free one; `port` says which it is.

    Raises SpecError where the address cannot be used.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answering: Callable[[], Answering],
        places: Callable[[], Mapping[str, Place]],
    ) -> None:
        try:
            self._server = _Server((host, port), answering, places)
        except (OSError, OverflowError) as error:
            raise SpecError(
                "the address of 'calls: links' cannot be used",
                found=f"{host}:{port} ({error})",
                expected="an address of this machine with a port that nobody uses",
            ) from error
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="lifeline-desk", daemon=True
        )

    def start(self) -> None:
        """Begins to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answers no more; the port is free. Harmless when called again or before `start`."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(_STOP_S)
        self._server.server_close()


class _Server(HTTPServer):
    """One thread accepts, at most DESK_CONNECTIONS answer; who comes beyond waits in the queue."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        answering: Callable[[], Answering],
        places: Callable[[], Mapping[str, Place]],
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.answering = answering
        self.places = places
        self._free = threading.Semaphore(DESK_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that HTTPServer does: no name server is asked."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, once one is free; each ends within DESK_REQUEST_S."""
        self._free.acquire()
        threading.Thread(
            target=self._answer, args=(request, client_address), name="lifeline-desk", daemon=True
        ).start()

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001  a caller that went away must not end this process
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers go away in the middle of an answer; that is theirs to know."""
        _LOG.debug("desk: %s went away", client_address, exc_info=True)


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
