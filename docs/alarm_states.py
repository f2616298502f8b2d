"""Draws docs/alarm-states.svg, the state diagram of an alarm, from the alarm table itself.

python docs/alarm_states.py            draws it anew
python docs/alarm_states.py --check    exit code 1 if it is not what the table says

Where the boxes stand is chosen here; which arrows there are, and what is written on them, is not.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from lifeline.engine.alarm_table import AWAY, CELLS, IMPOSSIBLE, NOTHING, REFUSED, Event
from lifeline.engine.record import AlarmState as S

PICTURE = Path(__file__).resolve().parent / "alarm-states.svg"
WIDTH, HEIGHT = 1180, 830
BOX, TALL = (216, 56), (352, 216)
FRAME = (12, 30, WIDTH - 24, 450)  # around what is not kept away
Point = tuple[float, float]
PLACES: dict[S, Point] = {
    S.NORMAL: (136, 250),
    S.UNACKNOWLEDGED: (560, 90),
    S.ACKNOWLEDGED: (1040, 90),
    S.RETURNED_UNACKNOWLEDGED: (560, 410),
    S.LATCHED: (1040, 410),
    S.SHELVED: (200, 676),
    S.SUPPRESSED_BY_DESIGN: (590, 676),
    S.OUT_OF_SERVICE: (980, 676),
}
NAMES: dict[S, tuple[str, str]] = {
    S.NORMAL: ("normal", "正常"),
    S.UNACKNOWLEDGED: ("unacknowledged", "未确认"),
    S.ACKNOWLEDGED: ("acknowledged", "已确认"),
    S.RETURNED_UNACKNOWLEDGED: ("returned unacknowledged", "已恢复未确认"),
    S.LATCHED: ("latched", "待复位"),
    S.SHELVED: ("shelved", "已搁置"),
    S.SUPPRESSED_BY_DESIGN: ("suppressed by design", "设计抑制"),
    S.OUT_OF_SERVICE: ("out of service", "停用"),
}
#: Those that sound, those that wait for a person, those that are quiet.
COLOURS: dict[S, str] = {
    **dict.fromkeys(S, "#f2f2f2"),
    S.NORMAL: "#e3f4e3",
    S.UNACKNOWLEDGED: "#ffd9d6",
    S.RETURNED_UNACKNOWLEDGED: "#fff1cc",
    S.LATCHED: "#fff1cc",
    S.ACKNOWLEDGED: "#dfeaf7",
}
OPEN = [state for state in PLACES if state not in AWAY]
_SILENT = (NOTHING, REFUSED, IMPOSSIBLE)
_LINE, _SMALL = 17, 13


def moves(state: S) -> Iterator[tuple[Event, S]]:
    """The cells of a state that lead to another one."""
    for event in Event:
        after, transition = CELLS[state][event]
        risen = event is Event.RISE_COVERED and after == CELLS[state][Event.RISE][0]
        if transition not in _SILENT and after != state and not risen:
            yield event, after


def everywhere() -> dict[Event, S]:
    """Events that lead from every other state to one and the same: told once, in the caption. But a
    rise: it is what the picture is about."""
    found = {}
    for event in set(Event) - {Event.RISE}:
        targets = {a for state in S for e, a in moves(state) if e is event}
        if len(targets) == 1 and sum(e is event for s in S for e, _ in moves(s)) == len(S) - 1:
            found[event] = targets.pop()
    return found


def _words(event: Event) -> str:
    return event.name.lower().replace("_", " ")


def arrows() -> dict[tuple[S, S], list[str]]:
    """Between states in which an alarm is not kept away: what is written on each arrow."""
    common = everywhere()
    found: dict[tuple[S, S], list[str]] = {}
    for state in OPEN:
        for event, after in moves(state):
            if after in OPEN and event not in common:
                found.setdefault((state, after), []).append(_words(event))
    return found


def notes(away: S) -> list[str]:
    """What a box of a state that keeps away says: how one comes to it, and how out of it."""
    ways: dict[Event, list[S]] = {}
    for state in S:
        for event, after in moves(state):
            if after == away:
                ways.setdefault(event, []).append(state)
    lines = []
    for event, states in ways.items():
        all_open = set(OPEN) <= set(states)
        rest = [NAMES[s][0] for s in states if not (all_open and s in OPEN)]
        who = ["any that is not kept away"] * all_open + rest
        lines += _wrapped(f"{_words(event)}: from {', '.join(who)}")
    out: dict[S, list[str]] = {}
    for event, after in moves(away):
        if after not in AWAY and event not in everywhere():
            out.setdefault(after, []).append(_words(event))
    for after, events in out.items():
        lines += _wrapped(f"→ {NAMES[after][0]}: {', '.join(events)}")
    return lines


def _wrapped(text: str, most: int = 52) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > most:
            lines.append(line)
            line = "  "
        line += f" {word}" if line.strip() else word if not line else f"{line}{word}"[len(line) :]
    return [*lines, line]


# --- drawing --------------------------------------------------------------------------------------
def _text(
    x: float, y: float, text: str, size: int, *, middle: bool = True, bold: bool = False
) -> str:
    anchor = ' text-anchor="middle"' if middle else ""
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}"{anchor}{weight}>{escape(text)}</text>'


def _box(state: S) -> list[str]:
    (x, y), (w, h) = PLACES[state], TALL if state in AWAY else BOX
    left, top = x - w / 2, y - h / 2
    english, chinese = NAMES[state]
    made = [
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{w}" height="{h}" rx="9" '
        f'fill="{COLOURS[state]}" stroke="#333"/>',
        _text(x, top + 23, english, 15, bold=True),
        _text(x, top + 43, chinese, 14),
    ]
    if state in AWAY:
        for n, line in enumerate(notes(state)):
            made.append(_text(left + 12, top + 64 + n * 15, line, 11, middle=False))
    return made


def _edge(a: Point, b: Point, gap: float) -> Point:
    """Where the line from a to b leaves the box around a, a little outside."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    w, h = BOX[0] / 2 + gap, BOX[1] / 2 + gap
    scale = min(w / abs(dx) if dx else math.inf, h / abs(dy) if dy else math.inf)
    return a[0] + dx * scale, a[1] + dy * scale


