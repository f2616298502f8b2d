"""Figures of alarm performance for people and for programs: an overview, and one page for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Any, Final

from ..outputs.times import rfc3339
from ..performance.targets import BANDS_ZH, TARGETS, Band
from .console import stdout
from .format import clock_time

if TYPE_CHECKING:
    from ..outputs.ports import Place
    from ..outputs.text import Language
    from ..performance import Figures, World

_STYLES: Final[dict[Band, str]] = {
    "good": "green",
    "manageable": "",
    "demanding": "yellow",
    "excessive": "red",
    "": "dim",
}
_ZH: Final = {
    "site": "站点",
    "area": "区域",
    "position": "操作岗位",
    "actual": "实际",
    "exercise": "演练",
    "historic": "补报",
    "to": "至",
    "periods": "个10分钟时段",
    "alarms": "报警",
    "average": "平均",
    "peak": "峰值",
    "floods": "泛滥",
    "stale": "陈旧",
    "worst ten": "最频繁十条",
    "standing longest": "持续最久",
    "since": "自",
    "lasts": "仍在持续",
    "counted apart": "另计",
    "nothing": "没有站点。",
    "beyond the bounds": "超出上限",
}
_SCOPES: Final = ("position", "area", "site")
_TIMES: Final = ("begin", "end", "peak_at", "since")


class Report:
    """Prints figures. `zone`: whose clock times are told by."""

    def __init__(self, language: Language, zone: tzinfo) -> None:
        self._zh = language == "zh"
        self._zone = zone
        self._console = stdout()

    def overview(self, figures: Sequence[Figures]) -> None:
        """One line each: positions, areas, then the sites at which there is anything."""
        if not figures:
            self._console.print(self._word("nothing"))
            return
        self._period(figures[0])
        words = ("alarms", "average", "peak", "floods", "stale")
        head = "".join(_right(self._word(word), 10) for word in words)
        rows = [(self._label(f), f) for scope in _SCOPES for f in figures if f.scope == scope]
        rows = [(label, f) for label, f in rows if f.scope != "site" or _anything(f)]
        width = max((_width(label) for label, _ in rows), default=0)
        self._console.print(" " * width + head, style="dim")
        for label, f in rows:
            self._row(_left(label, width), f)

    def _row(self, label: str, f: Figures) -> None:
        from rich.text import Text

        bands = f.bands()
        text = Text(label)
        text.append(_right(str(f.alarms), 10))
        for name, value in (
            ("average", f"{f.average:.2f}"),
            ("peak", str(f.peak)),
            ("flood_share", _percent(f.flood_share)),
            ("stale", str(f.stale)),
        ):
            text.append(_right(value, 10), style=_STYLES[bands[name]])
        self._console.print(text)

    def page(self, f: Figures) -> None:
        """Every figure with its target, clause and mark; floods, worst and oldest alarms."""
        from rich.text import Text

        self._console.print(self._label(f), style="bold")
        self._period(f)
        bands, values = f.bands(), _values(f)
        titles = {t.name: t.title_zh if self._zh else t.title for t in TARGETS}
        width = max(map(_width, titles.values()))
        for target in TARGETS:
            band = bands.get(target.name, "")
            text = Text("  " + _left(titles[target.name], width) + "  ")
            text.append(_left(values[target.name], 30), style=_STYLES[band])
            text.append(_left(BANDS_ZH[band] if self._zh else band, 12), style=_STYLES[band])
            text.append(_left(target.target, 26))
            text.append(f"{target.clause} {target.mark}", style="dim")
            self._console.print(text)
        self._lists(f)

    def _lists(self, f: Figures) -> None:
        if f.worst:
            self._heading("worst ten")
        for worst in f.worst:
            share = _right(_percent(worst.share), 8)
            self._console.print(f"  {worst.alarms:>8}{share}  {worst.site}/{worst.alarm}")
        if f.floods:
            self._heading("floods")
        for flood in f.floods:
            lasts = f"  ({self._word('lasts')})" if flood.lasts else ""
            peak = f"{self._word('peak')} {flood.peak}"
            span = f"{self._time(flood.begin)} – {self._time(flood.end)}"
            self._console.print(f"  {span}  {flood.alarms} {self._word('alarms')}, {peak}{lasts}")
        if f.oldest:
            self._heading("standing longest")
        for each in f.oldest:
            since = f"{self._word('since')} {self._time(each.since)}"
            self._console.print(f"  {since}  {each.site}/{each.alarm}")

    def remarks(self, apart: Mapping[World, int], counters: Mapping[str, int]) -> None:
        """What is counted apart, and what was beyond a bound."""
        told = [f"{self._word(world)} {n}" for world, n in apart.items() if n]
        if told:
            self._console.print(f"{self._word('counted apart')}: {', '.join(told)}", style="dim")
        beyond = [f"{name} {n}" for name, n in counters.items() if n and name != "repeated"]
        if beyond:
            text = f"{self._word('beyond the bounds')}: {', '.join(beyond)}"
            self._console.print(text, style="yellow")

    def _heading(self, word: str) -> None:
        self._console.print(f"  {self._word(word)}", style="dim")

    def _period(self, f: Figures) -> None:
        span = f"{self._time(f.begin)} {self._word('to')} {self._time(f.end)} {self._zone}"
        periods = self._word("periods") if self._zh else "periods of 10 min"
        kind = "" if f.world == "actual" else f", {self._word(f.world)}"
        self._console.print(f"  {span}, {f.intervals} {periods}{kind}", style="dim")

    def _label(self, f: Figures) -> str:
        return f"{self._word(f.scope)} {f.name}"

    def _time(self, ns: int) -> str:
        return clock_time(ns, self._zone, date=True)[:16]

    def _word(self, word: str) -> str:
        return _ZH.get(word, word) if self._zh else word


def one_zone(places: Iterable[Place]) -> tzinfo:
    """The zone of all sites where they have one, else UTC."""
    from ..outputs.times import zone

    zones = {place.zone for place in places if place.zone != "UTC"}
    return zone(zones.pop()) if len(zones) == 1 else UTC


def document(
    figures: Sequence[Figures], apart: Mapping[World, int], counters: Mapping[str, int]
) -> dict[str, Any]:
    """Figures as one JSON document: times as text, each figure's band, and what they stand on."""
    import msgspec

    return {
        "targets": [msgspec.to_builtins(target) for target in TARGETS],
        "figures": [_timed(msgspec.to_builtins(f)) | {"bands": f.bands()} for f in figures],
        "apart": dict(apart),
        "counters": dict(counters),
    }


