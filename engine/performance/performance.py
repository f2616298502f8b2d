"""Alarm performance after EEMUA 191 and ISA-18.2 / IEC 62682, record by record.

One `step` live, in a replay and over an outbox. Records of one site come in the order of their
`seq`; those of different sites in any order, which changes no figure. Time is the records' event
time and what `at` is told; no clock is read. What is kept is bounded (`limits`): beyond a bound
alarms still count and are not named, and figures say how many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from ..keeping import MAINTENANCE_RULE
from ..record import Record
from . import limits
from .episodes import Episode
from .figures import Figures, Tells, figures_of
from .hearing import World, ranks, sounds, world_of
from .positions import Where, groups_of
from .summary import Summary, summary_of
from .tally import Room, Tally
from .targets import ANSWER_NS, CHATTER_NS, CHATTER_RAISES, FLEETING_NS


class Performance:
    """Figures of all sites whose records are stepped.

    begin   nothing before this time (ns UTC) counts; what stands is followed all the same
    span    how far `at` looks back, None: to `begin`. Older intervals are forgotten by `at`
    assets  alarms are kept by asset, as positions need that watch only some of a site
    """

    def __init__(self, begin: int, span: int | None = None, *, assets: bool = False) -> None:
        self._begin, self._span = begin, span
        self.by_asset = assets
        self._assets: dict[str, set[str]] = {}
        self._first = -(-begin // limits.INTERVAL_NS)
        self._seqs: dict[str, int] = {}
        self._areas: dict[str, str] = {}
        self._open: dict[str, dict[int, Episode]] = {}
        self._tallies: dict[tuple[str, str, World], Tally] = {}
        self._raises: dict[tuple[str, str, World], tuple[int, ...]] = {}
        self._named, self._answers = Room(limits.MAX_NAMED), Room(limits.MAX_ANSWERS)
        self._standing, self._recent = Room(limits.MAX_OPEN), Room(limits.MAX_RECENT)
        self._sites = Room(limits.MAX_SITES)
        self.repeated = 0

    # --- records ---------------------------------------------------------------------------------

    def step(self, record: Record) -> None:
        """The next record of its site. One that was stepped before does nothing; a notice of the
        engine about itself, and a maintenance, are no alarms."""
        last = self._seqs.get(record.site)
        if last is None and not self._sites.take():
            return
        if last is not None and record.seq <= last:
            self.repeated += 1
            return
        self._seqs[record.site] = record.seq
        self._areas[record.site] = record.area
        if record.episode and record.transition != "notice" and record.rule != MAINTENANCE_RULE:
            episode = self._episode(record)
            if episode is not None:
                self._move(record, episode)

    def adopt(self, record: Record) -> None:
        """What left a standing alarm as it is, where its first records may be gone; before all
        `step`. It stands since its onset, and nobody is asked."""
        if record.site not in self._areas:
            if not self._sites.take():
                return
            self._areas[record.site] = record.area
            self._seqs[record.site] = 0
        episodes = self._open.setdefault(record.site, {})
        alarm = record.state_after != "normal" and record.rule != MAINTENANCE_RULE
        stands = alarm and record.episode not in episodes
        if stands and self._standing.take():
            episode = episodes[record.episode] = self._begun(record)
            episode.state = record.state_after
            episode.since = record.onset if ranks(record)[1] > 0 else None

    def _episode(self, record: Record) -> Episode | None:
        """The episode of a record, begun anew where this is its first; None beyond the bound."""
        episodes = self._open.setdefault(record.site, {})
        episode = episodes.get(record.episode)
        if episode is not None and record.seq != record.episode:
            return episode
        if episode is None and not self._standing.take():
            return None
        episode = self._begun(record)
        if ranks(record)[0] > 0:  # its beginning is gone
            episode.since = record.onset
        episodes[record.episode] = episode
        return episode

    def _move(self, record: Record, episode: Episode) -> None:
        before, after = ranks(record)
        if before == 0 and after > 0:
            episode.since, episode.loud = record.time, False
        if sounds(record):
            self._sounded(record, episode, raised=before == 0)
        elif record.transition == "actual":
            episode.world = world_of(record)
        if before > 0 and after == 0:
            self._returned(record, episode)
        if record.transition == "acknowledged":
            self._answered(record, episode)
        elif record.state_after not in ("unacknowledged", "returned_unacknowledged"):
            episode.asked = None  # shelved, withdrawn: nobody is asked any more
        episode.state = record.state_after
        if record.state_after == "normal":
            del self._open[record.site][record.episode]
            self._standing.give_back()

    def _sounded(self, record: Record, episode: Episode, *, raised: bool) -> None:
        world, level = world_of(record), ranks(record)[1]
        episode.sounds(world, record.time, level)
        chatters = raised and self._chatters(record, world)
        if self._counts(record.time):
            tally = self._tally(record.site, episode.asset, world)
            tally.sounded(record.time, record.alarm, level, chatters=chatters)

    def _chatters(self, record: Record, world: World) -> bool:
        """Whether this raise is the third within a minute."""
        key = record.site, record.alarm, world
        before = self._raises.get(key)
        if before is None and not self._recent.take():
            return False
        raises = (*(before or ()), record.time)[-CHATTER_RAISES:]
        self._raises[key] = raises
        return len(raises) == CHATTER_RAISES and raises[-1] - raises[0] <= CHATTER_NS

    def _returned(self, record: Record, episode: Episode) -> None:
        since, episode.since = episode.since, None
        over = since is not None and episode.loud and record.time - since <= FLEETING_NS
        if over and record.transition != "withdrawn" and self._counts(record.time):
            self._tally(record.site, episode.asset, episode.world).was_fleeting(
                record.time, record.alarm
            )

    def _answered(self, record: Record, episode: Episode) -> None:
        took = episode.answered(record.time)
        if took is not None and self._counts(record.time):
            late = took > ANSWER_NS[episode.level - 1]
            self._tally(record.site, episode.asset, episode.world).answered(
                record.time, took, late=late
            )

    def _counts(self, time: int) -> bool:
        return time // limits.INTERVAL_NS >= self._first

    def _tally(self, site: str, asset: str, world: World) -> Tally:
        found = self._tallies.get((site, asset, world))
        if found is None:
            found = self._tallies[site, asset, world] = Tally(self._named, self._answers)
        return found

    def _begun(self, record: Record) -> Episode:
        """A new episode, of the asset where that matters."""
        asset = record.asset if self.by_asset else ""
        self._assets.setdefault(record.site, set()).add(asset)
        return Episode(record.alarm, world_of(record), asset)

    # --- figures ---------------------------------------------------------------------------------

    def at(
        self,
        time: int,
        where: Mapping[str, Where] | None = None,
        world: World = "actual",
        only: Tells | None = None,
    ) -> list[Figures]:
        """Figures of every site, area and position over the whole intervals before `time`.

        `where` says whose the sites are; a site that it does not name is its records' area's. A
        site of it without a record has figures too: all nought. Areas and sites are told by name.
        What stands is what the records stepped so far leave standing. `time` never goes back.
        """
        end = time // limits.INTERVAL_NS
        first = self._first
        if self._span is not None:
            first = max(first, end - self._span // limits.INTERVAL_NS)
            self._forget(first)
        period = range(min(first, end), end)
        places = {**{site: Where(area) for site, area in self._areas.items()}, **(where or {})}
        groups: dict[tuple[str, str], Summary] = {}
        for site, place in places.items():
            if place.exercise and world != "exercise":
                continue
            if only is None or any(only(*group) for group in groups_of(site, place)):
                summary = partial(self._summary, site, world, period, time)
                self._add_site(groups, site, place, summary)
        _rolled_up(groups)
        return [
            figures_of(scope, name, world, period, summary)
            for (scope, name), summary in sorted(groups.items())
            if only is None or only(scope, name)
        ]

    def _add_site(
        self,
        groups: dict[tuple[str, str], Summary],
        site: str,
        place: Where,
        summary: Callable[[str], Summary],
    ) -> None:
        """A site to itself, to its area, and asset by asset to who answers."""
        parts = {asset: summary(asset) for asset in sorted(self._assets.get(site, ()))}
        whole = Summary()
        if len(parts) == 1:
            (whole,) = parts.values()
        for scope, name in groups_of(site, place):
            if scope == "position":
                groups.setdefault((scope, name), Summary())
        for asset, found in parts.items():
            if found is not whole:
                whole.add(found)
            for name in place.positions(asset):
                groups["position", name].add(found)
        groups["site", site] = whole
        if place.area:
            groups.setdefault(("area", place.area), Summary()).add(whole)

    def _summary(self, site: str, world: World, period: range, time: int, asset: str) -> Summary:
        tally = self._tallies.get((site, asset, world))
        standing = self._open.get(site, {}).values()
        episodes = [e for e in standing if e.world == world and e.asset == asset]
        return summary_of(site, tally, episodes, period, time)

    def _forget(self, first: int) -> None:
        """What lies before interval number `first`."""
        self._first = max(self._first, first)
        for tally in self._tallies.values():
            tally.drop_before(first)
        before = first * limits.INTERVAL_NS - CHATTER_NS
        for key in [key for key, times in self._raises.items() if max(times) < before]:
            del self._raises[key]
            self._recent.give_back()

    def worlds(self) -> set[World]:
        """Those in which anything happened that is not forgotten, or stands."""
        happened = {world for (*_, world), tally in self._tallies.items() if tally.intervals}
        return happened | {e.world for each in self._open.values() for e in each.values()}

    def counters(self) -> dict[str, int]:
        """What was beyond a bound, and what came twice."""
        return {
            "repeated": self.repeated,
            "sites": self._sites.refused,
            "unnamed": self._named.refused,
            "unmeasured": self._answers.refused,
            "not_followed": self._standing.refused,
            "not_watched": self._recent.refused,
        }


def _rolled_up(groups: dict[tuple[str, str], Summary]) -> None:
    """Adds each area to the one above it, the lowest first."""
    areas = {name for scope, name in groups if scope == "area"}
    areas |= {above for name in areas for above in _above(name)}
    for name in sorted(areas, key=lambda name: (-name.count("/"), name)):
        found = groups.setdefault(("area", name), Summary())
        above, slash, _ = name.rpartition("/")
        if slash:
            groups.setdefault(("area", above), Summary()).add(found)


def _above(area: str) -> Iterable[str]:
    while "/" in area:
        area = area.rpartition("/")[0]
        yield area
