"""What can go wrong between a broker and us, as told to whoever started the client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

TroubleKind = Literal[
    "unreachable",  # no TCP or TLS connection
    "refused",  # the broker said no in CONNACK
    "disconnected",  # the connection was lost
    "stuck",  # connected, but no answer within the keep-alive time
    "away",  # not connected for long
    "storm",  # the connection is lost again and again
    "taken_over",  # another client uses our client id
    "session_lost",  # the broker forgot our session: messages may be missing
    "subscription_refused",
    "subscription_downgraded",  # granted with less than the QoS asked for: messages may be lost
    "subscription_silent",  # SUBSCRIBE was not answered
    "publication_refused",
    "backpressure",  # we stopped reading because what was read is not taken
    "loop_error",  # an exception in the loop thread; it goes on
    "loop_dead",  # the loop thread ended; it was started again
    "loop_stuck",  # the loop thread does not turn
]

REMEDY: Final[dict[TroubleKind, str]] = {
    "unreachable": "check host, port, TLS files and firewall",
    "refused": "check username, password and the broker's access rules",
    "disconnected": "see the broker's log",
    "stuck": "check the network between here and the broker",
    "away": "check that the broker runs",
    "storm": "look for a second client with this client id, or a message over the broker's limit",
    "taken_over": "give every client its own client id and login",
    "session_lost": "let the broker persist sessions (persistence true, autosave_interval 1)",
    "subscription_refused": "allow this login to read the topic in the broker's access rules",
    "subscription_downgraded": "let the broker grant QoS 1",
    "subscription_silent": "see the broker's log",
    "publication_refused": "allow this login to write the topic in the broker's access rules",
    "backpressure": "see whether the log can be written (disk space)",
    "loop_error": "report this as a fault of Lifeline",
    "loop_dead": "report this as a fault of Lifeline",
    "loop_stuck": "check name resolution and the network",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that went wrong. `client` is the client id, `detail` what was seen, for a person."""

    kind: TroubleKind
    client: str
    detail: str

    @property
    def text(self) -> str:
        """What, where, and what to do next, on one line."""
        return f"mqtt {self.client}: {self.kind}: {self.detail}; {REMEDY[self.kind]}"
