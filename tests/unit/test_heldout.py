"""The program of the held-out runs: what it runs is what it says, and its page keeps what it did not run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.append(str(FOLDER))

import heldout  # noqa: E402

from lifeline.simulators.cause import kind_of  # noqa: E402
from lifeline.simulators.trials import site_names  # noqa: E402

PACE = heldout.Pace(600.0, 86_400.0)


@pytest.fixture(scope="module")
def domain() -> heldout.Domain:
    """The dam, at ten times its pace, so that it takes a second or two."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(heldout.PACES, "tailings", PACE)
        patch.setattr(heldout, "STORIES", 2)
        return heldout.run_domain("tailings", 0.15, seeds=(1, 2), sizes=(1.0, 1.6))


def test_every_site_of_the_registry_has_a_pace_or_a_default() -> None:
    assert set(heldout.PACES) <= set(site_names())


def test_seeds_that_led_to_a_change_are_not_told_again() -> None:
    assert set(heldout.LATER) <= set(site_names())
    assert heldout.seeds_of("tailings") == heldout.FIRST
    for name in heldout.LATER:
        seeds = heldout.seeds_of(name)
        assert not set(seeds.incidents) & set(heldout.FIRST.incidents)
        assert seeds.normal >= heldout.FIRST.normal + 1_000
    assert not set(heldout.THIRD.incidents) & set(heldout.SECOND.incidents)
    assert heldout.THIRD.normal >= heldout.SECOND.normal + 1_000


@pytest.mark.parametrize("times", [0.01, 1.0, 1.6, 100.0])
def test_sizes_change_within_what_a_kind_accepts_and_nothing_else(times: float) -> None:
    site, pace = heldout.site_at("city-gas")
    plain = site.scenario(heldout.START, pace.story_s, 5).script.happenings
    changed = heldout.told(site, pace, 5, times).script.happenings
    for one, other in zip(plain, changed, strict=True):
        kind = kind_of(site, one.kind)
        assert other.size == min(kind.most, max(kind.least, times * one.size))
        assert (one.kind, one.where, one.onset_ns) == (other.kind, other.where, other.onset_ns)


@pytest.mark.parametrize("name", ["city-gas", "pipeline", "tailings"])
def test_normal_times_have_every_fault_and_no_label_of_a_danger(name: str) -> None:
    site, pace = heldout.site_at(name)
    calm = heldout.calm(site, pace, 5, 2)
    assert calm.incidents == ()
    assert calm.faults == site.scenario(heldout.START, 2 * pace.story_s, 5, 2).faults
    assert {h.kind for h in calm.script.happenings} <= {k.kind for k in site.causes}


def test_a_domain_is_run_with_what_is_asked_for(domain: heldout.Domain) -> None:
    assert [times for times, _ in domain.sizes] == [1.0, 1.6]
    names = {one.judged.trial.name for _, runs in domain.sizes for one in runs}
    assert names == {"tailings 1", "tailings 2"}
    first, last = domain.normal_seeds
    assert (first, last - first + 1) == (heldout.seeds_of("tailings").normal, len(domain.normal))
    exposed = [one.exposure[""] for one in domain.normal]
    assert sum(exposed) >= 0.15 > sum(exposed[:-1])


def test_the_page_keeps_the_sections_that_were_not_run(domain: heldout.Domain) -> None:
    text = heldout.section(domain)
    page = heldout.renewed("", {"zebra": "## zebra\n\nold\n", "tailings": "## tailings\n\nold\n"})
    again = heldout.renewed(page, {"tailings": text})
    assert again == heldout.renewed(again, {})
    assert again.startswith(heldout.TITLE)
    assert again.index("## tailings") < again.index("## zebra")
    assert "## zebra\n\nold\n" in again
    assert text.rstrip() in again
    for row in ("| storm | 2/2 | 2/2 |", "| red | 0 | 0 (0–"):
        assert row in text
    assert heldout.summary([domain]).startswith("tailings: found ")


def test_the_page_of_the_documentation_is_of_these_seeds_and_sizes() -> None:
    page = (FOLDER.parent / "docs" / "heldout.md").read_text(encoding="utf-8")
    assert heldout.renewed(page, {}) == page
