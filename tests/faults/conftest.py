"""What the cluster's runs share: a nursery with everything loaded, and a city recorded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.cluster.fleet import Nursery
from faults.cluster.recording import Recording, record


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """Forks the workers of all runs."""
    made = Nursery(tmp_path_factory.mktemp("nursery"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Four minutes of eight sites."""
    return record(tmp_path_factory.mktemp("city"), 240.0)
