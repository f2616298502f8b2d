"""`--monitor` says where one of several processes with one file is watched."""

from pathlib import Path

import pytest

from lifeline.engine.cli.monitor import address, monitored
from lifeline.engine.config import MonitoringSpec, load
from lifeline.engine.errors import SpecError
from plant_files import HEAD, PlantFiles


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9465", ("127.0.0.1", 9465)),
        (":9465", ("127.0.0.1", 9465)),
        ("0.0.0.0:9465", ("0.0.0.0", 9465)),
        ("[::1]:9465", ("::1", 9465)),
        ("metrics.plant.example:80", ("metrics.plant.example", 80)),
        ("off", None),
    ],
)
def test_an_address_is_a_port_with_or_without_a_host(
    text: str, found: tuple[str, int] | None
) -> None:
    assert address(text) == found


@pytest.mark.parametrize("text", ["x", "127.0.0.1", "127.0.0.1:", "70000", "0", "-1", "on", "８０"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="--monitor is no address"):
        address(text)


def test_the_option_outranks_the_file(tmp_path: Path) -> None:
    head = HEAD + "monitoring: {port: 9999}\n"
    plant = load(PlantFiles(head=head).write(tmp_path))
    assert monitored(plant, "").monitoring == MonitoringSpec(port=9999)
    assert monitored(plant, "9501").monitoring == MonitoringSpec(port=9501)
    assert monitored(plant, "off").monitoring is None
    assert monitored(plant, "off").configuration == plant.configuration
