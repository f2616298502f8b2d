"""docs/sizing.md is what its arithmetic gives, and the weights in it are those of real bytes."""

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def loaded(path: Path) -> ModuleType:
    """A module that is part of no package, with its neighbours in reach."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def sizing() -> ModuleType:
    return loaded(ROOT / "docs" / "sizing_page.py")


@pytest.fixture(scope="module")
def sizes() -> ModuleType:
    sys.path.append(str(ROOT / "benchmarks"))
    try:
        return loaded(ROOT / "benchmarks" / "sizes.py")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_the_tables_are_what_the_figures_give(sizing: ModuleType) -> None:
    page = (ROOT / "docs" / "sizing.md").read_text("utf-8")
    assert sizing.page(page) == page, "python docs/sizing_page.py writes them anew"


def test_the_text_names_the_figures_that_are_reckoned_with(sizing: ModuleType) -> None:
    page = (ROOT / "docs" / "sizing.md").read_text("utf-8")
    measured = page.partition("## What was measured")[2].partition("## The arithmetic")[0]
    numbers = set(re.findall(r"\d[\d,.]*\d|\d", measured))
    wanted = {sizing.ENTRY_BYTES, sizing.SAMPLE_BYTES, sizing.KAFKA_BYTES, sizing.RECORD_BYTES}
    wanted |= {sizing.PACKED_BYTES, f"{sizing.SNAPSHOT_BYTES:,}", *sizing.LOG_DB.values()}
    wanted |= {f"{sizing.RECORD_US:.0f}", sizing.SAMPLE_US}
    assert {str(each) for each in wanted} - numbers == set()


def test_a_workers_two_figures_give_the_rates_that_were_measured(sizing: ModuleType) -> None:
    """The arithmetic the other way round: from cost to samples/s at the share of the core."""
    figures = (ROOT / "docs" / "figures.md").read_text("utf-8")
    for samples in (100, 1_000):
        found = re.search(
            rf"cluster, one worker, Frames of {samples:,} \| ([\d,]+) samples/s; ([\d.]+) of",
            figures,
        )
        assert found is not None
        rate, share = float(found[1].replace(",", "")), float(found[2])
        assert sizing.taken(samples) * share == pytest.approx(rate, rel=0.02)


def test_a_figure_that_is_not_there_is_missed(sizing: ModuleType) -> None:
    with pytest.raises(KeyError, match="has no line"):
        sizing.figure("bytes per dream")
    with pytest.raises(KeyError, match="says no number"):
        sizing.count("bytes per alert record", " of its core")


def test_every_worker_of_a_place_has_partitions_to_hold(sizing: ModuleType) -> None:
    for place in (sizing.CITY, sizing.PROVINCE, sizing.SINGLE):
        assert place.partitions >= 2 * place.workers, place.name


@pytest.mark.parametrize("samples", [1, 10, 100, 1_000])
def test_a_sample_weighs_what_the_page_says(
    sizing: ModuleType, sizes: ModuleType, samples: int
) -> None:
    data = sizes.entry(samples)
    reckoned = sizing.ENTRY_BYTES + samples * sizing.SAMPLE_BYTES
    assert abs(len(data) - reckoned) <= 16, "names and padding"
    assert sizes.kafka_batch(data, 1) - len(data) == pytest.approx(sizing.KAFKA_BYTES, abs=4)


def test_the_settings_are_those_that_are_shipped(sizing: ModuleType) -> None:
    from lifeline.engine import limits

    assert limits.CLUSTER_ALERT_RETENTION_NS == sizing.ALERT_DAYS * limits.DAY_NS
    assert limits.CLUSTER_CHECKPOINT_NS == sizing.CHECKPOINT_S * limits.SECOND_NS
    assert limits.CHECKPOINT_BYTES_PER_S == sizing.CHECKPOINT_RATE
    assert limits.CHECKPOINT_LATEST_NS == sizing.CHECKPOINT_LATEST_S * limits.SECOND_NS
    assert limits.CLUSTER_COMPACTION_LAG_NS == sizing.COMPACTION_LAG_S * limits.SECOND_NS


def test_twice_the_sensors_are_twice_the_bytes(sizing: ModuleType) -> None:
    from dataclasses import replace

    one = sizing.CITY
    two = replace(one, sensors=2 * one.sensors)
    assert (two.log, two.alerts, two.cores) == (2 * one.log, 2 * one.alerts, 2 * one.cores)
    assert replace(one, together=1).workers > one.workers
