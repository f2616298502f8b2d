"""Limits of call and respond, each with its reason."""

from __future__ import annotations

from typing import Final

from ..limits import DAY_NS, MINUTE_NS, SECOND_NS

#: An answer is due after so long: blue, yellow, orange, red (design.md §6).
WITHIN_NS: Final = (60 * MINUTE_NS, 30 * MINUTE_NS, 15 * MINUTE_NS, 5 * MINUTE_NS)
#: Shorter, and nobody has read the message; longer is no call but a letter.
LEAST_WITHIN_NS: Final = 10 * SECOND_NS
MOST_WITHIN_NS: Final = DAY_NS
#: The chain is gone through so often: a person who slept through the first call wakes at the second.
ROUNDS: Final = 3
MOST_ROUNDS: Final = 100
#: What fell due while nobody stepped the log falls due so long after: answers that waited at the
#: broker or in the inbox meanwhile are heard first.
RESUMED_NS: Final = 30 * SECOND_NS
#: Calls that are open at once, red ones not counted: beyond it no further call below red is begun,
#: and that is recorded. Each takes some 1.5 kB; a plant's control room answers some ten an hour.
OPEN_CALLS: Final = 10_000
#: Calls that are over and can still be asked for: whoever opens an old link is told what became of it.
CLOSED_CALLS_KEPT: Final = 2_000
#: Stand-ins of stand-ins that are looked through; a longer row is a mistake in the roster.
STAND_INS: Final = 4
#: Persons of one roster, and steps of one chain.
MOST_PERSONS: Final = 10_000
MOST_STEPS: Final = 50
#: A contact that nobody verified for so long is told.
VERIFIED_DAYS: Final = 365

#: One sending by one channel: a mail server answers within two seconds, one that hangs never does.
SEND_S: Final = 15.0
#: A person's channels are gone through so often, with a pause between, before the next is called.
ATTEMPTS: Final = 2
ATTEMPT_PAUSE_S: Final = 2.0
#: Messages on their way at once: as many may come twice after a kill.
IN_FLIGHT: Final = 8
#: Sendings that were given up while the library still waits; beyond it none is begun before one ends.
HUNG: Final = 32
#: A person gets at most one message in so long; what comes meanwhile is told in one.
SPACING_NS: Final = 10 * SECOND_NS
#: Calls that one message names; the others it counts, with the gravest first.
NAMED_CALLS: Final = 10
#: Records that are read at once.
READ_RECORDS: Final = 256
#: The log refuses results: offered again this often.
RESULT_RETRY_S: Final = 1.0
#: What a channel said about itself, in a record.
REASON_CHARS: Final = 160

#: A link answers for so long unless set.
LINK_NS: Final = DAY_NS
#: Callers of the answering page at once, the time for one, and the bytes of what they ask.
DESK_CONNECTIONS: Final = 16
DESK_REQUEST_S: Final = 10.0
DESK_PATH_CHARS: Final = 512
#: The engine answers an acknowledgement within a tick.
DESK_ANSWER_S: Final = 10.0
