"""A small plant on disk, of which a test changes one thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HEAD = """\
version: 1
tenant: acme
broker: {host: 127.0.0.1}
outputs: {mqtt: {}}
"""
SITES = """\
sites:
  - {id: east, area: hefei/shushan/east}
  - {id: west, area: hefei/shushan/west, tenant: other}
"""
SENSORS = """\
sensors: sensors.csv
"""
SOURCES = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts}}
"""
RULES = """\
rules:
  - id: gas.high
    kind: limit
    select: {quantity: gas.combustible}
    high: {orange: 25 %LEL, red: 50 %LEL}
"""
TAGS = """\
id,site,quantity,unit,low,high,reports,gas
GD-1,east,gas.combustible,%LEL,0,100,periodic 10s,methane
PT-1,east,pipe.gas.pressure,MPa,0,4,periodic 5s,
GD-1,west,gas.combustible,%VOL,0,5,periodic 10s,methane
"""
# Of two sites that areas hear: gas at both, rain at one.
AREA_RULES = """\
rules:
  - {id: gas.high, kind: limit, select: {quantity: gas.combustible}, high: {orange: 25 %LEL}}
  - {id: rain.high, kind: limit, select: {quantity: weather.rain}, high: {orange: 50 mm/h}}
"""
AREA_TAGS = """\
id,site,quantity,unit,low,high,reports,gas
GD-1,east,gas.combustible,%LEL,0,100,periodic 10s,methane
RG-1,east,weather.rain,mm/h,0,300,periodic 10s,
GD-1,west,gas.combustible,%LEL,0,100,periodic 10s,methane
"""


@dataclass
class PlantFiles:
    """The files of a plant; `write` puts them into a directory. Line 1 of the file is `head`'s."""

    head: str = HEAD
    sites: str = SITES
    sensors: str = SENSORS
    sources: str = SOURCES
    rules: str = RULES
    tags: str | bytes = TAGS

    def write(self, directory: Path) -> Path:
        """Write `lifeline.yaml` and `sensors.csv`; the former's path."""
        text = self.head + self.sites + self.sensors + self.sources + self.rules
        path = directory / "lifeline.yaml"
        path.write_text(text, encoding="utf-8")
        tags = self.tags.encode() if isinstance(self.tags, str) else self.tags
        (directory / "sensors.csv").write_bytes(tags)
        return path
