"""Which checkpoints may be deleted. Pure; time is an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..limits import CHECKPOINT_KEPT_NS, CHECKPOINT_OLDER, CHECKPOINTS_NEWER
from .marker import Written


@dataclass(slots=True)
class _Lying:
    what: Written
    #: When it had become needless, as far as this worker knows; None: it is needed.
    needless_since: int | None


class Superseding:
    """The checkpoints of one partition that lie on the topic, the oldest first.

    `found` is the one that the worker started from (None: none), `left` whatever else lay there.
    """

    def __init__(self, found: Written | None, left: Iterable[Written], now: int) -> None:
        self._needless = [_Lying(what, now) for what in left]
        self._needed = [] if found is None else [_Lying(found, None)]

    def wrote(self, what: Written, now: int) -> None:
        """A complete checkpoint is durable; `now` is monotonic, ns."""
        if any(lying.what == what for lying in self._needed):
            return
        self._needed.append(_Lying(what, None))
        while len(self._needed) > CHECKPOINTS_NEWER:
            old = self._needed.pop(0)
            old.needless_since = now
            self._needless.append(old)

    def deletable(self, now: int) -> list[Written]:
        """What nobody needs any more; they are to be told to `deleted` when they are gone."""
        if len(self._needed) < CHECKPOINTS_NEWER:
            return []  # also what a restore found beside its choice waits for a second one
        return [
            lying.what
            for lying in self._needless
            if lying.needless_since is not None and now - lying.needless_since >= CHECKPOINT_KEPT_NS
        ]

    def deleted(self, gone: Iterable[Written]) -> None:
        """Their tombstones are durable."""
        away = set(gone)
        self._needless = [lying for lying in self._needless if lying.what not in away]

    def older(self) -> tuple[Written, ...]:
        """What the next marker names, so that a successor can delete it."""
        lying = [each.what for each in (*self._needless, *self._needed)]
        return tuple(lying[-CHECKPOINT_OLDER:])
