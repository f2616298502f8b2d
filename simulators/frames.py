"""Batches as Frames: the rows of a scenario in canonical units, as the decoder of its source reads them."""

from __future__ import annotations

from typing import Final

import numpy as np

from lifeline.engine.config import Plant
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.quality import Quality

from .batch import FLAG_FAULT, FLAG_OVER, Batch
from .plant import Site

# What flags become; a wide object has no room for them, there the value alone speaks.
QUALITIES: Final = {FLAG_FAULT: Quality.FAULT, FLAG_OVER: Quality.OVER_RANGE}


def qualities(site: Site) -> list[Quality]:
    """The quality that each flag becomes on the way through the site's payloads."""
    if site.shape == "wide":
        return [Quality.GOOD] * (1 + max(QUALITIES))
    return [QUALITIES.get(flag, Quality.GOOD) for flag in range(1 + max(QUALITIES))]


class Canonical:
    """Makes Frames of a site's batches, by a plant's own sensors and conversions.

    Raises SpecError where the plant does not have all points of the site.
    """

    def __init__(self, plant: Plant, site: Site) -> None:
        configuration = plant.configuration
        sites = [s.id for s in configuration.sites]
        index = {(sites[s.site], s.id): i for i, s in enumerate(configuration.sensors)}
        routes = {(r.site, r.sensor): r for source in plant.sources for r in source.routes}
        missing = [p.id for p in site.points if (site.id, p.id) not in index]
        if missing:
            raise SpecError(
                f"the configuration lacks sensors of {site.id}", found=", ".join(missing[:8])
            )
        mine = [routes[site.id, p.id] for p in site.points]
        self._sensor = np.array([index[site.id, p.id] for p in site.points], np.int32)
        self._scale = np.array([route.scale for route in mine])
        self._offset = np.array([route.offset for route in mine])
        self._quality = np.array(qualities(site), np.uint8)

    def frame(self, batch: Batch) -> Frame:
        """The rows as a Frame, in their order."""
        value = batch.value * self._scale[batch.sensor] + self._offset[batch.sensor]
        quality = self._quality[batch.flag]
        silent = np.isnan(value) & (quality < Quality.FAULT)
        quality = np.where(silent, np.uint8(Quality.NOT_A_NUMBER), quality)
        return Frame(self._sensor[batch.sensor], batch.time, value, quality)
