"""What a broker sends, split into packets: messages for us, everything else for paho.

Bytes in, packets out; no socket and no clock. Taken out are whole PUBLISH packets of QoS 0 and 1, the
only ones that come by the thousand. All others, and a PUBLISH that is not as MQTT says, are
handed on as they came and in their place: whether they break the protocol is paho's to judge.

What is read of MQTT: 3.1.1 sections 2.2 and 3.3; 5.0 sections 2.1, 2.2.2 and 3.3. Of a message's
properties none means anything to us. Topic aliases, the only ones that change what a message is,
come only to a client that allows them, and paho allows none.
"""

from __future__ import annotations

from collections.abc import Callable

from ..limits import MAX_PAYLOAD_BYTES, MQTT_MAX_PACKET_BYTES

#: topic as sent, payload, packet id (0 for QoS 0), whether the broker had kept it
Arrival = tuple[bytes, bytes, int, bool]

_PUBLISH = 0x30
_KIND = 0xF0
_QOS = 0x06
_QOS_2 = 0x04  # and 3, which there is not
_RETAIN = 0x01
_MORE = 0x80  # in a byte of MQTT's own numbers: another one follows
# In place of a number:
_UNFINISHED = -1  # it goes on behind what is here
_MALFORMED = -2  # it has more than four bytes


class OversizePacket(Exception):
    """A packet over the limit that is no message: the connection that brought it is of no use."""


class PacketSplitter:
    """In turn: `feed`, then `messages`; what that leaves in `other` is paho's, and goes by `take`.

    `other` is one whole packet, or all that there is where its length cannot be read. While it is not
    taken nothing behind it comes out, so that paho sees it in its place between the messages.

    However the stream was cut, the packets are the same, and in order. At most one unfinished packet
    is kept, and what was fed behind it. No bytes are an error, except for OversizePacket.

    A message over MQTT_MAX_PACKET_BYTES comes out with its first part only, which is more than
    MAX_PAYLOAD_BYTES, and `on_cut` is called: so no decoder reads it as a whole one, it becomes a dead
    letter and is acknowledged. Giving up the connection would make the broker send it again for ever.

    >>> splitter = PacketSplitter(five=False)
    >>> splitter.feed(b"\\x32\\x06\\x00\\x01t\\x00\\x07v\\xd0\\x00")
    >>> splitter.messages(9), splitter.take(9)
    ([(b't', b'v', 7, False)], b'\\xd0\\x00')
    """

    def __init__(self, *, five: bool, on_cut: Callable[[], None] = lambda: None) -> None:
        self.other = b""
        self.held = False  # a whole message is here that the last `messages` was not to give
        self._five = five
        self._on_cut = on_cut
        self._data = b""
        self._at = 0  # what of it is split already
        self._fed: list[bytes] = []  # behind it
        self._length = 0  # of all that is not split
        self._needed = 0  # before so many bytes are here nothing can come out
        self._skip = 0  # what is still to come of a message that was cut

    def feed(self, data: bytes) -> None:
        """The next bytes of the stream."""
        if self._skip:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
        self._fed.append(data)
        self._length += len(data)

    def take(self, most: int) -> bytes:
        """The next bytes of `other`, at most `most`; empty where there are none."""
        taken, self.other = self.other[:most], self.other[most:]
        return taken

    def messages(self, most: int) -> list[Arrival]:
        """The whole messages up to the next packet that is none, at most `most`.

        Raises OversizePacket; what came before it then is lost with the connection, not with us.
        """
        found: list[Arrival] = []
        self.held = False
        if self.other or self._length < self._needed:
            return found
        self._needed = 0
        if self._fed:
            self._data, self._at = b"".join((self._data[self._at :], *self._fed)), 0
            self._fed.clear()
        data, at, five = self._data, self._at, self._five
        end = len(data)
        while at < end and not self.other:
            start, stop = _extent(data, at)
            if stop <= at or stop - at > MQTT_MAX_PACKET_BYTES:
                after = self._unusual(data, at, start, stop, found, most)
                if after == at:
                    break
                at = after
                continue
            if stop > end:
                self._needed = stop - at
                break
            arrival = _message(data, at, start, stop, five)
            if arrival is None:
                self.other = data[at:stop]
            elif len(found) < most:
                found.append(arrival)
            else:
                self.held = True
                break
            at = stop
        self._at, self._length = at, end - at
        return found

    def _unusual(
        self, data: bytes, at: int, start: int, stop: int, found: list[Arrival], most: int
    ) -> int:
        """A packet whose length is unknown, malformed or over the limit; where the next begins, or
        `at` where it has to wait."""
        if stop == _UNFINISHED:
            return at
        if stop == _MALFORMED:
            self.other = data[at:]
            return len(data)
        if len(data) - at < MQTT_MAX_PACKET_BYTES:
            self._needed = MQTT_MAX_PACKET_BYTES
            return at
        arrival = _message(data, at, start, at + MQTT_MAX_PACKET_BYTES, self._five)
        if arrival is None or len(arrival[1]) <= MAX_PAYLOAD_BYTES:
            raise OversizePacket(
                f"the broker sent a packet of {stop - at} bytes that is no message"
            )
        if len(found) >= most:
            self.held = True
            return at
        found.append(arrival)
        self._on_cut()
        self._skip = max(0, stop - len(data))
        return min(stop, len(data))


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Where the content of the packet at `at` begins and ends, as its length says; or a code."""
    start = at + 2
    if start <= len(data) and (length := data[at + 1]) < _MORE:  # most messages are that short
        return start, start + length
    length, start = _number(data, at + 1)
    return start, start + length if length >= 0 else length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """MQTT's variable byte integer, or a code, and where it ends."""
    end, value = len(data), 0
    for shift in (0, 7, 14, 21):
        if at >= end:
            return _UNFINISHED, at
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
    # Only with the byte that breaks it, so that paho, which refuses at that one, gets to see it.
    return _MALFORMED if at < end else _UNFINISHED, at


def _message(data: bytes, at: int, start: int, stop: int, five: bool) -> Arrival | None:
    """The packet as a message; None where it is another, or not one that we understand."""
    first = data[at]
    if first & _KIND != _PUBLISH or first & _QOS_2 or stop - start < 2:
        return None
    begin = start + 2
    at = begin + (data[start] << 8 | data[start + 1])
    topic, mid = data[begin:at], 0
    if first & _QOS:
        if at + 2 > stop:
            return None
        mid = data[at] << 8 | data[at + 1]
        if not mid:
            return None
        at += 2
    if five:
        if at >= stop:
            return None
        length, at = (0, at + 1) if data[at] == 0 else _number(data, at)
        at += length if length >= 0 else stop
    if at > stop or not topic:
        return None
    return topic, data[at:stop], mid, first & _RETAIN == _RETAIN
