"""Free TCP ports on 127.0.0.1, chosen so that a server gets the same one back after a restart."""

import random
import socket
from pathlib import Path

LOWEST = 15_000
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_EPHEMERAL_START = 32_768
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing is bound to and that this process has not given out before.

    It lies below the range that the kernel takes for outgoing connections. A port inside that
    range can be lost while its server is down: a client that keeps reconnecting to it is sooner
    or later given the same port as its own source, connects to itself, and holds it.
    """
    choose = random.SystemRandom()
    for _ in range(1_000):
        port = choose.randrange(LOWEST, _ephemeral_start())
        if port not in _given and _is_free(port):
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


def _ephemeral_start() -> int:
    try:
        start = int(_PORT_RANGE.read_text().split()[0])
    except OSError:
        return _USUAL_EPHEMERAL_START
    return start if start > LOWEST + 1_000 else 65_536
