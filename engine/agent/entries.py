"""Samples to log entries: one tenant each, as large as the log allows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..configuration import Configuration
from ..entry import Entry, Header, encode
from ..frame import Frame
from ..limits import MAX_FRAME_ROWS


class EntryWriter:
    """Encodes Frames against one configuration. `producer` names the agent."""

    def __init__(self, producer: str, configuration: Configuration) -> None:
        self._producer = producer
        self._registry = configuration.version()
        tenants = [configuration.sites[s.site].tenant for s in configuration.sensors]
        self._tenants = sorted(set(tenants))
        number = {tenant: i for i, tenant in enumerate(self._tenants)}
        self._tenant_of = np.array([number[t] for t in tenants], np.int32)

    def encode(
        self, frame: Frame, received: int, next_seq: int, exercise: bool = False
    ) -> list[bytes]:
        """Encoded `samples` entries, numbered from `next_seq`; the order within a tenant stays.

        `received` is the wall time at which the last of them was received, ns; `exercise` says that
        they come from the source of a drill.
        """
        return [
            encode(
                Entry(
                    Header(
                        tenant,
                        self._producer,
                        seq,
                        received,
                        registry=self._registry,
                        exercise=exercise,
                    ),
                    part,
                )
            )
            for seq, (tenant, part) in enumerate(self._parts(frame), next_seq)
        ]

    def _parts(self, frame: Frame) -> Iterator[tuple[str, Frame]]:
        owner = self._tenant_of[frame.sensor]
        for number in np.unique(owner):
            mine = frame if (owner == number).all() else frame.take(owner == number)
            for start in range(0, len(mine), MAX_FRAME_ROWS):
                yield self._tenants[number], mine.take(slice(start, start + MAX_FRAME_ROWS))
