"""Small HTTP servers of one process: one thread accepts, a few answer, one request a connection.

No name server is asked, a caller that goes away ends nothing, and the port is free when it stops.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from .errors import SpecError

_STOP_S: Final = 5.0


class Server(HTTPServer):
    """At most `most` requests are answered at a time, each in a thread of its own; who comes beyond
    waits in the queue."""

    allow_reuse_address = True

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[BaseHTTPRequestHandler],
        most: int,
        name: str,
        log: logging.Logger,
    ) -> None:
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        self.name: Final = name
        self._log: Final = log
        self._free = threading.Semaphore(most)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without the look-up of the host's name that HTTPServer does: no name server is asked."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread of its own, if it is let in."""
        if not self._let_in(request):
            self.shutdown_request(request)
            return
        threading.Thread(
            target=self._answer,
            args=(request, client_address),
            name=f"{self.name}-answer",
            daemon=True,
        ).start()

    def _let_in(self, request: socket.socket) -> bool:
        """Waits until fewer than `most` are answered, or tells the caller that there are too many."""
        return self._free.acquire()

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
        self._log.debug("%s: %s went away", self.name, client_address, exc_info=True)


class Listening:
    """Serves from `start` to `stop`. `port` 0: any free one; `port` says which it is.

    Raises SpecError where the address, which the plant's file has under `key`, cannot be used: another
    process has it, it is not this machine's, or the port is a privileged one.
    """

    def __init__(
        self, serve: Callable[[tuple[str, int]], Server], key: str, host: str, port: int
    ) -> None:
        try:
            self._server = serve((host, port))
        except (OSError, OverflowError) as error:
            raise SpecError(
                f"the address of {key!r} cannot be used",
                found=f"{host}:{port} ({error})",
                expected="an address of this machine with a port that nobody uses",
            ) from error
        self.host, self.port = host, int(self._server.server_address[1])
        self._thread = threading.Thread(
            target=self._server.serve_forever, name=self._server.name, daemon=True
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
