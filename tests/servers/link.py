"""A TCP link between a client and a server on this machine, that a test can cut and mend."""

import contextlib
import socket
import threading
from typing import Self

from servers.ports import free_port

_CHUNK = 64 * 1024


class TcpLink:
    """Listens on `port` and carries every connection to `target`, a port that is free now.

    While it is cut, connections break and new ones are refused, as behind a router that lost its
    line. Sockets live in threads of their own, which end with their connection.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.target = free_port()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def __enter__(self) -> Self:
        self.mend()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def mend(self) -> None:
        """Carries connections from now on."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Breaks every connection and refuses new ones."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)
        with self._lock:
            broken = list(self._open)
        for each in broken:
            _end(each)

    def _accept(self, listener: socket.socket) -> None:
        while self._listener is listener:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                continue  # cut, or the server is away
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # either end, or the link, has gone
            while data := source.recv(_CHUNK):
                sink.sendall(data)
        with self._lock:
            self._open -= {source, sink}
        _end(source)
        _end(sink)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its other end may have gone before
        each.shutdown(socket.SHUT_RDWR)
    each.close()
