"""Every sample and record of ten minutes of a city is in InfluxDB, whatever happened to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.cluster.recording import START
from faults.influx.campaign import (
    AWAY_S,
    Poison,
    copied,
    drained,
    hourly,
    killed,
    missed,
    target,
)
from faults.influx.city import SECONDS, Life, LiveCity
from faults.influx.mutants import MUTANTS
from faults.influx.store import in_store
from faults.influx.stored import Contents, differences, in_influx, logged, point_of
from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.outputs.influx_output import SERIES
from servers.fixtures import StartInflux, StartInfluxV1
from servers.influx import Influx, InfluxV2

#: The city begins so long before the hour: what is poison before it is none behind it.
BEFORE_THE_HOUR: int = 4 * MINUTE_NS
BEGIN = START + HOUR_NS - BEFORE_THE_HOUR
END = BEGIN + int((SECONDS + 10) * SECOND_NS)
POISON = Poison("weather", START + HOUR_NS)

Start = Callable[[], Influx]


@dataclass(frozen=True)
class Played:
    """What one life left, what must be stored, and what its server held."""

    folder: Path
    wanted: Contents
    found: Contents


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The city, live, into InfluxDB 1.8.10."""
    folder = tmp_path_factory.mktemp("played")
    with InfluxV2(folder / "influx") as server:
        city = LiveCity(folder / "city", target(server), start=BEGIN)
        with city.engine() as engine:
            assert not city.play(engine, SECONDS + 1)
            city.delivered(engine)
        yield Played(folder / "city", logged(city.storage), in_influx(server))


@pytest.fixture(params=["1.6.7", "1.8.10"])
def start(
    request: pytest.FixtureRequest, start_influx: StartInflux, start_influx_v1: StartInfluxV1
) -> Start:
    """Starts a server of each version."""
    chosen: Start = start_influx_v1 if request.param == "1.6.7" else start_influx
    return chosen


@pytest.mark.integration
def test_everything_that_was_logged_is_stored(played: Played) -> None:
    assert sum(played.wanted.rows.values()) > 50_000
    assert len(played.wanted.records) > 5_000
    assert differences(played.wanted, played.found) == []


def test_a_database_that_was_empty_gets_all_of_the_log(
    played: Played, start_influx_v1: StartInfluxV1, tmp_path: Path
) -> None:
    server = start_influx_v1()
    life = copied(played.folder, tmp_path / "city", server, END)
    drained(life)
    wanted = logged(life.storage)
    assert wanted.samples == played.wanted.samples
    assert differences(wanted, in_influx(server)) == []


@pytest.mark.integration
def test_the_embedded_store_gets_all_of_the_log(played: Played, tmp_path: Path) -> None:
    life = Life.again(played.folder, tmp_path / "city", {"store": {}}, END)
    drained(life)
    assert differences(logged(life.storage), in_store(life.storage)) == []


def test_a_server_killed_and_away_has_everything_in_the_end(start: Start, tmp_path: Path) -> None:
    server = start()
    city = LiveCity(tmp_path / "city", target(server))
    killed(city, server, seed=1)
    wanted = logged(city.storage)
    assert sum(wanted.rows.values()) == city.samples
    assert differences(wanted, in_influx(server)) == []
    if AWAY_S > 30:
        assert {t.kind for t in city.troubles} >= {"output_away", "output_back"}


@pytest.mark.parametrize("name", ["", *MUTANTS])
def test_a_delivery_that_is_broken_on_purpose_is_caught(
    name: str,
    played: Played,
    start_influx_v1: StartInfluxV1,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control of all the others; without a mutant the same course is right."""
    if name:
        mutant = MUTANTS[name]
        monkeypatch.setattr(mutant.of, mutant.name, mutant.wrong)
    server = start_influx_v1()
    life = copied(played.folder, tmp_path / "city", server, END)
    missed(life, server)
    found = differences(logged(life.storage), in_influx(server))
    assert bool(found) == bool(name), found


def test_of_one_per_cent_poison_each_is_a_dead_letter_and_the_others_are_stored(
    played: Played, start: Start, tmp_path: Path
) -> None:
    server = start()
    hourly(server)
    POISON.plant(server)
    poisoned = {point: n for point, n in played.wanted.rows.items() if POISON(point)}
    share = sum(poisoned.values()) / sum(played.wanted.rows.values())
    assert 0.005 < share < 0.015
    life = copied(played.folder, tmp_path / "city", server, END)
    drained(life)
    found = in_influx(server).without(lambda point: point[1][4] == "foreign")
    assert differences(logged(life.storage).without(POISON), found) == []
    reader = LogReader.open(life.storage)
    letters = [letter for letter in reader.dead_letters(10_000) if letter.topic == SERIES]
    counts = reader.dead_letter_counts()
    reader.close()
    assert len(letters) == sum(poisoned.values()) == counts["influx_400"]
    assert {point_of(letter.payload.partition(b"\n")[0]) for letter in letters} == set(poisoned)
    assert all(b"\n# partial write: field type conflict" in x.payload for x in letters)
