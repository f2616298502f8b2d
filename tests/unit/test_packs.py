"""A site takes packs, changes single things with a reason, and is told every mistake."""

from dataclasses import replace
from pathlib import Path

import pytest

from lifeline.engine.config import check, load
from lifeline.engine.config.packs.amounts import filled, named
from lifeline.engine.config.packs.library import read_pack
from lifeline.engine.config.packs.models import Parameter, Text
from lifeline.engine.config.problems import Problems
from lifeline.engine.errors import SpecError
from lifeline.engine.rule import Rule
from plant_files import HEAD, SITES, TAGS, PlantFiles

PLANT = PlantFiles(rules="rules: []\ndefaults: {stale: off, clock: off}\n")


def taking(packs: str) -> PlantFiles:
    return replace(PLANT, head=HEAD + packs)


def rules(plant: PlantFiles, directory: Path) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {}
    for rule in load(plant.write(directory)).configuration.rules:
        found.setdefault(rule.id, []).append(rule)
    return found


def told(plant: PlantFiles, directory: Path) -> list[str]:
    return [problem.text() for problem in check(plant.write(directory))]


def test_a_pack_is_plain_rules_for_the_sensors_that_there_are(tmp_path: Path) -> None:
    found = rules(taking("packs: [gas.combustible, gas.toxic]\n"), tmp_path)
    assert list(found) == ["gas.combustible.point"]
    (rule,) = found["gas.combustible.point"]
    assert [level.high for level in rule.judgements[0].levels] == [None, None, 25.0, 50.0]
    assert rule.basis == "GB/T 50493-2019 5.5.2 [F] (pack gas.combustible, gb50493)"
    english, parted, chinese = rule.message.partition(" ¦ ")
    assert english.startswith("Ventilate")
    assert parted
    assert "通风" in chinese


def test_equal_rules_have_equal_hashes_whatever_else_is_taken(tmp_path: Path) -> None:
    one = rules(taking("packs: [gas.combustible]\n"), tmp_path)["gas.combustible.point"]
    other = rules(
        taking("packs: [gas.combustible, {pack: water.supply, given: {night_flow: 1 m3/h}}]\n"),
        tmp_path,
    )
    assert other["gas.combustible.point"][0].hash() == one[0].hash()


def test_a_change_and_its_reason_reach_the_basis(tmp_path: Path) -> None:
    plant = taking(
        "packs:\n  - pack: gas.combustible\n    change:\n"
        "      point.high.orange: {to: 20 %LEL, reason: park rule 3}\n"
        "      point.on_delay.red: {to: 0s, reason: park rule 4}\n"
    )
    (rule,) = rules(plant, tmp_path)["gas.combustible.point"]
    orange, red = rule.judgements[0].levels[2:]
    assert (orange.high, orange.on_delay, red.on_delay) == (20.0, 3_000_000_000, 0)
    assert rule.basis.endswith(
        "; site: high orange 20 %LEL instead of 25 %LEL: park rule 3"
        "; site: on_delay red 0s instead of 3s: park rule 4"
    )


def test_a_level_can_be_removed_and_added(tmp_path: Path) -> None:
    plant = taking(
        "packs:\n  - pack: gas.combustible\n    change:\n"
        "      point.high.red: {to: ~, reason: one level suffices}\n"
        "      point.high.yellow: {to: 10 %LEL, reason: early word}\n"
    )
    (rule,) = rules(plant, tmp_path)["gas.combustible.point"]
    assert [level.high for level in rule.judgements[0].levels] == [None, 10.0, 25.0, None]
    assert "high red none instead of 50 %LEL: one level suffices" in rule.basis


def test_what_is_left_out_stays_in_the_configuration_with_its_reason(tmp_path: Path) -> None:
    plant = taking("packs: [{pack: gas.combustible, without: {point: measured by others}}]\n")
    (rule,) = rules(plant, tmp_path)["gas.combustible.point"]
    assert rule.judgements == ()
    assert rule.basis == "left out of pack gas.combustible: measured by others"


def test_a_sites_own_take_holds_for_it_and_the_files_for_the_others(tmp_path: Path) -> None:
    own = "packs: [{pack: gas.combustible, profile: gb6222}]"
    plant = replace(
        taking("packs: [gas.combustible]\n"),
        sites=SITES.replace("area: hefei/shushan/east", f"area: hefei/shushan/east, {own}"),
    )
    first, second = rules(plant, tmp_path)["gas.combustible.point"]
    assert (first.select.site, second.select.site) == (("east",), ("west",))
    assert first.judgements[0].levels[2].high == 10.0
    assert second.judgements[0].levels[2].high == 25.0


def test_a_pack_is_taken_twice_for_different_sensors_and_not_for_the_same(tmp_path: Path) -> None:
    two = (
        "packs:\n  - {pack: gas.combustible, site: east}\n"
        "  - {pack: gas.combustible, site: %s, profile: gb6222}\n"
    )
    assert len(rules(taking(two % "west"), tmp_path)["gas.combustible.point"]) == 2
    assert told(taking(two % "'*'"), tmp_path) == [
        "lifeline.yaml:7 (gas.combustible.point): two takes of gas.combustible judge the same "
        "sensors; found 'gas.combustible.point'; expected site, asset or sensor that keep them "
        "apart; the first is at lifeline.yaml:6 (gas.combustible.point)"
    ]


