"""Rules of a pack that hear alarms which a site does not have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lifeline.engine.config import load
from lifeline.engine.config.packs.hearing import heard
from plant_files import PlantFiles

A, B, C = "p.a", "p.b", "p.c"


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ({"of": [A, B]}, {"of": [B]}),
        ({"of": [A]}, None),
        ({"of": A}, None),
        ({"of": B, "need": 2}, {"of": B, "need": 2}),
        ({"any": [{"of": [A, B], "at_least": "red"}]}, {"any": [{"of": [B], "at_least": "red"}]}),
        ({"any": [A, {"of": A}]}, None),
        ({"all": [A, B]}, None),
        ({"all": [{"of": [A, C]}, B]}, {"all": [{"of": [C]}, B]}),
        ({"all": [B], "not": [A]}, {"all": [B]}),
        ({"high": {"red": "5 m"}}, {"high": {"red": "5 m"}}),
    ],
)
def test_what_is_absent_is_not_heard(keys: dict[str, Any], left: dict[str, Any] | None) -> None:
    assert heard(keys, {A}) == left


def test_a_station_without_gusts_halts_work_by_what_it_has(tmp_path: Path) -> None:
    files = PlantFiles(
        head="version: 1\ntenant: acme\nbroker: {host: 127.0.0.1}\npacks: [weather]\n",
        tags="id,site,quantity,unit,low,high,reports\nW,east,weather.wind,m/s,0,60,periodic 60s\n",
        rules="",
    )
    plant = load(files.write(tmp_path))
    rules = {rule.id: rule for rule in plant.configuration.rules}
    assert "weather.gust" not in rules
    halt = rules["weather.halt_work"]
    assert [member.rule for member in halt.members] == [("weather.wind",)]
