"""What can happen to a site: a vocabulary that random stories and written scenarios share.

A `CauseKind` says what may happen ("leak"), what its size means and where it can be. A `Happening` is
one of them at a place and a time. `make` turns it into what the site's world understands, and into
the labels by which an engine's alerts are judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS

from .incidents import Incident, Level

if TYPE_CHECKING:
    from .plant import Site

Cause = TypeVar("Cause")


@dataclass(frozen=True, slots=True)
class Run:
    """What a world is made for. `compression`: seconds of the site's own process per second of
    event time, 1 except where a run tells days in minutes."""

    start_ns: int
    duration_s: float
    seed: int
    compression: float = 1.0


@dataclass(frozen=True, slots=True)
class Happening:
    """Something of a `kind` at a place (`where`: an asset or a point), between two event times.

    `size` is in the unit that the kind's `measure` names.
    """

    kind: str
    where: str
    onset_ns: int
    end_ns: int
    size: float
    compression: float = 1.0

    @property
    def duration_s(self) -> float:
        """Seconds of event time."""
        return (self.end_ns - self.onset_ns) / SECOND_NS

    @property
    def process_s(self) -> float:
        """Seconds of the site's own process."""
        return self.duration_s * self.compression

    def after(self, process_s: float) -> int:
        """The event time at which this many seconds of the process have passed since the end."""
        return self.end_ns + round(process_s / self.compression * 1000) * 1_000_000


@dataclass(frozen=True, slots=True)
class Label:
    """On which sensors a happening can be seen, and the least grave level that counts as found.

    What is left out is the happening's own: its kind, its times, its kind's text.
    """

    sensors: tuple[str, ...]
    level: Level
    kind: str = ""
    onset_ns: int | None = None
    end_ns: int | None = None
    what_en: str = ""
    what_zh: str = ""


@dataclass(frozen=True, slots=True)
class CauseKind(Generic[Cause]):
    """One kind of happening at a site.

    `kind` is the field's word ("leak", "pump.trip"). `measure` says what `size` means, with its
    unit ("diameter of the hole, mm"); `usual` is taken where nobody says one, `least` and `most`
    bound what is accepted. In `what_en` and `what_zh` `{where}` and `{size}` are filled in.
    `places` are those where it can happen. `make` gives the labels and the world's cause; one that
    is no danger (maintenance, a festival) has no label, and false alarms are counted on it.
    """

    kind: str
    measure: str
    usual: float
    least: float
    most: float
    what_en: str
    what_zh: str
    places: Callable[[Site], tuple[str, ...]]
    make: Callable[[Site, Happening], tuple[tuple[Label, ...], Cause]]

    def said(self, happening: Happening) -> tuple[str, str]:
        """What happens, in English and in Chinese."""
        words = {"where": happening.where, "size": f"{happening.size:.3g}"}
        return self.what_en.format(**words), self.what_zh.format(**words)


def kind_of(site: Site, name: str) -> CauseKind[Any]:
    """The site's kind of that name. Raises SpecError with the nearest valid names."""
    for kind in site.causes:
        if kind.kind == name:
            return kind
    raise _unknown(f"kind of happening at {site.name}", name, [k.kind for k in site.causes])


def place_of(site: Site, kind: CauseKind[Any], name: str) -> str:
    """`name`, where it is a place for this kind. Raises SpecError with the nearest valid names."""
    places = kind.places(site)
    if name in places:
        return name
    raise _unknown(f"place for {kind.kind} at {site.name}", name, places)


def size_of(kind: CauseKind[Any], size: float | None) -> float:
    """`size`, or the usual one. Raises SpecError where it is not within the kind's bounds."""
    if size is None:
        return kind.usual
    if kind.least <= size <= kind.most:
        return size
    raise SpecError(
        f"the size of {kind.kind} ({kind.measure}) is out of bounds",
        found=f"{size:g}",
        expected=f"{kind.least:g} to {kind.most:g}",
    )


def made(site: Site, happening: Happening, number: int) -> tuple[list[Incident], Any]:
    """The incidents of a happening and the cause for the world; `number` tells its ids apart.

    Raises SpecError where kind, place, size or times cannot be.
    """
    kind = kind_of(site, happening.kind)
    place_of(site, kind, happening.where)
    size_of(kind, happening.size)
    if happening.onset_ns >= happening.end_ns:
        raise SpecError(f"{happening.kind} at {happening.where} ends before it begins")
    labels, cause = kind.make(site, happening)
    return [_incident(site, kind, happening, label, number) for label in labels], cause


def _incident(
    site: Site, kind: CauseKind[Any], happening: Happening, label: Label, number: int
) -> Incident:
    what_en, what_zh = kind.said(happening)
    name = label.kind or happening.kind
    return Incident(
        id=f"{site.id}/{number}-{name}",
        site=site.id,
        domain=site.domain,
        kind=name,
        sensors=label.sensors,
        onset_ns=happening.onset_ns if label.onset_ns is None else label.onset_ns,
        end_ns=happening.end_ns if label.end_ns is None else label.end_ns,
        level=label.level,
        what_en=label.what_en or what_en,
        what_zh=label.what_zh or what_zh,
    )


def _unknown(what: str, name: str, valid: Sequence[str]) -> SpecError:
    from lifeline.engine.config.nearest import Names

    return Names(what, valid).unknown(name)
