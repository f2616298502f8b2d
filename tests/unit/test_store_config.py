"""`outputs: {store: …}` in the plant's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeline.engine.config import StoreSpec, check, load
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import DAY_NS
from plant_files import HEAD, PlantFiles


def with_store(text: str) -> str:
    """A plant's head with an output of its own kind."""
    return HEAD.replace("outputs: {mqtt: {}}", f"outputs: {{mqtt: {{}}, store: {text}}}")


def test_a_plant_without_the_line_has_none(tmp_path: Path) -> None:
    assert load(PlantFiles().write(tmp_path)).outputs.store is None


def test_one_word_is_enough(tmp_path: Path) -> None:
    plant = load(PlantFiles(head=with_store("{}")).write(tmp_path))
    assert plant.outputs.store == StoreSpec(plant.storage.directory / "series.duckdb")
    assert plant.outputs.store.raw_ns == plant.storage.retention_ns


def test_every_key_arrives(tmp_path: Path) -> None:
    text = (
        "{file: history.duckdb, retention: {raw: 7d, minute: 60d, hour: 400d}, size: 2 GB,"
        " memory: 128 MB, threads: 2}"
    )
    plant = load(PlantFiles(head=with_store(text)).write(tmp_path))
    assert plant.outputs.store == StoreSpec(
        plant.storage.directory / "history.duckdb",
        7 * DAY_NS,
        60 * DAY_NS,
        400 * DAY_NS,
        2_000_000_000,
        128_000_000,
        2,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{file: ../x.duckdb}", "a name in the storage directory"),
        ("{file: log.db}", "a name in the storage directory"),
        ("{memory: 1 MB}", "too little memory"),
        ("{retention: {raw: 30d, minute: 7d}}", "what is coarser is kept longer"),
        ("{retention: {raw: 1 min}}", "what is coarser is kept longer"),
        ("{threads: 0}", "threads"),
        ("{path: x}", "path"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        load(PlantFiles(head=with_store(text)).write(tmp_path))


def test_a_store_of_a_cluster_is_warned_of(tmp_path: Path) -> None:
    head = with_store("{}") + "cluster: {servers: ['127.0.0.1:9092']}\n"
    found = [p for p in check(PlantFiles(head=head).write(tmp_path)) if "store" in p.message]
    assert [p.severity for p in found] == ["warning"]
    assert "on a cluster nothing is written" in found[0].message


def test_a_store_alone_tells_nobody_of_an_alarm(tmp_path: Path) -> None:
    head = HEAD.replace("{mqtt: {}}", "{store: {}}")
    found = check(PlantFiles(head=head).write(tmp_path))
    assert any("nobody is told" in p.message for p in found)
