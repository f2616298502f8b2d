"""What the columns of a recorded file mean: its time, and which sensor each value belongs to.

long   one row a sample: a column of sensors, a column of values, perhaps of sites and qualities
wide   one row a time: a column for each sensor; columns that name no sensor are passed over
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..config import Plant
from ..errors import SpecError
from ..source import Route

TIME: Final = ("time", "datetime", "timestamp", "ts", "date", "时间", "时刻", "采集时间")
SENSOR: Final = ("sensor", "id", "tag", "device", "point", "编号", "测点", "位号")
VALUE: Final = ("value", "val", "v", "值", "数值", "监测值")
SITE: Final = ("site", "station", "站点")
QUALITY: Final = ("quality", "q", "质量")
UNIT: Final = ("unit", "units", "单位", "计量单位")


@dataclass(frozen=True, slots=True)
class Target:
    """A sensor of the configuration and how the plant's numbers become canonical."""

    index: int
    scale: float
    offset: float
    boolean: bool


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of the columns of a file; `value` is "" in the wide form."""

    time: str
    sensor: str = ""
    value: str = ""
    site: str = ""
    quality: str = ""
    unit: str = ""

    @property
    def wide(self) -> bool:
        """Whether each sensor has its own column."""
        return not self.value


def columns_of(names: Sequence[str], time: str = "") -> Columns:
    """The meaning of a file's columns by their names; `time` names the column of times.

    Raises SpecError where there is no column of times.
    """
    found = time or _first(names, TIME)
    if found not in names:
        raise SpecError(
            "no column of times",
            found=", ".join(names[:12]),
            expected=f"one called {', '.join(TIME[:4])} or {TIME[5]}, or its name in --time",
        )
    sensor, value = _first(names, SENSOR), _first(names, VALUE)
    if sensor and value:
        others = (_first(names, known) for known in (SITE, QUALITY, UNIT))
        return Columns(found, sensor, value, *others)
    return Columns(found)


def _first(names: Iterable[str], known: tuple[str, ...]) -> str:
    folded = {name.strip().casefold(): name for name in reversed(list(names))}
    return next((folded[word] for word in known if word in folded), "")


class SensorNames:
    """Finds the sensor that a name in a file means.

    A name is, in this order: `<site>/<id>`, an id, a `field` of the wide payload form, a display
    name. `site` restricts all of them to one site. Raises SpecError for a site that there is not.
    """

    def __init__(self, plant: Plant, site: str = "") -> None:
        configuration = plant.configuration
        sites = [s.id for s in configuration.sites]
        if site and site not in sites:
            from ..config.nearest import listed, nearest

            raise SpecError(
                "no such site",
                found=repr(site),
                expected=listed(sites),
                nearest=nearest(site, sites),
            )
        routes = {(r.site, r.sensor): r for source in plant.sources for r in source.routes}
        self._sensors = configuration.sensors
        self._names: tuple[dict[str, list[Target]], ...] = ({}, {}, {}, {})
        self.sites: set[str] = set()
        for index, sensor in enumerate(configuration.sensors):
            owner = sites[sensor.site]
            if site and owner != site:
                continue
            self.sites.add(owner)
            route = routes.get((owner, sensor.id))
            words = (f"{owner}/{sensor.id}", sensor.id, route.field if route else "", sensor.name)
            for known, word in zip(self._names, words, strict=True):
                if word:
                    known.setdefault(word, []).append(_target(index, route))

    def find(self, name: str) -> Target | None:
        """The sensor; None where nothing has this name. Raises SpecError for more than one."""
        for known in self._names:
            targets = known.get(name.strip(), [])
            if len(targets) > 1:
                raise SpecError(
                    "more than one sensor is meant",
                    found=repr(name),
                    expected="<site>/<id> as the name, or one site by --site",
                )
            if targets:
                return targets[0]
        return None

    def told_in(self, target: Target, unit: str) -> Target:
        """The sensor, told in a unit that the file states; "": in the tag list's. Raises SpecError."""
        if not unit:
            return target
        from ..gases import gas
        from ..quantities import quantity
        from ..units import affine

        sensor = self._sensors[target.index]
        if unit == sensor.unit:
            return Target(target.index, 1.0, 0.0, target.boolean)
        try:
            of = gas(sensor.gas) if sensor.gas else None
            return Target(
                target.index, *affine(unit, quantity(sensor.quantity), of), target.boolean
            )
        except SpecError as error:
            raise SpecError(
                f"{sensor.id}: {error.message}", found=repr(unit), expected=error.expected
            ) from error

    def unknown(self, names: Sequence[str]) -> SpecError:
        """What to say where none of a file's names is a sensor."""
        from ..config.nearest import listed, nearest

        ids = list(self._names[1])
        close = tuple(dict.fromkeys(n for name in names[:20] for n in nearest(name, ids)))
        return SpecError(
            "no column or row names a sensor of this plant",
            found=listed(list(names)),
            expected=f"ids such as {listed(ids)}",
            nearest=close[:3],
        )


def _target(index: int, route: Route | None) -> Target:
    if route is None:  # the tag list's unit is the canonical one where nothing is converted
        return Target(index, 1.0, 0.0, False)
    return Target(index, route.scale, route.offset, route.boolean)
