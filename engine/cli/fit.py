"""`lifeline fit`: what rules must know of the past is learned from a recording, once, into a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SpecError
from .console import JsonOption, print_json, stdout

if TYPE_CHECKING:
    from ..config import Plant
    from ..config.learned import Learned
    from ..config.normals import LearnedNormal
    from ..frame import Frame
    from ..replay.tables import Reading


def fit(
    source: Annotated[
        list[Path], typer.Argument(help="CSV or Parquet files, or one data directory (a log).")
    ],
    config: Annotated[Path, typer.Option("--config", "-c", help="Sensors and their sites.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where it is written.")],
    sensor: Annotated[
        list[str] | None, typer.Option(help="Ids or patterns; all without it.")
    ] = None,
    quantity: Annotated[list[str] | None, typer.Option(help="Names or patterns.")] = None,
    site: Annotated[str, typer.Option(help="Sensors of this site only.")] = "",
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Whose weeks; without it the sites' own.")
    ] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="The column of times.")] = "",
    time_unit: Annotated[
        str, typer.Option(metavar="s|ms|us|ns", help="Unit of times that are numbers.")
    ] = "",
    together: Annotated[
        bool, typer.Option(help="How these sensors move together, instead of each by itself.")
    ] = False,
    per: Annotated[
        str, typer.Option(metavar="site|asset", help="Together: of which each is a group.")
    ] = "asset",
    explained: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Together: variance that components explain.")
    ] = 0.9,
    as_json: JsonOption = False,
) -> None:
    """Learn from recorded data what rules need.

    Median and MAD by hour of the local week with counts, noise floor, limits by quantile: for each sensor,
    from good samples within its valid range. The file is readable and hashed; a rule names it
    (`profile: FILE`) and carries its hash. Nothing is learned while judging.

    With --together, for each asset or site: principal components of the correlations of its sensors, and
    limits of Hotelling's T² and of Q, by quantile and by theory (`normal: FILE`).

    \b
    lifeline fit june.csv --config lifeline.yaml --out profiles/june.toml
    lifeline fit lifeline-data -c lifeline.yaml --quantity pipe.water.flow -o flow.toml
    lifeline fit june.csv -c lifeline.yaml --together --sensor 'P1-*' -o normals/p1.toml
    """
    from ..config import load
    from ..replay.learning import write_learned
    from ..replay.tables import Reading

    plant = load(config)
    chosen = _chosen(plant, tuple(sensor or ()), tuple(quantity or ()), site)
    frames = _frames(source, plant, Reading(site, zone, time, time_unit))
    learned = (
        _together(plant, chosen, frames, per, explained)
        if together
        else _each(plant, chosen, frames, zone)
    )
    write_learned(learned.text(), out)
    about = {"file": str(out), **learned.about()}
    if as_json:
        print_json(about)
    else:
        for key, value in about.items():
            stdout().print(f"{key:<10} {value}")


def _each(plant: Plant, chosen: list[int], frames: Iterator[Frame], zone: str) -> Learned:
    from ..replay.learning import Learning

    weeks = zone or _zone_of(plant, chosen)
    learning = Learning(plant.configuration, chosen)
    for frame in frames:
        learning.take(frame)
    return learning.learned(weeks)


def _together(
    plant: Plant, chosen: list[int], frames: Iterator[Frame], per: str, explained: float
) -> LearnedNormal:
    from ..replay.together import LearningTogether

    if per not in ("site", "asset"):
        raise SpecError("a group is of a site or an asset", found=per, expected="site or asset")
    learning = LearningTogether(plant.configuration, chosen, per)
    for frame in frames:
        learning.take(frame)
    return learning.learned(explained)


def _chosen(
    plant: Plant, sensor: tuple[str, ...], quantity: tuple[str, ...], site: str
) -> list[int]:
    import numpy as np

    from ..limits import MAX_PROFILE_SENSORS
    from ..rule import Rule, Select
    from ..selection import SensorTable

    select = Select(sensor=sensor, quantity=quantity, site=(site,) if site else ())
    table = SensorTable(plant.configuration)
    found: list[int] = np.flatnonzero(table.selected(Rule("", "", select, ()))).tolist()
    if not found:
        raise SpecError("no sensor is asked for", found=", ".join((*sensor, *quantity, site)))
    if len(found) > MAX_PROFILE_SENSORS:
        raise SpecError(
            "too many sensors for one file",
            found=str(len(found)),
            expected=f"at most {MAX_PROFILE_SENSORS}; choose by --sensor, --quantity or --site",
        )
    return found


def _zone_of(plant: Plant, chosen: list[int]) -> str:
    sites = {plant.configuration.sites[plant.configuration.sensors[i].site].id for i in chosen}
    zones = {plant.timezones.get(one, "") for one in sites}
    if len(zones) != 1 or "" in zones:
        raise SpecError(
            "the sites have no common time zone",
            found=", ".join(sorted(zones - {""})),
            expected="--zone, such as Asia/Shanghai, or timezone at the sites",
        )
    return zones.pop()


def _frames(source: list[Path], plant: Plant, reading: Reading) -> Iterator[Frame]:
    """The samples of files or of a log, by the plant's own indices."""
    if not any(path.is_dir() for path in source):
        from ..replay.tables import read_samples

        yield read_samples(source, plant, reading).frame
        return
    if len(source) > 1:
        raise SpecError("a data directory is learned alone", found=", ".join(map(str, source)))
    from ..log import LogReader
    from ..replay.runs import log_frames

    reader = LogReader.open(source[0])
    try:
        yield from log_frames(source[0], reader, plant.configuration)
    finally:
        reader.close()
