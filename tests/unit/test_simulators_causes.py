"""What can happen to a site: kinds with sizes and places, and stories that are told out of them."""

from __future__ import annotations

import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.simulators.cause import CauseKind, Happening, Run, kind_of, made
from lifeline.simulators.plant import Site
from lifeline.simulators.script import scripted
from lifeline.simulators.sites import SITES, all_sites, site_named

START = 1_800_000_000 * SECOND_NS
EVERY_KIND = pytest.mark.parametrize(
    ("site", "kind"),
    [pytest.param(s, k, id=f"{s.name}-{k.kind}") for s in all_sites() for k in s.causes],
)


@EVERY_KIND
def test_every_kind_can_happen_at_each_of_its_places_at_its_usual_size(
    site: Site, kind: CauseKind[object]
) -> None:
    known = {p.id for p in site.points}
    assert kind.least <= kind.usual <= kind.most
    assert kind.places(site)
    for where in kind.places(site):
        it = Happening(kind.kind, where, START, START + 2 * HOUR_NS, kind.usual)
        incidents, cause = made(site, it, 3)
        assert cause is not None
        for incident in incidents:
            assert incident.sensors
            assert set(incident.sensors) <= known
            assert START <= incident.onset_ns < incident.end_ns
            assert "{" not in incident.what_en + incident.what_zh
            assert (incident.site, incident.domain) == (site.id, site.domain)


@EVERY_KIND
def test_sizes_beyond_the_bounds_and_foreign_places_are_refused(
    site: Site, kind: CauseKind[object]
) -> None:
    where = kind.places(site)[0]
    for size in (kind.least - 0.01, kind.most + 0.01, float("nan")):
        with pytest.raises(SpecError, match="out of bounds"):
            made(site, Happening(kind.kind, where, START, START + HOUR_NS, size), 1)
    with pytest.raises(SpecError, match=f"unknown place for {kind.kind}"):
        made(site, Happening(kind.kind, f"{where}x", START, START + HOUR_NS, kind.usual), 1)
    with pytest.raises(SpecError, match="ends before it begins"):
        made(site, Happening(kind.kind, where, START, START, kind.usual), 1)


@pytest.mark.parametrize("name", sorted(SITES))
def test_a_story_is_told_of_the_site_s_own_kinds(name: str) -> None:
    """What the dice threw, written down and read again, is the same run."""
    told = site_named(name).scenario(START, 600.0, 3)
    assert told.script.happenings
    run = Run(told.start_ns, 600.0, 3, told.script.compression)
    again = scripted(told.site, run, told.script.happenings, told.faults)
    assert again.incidents == told.incidents
    assert again.happenings == told.script.happenings


def test_the_nearest_kind_is_named() -> None:
    with pytest.raises(SpecError, match="did you mean overpressure"):
        kind_of(site_named("city-gas"), "over-presure")


def test_the_level_to_be_reached_follows_from_size_and_time() -> None:
    gas = site_named("city-gas")

    def level(size: float, hours: int) -> str:
        it = Happening("seep", "m02", START, START + hours * HOUR_NS, size)
        return made(gas, it, 1)[0][0].level

    assert [level(0.1, 12), level(0.2, 12), level(0.4, 12), level(0.18, 1)] == [
        "blue",
        "orange",
        "red",
        "yellow",
    ]
    dam = site_named("tailings")

    def found(size: float) -> list[tuple[str, str]]:
        it = Happening("storm", "dam", START, START + DAY_NS, size)
        return [(i.kind, i.level) for i in made(dam, it, 1)[0]]

    assert found(10.0) == []
    assert found(17.0) == [("storm", "yellow"), ("phreatic", "blue")]
    assert found(30.0) == [("storm", "yellow"), ("pond", "red"), ("phreatic", "red")]
    assert made(dam, Happening("drains", "dam", START, START + DAY_NS, 1.0), 1)[0] == []


def test_labels_end_with_the_run_and_those_after_it_are_left_out() -> None:
    dam = site_named("tailings")
    storm = Happening("storm", "dam", START, START + DAY_NS, 30.0)
    late = Happening("creep", "section-1", START + 3 * DAY_NS, START + 5 * DAY_NS, 4.0)
    script = scripted(dam, Run(START, 2 * 86_400.0, 1), [late, storm], [])
    assert {i.kind for i in script.incidents} == {"storm", "pond", "phreatic"}
    assert max(i.end_ns for i in script.incidents) == START + 2 * DAY_NS
    assert [h.kind for h in script.happenings] == ["storm", "creep"]