def test_a_city_has_a_pack_of_its_own(tmp_path: Path) -> None:
    text = Path(__file__).parents[2].joinpath("rules/packs/gas.combustible.yaml").read_text("utf-8")
    mine = text.replace("pack: gas.combustible", "pack: hefei.gas").replace("25 %LEL", "20 %LEL")
    (tmp_path / "hefei.yaml").write_text(mine, "utf-8")
    (rule,) = rules(taking("packs: [hefei.yaml]\n"), tmp_path)["hefei.gas.point"]
    assert rule.judgements[0].levels[2].high == 20.0


def test_amounts_of_the_site_stand_in_for_parameters(tmp_path: Path) -> None:
    plant = replace(
        taking("packs: [{pack: city.gas, given: {operating_pressure: 0.4 MPa}}]\n"), tags=TAGS
    )
    (rule,) = rules(plant, tmp_path)["city.gas.rupture"]
    red = rule.judgements[0].levels[3]
    assert red.low is not None
    assert red.low * rule.judgements[0].scale == pytest.approx(-160.0)


MISTAKES = {
    "unknown pack": (
        "packs:\n  - gas.combustable\n",
        "unknown pack; found 'gas.combustable'",
        "did you mean gas.combustible?",
    ),
    "unknown profile": (
        "packs:\n  - {pack: gas.combustible, profile: gb622}\n",
        "unknown profile; found 'gb622'; expected gb50493, gb6222 or international",
        "did you mean gb6222?",
    ),
    "unknown rule": (
        "packs:\n  - {pack: gas.combustible, without: {pont: of no use}}\n",
        "unknown rule of gas.combustible; found 'pont'",
        "did you mean point?",
    ),
    "unknown rule or parameter": (
        "packs:\n  - {pack: gas.combustible, change: {pont: {to: 1, reason: why not}}}\n",
        "unknown rule or parameter; found 'pont'",
        "did you mean point?",
    ),
    "unknown key": (
        "packs:\n  - {pack: gas.combustible, change: {point.hihg.red: {to: 1 %LEL, reason: why not}}}\n",
        "unknown key; found 'hihg'",
        "did you mean high?",
    ),
    "unknown level": (
        "packs:\n  - {pack: gas.combustible, change: {point.high.rad: {to: 1 %LEL, reason: why not}}}\n",
        "unknown level; found 'rad'",
        "did you mean red?",
    ),
    "head of a rule": (
        "packs:\n  - {pack: gas.combustible, change: {point.select: {to: 1, reason: why not}}}\n",
        "not a thing that a site can change; found 'point.select'",
        "such as point.high.orange",
    ),
    "no reason": (
        "packs:\n  - {pack: gas.combustible, change: {point.high.red: {to: 40 %LEL}}}\n",
        "a key is missing; expected 'reason'",
        "",
    ),
    "empty reason": (
        "packs:\n  - {pack: gas.combustible, without: {point: ' '}}\n",
        "point: a reason is missing",
        "in words that a regulator will read",
    ),
    "unit that does not fit": (
        "packs:\n  - {pack: gas.combustible, change: {point.high.red: {to: 40 kPa, reason: why not}}}\n",
        "kPa is a unit of pressure",
        "",
    ),
    "another version": (
        "packs:\n  - {pack: gas.combustible, version: 7}\n",
        "gas.combustible has another version; see what changed: lifeline packs diff",
        "expected version: 1",
    ),
    "unknown site": (
        "packs:\n  - {pack: gas.combustible, site: eastt}\n",
        "unknown site; found 'eastt'",
        "did you mean east?",
    ),
    "parameter that is needed": (
        "packs:\n  - city.gas\n",
        "city.gas.rupture needs operating_pressure: usual operating pressure of the main",
        "expected given: {operating_pressure: …}, or without: {rupture: reason}",
    ),
    "parameter of another quantity": (
        "packs:\n  - {pack: city.gas, given: {operating_pressure: 4 m}}\n",
        "operating_pressure: m is a unit of length",
        "",
    ),
    "unknown parameter": (
        "packs:\n  - {pack: city.gas, given: {operating_presure: 4 kPa}}\n",
        "unknown parameter of city.gas; found 'operating_presure'",
        "did you mean operating_pressure?",
    ),
    "left out and changed": (
        "packs:\n  - {pack: gas.combustible, without: {point: no use}, change: {point.high.red: {to: 1 %LEL, reason: why}}}\n",
        "the rule is left out and changed",
        "",
    ),
}