def _timed(value: Any) -> Any:
    """The same with its times as text."""
    if isinstance(value, dict):
        return {
            key: rfc3339(each) if key in _TIMES and isinstance(each, int) else _timed(each)
            for key, each in value.items()
        }
    return [_timed(each) for each in value] if isinstance(value, list | tuple) else value


def _values(f: Figures) -> dict[str, str]:
    """Each target's figure as text."""
    took = f.answers
    times = " / ".join(_span(each) for each in (took.median, took.p95, took.longest))
    return {
        "average": f"{f.average:.2f}  ({f.average * 144:.0f} /24 h)",
        "peak": str(f.peak),
        "above_share": f"{_percent(f.above_share)}  ({f.above})",
        "flood_share": f"{_percent(f.flood_share)}  ({f.flood_count})",
        "levels": " / ".join(_percent(share) for share in f.level_shares),
        "worst_share": _percent(f.worst_share),
        "chattering": f"{f.chattering}  ({f.chatters} ×)",
        "fleeting": f"{f.fleeting}  ({f.fleetings} ×)",
        "standing": str(f.standing),
        "stale": str(f.stale),
        "unacknowledged": str(f.unacknowledged),
        "shelved": f"{f.shelved} / {f.suppressed} / {f.out_of_service}",
        "answer": f"{times}  ({took.count})",
        "late": str(took.late),
    }


def _anything(f: Figures) -> bool:
    return bool(f.alarms or f.standing or f.unacknowledged or f.shelved or f.suppressed)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _span(seconds: float | None) -> str:
    """`42 s`, `7.5 min`, `3.2 h`."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6_000 else f"{seconds / 3_600:.1f} h"


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _left(text: str, width: int) -> str:
    return text + " " * max(0, width - _width(text))


def _right(text: str, width: int) -> str:
    return " " * max(1, width - _width(text)) + text
