"""The MQTT topic contract (design §8), version 1. Its depth is fixed, so that `+` works anywhere.

    lifeline/v1/record/<city>/<district>/<street>/<site>
    lifeline/v1/alert/<city>/<district>/<street>/<site>/<domain>/<level>
    lifeline/v1/state/<city>/<district>/<street>/<site>/<alarm>
    lifeline/v1/notice/<city>/<district>/<street>/<site>
    lifeline/v1/drill-alert/… and drill-state/…, drill-notice/…   the same of exercises, which no siren hears by accident
    lifeline/v1/command/<site>/<user>           and …/reply
    lifeline/v1/health/<node>

Area alarms stand under the site level `-`; their site is `area:<path>`, and so it is called in
command topics. Every name is one level, whatever is in it: `/`, `+`, `#`, `%`-escapes and control
characters are written as `%XX` of their UTF-8 bytes, an empty name as `-`. Names that a
configuration accepts are never changed by this; it is the last guard, not the first.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

ROOT: Final = "lifeline/v1"
EMPTY: Final = "-"
AREA_DEPTH: Final = 3
AREA_SITE: Final = "area:"
COMMANDS: Final = f"{ROOT}/command/+/+"
STATES: Final = f"{ROOT}/state/+/+/+/+/+"
#: What stands before the kind of a topic where the record is of an exercise.
DRILL: Final = "drill-"
DRILL_STATES: Final = f"{ROOT}/{DRILL}state/+/+/+/+/+"

# Names that are not escaped anew: those of a large site and its alarms, some hundred bytes each.
_NAMES_KEPT: Final = 4_096
# MQTT 3.1.1 1.5.3 lets a broker drop whoever sends a control character.
_UNSAFE: Final = re.compile(r"[/+#\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|%(?=[0-9A-Fa-f]{2})")


@lru_cache(maxsize=_NAMES_KEPT)
def segment(name: str) -> str:
    """The name as one topic level.

    >>> segment("T-101/+#"), segment(""), segment("50%")
    ('T-101%2F%2B%23', '-', '50%')
    """
    return _UNSAFE.sub(_escaped, name) or EMPTY


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "surrogatepass"))


def name(level: str) -> str:
    """The name that a topic level stands for; undoes `segment` except for the empty name."""
    return unquote(level, errors="surrogatepass")


@lru_cache(maxsize=_NAMES_KEPT)
def area_levels(area: str) -> str:
    """`city/district/street` as exactly three levels.

    What is missing becomes `-`; what is too deep joins the third level, escaped.

    >>> area_levels("hefei/shushan/east"), area_levels("")
    ('hefei/shushan/east', '-/-/-')
    """
    parts = area.split("/", AREA_DEPTH - 1) if area else []
    parts += [""] * (AREA_DEPTH - len(parts))
    return "/".join(segment(part) for part in parts)


def _site_level(site: str) -> str:
    if site.startswith(AREA_SITE):
        return EMPTY
    # A site of that name would be taken for an area.
    return segment(site) if site != EMPTY else f"%{ord(EMPTY):02X}"


def record(area: str, site: str) -> str:
    """Every record of a site, without gaps in `seq`; those of a drill too, which say so."""
    return f"{ROOT}/record/{area_levels(area)}/{_site_level(site)}"


def alert(area: str, site: str, domain: str, level: str, exercise: bool = False) -> str:
    """The records of a site that begin, change or end this level."""
    site_level, kind = _site_level(site), _kind("alert", exercise)
    return f"{ROOT}/{kind}/{area_levels(area)}/{site_level}/{segment(domain)}/{segment(level)}"


def state(area: str, site: str, alarm: str, exercise: bool = False) -> str:
    """Retained: one alarm as it is."""
    kind = _kind("state", exercise)
    return f"{ROOT}/{kind}/{area_levels(area)}/{_site_level(site)}/{segment(alarm)}"


def notice(area: str, site: str, exercise: bool = False) -> str:
    """What people are to hear of a site, thinned in a flood; `-` for what is of several sites."""
    return f"{ROOT}/{_kind('notice', exercise)}/{area_levels(area)}/{_site_level(site)}"


def _kind(name: str, exercise: bool) -> str:
    return f"{DRILL}{name}" if exercise else name


def command(site: str, user: str) -> str:
    """Where a user commands a site; the broker's ACL ties `user` to the login."""
    return f"{ROOT}/command/{segment(site)}/{segment(user)}"


def reply(site: str, user: str) -> str:
    """Where the answers to a user's commands come."""
    return f"{command(site, user)}/reply"


def health(node: str) -> str:
    """Retained: how an engine is."""
    return f"{ROOT}/health/{segment(node)}"


def site_of_state(topic: str) -> str | None:
    """The site of a state topic (`area:<path>` of an area's), or None for any other topic."""
    levels = topic.split("/")
    if len(levels) != 8 or levels[:2] != ROOT.split("/"):
        return None
    if levels[2].removeprefix(DRILL) != "state":
        return None
    if levels[6] != EMPTY:
        return name(levels[6])
    path = [name(level) for level in levels[3:6] if level != EMPTY]
    return AREA_SITE + "/".join(path) if path else EMPTY


def command_of(topic: str) -> tuple[str, str] | None:
    """(site, user) of a command topic, or None for any other topic."""
    levels = topic.split("/")
    if len(levels) != 5 or levels[:3] != [*ROOT.split("/"), "command"]:
        return None
    return name(levels[3]), name(levels[4])