@pytest.mark.parametrize(("packs", "message", "more"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_line(
    packs: str, message: str, more: str, tmp_path: Path
) -> None:
    found = told(taking(packs), tmp_path)
    assert len(found) == 1, found
    assert found[0].startswith("lifeline.yaml:6")
    assert message in found[0]
    assert more in found[0]


def test_an_own_rule_of_a_packs_id_is_refused(tmp_path: Path) -> None:
    own = "rules: [{id: gas.combustible.point, kind: limit, high: {red: 1 %LEL}}]\n"
    plant = replace(taking("packs: [gas.combustible]\n"), rules=own)
    assert any("the rule id stands twice" in line for line in told(plant, tmp_path))


def test_a_pack_without_a_sensor_is_a_warning(tmp_path: Path) -> None:
    (line,) = told(taking("packs: [bridge]\n"), tmp_path)
    assert "the pack finds no sensor to judge; found 'bridge'" in line
    load(taking("packs: [bridge]\n").write(tmp_path))


def test_a_change_that_changes_nothing_is_a_warning(tmp_path: Path) -> None:
    path = "open_path.high.red"
    packs = f"packs:\n  - {{pack: gas.combustible, change: {{{path}: {{to: 3 LEL.m, reason: why not}}}}}}\n"
    (line,) = told(taking(packs), tmp_path)
    assert "judges no sensor here: the change changes nothing" in line


PARAMETERS = {
    "flood": Parameter(title=Text(en="a", zh="b"), quantity="dam.pond.level"),
    "pressure": Parameter(title=Text(en="a", zh="b"), quantity="pipe.gas.pressure"),
}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("{flood}", "13250 cm"),
        ("{flood} - 0.5 m", "132 m"),
        ("1.1 x {flood}", "145.75 m"),
        ("-1 x {flood}", "-132.5 m"),
        ("2 x {flood} + 50 cm", "265.5 m"),
        ("0.4 x {pressure} /h", "160 kPa/h"),
        ("25 m", "25 m"),
    ],
)
def test_amounts_with_parameters(text: str, amount: str) -> None:
    given = {"flood": "13250 cm", "pressure": "0.4 MPa"}
    assert filled({"red": text}, given, PARAMETERS) == {"red": amount}
    assert list(named(text)) == (
        ["flood"] if "flood" in text else ["pressure"] if "{" in text else []
    )


@pytest.mark.parametrize("text", ["{flood} x 2", "{flood} / 2", "{flood}{flood}", "x {flood}"])
def test_what_is_no_amount_with_a_parameter_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="not an amount with a parameter"):
        filled(text, {"flood": "1 m"}, PARAMETERS)


BROKEN = {
    "no mark": (("high: \"F: GB", "other: \"F: GB"), "the limit high.orange has no mark in gb50493"),
    "no source and a clause": (("high: \"F: GB/T", "high: \"K: GB/T"), "no limit has a source, but the basis names one"),
    "unknown profile": (("      gb6222:\n", "      gb622:\n"), "unknown profile; found 'gb622'"),
    "unknown parameter": (("25 %LEL, red", "'{x}', red"), "unknown parameter; found 'x'"),
    "rule twice": (("- id: open_path", "- id: point"), "the rule stands twice"),
    "no Chinese": ((", zh: 可燃气体探测}", "}"), "a key is missing; expected 'zh'"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_a_pack_that_is_not_sound_is_refused(
    change: tuple[str, str], message: str, tmp_path: Path
) -> None:
    text = Path(__file__).parents[2].joinpath("rules/packs/gas.combustible.yaml").read_text("utf-8")
    assert change[0] in text
    path = tmp_path / "gas.yaml"
    path.write_text(text.replace(*change), "utf-8")
    problems = Problems()
    assert read_pack(path, problems) is None
    assert any(message in problem.text() for problem in problems.all())


def test_a_word_as_a_parameter_is_used_as_it_is_given() -> None:
    sensor = Parameter(title=Text(en="meter", zh="表"), such_as="FT-1")
    value = {"inflow": [{"sensor": "{meter}"}], "window": "1h"}
    assert list(named(value)) == ["meter"]
    found = filled(value, {"meter": "FT-7*"}, {"meter": sensor})
    assert found == {"inflow": [{"sensor": "FT-7*"}], "window": "1h"}
    with pytest.raises(SpecError, match="a word cannot be reckoned with"):
        filled("2 x {meter}", {"meter": "FT-7"}, {"meter": sensor})


def test_a_parameter_is_an_amount_or_a_word() -> None:
    title = Text(en="x", zh="x")
    with pytest.raises(ValueError, match="one of quantity and such_as"):
        Parameter(title=title)
    with pytest.raises(ValueError, match="one of quantity and such_as"):
        Parameter(title=title, quantity="tank.level", such_as="LT-1")


@pytest.mark.parametrize(("needs", "there"), [("gas.combustible", True), ("gas.c2h6.space", False)])
def test_a_rule_that_needs_a_quantity_is_there_where_it_is_measured(
    needs: str, there: bool, tmp_path: Path
) -> None:
    text = Path(__file__).parents[2].joinpath("rules/packs/gas.combustible.yaml").read_text("utf-8")
    mine = text.replace("pack: gas.combustible", "pack: mine.gas", 1).replace(
        "    kind: limit\n", f"    kind: limit\n    needs: {needs}\n", 1
    )
    (tmp_path / "mine.yaml").write_text(mine, "utf-8")
    assert ("mine.gas.point" in rules(taking("packs: [mine.yaml]\n"), tmp_path)) is there
