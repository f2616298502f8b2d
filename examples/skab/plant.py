"""The configuration of a run: the example's own files, with one rig for each recording."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lifeline.engine.errors import SpecError
from lifeline.engine.source import BrokerSpec

HERE: Final = Path(__file__).parent
TOPIC: Final = "skab/{site}/telemetry"
PREFIX: Final = "skab-"
DATA: Final = "lifeline-data"


@dataclass(frozen=True, slots=True)
class Influx:
    """An InfluxDB that takes alerts and series; the token is in the environment variable."""

    url: str
    org: str = "-"
    bucket: str = "lifeline"
    token_env: str = ""


def site_of(recording: str) -> str:
    """The site that a recording is played at: each has one of its own, so its state is fresh."""
    return f"{PREFIX}{recording}"


def fresh(directory: Path) -> Path:
    """Makes the directory of a run. Raises SpecError where a run has left its data there: an
    engine would go on from them."""
    if (directory / DATA).exists():
        raise SpecError("the directory holds the data of an earlier run", found=str(directory))
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def write_plant(
    directory: Path, recordings: Sequence[str], broker: BrokerSpec, influx: Influx | None
) -> Path:
    """Writes `lifeline.yaml` and `sensors.csv` beside the rules in `directory`; the former's path."""
    import yaml

    document = yaml.safe_load((HERE / "lifeline.yaml").read_text(encoding="utf-8"))
    (rig,) = document["sites"]
    (tags,) = document["sensors"]
    sites = [site_of(name) for name in recordings]
    document["broker"] = {"host": broker.host, "port": broker.port, "version": broker.version}
    document["sites"] = [
        rig | {"id": site, "name": f"{rig['name']}, recording {name}"}
        for site, name in zip(sites, recordings, strict=True)
    ]
    document["sensors"] = [tags | {"site": site} for site in sites]
    if influx is not None:
        document["outputs"]["influx"] = {
            "url": influx.url,
            "org": influx.org,
            "bucket": influx.bucket,
            "token_env": influx.token_env,
        }
    shutil.copyfile(HERE / tags["file"], directory / tags["file"])
    path = directory / "lifeline.yaml"
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")
    return path
