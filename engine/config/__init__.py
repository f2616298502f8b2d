"""Configuration: one `lifeline.yaml` beside its tag lists; loaded, checked, published as schemas.

    plant = load("lifeline.yaml")          # raises SpecError with every mistake, a line each
    problems = check("lifeline.yaml")      # never raises; warnings too
    documents = schemas()                  # JSON Schemas by file name

What does the work is imported when it is called: a process that is handed a `Plant` needs neither
pydantic nor pint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import Problem
from .call_spec import CallSpec, ChannelSpec, Contact, LinkSpec
from .cluster import ClusterSpec
from .plant import InfluxSpec, MonitoringSpec, OutputsSpec, Plant, StorageSpec, StoreSpec

__all__ = [
    "CallSpec",
    "ChannelSpec",
    "ClusterSpec",
    "Contact",
    "InfluxSpec",
    "LinkSpec",
    "MonitoringSpec",
    "OutputsSpec",
    "Plant",
    "Problem",
    "StorageSpec",
    "StoreSpec",
    "check",
    "check_calls",
    "load",
    "load_cluster",
    "schemas",
]


def load(path: str | Path) -> Plant:
    """The plant that the file and its tag lists describe.

    Deterministic: the same files give the same `configuration.encode()`. Raises SpecError whose
    text has one line per mistake, each with file and line; warnings do not stop it.
    """
    from .checking import load as _load

    return _load(Path(path))


def check(path: str | Path) -> list[Problem]:
    """Every mistake and warning of the files, errors first; empty where all is well.

    At most `limits.MAX_PROBLEMS`, then one that counts the rest. Never raises for what stands in
    the files, nor for a file that is not there.
    """
    from .checking import check as _check

    return _check(Path(path))


def check_calls(path: str | Path) -> tuple[Plant | None, list[Problem]]:
    """The plant (None where it cannot be read or calls nobody), and every mistake and warning about
    its roster, with errors of the other files."""
    from .checking import check_calls as _check

    return _check(Path(path))


def load_cluster(path: str | Path) -> ClusterSpec | None:
    """The section `cluster:` alone, None where the file has none.

    A tenth of the time of `load`: no tag list is read. Raises SpecError for mistakes in the section.
    """
    from .checking import load_cluster as _load

    return _load(Path(path))


def schemas() -> dict[str, dict[str, Any]]:
    """JSON Schemas (draft 2020-12) of `lifeline.yaml`, of each installed kind of rule
    (`rule.limit`), and a Table Schema of `sensors.csv`."""
    from .schema import schemas as _schemas

    return _schemas()
