"""Alarm records of some days at some sites, and their figures counted slowly, from nothing.

The counting reads nothing but records and docs/performance.md; it goes over all records for each
figure and keeps no state between them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby, pairwise

from area_logs import SiteAlarms
from lifeline.engine.alarm_table import Event
from lifeline.engine.level import LEVELS
from lifeline.engine.performance import Figures
from lifeline.engine.record import Record

SECOND = 1_000_000_000
TEN_MINUTES = 600 * SECOND
T0 = 1_767_225_600 * SECOND  # 2026-01-01, the beginning of an interval
SITES = {
    "a": "hefei/shushan/east",
    "b": "hefei/shushan/east",
    "c": "hefei/shushan/west",
    "d": "hefei/baohe/old-town",
}
DESK = {"b": "desk 1", "c": "desk 1"}
ALARMS = ("gas.h~S1", "gas.h~S2", "gas.rate~S1", "dam.h~S3")
GAPS = (1, 2, 8, 20, 50, 120, 500, 3_000, 40_000, 100_000)
ROSTER = {"blue": 60, "yellow": 30, "orange": 15, "red": 5}
EVENTS = (
    *(Event.ACKNOWLEDGE, Event.ACKNOWLEDGE, Event.SHELVE, Event.END_ACTIVE),
    *(Event.END_NORMAL, Event.WITHDRAW, Event.UNKNOWN, Event.KNOWN, Event.ACTUAL),
)


def stream(seed: int, size: int, *, calm: bool = False) -> list[Record]:
    """Records of all sites, mixed; each site's in order. Times of a site step back at times."""
    chance = random.Random(seed)
    sites = {name: SiteAlarms(name, area) for name, area in SITES.items()}
    gaps = GAPS[4:] if calm else GAPS
    made: list[Record] = []
    now = T0
    while len(made) < size:
        burst = chance.random() < 0.05
        now += chance.choice(gaps) * SECOND + chance.randrange(SECOND)
        for _ in range(chance.randrange(10, 40) if burst else 1):
            site = sites[chance.choice("aab" if burst else "abcd")]
            step = chance.randrange(-40, 20) if chance.random() < 0.2 else 0
            site.time = now + step * SECOND
            made += _one(chance, site, burst=burst)
        if chance.random() < 0.1:
            made += _chatter(chance, sites[chance.choice("abcd")], now)
    return made


def _chatter(chance: random.Random, site: SiteAlarms, now: int) -> list[Record]:
    """One alarm comes and goes every few seconds, acknowledged now and then."""
    name, made = chance.choice(ALARMS), []
    for i in range(chance.randrange(2, 9)):
        site.time = now + i * chance.randrange(1, 25) * SECOND
        made += site.set(name, chance.choice(LEVELS[1:]))
        if chance.random() < 0.3:
            made += site.event(name, Event.ACKNOWLEDGE)
        made += site.set(name, "normal")
    return made


def _one(chance: random.Random, site: SiteAlarms, *, burst: bool) -> list[Record]:
    name = f"{chance.choice(ALARMS)}{chance.randrange(9) if burst else ''}"
    flags = {"exercise": chance.random() < 0.1, "historic": chance.random() < 0.1}
    if name in site.alarms and chance.random() < 0.45:
        event = chance.choice(EVENTS)
        standing = site.alarms[name].level > 0
        suits = {Event.END_ACTIVE: standing, Event.END_NORMAL: not standing}
        if suits.get(event, True) and (event is not Event.ACTUAL or standing):
            made = site.event(name, event, **flags)
            if made and event is Event.SHELVE:
                site.alarms[name].cover = chance.randrange(1, 5)
            return made
    return site.set(name, chance.choice(LEVELS), **flags)


# --- counted slowly ---------------------------------------------------------------------------


def world(r: Record) -> str:
    return "exercise" if r.exercise else "historic" if r.historic else "actual"


def sounding(r: Record) -> bool:
    if r.state_after != "unacknowledged" or r.level_after == "normal":
        return False
    rose = LEVELS.index(r.level_after) > LEVELS.index(r.level_before)
    return rose or r.transition in ("unshelved", "actual")


