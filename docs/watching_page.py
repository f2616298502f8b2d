"""Writes the drawn parts of docs/kinds.md that need a clock: what speaks of silence, of clocks, of the engine itself.

python docs/watching_page.py            writes them anew
python docs/watching_page.py --check    exit code 1 if they are not what the core makes of the examples

Rules are read as an author writes them; a character is a minute, and every strip of an alarm is what the core says.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Rule, Select

PAGE = Path(__file__).resolve().parent / "kinds.md"
START = 19_675 * 24 * 60 * MINUTE_NS
WIDTH = 76
QUANTITY = "gas.combustible"


def _always(minute: int) -> bool:
    return True


def _never_off(minute: int) -> int:
    return 0


@dataclass(frozen=True)
class Point:
    """One detector: whether it speaks in a minute, and by how many minutes its own clock is off."""

    id: str
    speaks: Callable[[int], bool] = _always
    off: Callable[[int], int] = _never_off


@dataclass(frozen=True)
class Example:
    """A rule over detectors that report each minute; `watched` is false while nobody steps the log."""

    rule: str
    points: tuple[Point, ...]
    alarms: tuple[str, ...]
    watched: Callable[[int], bool] = _always


EXAMPLES = {
    "stale": Example(
        "{id: silence, kind: stale, select: {quantity: gas.combustible}, level: yellow}",
        (
            Point("GD-1", lambda n: not 6 <= n < 20 and not 36 <= n < 58),
            Point("GD-2", lambda n: not 36 <= n < 60),
        ),
        ("silence~GD-1", "silence~GD-2", "silence~link:gateway"),
    ),
    "clock": Example(
        "{id: clock, kind: clock, select: {quantity: gas.combustible}, level: blue}",
        (Point("GD-1", off=lambda n: -30 if 20 <= n < 52 else 0), Point("GD-2")),
        ("clock~GD-1", "clock~GD-2"),
    ),
    "blind": Example(
        "{id: watch.gap, kind: blind, select: {quantity: gas.combustible},\n"
        " beyond: {yellow: 1min, red: 30min}, off_delay: 5min}",
        (Point("GD-1"),),
        ("watch.gap~site",),
        lambda n: not 10 <= n < 18 and not 30 <= n < 62,
    ),
}


def _configuration(example: Example) -> Configuration:
    written = yaml.safe_load(example.rule)
    kind = kind_named(written["kind"])
    model = kind.author_model.model_validate(written)
    judgement = kind.compile(model, quantity(QUANTITY), "")
    rule = Rule(model.id, kind.name, Select(quantity=(QUANTITY,)), (judgement,), **model.beside(PAGE.parent))  # fmt: skip
    sensors = tuple(
        Sensor(p.id, 0, 0, QUANTITY, "%LEL", gas="methane@NFPA", interval=MINUTE_NS, stale=3 * MINUTE_NS)
        for p in example.points
    )  # fmt: skip
    site = Site("site", "acme", "city/east/one")
    return Configuration((site,), (Link(0, "gateway"),), sensors, (rule,))


def strips(example: Example) -> dict[str, str]:
    """What each detector does in a minute (`*` spoke, `<` with a clock behind, blank silent), whether
    somebody watched (`|`), and what each alarm stands at: B, Y, O, R, `.` for normal."""
    configuration = _configuration(example)
    version, core, entries = configuration.version(), Core(), 1
    core.step(1, Entry(Header(registry=version, received=START, appended=START), configuration))
    drawn = {p.id: "" for p in example.points}
    if example.watched is not _always:
        drawn["watched"] = ""
    drawn |= dict.fromkeys(example.alarms, "")
    away = False
    for minute in range(WIDTH):
        now = START + minute * MINUTE_NS
        watched = example.watched(minute)
        for point in example.points:
            mark = "<" if point.off(minute) else "*"
            drawn[point.id] += mark if watched and point.speaks(minute) else " "
        if "watched" in drawn:
            drawn["watched"] += "|" if watched else " "
        if watched:
            for at, payload in _heard(example, minute, now, away):
                entries += 1
                header = Header(registry=version, received=at, appended=at)
                core.step(entries, Entry(header, payload))
        away = not watched
        standing = {one.alarm: one.level for one in core.standing()}
        for alarm in example.alarms:
            level = standing.get(alarm, "normal") if watched else " "
            drawn[alarm] += "." if level == "normal" else level[0].upper()
    return drawn


def _heard(example: Example, minute: int, now: int, away: bool) -> list[tuple[int, Frame | Tick]]:
    """The entries of a minute: a tick, what the detectors say, a tick half a minute later."""
    said = [i for i, p in enumerate(example.points) if p.speaks(minute)]
    times = [now + example.points[i].off(minute) * MINUTE_NS for i in said]
    ticks: list[tuple[int, Frame | Tick]] = [(now, Tick(now, resumed=away))]
    if said:
        ticks.append((now, Frame.of(said, times, [3.0 + (minute + i) % 5 for i in said])))
    later = now + MINUTE_NS // 2
    return [*ticks, (later, Tick(later))]


def drawing(example: Example) -> str:
    """The written rule, and a strip for each detector and alarm."""
    found = strips(example)
    width = max(map(len, found))
    lines = [f"{name:<{width}}  {strip}".rstrip() for name, strip in found.items()]
    return "\n".join(["```text", *example.rule.splitlines(), "", *lines, "```"])


def drawn(page: str) -> str:
    """The page with every drawn part exchanged. Raises KeyError for a part of no example."""
    pattern = re.compile(
        r"(<!-- drawn by docs/watching_page.py: (\w+) -->\n).*?(<!-- to here -->)", re.DOTALL
    )
    return pattern.sub(lambda m: f"{m[1]}\n{drawing(EXAMPLES[m[2]])}\n\n{m[3]}", page)


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where the page differs."""
    page = PAGE.read_text("utf-8")
    wanted = drawn(page)
    if "--check" in arguments:
        return int(page != wanted)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
