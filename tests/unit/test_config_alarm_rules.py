"""Rules that hear other rules' alarms, as an author writes them: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeline.engine.config import check, load
from lifeline.engine.rule import Member, Rule, Select
from plant_files import RULES, PlantFiles

TAGS = """\
id,site,quantity,unit,low,high,reports,gas,asset
GD-1,east,gas.combustible,%LEL,0,100,periodic 10s,methane,T-101
GD-2,east,gas.combustible,%LEL,0,100,periodic 10s,methane,T-101
GD-3,east,gas.combustible,%LEL,0,100,periodic 10s,methane,T-102
PT-1,east,pipe.gas.pressure,MPa,0,4,periodic 5s,,T-101
"""
SITES = "sites: [{id: east, area: hefei/shushan/east}]\n"
VOTE = "  - {id: two, kind: vote, of: gas.high, per: asset, need: 2}\n"


def plant(more: str) -> PlantFiles:
    """The small plant with two tanks and more rules."""
    return PlantFiles(sites=SITES, rules=RULES + more, tags=TAGS)


def told(more: str, tmp_path: Path) -> list[str]:
    """What `lifeline check` says of the rules."""
    return [problem.text() for problem in check(plant(more).write(tmp_path))]


def rules(more: str, tmp_path: Path) -> dict[str, Rule]:
    found = load(plant(more).write(tmp_path))
    return {rule.id: rule for rule in found.configuration.rules}


def test_a_vote_has_a_member_for_the_rules_that_it_names(tmp_path: Path) -> None:
    text = "  - {id: two, kind: vote, of: [gas.high], per: asset, need: {orange: 2, red: 1},\n"
    text += "     on_delay: {default: 3s, red: 0s}}\n"
    vote = rules(text, tmp_path)["two"]
    assert (vote.members, vote.per) == ((Member(rule=("gas.high",)),), "asset")
    (judgement,) = vote.judgements
    assert [level.high for level in judgement.levels] == [None, None, 2.0, 1.0]
    assert [level.on_delay for level in judgement.levels] == [0, 0, 3_000_000_000, 0]
    assert (judgement.quantity, judgement.gas, judgement.unit) == ("", "", "1")


def test_a_number_is_needed_of_every_level(tmp_path: Path) -> None:
    (judgement,) = rules(VOTE, tmp_path)["two"].judgements
    assert [level.high for level in judgement.levels] == [2.0] * 4


def test_terms_of_a_composite_have_roles(tmp_path: Path) -> None:
    text = (
        "  - {id: leak, kind: composite, per: site, all: [gas.high, {of: two, at_least: red}],\n"
        "     any: [gas.high], not: [{of: gas.*, select: {sensor: GD-3}}], level: red, on_delay: 5s}\n"
    )
    leak = rules(VOTE + text, tmp_path)["leak"]
    assert leak.members == (
        Member(0, rule=("gas.high",)),
        Member(1, Select(sensor=("GD-3",)), needed=False, rule=("gas.*",)),
        Member(2, rule=("gas.high",)),
        Member(3, rule=("two",), level=4),
    )
    assert leak.judgements[0].levels[3].high == 1.0
    assert leak.judgements[0].levels[3].on_delay == 5_000_000_000


def test_a_ladder_counts_what_speaks_of_danger_by_the_statutory_numbers(tmp_path: Path) -> None:
    text = "  - {id: up, kind: ladder, count: points}\n"
    ladder = rules(text, tmp_path)["up"]
    assert (ladder.members, ladder.per) == ((Member(rule=("*",)),), "site")
    (judgement,) = ladder.judgements
    assert [level.high for level in judgement.levels] == [None, 4.0, 3.0, 2.0]
    assert judgement.options == {
        "by_asset": 0.0, "items": 0.0, "first_hand": 1.0, "blue": 4.0, "yellow": 3.0, "orange": 2.0,
    }  # fmt: skip


def test_nothing_is_said_of_rules_that_fit(tmp_path: Path) -> None:
    text = "  - {id: leak, kind: composite, per: asset, all: [two], not: [engine.stale]}\n"
    assert told(VOTE + text, tmp_path) == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "  - {id: two, kind: vote, of: gas.hihg, per: asset, need: 2}\n",
            "lifeline.yaml:17: no rule has this id; found 'gas.hihg'; expected engine.clock, "
            "engine.stale or gas.high; did you mean gas.high?",
        ),
        (
            "  - {id: two, kind: vote, of: [gas.high, two], per: asset, need: 2}\n",
            "lifeline.yaml:17: a vote cannot hear alarms of vote; found 'two'; expected sensors' "
            "alarms before votes, votes before composites, composites before ladders",
        ),
        (
            VOTE.replace("two", "up").replace("vote, of: gas.high, per: asset, need: 2", "ladder")
            + "  - {id: leak, kind: composite, per: site, all: [up]}\n",
            "lifeline.yaml:18: a composite cannot hear alarms of ladder; found 'up'; expected "
            "sensors' alarms before votes, votes before composites, composites before ladders",
        ),
        (
            "  - {id: leak, kind: composite, per: site, not: [gas.high]}\n",
            "lifeline.yaml:17: nothing has to stand: silence would raise it; expected terms under "
            "all or any",
        ),
        (
            "  - {id: two, kind: vote, of: gas.high, per: asset, need: 0}\n",
            "lifeline.yaml:17: nobody is needed; found 0; expected 1 or more",
        ),
        (
            "  - {id: two, kind: vote, of: gas.high, per: asset, need: 3}\n",
            "lifeline.yaml:17: more members are needed than there are anywhere; "
            "found 3 for blue; expected at most 2",
        ),
        (
            "  - {id: leak, kind: composite, per: asset, all: [gas.high, low]}\n"
            "  - {id: low, kind: limit, select: {sensor: PT-1}, low: {blue: 1 MPa}, enabled: false}\n",
            "lifeline.yaml:17: the rule that is named is not enabled; found 'low'",
        ),
        (
            "  - {id: two, kind: vote, of: 'oil.*', per: asset, need: 2}\n",
            "lifeline.yaml:17: no rule has this id; found 'oil.*'; expected engine.clock, "
            "engine.stale or gas.high",
        ),
        (
            "  - {id: two, kind: vote, of: gas.high, per: asset, need: {}}\n",
            "lifeline.yaml:17: no level is named; expected such as {orange: 2}",
        ),
        (
            "  - {id: two, kind: vote, of: gas.high, per: asset, need: {red: 2}, on_delay: {blue: 1s}}\n",
            "lifeline.yaml:17: on_delay names a level without a limit; found 'blue'; expected red",
        ),
        (
            "  - {id: up, kind: ladder, counts: [4, 0, 2]}\n",
            "lifeline.yaml:17: counts must be at least 1; found [4, 0, 2]; expected [4, 3, 2]",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(more: str, expected: str, tmp_path: Path) -> None:
    assert expected in told(more, tmp_path)
