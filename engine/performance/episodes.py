"""Episodes that are open: what stands, since when, and who has not answered yet."""

from __future__ import annotations

from .hearing import KEPT, UNANSWERED, World


class Episode:
    """One alarm from its raise to its close.

    since     when its condition left normal, None while it is normal
    asked     when it sounded first without an answer, None where nobody owes one; `level` of that
    loud      whether this raise sounded
    """

    __slots__ = ("alarm", "asked", "asset", "level", "loud", "since", "state", "world")

    def __init__(self, alarm: str, world: World, asset: str = "") -> None:
        self.alarm = alarm
        self.asset = asset
        self.world: World = world
        self.state = "normal"
        self.since: int | None = None
        self.asked: int | None = None
        self.level = 0
        self.loud = False

    def sounds(self, world: World, time: int, level: int) -> None:
        """It is annunciated; what was asked in another world was asked of nobody."""
        if self.asked is None or self.world != world:
            self.asked, self.level = time, level
        self.level = max(self.level, level)
        self.world, self.loud = world, True

    def answered(self, time: int) -> int | None:
        """Somebody answers: ns since it was asked, None where nobody was asked."""
        asked, self.asked = self.asked, None
        return None if asked is None else max(0, time - asked)

    @property
    def kept(self) -> str:
        """How it is kept from the person: shelved, suppressed, out_of_service, or not at all."""
        return KEPT.get(self.state, "")

    @property
    def unanswered(self) -> bool:
        """Whether it waits for an acknowledgement."""
        return self.state in UNANSWERED