def count(
    records: Sequence[Record], sites: set[str], which: str, begin: int, end: int, now: int
) -> dict[str, object]:
    """Figures of a group of sites in a world, over intervals from `begin` to `end` (ns)."""
    episodes = _episodes([r for r in records if r.site in sites])
    within = [r for r in records if r.site in sites and begin <= r.time < end]
    rang = [r for r in within if sounding(r) and world(r) == which]
    intervals = [
        sum(t <= r.time < t + TEN_MINUTES for r in rang) for t in range(begin, end, TEN_MINUTES)
    ]
    times = _times([(r.site, r.alarm) for r in rang])
    worst = sorted(times.items(), key=lambda item: (-item[1], item[0]))[:10]
    chattered = [(r.site, r.alarm) for r in _chatters(records, which, sites) if r in within]
    over = [
        (r.site, r.alarm) for e in episodes for r, w in _fleeting(e) if r in within and w == which
    ]
    answers = [
        (took, limit)
        for e in episodes
        for r, took, limit, w in _answers(e)
        if r in within and w == which
    ]
    standing = [e for e in episodes if _world(e) == which and e[-1].state_after != "normal"]
    loose = [e for e in standing if e[-1].state_after != "shelved"]
    active = [(_since(e), e[-1].site, e[-1].alarm) for e in loose]
    active = sorted(each for each in active if each[0] is not None)
    return {
        "alarms": len(rang),
        "levels": tuple(sum(r.level_after == level for r in rang) for level in LEVELS[1:]),
        "intervals": len(intervals),
        "last": intervals[-1] if intervals else 0,
        "peak": max(intervals, default=0),
        "above": sum(n > 10 for n in intervals),
        "floods": _floods(intervals),
        "worst": [(site, alarm, n) for (site, alarm), n in worst],
        "chattering": len(set(chattered)),
        "chatters": len(chattered),
        "fleeting": len(set(over) - set(chattered)),
        "fleetings": sum(each not in chattered for each in over),
        "standing": len(active),
        "oldest": active[:10],
        "stale": sum(now - since >= 86_400 * SECOND for since, *_ in active),
        "unacknowledged": sum("unacknowledged" in e[-1].state_after for e in standing),
        "shelved": sum(e[-1].state_after == "shelved" for e in standing),
        "answers": sorted(took for took, _ in answers),
        "late": sum(took > limit for took, limit in answers),
    }


def told(figures: Figures) -> dict[str, object]:
    """The same of the engine's figures, but for answers, which it gives as percentiles."""
    at = figures.begin
    return {
        **{
            name: getattr(figures, name)
            for name in (
                *("alarms", "levels", "intervals", "last", "peak", "above", "chattering"),
                *("chatters", "fleeting", "fleetings", "standing", "stale", "unacknowledged"),
                "shelved",
            )
        },
        "floods": [
            ((f.begin - at) // TEN_MINUTES, (f.end - at) // TEN_MINUTES, f.alarms, f.peak)
            for f in figures.floods
        ],
        "worst": [(w.site, w.alarm, w.alarms) for w in figures.worst],
        "oldest": [(s.since, s.site, s.alarm) for s in figures.oldest],
        "late": figures.answers.late,
    }


def _times(names: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {name: names.count(name) for name in set(names)}


def _episodes(records: Sequence[Record]) -> list[list[Record]]:
    known = sorted((r for r in records if r.episode), key=lambda r: (r.site, r.episode, r.seq))
    return [list(group) for _, group in groupby(known, key=lambda r: (r.site, r.episode))]


def _chatters(records: Sequence[Record], which: str, sites: set[str]) -> list[Record]:
    """Raises that are the third of their alarm within a minute."""
    raised = [
        r
        for r in sorted(records, key=lambda r: (r.site, r.alarm, r.seq))
        if r.site in sites and sounding(r) and r.level_before == "normal" and world(r) == which
    ]
    found = []
    for _, group in groupby(raised, key=lambda r: (r.site, r.alarm)):
        each = list(group)
        found += [
            third
            for first, third in zip(each, each[2:], strict=False)
            if third.time - first.time <= 60 * SECOND
        ]
    return found


def _world(episode: Sequence[Record]) -> str:
    said = [r for r in episode if sounding(r) or r.transition == "actual"]
    return world((said or [episode[0]])[-1])


def _since(episode: Sequence[Record]) -> int | None:
    if episode[-1].level_after == "normal":
        return None
    return [r for r in episode if r.level_before == "normal" != r.level_after][-1].time


def _fleeting(episode: list[Record]) -> list[tuple[Record, str]]:
    found = []
    for i, r in enumerate(episode):
        if r.level_before == "normal" or r.level_after != "normal" or r.transition == "withdrawn":
            continue
        up = max(
            k for k in range(i) if episode[k].level_before == "normal" != episode[k].level_after
        )
        if any(sounding(x) for x in episode[up:i]) and r.time - episode[up].time <= 10 * SECOND:
            found.append((r, _world(episode[: i + 1])))
    return found


def _answers(episode: list[Record]) -> list[tuple[Record, int, int, str]]:
    found = []
    for i, r in enumerate(episode):
        if r.transition != "acknowledged":
            continue
        asked: list[Record] = []
        for x in reversed(episode[:i]):
            if "unacknowledged" not in x.state_after:
                break
            if sounding(x):
                if asked and world(asked[0]) != world(x):
                    break
                asked.insert(0, x)
        if asked:
            gravest = max((x.level_after for x in asked), key=LEVELS.index)
            took = max(0, r.time - asked[0].time)
            found.append((r, took, ROSTER[gravest] * 60 * SECOND, _world(episode[: i + 1])))
    return found


def _floods(intervals: list[int]) -> list[tuple[int, int, int, int]]:
    """(first, end, alarms, peak) of the last ten."""
    marks, on = [], False
    for n in intervals:
        on = n > 10 or (on and n >= 5)
        marks.append(on)
    edges = [i for i, (x, y) in enumerate(pairwise([False, *marks, False])) if x != y]
    spans = list(zip(edges[::2], edges[1::2], strict=True))
    return [(i, j, sum(intervals[i:j]), max(intervals[i:j])) for i, j in spans][-10:]
