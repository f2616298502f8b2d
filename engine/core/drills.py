"""Nothing of a drill moves an actual alarm, nor the other way.

Every record of a drill's alarms is marked, whatever made it: timers and silence belong to the site,
not to an entry. Rows whose site is not of the world that their entry's header names do nothing.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from ..command import Command
from ..configuration import Configuration
from ..drills import Worlds, of_world, worlds_of
from ..entry import Header
from ..frame import Frame
from ..record import EXERCISE
from .halts import AREA
from .halts import EXERCISE as PRACTISED


class Drills:
    """Which sites of one configuration are drills."""

    def __init__(self, configuration: Configuration) -> None:
        self._of_site = np.array([s.exercise for s in configuration.sites], np.bool_)
        self._any = bool(self._of_site.any())
        self._by_name = {s.id: s.exercise for s in configuration.sites}
        self._configuration = configuration

    @cached_property
    def _of_sensor(self) -> Worlds:
        """The world of each sensor; only asked where there is a drill."""
        return worlds_of(self._configuration)

    def admitted(self, header: Header, frame: Frame) -> Frame:
        """The rows whose site is of the header's world."""
        if not self._any and not header.exercise:
            return frame
        return of_world(frame, self._of_sensor, header.exercise)

    def refusal(self, header: Header, command: Command) -> str:
        """Why the command may not act at its site, or "". A person's command for a drill is part of
        it; an area's order belongs to the world that it was given in."""
        drill = self._by_name.get(command.site)
        if drill is None:
            return ""
        practised = command.alarm.partition("~")[2].startswith(PRACTISED)
        if (header.exercise or practised) and not drill:
            return f"{command.site} is no drill: an exercise moves nothing actual"
        ordered = command.principal.startswith(AREA)
        if drill and ordered and not (header.exercise and practised):
            return f"{command.site} is a drill: no actual order is given there"
        return ""

    def mark(self, numbers: Any, sites: Any) -> None:
        """Marks the records (NUMBERS) of drills; `sites` are their sites' indices."""
        if self._any:
            numbers["flags"] |= np.where(self._of_site[sites], EXERCISE, 0).astype(np.uint8)
