"""What the second stage is told of the first: records, and which sites are silent.

Pure; both runtimes feed the area log by these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from .. import layout as at
from ..core import ENGINE_SITE, Core
from ..limits import ALIVE_INTERVAL_NS
from ..record import Record, decode_record
from .configuration import SITE, prefixes
from .entry import Alive, Heard, Silent, Standing


def silent_sites(core: Core) -> tuple[Silent, ...]:
    """The sites of a core of which a whole source is silent, by id.

    A source is silent when each of its sensors that promised to speak is stale or was never
    heard within its own expectation; a site is silent as a whole when all its sources are.
    Costs a pass over the flags of all sensors.
    """
    state = core.state
    if state is None or not len(state.plan.configuration.sensors):
        return ()
    configuration = state.plan.configuration
    n, links = len(configuration.sensors), len(configuration.links)
    flag, link = state.flag[:n], state.cold["link"][:n]
    speaks = (state.hot["stale"][:n] != at.NEVER) | (
        (flag & (at.BY_EVENT | at.LINK_ALIVE)) == (at.BY_EVENT | at.LINK_ALIVE)
    )
    speaks &= (flag & at.RETIRED) == 0
    expected = np.bincount(link[speaks], minlength=links)
    stale = np.bincount(link[speaks & ((flag & at.STALE) != 0)], minlength=links)
    silent = (expected > 0) & (stale == expected)
    site_of = np.array([x.site for x in configuration.links], np.int64)
    alive = np.bincount(site_of[(expected > 0) & ~silent], minlength=len(configuration.sites))
    found: dict[int, list[int]] = {}
    for i in np.flatnonzero(silent).tolist():
        found.setdefault(int(site_of[i]), []).append(i)
    made = [
        Silent(
            configuration.sites[site].id,
            tuple(sorted(configuration.links[i].source for i in sources)),
            not alive[site],
            int(stale[sources].sum()),
        )
        for site, sources in found.items()
    ]
    return tuple(sorted(made, key=lambda s: s.site))


class AliveTeller:
    """Says when an engine has something to say: at once where a site became silent or is heard
    again, else every ALIVE_INTERVAL_NS."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._said: tuple[Silent, ...] | None = None
        self._due = 0

    def tell(self, core: Core, now: int) -> Alive | None:
        """What to append now, if anything; `now` is monotonic."""
        silent = silent_sites(core)
        if silent == self._said and now < self._due:
            return None
        self._said, self._due = silent, now + ALIVE_INTERVAL_NS
        return Alive(self._engine, core.position, max(core.wall, 0), silent)


def heard(rows: Iterable[bytes]) -> Heard | None:
    """What areas hear of encoded alert records, in order: those of sites, and those of areas that
    others may lie above. None where that is nothing."""
    taken = tuple(r for r in map(decode_record, rows) if _is_heard(r.site))
    return Heard(taken) if taken else None


def _is_heard(site: str) -> bool:
    if site.startswith(SITE):
        return bool(above(site))
    return not site.startswith(ENGINE_SITE)


def above(site: str) -> tuple[str, ...]:
    """The paths of the areas above an area, by its reserved site; none for a city or a site.

    >>> above("area:hefei/shushan/east"), above("area:hefei"), above("east")
    (('hefei', 'hefei/shushan'), (), ())
    """
    return prefixes(site.removeprefix(SITE))[:-1] if site.startswith(SITE) else ()


def standings(heads: Mapping[str, tuple[int, str]], rows: Iterable[bytes]) -> list[Standing]:
    """All that stands at every site that areas hear: for a first start, and after a loss.

    `heads` are (seq, hash) of the last record of each site, `rows` the records that left each
    standing alarm as it is.
    """
    by_site: dict[str, list[Record]] = {}
    for record in map(decode_record, rows):
        by_site.setdefault(record.site, []).append(record)
    return [
        Standing(site, seq, head, tuple(by_site.get(site, ())))
        for site, (seq, head) in sorted(heads.items())
        if _is_heard(site)
    ]
