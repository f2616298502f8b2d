"""Free TCP ports on 127.0.0.1, chosen so that a server gets the same one back after a restart."""

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

LOWEST = 15_000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL_START = 32_768
_given: set[int] = set()
# Byte n of this file is locked for the life of the process that was given port n: test processes run
# side by side, and a server that is down must find its port free when it comes back.
_LOCKS = Path(tempfile.gettempdir()) / f"lifeline-test-ports-{os.getuid()}"
_locks = os.open(_LOCKS, os.O_RDWR | os.O_CREAT, 0o600)


def free_port() -> int:
    """A port that nothing is bound to and that no test process on this machine was given.

    It lies below the range that the kernel takes for outgoing connections. A port inside that
    range can be lost while its server is down: a client that keeps reconnecting to it is sooner
    or later given the same port as its own source, connects to itself, and holds it.
    """
    choose = random.SystemRandom()
    for _ in range(1_000):
        port = choose.randrange(LOWEST, _ephemeral_start())
        if port not in _given and _is_free(port) and _locked(port):
            _given.add(port)
            return port
    raise RuntimeError(f"no free port between {LOWEST} and {_ephemeral_start()} on 127.0.0.1")


def accepts(port: int) -> bool:
    """Whether somebody accepts TCP connections at 127.0.0.1:port now."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _locked(port: int) -> bool:
    """Whether it is ours now, until this process ends."""
    try:
        fcntl.lockf(_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _ephemeral_start() -> int:
    try:
        start = int(_PORT_RANGE.read_text().split()[0])
    except OSError:
        return _USUAL_EPHEMERAL_START
    return start if start > LOWEST + 1_000 else 65_536
