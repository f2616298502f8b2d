"""What an answer by link does, and what the person is told of it. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from ..calls.call import Call
from ..calls.limits import DESK_ANSWER_S
from ..clock import Clock
from ..command import Command, Reply
from ..errors import LifelineError
from ..outputs.ports import Place
from ..outputs.times import rfc3339, zone
from .links import Claim, Links

Verdict = Literal[
    "open", "answered", "repeated", "over", "refused", "unknown", "malformed", "signature",
    "expired", "busy",
]  # fmt: skip
ROLE: Final = "call"


class Calls(Protocol):
    """What the engine does for whoever answers."""

    def find(self, call: str) -> Call | None:
        """A call that is open, or was lately."""
        ...

    def acknowledge(self, command: Command, timeout_s: float) -> Reply:
        """Acknowledges at the alarm's site. Raises LifelineError, TimeoutError."""
        ...

    def answer(self, call: str, person: str, timeout_s: float) -> Reply:
        """Answers a drill. Raises LifelineError, TimeoutError."""
        ...

    def places(self) -> Mapping[str, Place]:
        """Every site, where it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """What the person sees: the verdict, and of what call (None: nobody knows it)."""

    verdict: Verdict
    call: Call | None = None
    person: str = ""
    reason: str = ""
    by: str = ""
    at: str = ""


class Answering:
    """Reads links; looks without doing anything, and answers."""

    def __init__(self, links: Links, calls: Calls, clock: Clock) -> None:
        self._links, self._calls, self._clock = links, calls, clock
        self.looked = 0
        self.answered = 0
        self.refused = 0

    def look(self, token: str) -> Page:
        """What a link is about; changes nothing, however often and whoever asks."""
        self.looked += 1
        page, _ = self._looked(token)
        return page

    def _looked(self, token: str) -> tuple[Page, Claim | None]:
        claim = self._links.read(token, self._clock.wall())
        if isinstance(claim, str):
            return Page(claim), None
        call = self._calls.find(claim.call)
        if call is None:
            return Page("unknown", None, claim.person), None
        if call.drill and claim.person in call.answers:
            return self._over(call, claim.person, "repeated"), None
        if call.over:
            same = call.by == principal(claim.person)
            return self._over(call, claim.person, "repeated" if same else "over"), None
        return Page("open", call, claim.person), claim

    def _over(self, call: Call, person: str, verdict: Verdict) -> Page:
        place = self._calls.places().get(call.site)
        at = call.answers.get(person, call.ended)
        return Page(
            verdict,
            call,
            person,
            call.over,
            call.by,
            rfc3339(at, zone(place.zone if place else "UTC")),
        )

    def answer(self, token: str) -> Page:
        """Answers the call of a link, once."""
        page, claim = self._looked(token)
        if claim is None or page.call is None:
            self.refused += 1
            return page
        try:
            reply = self._answered(page.call, claim)
        except (LifelineError, TimeoutError) as error:
            return Page("busy", page.call, page.person, str(error))
        if reply.outcome == "done":
            self.answered += 1
            return Page("answered", page.call, page.person)
        self.refused += 1
        verdict: Verdict = "repeated" if reply.outcome == "repeated" else "refused"
        return Page(verdict, page.call, page.person, reply.reason)

    def _answered(self, call: Call, claim: Claim) -> Reply:
        if call.drill:
            return self._calls.answer(claim.call, claim.person, DESK_ANSWER_S)
        return self._calls.acknowledge(
            Command(
                id=f"call-{claim.call}-{claim.person}",
                action="acknowledge",
                site=call.site,
                alarm=call.alarm,
                principal=principal(claim.person),
                role=ROLE,
                reason="answered by link",
                episode=call.episode,
                seq=call.seq,
                issued=self._clock.wall(),
            ),
            DESK_ANSWER_S,
        )


def principal(person: str) -> str:
    """Who a person is in commands and records."""
    return f"person:{person}"


Answerer = Callable[[str], Page]
