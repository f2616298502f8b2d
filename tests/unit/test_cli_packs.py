"""`lifeline packs`: what there is, what stands in it, and what would be otherwise."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.config import load
from lifeline.engine.embedded import DataDirectory
from lifeline.engine.log.configurations import ConfigurationFiles
from plant_files import HEAD, PlantFiles

PACK = Path(__file__).parents[2] / "rules" / "packs" / "gas.combustible.yaml"
PLANT = replace(PlantFiles(rules="rules: []\n"), head=HEAD + "packs: [gas.combustible]\n")


def said(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["packs", *arguments])
    return found.exit_code, found.output


def test_the_list_names_every_pack_and_its_marks() -> None:
    code, text = said("list", "--lang", "en")
    assert code == 0
    (line,) = [x for x in text.splitlines() if x.startswith("gas.combustible ")]
    assert line.endswith("2 rules (8 F); gb50493, gb6222, international")
    code, text = said("list", "--json", "--lang", "zh")
    assert {one["pack"]: one["title"] for one in json.loads(text)}["gas.oxygen"] == "氧气浓度"


def test_a_pack_is_shown_with_its_limits_and_marks_in_both_languages() -> None:
    code, text = said("show", "gas.combustible", "--lang", "en", "--profile", "gb6222")
    assert code == 0
    assert "high.orange: 10 %LEL   F: GB 6222-2005-style older table" in text
    assert "open_path" not in text
    _, text = said("show", "gas.combustible", "--lang", "zh")
    assert "加强通风" in text
    assert json.loads(said("show", "gas.combustible", "--json")[1])["pack"]["version"] == "1"


def test_the_rules_of_a_plant_are_shown_with_what_is_otherwise(tmp_path: Path) -> None:
    head = (
        HEAD
        + "packs: [{pack: gas.combustible, change: {point.high.red: {to: 40 %LEL, reason: our plan}}}]\n"
    )
    code, text = said("show", str(replace(PLANT, head=head).write(tmp_path)))
    assert code == 0
    assert "high red 40 %LEL instead of 50 %LEL: our plan" in text


def test_a_changed_version_of_a_pack_shows(tmp_path: Path) -> None:
    changed = (
        PACK.read_text("utf-8").replace("version: 1", "version: 2").replace("red: 50", "red: 40")
    )
    mine = tmp_path / "mine.yaml"
    mine.write_text(changed, "utf-8")
    code, text = said("diff", str(mine))
    assert code == 1
    assert "  - version: 1\n  + version: 2\n" in text
    assert "gb50493/point\n  - high.red: 50 %LEL\n  + high.red: 40 %LEL\n" in text
    assert said("diff", "gas.combustible", "gas.combustible") == (0, "0 differences\n")
    found = json.loads(said("diff", "gas.combustible", str(mine), "--json")[1])
    assert {(one["path"], one["after"]) for one in found} >= {("high.red", "40 %LEL")}


def test_a_plant_is_compared_with_what_its_engine_runs(tmp_path: Path) -> None:
    path = PLANT.write(tmp_path)
    code, text = said("diff", str(path))
    assert (code, "has the engine of this plant run yet?" in text) == (4, True)
    folder = DataDirectory(tmp_path / "lifeline-data").configurations
    folder.mkdir(parents=True)
    ConfigurationFiles(folder).keep(load(path).configuration)
    assert said("diff", str(path)) == (0, "0 differences\n")
    head = PLANT.head.replace("[gas.combustible]", "[{pack: gas.combustible, profile: gb6222}]")
    replace(PLANT, head=head).write(tmp_path)
    code, text = said("diff", str(path))
    assert code == 1
    assert "gas.combustible.point\n" in text
    assert "high.orange: 25 %LEL" in text
    assert "high.orange: 10 %LEL" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "gas.combustable"), "did you mean gas.combustible?"),
        (("show", "gas.combustible", "--profile", "gb622"), "did you mean gb6222?"),
        (("diff", "nothing.yaml"), "no such file"),
        (("diff", "gas.combustible", "."), "holds no configuration"),
    ],
)
def test_a_mistake_ends_with_a_sentence(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said(*arguments)
    assert code in (1, 4)
    assert message in text
