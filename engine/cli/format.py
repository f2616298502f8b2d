"""Alert records as lines for people: time, level in its colour, sentence in their language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Final

from ..level import LEVELS, LEVELS_ZH
from ..outputs.text import Language, render
from ..outputs.times import zone
from .console import STYLES

if TYPE_CHECKING:
    from rich.text import Text

    from ..outputs.ports import Place
    from ..record import Record

STATES_ZH: Final = {
    "normal": "正常",
    "unacknowledged": "未确认",
    "acknowledged": "已确认",
    "returned_unacknowledged": "已恢复未确认",
    "shelved": "已搁置",
    "latched": "待复位",
    "suppressed_by_design": "设计抑制",
    "out_of_service": "停用",
}
_NS: Final = 1_000_000_000


def clock_time(time_ns: int, where: tzinfo | None, *, date: bool = False) -> str:
    """`12:00:05` in a zone, or in the machine's own where there is none."""
    at = datetime.fromtimestamp(time_ns // _NS, UTC).astimezone(where)
    return at.strftime("%Y-%m-%d %H:%M:%S" if date else "%H:%M:%S")


def level_label(level: str) -> str:
    """Both names, for the colour is the law's: `ORANGE 橙色`, padded to one width."""
    return f"{level.upper():<6} {LEVELS_ZH[LEVELS.index(level)]}"


def reaches(record: Record, least: int) -> bool:
    """Whether a record begins, changes or ends a level of at least `least` (0: every record).

    Both levels count, before and after: who hears red begin hears it end.
    """
    grave = max(LEVELS.index(record.level_before), LEVELS.index(record.level_after))
    return grave >= least


def alarm_name(record: Record) -> str:
    """`<site>/<rule>~<subject>`, which `ack` and `shelve` take."""
    return f"{record.site}/{record.alarm}"


class Lines:
    """Renders records for one person: language, sites' names and local times.

    `dated` puts the date before the time.
    """

    def __init__(
        self, language: Language, places: Mapping[str, Place], *, dated: bool = False
    ) -> None:
        self.language = language
        self._places = places
        self._dated = dated

    def sentence(self, record: Record) -> str:
        """The sentence of a record."""
        place = self._places.get(record.site)
        where = self._zone(record.site) or UTC
        return render(record, self.language, where, place.name if place else "")

    def event(self, record: Record) -> Text:
        """One transition: when, which level it is now, what."""
        from rich.text import Text

        text = Text()
        text.append(self.time(record.site, record.time), style="dim")
        text.append("  ")
        text.append(level_label(record.level_after), style=STYLES[record.level_after])
        text.append("  ")
        text.append(self.sentence(record))
        return text

    def standing(self, record: Record) -> Text:
        """One alarm that is not normal: its name to command it by, and what is the matter."""
        from rich.text import Text

        state = record.state_after
        label = STATES_ZH[state] if self.language == "zh" else state.replace("_", " ")
        if record.unknown:
            label += "（无数据）" if self.language == "zh" else ", sensor silent"
        text = Text()
        text.append(level_label(record.level_after), style=STYLES[record.level_after])
        text.append(f"  {alarm_name(record)}  ", style="bold")
        text.append(f"[{label}] ", style="dim")
        since = "自" if self.language == "zh" else "since "
        text.append(f"{since}{self.time(record.site, record.onset, date=True)}  ", style="dim")
        text.append(self.sentence(record))
        return text

    def time(self, site: str, time_ns: int, *, date: bool = False) -> str:
        """A time at a site, as its people's clocks show it."""
        return clock_time(time_ns, self._zone(site), date=date or self._dated)

    def _zone(self, site: str) -> tzinfo | None:
        place = self._places.get(site)
        return zone(place.zone) if place else None
