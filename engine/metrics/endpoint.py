"""/livez, /readyz and /metrics over HTTP: GET and HEAD, nothing else, no login.

    /livez    200 while the process is alive, 503 where a restart is the remedy
    /readyz   200 while it does its work, 503 while not
    /metrics  the figures in Prometheus' text form

Every answer of the first two says why, as JSON: {"ok": …, "role": …, "checks": [{"name", "ok", "text"}]}.
It listens on one address, by default of this machine only: the figures name sites' sources and outputs,
and nobody logs in. Whoever lets other machines read it puts a reverse proxy with a login before it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

import msgspec

from ..limits import MONITORING_CONNECTIONS, MONITORING_REQUEST_S
from ..listening import Listening, Server
from .metric import Check, Observed

_LOG = logging.getLogger("lifeline.monitoring")
_PATHS: Final = ("/livez", "/readyz", "/metrics")
_JSON: Final = "application/json; charset=utf-8"


class Endpoint(Listening):
    """Serves the figures of one process; see `Listening`.

    observed   what is asked; `role` (engine, worker, agent, sink) names it in answers
    """

    def __init__(self, observed: Observed, role: str, host: str, port: int) -> None:
        super().__init__(lambda at: _Server(at, observed, role), "monitoring", host, port)


class _Server(Server):
    """Who comes beyond MONITORING_CONNECTIONS is told so."""

    request_queue_size = 16

    def __init__(self, address: tuple[str, int], observed: Observed, role: str) -> None:
        self.observed = observed
        self.role = role
        super().__init__(address, _Handler, MONITORING_CONNECTIONS, "lifeline-monitoring", _LOG)

    def _let_in(self, request: socket.socket) -> bool:
        free = self._free.acquire(blocking=False)
        if not free:
            _refuse(request)
        return free


def _refuse(request: socket.socket) -> None:
    text = b"too many callers at once\n"
    head = (
        f"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: {len(text)}\r\n"
        "Content-Type: text/plain\r\nConnection: close\r\n\r\n"
    )
    try:
        request.settimeout(0.1)
        request.sendall(head.encode() + text)
    except OSError:
        _LOG.debug("monitoring: a caller beyond the limit went away")


class _Handler(BaseHTTPRequestHandler):
    """HTTP/1.0: one request a connection, so that nobody holds a thread by keeping one open."""

    server: _Server
    timeout = MONITORING_REQUEST_S
    server_version = "lifeline"
    sys_version = ""
    error_content_type = "text/plain; charset=utf-8"
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answers."""
        path = self.path.partition("?")[0]
        answers: dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]] = {
            "/livez": lambda: self._checked(self.server.observed.liveness()),
            "/readyz": lambda: self._checked(self.server.observed.readiness()),
            "/metrics": self._metrics,
        }
        if path not in answers:
            self.send_error(HTTPStatus.NOT_FOUND, f"here are {', '.join(_PATHS)}")
            return
        try:
            status, kind, body = answers[path]()
        except Exception:  # noqa: BLE001  whatever it is, the process goes on and the caller is told
            _LOG.exception("monitoring: %s could not be answered", path)
            self.send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log of the process")
            return
        self._send(status, kind, body)

    do_HEAD = do_GET

    def _not_allowed(self) -> None:
        body = b"GET and HEAD only\n"
        self.send_response(HTTPStatus.METHOD_NOT_ALLOWED)
        self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Type", self.error_content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _not_allowed

    def _checked(self, checks: Sequence[Check]) -> tuple[HTTPStatus, str, bytes]:
        ok = all(check.ok for check in checks)
        status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
        answer = {"ok": ok, "role": self.server.role, "checks": list(checks)}
        return status, _JSON, msgspec.json.encode(answer) + b"\n"

    def _metrics(self) -> tuple[HTTPStatus, str, bytes]:
        # Loaded at the first scrape: who is only asked whether it lives needs no Prometheus.
        from .exposition import CONTENT_TYPE, Exposition

        return HTTPStatus.OK, CONTENT_TYPE, Exposition(self.server.observed).text()

    def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no news."""
        _LOG.debug(format, *args)
