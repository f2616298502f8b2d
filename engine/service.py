"""Signs of life for a service manager (the protocol of systemd's sd_notify).

With `Type=notify` it hears when a process is ready; with `WatchdogSec` it restarts one that makes no
progress, however alive it looks. Whoever runs a loop says `WATCHDOG=1` where the loop got on, never
from a timer of its own.
"""

from __future__ import annotations

import os
import socket


def notify(text: str) -> None:
    """Tells the service manager, if there is one; one that went away does not end an engine."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        try:
            channel.connect(name)
            channel.sendall(text.encode())
        except OSError:
            return
