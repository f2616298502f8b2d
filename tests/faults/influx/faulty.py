"""What stands between the engine and InfluxDB and misbehaves: an HTTP server that passes requests on,
unless it is a write and its next fault is due."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import urllib3

#: Faults by name: "" passes the request on.
FAULTS: Final = (
    "reset",  # the connection is reset before the server has seen the request
    "forgotten",  # the server stored it, and the connection is reset instead of the answer
    "cut",  # the answer ends before its status is said
    "hang",  # nothing is ever answered
    "429 in seconds",
    "429 at a date",
    "500",
    "503 of a proxy",
    "413",
)
_ANSWERS: Final = {
    "429 in seconds": (429, {"Retry-After": "0"}, b'{"message":"slow down"}'),
    "429 at a date": (429, {"Retry-After": formatdate(0, usegmt=True)}, b'{"message":"slow down"}'),
    "500": (500, {}, b'{"error":"timeout"}'),
    "503 of a proxy": (503, {}, b"<html>no upstream</html>"),
    "413": (413, {}, b'{"error":"Request Entity Too Large"}'),
}


class Faulty:
    """Passes on to the server at `url`; `fault` names what happens to the next write.

    told    how often each fault was done; `hanging` requests are held until it ends
    """

    def __init__(self, url: str, fault: Callable[[], str]) -> None:
        self.told: Counter[str] = Counter()
        self.hanging = 0
        self._url, self._fault = url, fault
        self._ended = threading.Event()
        self._pool = urllib3.PoolManager(retries=False, maxsize=8)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Faulty:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._pool.clear()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                faulty._pass_on(self, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asks = "write" not in self.path or "bucket=&" in self.path
                faulty._act(self, body, "" if asks else faulty._fault())

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        return Handler

    def _act(self, request: BaseHTTPRequestHandler, body: bytes, fault: str) -> None:
        if fault == "413" and gzip.decompress(body).count(b"\n") < 2:
            fault = ""  # a single line that is too large is one that nobody takes
        self.told[fault] += 1
        if fault in _ANSWERS:
            self._answer(request, *_ANSWERS[fault])
        elif fault == "hang":
            self.hanging += 1
            self._ended.wait()
            _reset(request)
        elif fault == "cut":
            request.wfile.write(b"HTTP/1.1 2")
            request.close_connection = True
        elif fault:
            if fault == "forgotten":
                self._ask(request, body)
            _reset(request)
        else:
            self._pass_on(request, body)

    def _ask(self, request: BaseHTTPRequestHandler, body: bytes) -> urllib3.BaseHTTPResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() != "host"}
        method, url = request.command, self._url + request.path
        return self._pool.request(method, url, body=body or None, headers=headers)

    def _pass_on(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        answer = self._ask(request, body)
        kept = {k: v for k, v in answer.headers.items() if k.startswith("X-Influxdb")}
        self._answer(request, answer.status, kept, answer.data)

    def _answer(
        self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes
    ) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        if status != 204:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


def _reset(request: BaseHTTPRequestHandler) -> None:
    """Ends the connection by RST, as a host does that died and came back."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()
    request.close_connection = True
    request.wfile = _Nowhere()  # type: ignore[assignment]


class _Nowhere:
    """What is written to a connection that is gone."""

    closed = True

    def write(self, _: bytes) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...
