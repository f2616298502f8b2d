"""Every error that Lifeline raises on purpose, and whose fault each one is.

    LifelineError
    ├── SpecError         the operator's: configuration, rules, units, a command line
    ├── PayloadError      the sender's: a message that cannot be read; becomes a dead letter
    ├── SinkError         the outside world's: an output is down or refuses; may say when to retry
    ├── LogError          the disk's: the log cannot be opened, written or trusted
    ├── EntryError        a log entry of an unknown version or kind; the reader must stop
    └── InvariantError    ours: a claim of the design does not hold; the process must end

Decoders raise nothing but `PayloadError`; loaders of configuration nothing but `SpecError`.
"""

from __future__ import annotations

from dataclasses import dataclass


class LifelineError(Exception):
    """Base of the tree; never raised itself."""


class SpecError(LifelineError, ValueError):
    """The operator's input is wrong.

    `where` is a place a person can open (`lifeline.yaml:12`), `found` what stands there,
    `expected` what would be right and `nearest` the closest valid names.
    """

    def __init__(
        self,
        message: str,
        *,
        where: str = "",
        found: str = "",
        expected: str = "",
        nearest: tuple[str, ...] = (),
    ) -> None:
        self.message = message
        self.where = where
        self.found = found
        self.expected = expected
        self.nearest = nearest
        super().__init__(self.text())

    def text(self) -> str:
        """The whole error on one line, place first."""
        parts = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.found:
            parts.append(f"found {self.found}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.nearest:
            parts.append(f"did you mean {' or '.join(self.nearest)}?")
        return "; ".join(parts)


class PayloadError(LifelineError, ValueError):
    """A message from a sender cannot be read.

    `reason` is a short stable code that dead letters are counted by; `detail` is for a person.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class SinkError(LifelineError):
    """An output did not take what it was given.

    `retry_after_s` is the receiver's own wish in seconds, or None where it named none;
    `permanent` says that repeating the same request cannot help.
    """

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, permanent: bool = False
    ) -> None:
        self.retry_after_s = retry_after_s
        self.permanent = permanent
        super().__init__(message)


class LogError(LifelineError):
    """The log, outbox or a snapshot cannot be opened, written or trusted."""


class EntryError(LifelineError):
    """A log entry cannot be understood by this version; the reader must stop, not skip it."""


class InvariantError(LifelineError):
    """A claim of the design does not hold. Nothing may go on after it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake found by a check that reports all of them instead of raising the first.

    `severity` is "error" (the engine would refuse to start) or "warning".
    """

    where: str
    message: str
    found: str = ""
    expected: str = ""
    nearest: tuple[str, ...] = ()
    severity: str = "error"

    def text(self) -> str:
        """The problem on one line, as `SpecError.text`."""
        return SpecError(
            self.message,
            where=self.where,
            found=self.found,
            expected=self.expected,
            nearest=self.nearest,
        ).text()
