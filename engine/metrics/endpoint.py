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
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

import msgspec

from ..errors import SpecError
from ..limits import MONITORING_CONNECTIONS, MONITORING_REQUEST_S
from .metric import Check, Observed

_LOG = logging.getLogger("lifeline.monitoring")
_STOP_S: Final = 5.0
_PATHS: Final = ("/livez", "/readyz", "/metrics")
_JSON: Final = "application/json; charset=utf-8"


class Endpoint:
    """Serves one process from `start` to `stop`.

    observed   what is asked; `role` (engine, worker, agent, sink) names it in answers
    port       0: any free one; `port` says which it is

    Raises SpecError where the address cannot be used: another process has it, it is not this
    machine's, or the port is a privileged one.
    """

    def __init__(self, observed: Observed, role: str, host: str, port: int) -> None:
        try:
            self._server = _Server((host, port), observed, role)
        except (OSError, OverflowError) as error:
            raise SpecError(
                "the address of 'monitoring' cannot be used",
                found=f"{host}:{port} ({error})",
                expected="an address of this machine with a port that nobody uses",
            ) from error
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="lifeline-monitoring", daemon=True
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
    """One thread accepts, at most MONITORING_CONNECTIONS answer; who comes beyond is told so."""

    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], observed: Observed, role: str) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.observed = observed
        self.role = role
        self._free = threading.Semaphore(MONITORING_CONNECTIONS)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that HTTPServer does: no name server is asked."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if one is free."""
        if not self._free.acquire(blocking=False):
            _refuse(request)
            self.shutdown_request(request)
            return
        threading.Thread(
            target=self._answer, args=(request, client_address), name="monitoring", daemon=True
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
        _LOG.debug("monitoring: %s went away", client_address, exc_info=True)


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
