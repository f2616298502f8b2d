"""What has a mistake of its own: whatever refers to it is not told as a second mistake."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Doubtful:
    """Names that stand in the files but could not be compiled.

    `tables` says that a whole tag list could not be read, so that no sensor can be called unknown;
    `keys` are top-level keys of the file that were left out.
    """

    sites: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    sensors: set[str] = field(default_factory=set)
    assets: set[str] = field(default_factory=set)
    tables: bool = False
    keys: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.sites or self.sources or self.sensors or self.tables)

    def of(self, key: str) -> set[str]:
        """The doubtful names of a key of a selection."""
        found = {"site": self.sites, "sensor": self.sensors, "asset": self.assets}
        return found.get(key, set())

    def all_of(self, key: str) -> bool:
        """Whether nothing can be said about the names of a key of a selection."""
        return (key in ("sensor", "asset") and self.tables) or (
            key == "tenant" and bool(self.sites)
        )
