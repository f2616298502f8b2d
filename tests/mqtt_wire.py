"""MQTT by hand, for tests of what reads it: packets as bytes, and a socket that gives them in pieces."""

from lifeline.engine.mqtt.packets import Arrival


def variable(value: int) -> bytes:
    """MQTT's variable byte integer."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def publish(arrival: Arrival, five: bool, properties: bytes = b"") -> bytes:
    """PUBLISH, of QoS 1 where the packet id is not 0."""
    topic, payload, mid, retained = arrival
    body = len(topic).to_bytes(2, "big") + topic + (mid.to_bytes(2, "big") if mid else b"")
    body += (variable(len(properties)) + properties if five else b"") + payload
    return bytes([0x30 | (2 if mid else 0) | retained]) + variable(len(body)) + body


class ScriptedSocket:
    """A non-blocking socket that gives these pieces, and between two of them nothing once."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = list(pieces)
        self.sent = b""

    @property
    def exhausted(self) -> bool:
        """Whether all was given."""
        return not self._pieces

    def recv(self, most: int) -> bytes:
        """Raises BlockingIOError where a piece has ended, and behind the last."""
        if not self._pieces:
            raise BlockingIOError
        piece = self._pieces[0]
        if not piece:
            del self._pieces[0]
            raise BlockingIOError
        self._pieces[0] = piece[most:]
        if len(self._pieces) == 1 and not self._pieces[0]:
            del self._pieces[0]
        return piece[:most]

    def send(self, buffer: bytes | bytearray) -> int:
        """Takes everything."""
        self.sent += bytes(buffer)
        return len(buffer)

    def close(self) -> None:
        """Nothing to free."""

    def fileno(self) -> int:
        """None."""
        return -1

    def setblocking(self, flag: bool) -> None:
        """Never blocks."""