def _line(ax: float, ay: float, bx: float, by: float) -> str:
    return (
        f'<line x1="{ax:.0f}" y1="{ay:.0f}" x2="{bx:.0f}" y2="{by:.0f}" stroke="#333" '
        'stroke-width="1.3" marker-end="url(#tip)"/>'
    )


def _arrow(a: S, b: S, words: list[str], beside: bool) -> list[str]:
    """A line from a to b; moved aside where there is one back. The words lie on it."""
    (ax, ay), (bx, by) = _edge(PLACES[a], PLACES[b], 3), _edge(PLACES[b], PLACES[a], 5)
    length = math.hypot(bx - ax, by - ay)
    aside = 19.0 if beside else 0.0
    ox, oy = -(by - ay) / length * aside, (bx - ax) / length * aside
    ax, ay, bx, by = ax + ox, ay + oy, bx + ox, by + oy
    at = 0.5 if not beside else 0.36
    x, y = ax + (bx - ax) * at, ay + (by - ay) * at
    made = [_line(ax, ay, bx, by)]
    w = max(map(len, words)) * 7 + 8
    top = y - len(words) * _LINE / 2
    made.append(
        f'<rect x="{x - w / 2:.0f}" y="{top:.0f}" width="{w}" height="{len(words) * _LINE}" '
        'fill="white" opacity="0.92"/>'
    )
    made += [_text(x, top + 13 + n * _LINE, word, _SMALL) for n, word in enumerate(words)]
    return made


def drawn() -> str:
    """The whole picture."""
    between = arrows()
    made = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" fill="#111">',
        "<title>The states of an alarm 报警状态</title>",
        '<defs><marker id="tip" markerWidth="10" markerHeight="8" refX="9" refY="4" orient="auto">'
        '<path d="M0,0 L10,4 L0,8 z" fill="#333"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        '<rect x="{}" y="{}" width="{}" height="{}" rx="14" fill="none" '
        'stroke="#999" stroke-dasharray="6 5"/>'.format(*FRAME),
        _text(30, 52, "not kept away 未被屏蔽", 13, middle=False),
    ]
    for (a, b), words in between.items():
        made += _arrow(a, b, words, (b, a) in between)
    for state in PLACES:
        made += _box(state)
    for state in AWAY:
        x, top, bottom = PLACES[state][0], FRAME[1] + FRAME[3], PLACES[state][1] - TALL[1] / 2
        for ends in ((x - 20, top, bottom), (x + 20, bottom, top)):
            made.append(_line(ends[0], ends[1], ends[0], ends[2]))
    told = "; ".join(f"{_words(e)} → {NAMES[s][0]}" for e, s in sorted(everywhere().items()))
    made.append(_text(24, HEIGHT - 14, f"From every other state: {told}.", 13, middle=False))
    return "\n".join([*made, "</svg>", ""])


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where the picture differs."""
    if "--check" in arguments:
        return int(PICTURE.read_text("utf-8") != drawn())
    PICTURE.write_text(drawn(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
