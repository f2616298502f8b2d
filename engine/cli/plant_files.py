"""Where a plant's files are: its `lifeline.yaml`, its data directory, names and local times.

Commands beside a running engine need only this much of a configuration: reading a whole one of
100,000 sensors takes seconds, and its mistakes are `lifeline check`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import LogError, SpecError

if TYPE_CHECKING:
    from ..config import ClusterSpec
    from ..outputs.ports import Place
    from ..performance import Where

DEFAULT_CONFIG: Final = Path("lifeline.yaml")
_DEFAULT_DIRECTORY: Final = "lifeline-data"
CALL_SINK: Final = "sink-calls"
_SINKS: Final = ("sink-mqtt", "sink-influx", CALL_SINK)

ConfigArgument = Annotated[
    Path,
    typer.Argument(
        envvar="LIFELINE_CONFIG", metavar="[CONFIG]", help="The plant's file.", show_default=True
    ),
]
ConfigOption = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="LIFELINE_CONFIG", help="The plant's file."),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", envvar="LIFELINE_DATA", help="The data directory, instead of the plant's file."
    ),
]


def data_directory(config: Path, data: Path | None) -> Path:
    """`data`, else the storage directory that the configuration names; on a cluster what a sink
    keeps in it.

    Raises SpecError where the file cannot be read, and LogError where the directory is not there.
    """
    directory = data if data is not None else storage_directory(config)
    if data is None and on_cluster(config):
        found = sink_directory(config)
        if found is None:
            raise LogError(
                f"{directory} holds no copy of the cluster's alerts: run this where lifeline sink "
                "runs, or name that one's directory with --data"
            )
        return found
    if not directory.is_dir():
        raise LogError(
            f"no data directory {directory}: has the engine of this plant run yet? "
            "Name the plant's file with --config or the directory with --data"
        )
    return directory


def call_directory(config: Path, data: Path | None) -> Path:
    """Where calls are kept: the data directory, on a cluster that of `lifeline sink calls`.

    Raises as `data_directory`.
    """
    if data is not None or not on_cluster(config):
        return data_directory(config, data)
    directory = storage_directory(config) / CALL_SINK
    if not directory.is_dir():
        raise LogError(
            f"no directory {directory}: run this where lifeline sink calls runs, or name that one's "
            "directory with --data"
        )
    return directory


def on_cluster(config: Path) -> bool:
    """Whether the file is of a cluster. Raises SpecError where it is not YAML."""
    return config.exists() and _section(config, "cluster") is not None


def cluster_of(config: Path, data: Path | None) -> ClusterSpec | None:
    """The cluster that commands go to; None where the file names none or a directory is named."""
    if data is not None or not on_cluster(config):
        return None
    from ..config import load_cluster

    return load_cluster(config)


def sink_directory(config: Path) -> Path | None:
    """Where a sink on this machine keeps the cluster's alerts; None where none has run here."""
    storage = storage_directory(config)
    return next((d for d in (storage / s for s in _SINKS) if (d / "log.db").is_file()), None)


def storage_directory(config: Path) -> Path:
    """The storage directory that the file names. Raises SpecError where it cannot be read."""
    if not config.exists():
        raise SpecError(
            "no such file",
            where=str(config),
            expected="the plant's lifeline.yaml (--config) or its data directory (--data)",
        )
    storage = _section(config, "storage")
    named = storage.get("directory") if isinstance(storage, dict) else None
    directory = Path(named if isinstance(named, str) else _DEFAULT_DIRECTORY)
    return directory if directory.is_absolute() else config.absolute().parent / directory


def places(config: Path) -> Mapping[str, Place]:
    """Name and local time of each site that the file names; empty where it cannot be read."""
    from ..outputs.ports import Place

    found: dict[str, Place] = {}
    if not config.exists():
        return found
    try:
        sites = _section(config, "sites")
        for site in sites if isinstance(sites, list) else ():
            area, zone = str(site.get("area", "")), str(site.get("timezone") or "UTC")
            found[str(site["id"])] = Place(area, str(site.get("name", "")), zone)
        areas = _section(config, "areas")
        for area in areas if isinstance(areas, list) else ():
            path = str(area["path"])
            found[f"area:{path}"] = Place(path, str(area.get("name", "")), "UTC")
    except (SpecError, KeyError, AttributeError):
        return found  # names and zones are a courtesy; `lifeline check` tells what is wrong
    return found


def whereabouts(config: Path) -> Mapping[str, Where]:
    """Area and operator position of each site and area that the file names; empty where it cannot
    be read."""
    from ..performance import Desk, Where, watches_of

    found: dict[str, Where] = {}
    if not config.exists():
        return found
    try:
        listed = _section(config, "positions")
        desks = [
            Desk(str(each["name"]), *(_names(each, key) for key in ("sites", "areas", "assets")))
            for each in (listed if isinstance(listed, list) else ())
        ]
        sites = _section(config, "sites")
        for site in sites if isinstance(sites, list) else ():
            name, area = str(site["id"]), str(site.get("area", ""))
            position, watches = str(site.get("position") or ""), watches_of(name, area, desks)
            found[name] = Where(area, position, watches, site.get("exercise") is True)
        areas = _section(config, "areas")
        for area in areas if isinstance(areas, list) else ():
            path = str(area["path"])
            found[f"area:{path}"] = Where(path)
    except (SpecError, KeyError, AttributeError):
        return found  # as `places`
    return found


def _names(section: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """One name or several, as they are written."""
    value = section.get(key) or ()
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value)


def _section(config: Path, key: str) -> Any:
    """One section of the file, as plain data. Raises SpecError where it is not YAML."""
    from ..config.document import read_document
    from ..config.problems import Problems

    problems = Problems()
    document = read_document(config, problems)
    problems.raise_errors()
    value = document.value if document is not None else None
    return value.get(key) if isinstance(value, dict) else None
