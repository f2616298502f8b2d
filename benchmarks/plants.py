"""Plants to measure with: the files that an operator would write, and the messages of their gateways.

Every sensor is judged by five rules: limit, rate and trend, and the silence and clock that every
configuration has. Ten more, the *markers*, cross their own limit without delay at each of their
samples, up and down in turn: each marker that is sent makes one alert, by which whoever listens
to the alert topic knows how far the engine has come, and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NODE, SOURCE = "bench", "gateways"
MARKERS = 10
STAMP = b"#############"  # stands where a message carries its time, 13 digits of ms
ALERTS = "lifeline/v1/alert/+/+/+/+/+/orange"
TELEMETRY = "bench/#"
_VARIANTS = 4  # so that a sensor's values differ from one message to the next

_PLANT = """version: 1
node: {node}
tenant: bench
storage: {{directory: data}}
broker: {{host: 127.0.0.1, port: {port}}}
sites:
{sites}
sensors: sensors.csv
sources:
  - id: {source}
    topics: ["bench/{{site}}/{{device}}"]
    site: "{{site}}"
    payload: {payload}
rules:
  - id: gas.limit
    kind: limit
    select: {{sensor: "d*"}}
    high: {{orange: 25 %LEL, red: 50 %LEL}}
    deadband: 2 %LEL
    on_delay: 3s
    off_delay: 30s
  - {{id: gas.rate, kind: rate, select: {{sensor: "d*"}}, rising: {{yellow: 20 %LEL/min}}, span: 60s}}
  - {{id: gas.trend, kind: trend, select: {{sensor: "d*"}}, rising: {{yellow: 30 %LEL/h}}, window: 10min}}
  - {{id: marker, kind: limit, select: {{sensor: "m*"}}, high: {{orange: 40 %LEL}}, deadband: 2 %LEL}}
outputs:
  mqtt: {{}}
{influx}"""
_SINGLE = '{sensor: "{device}", value: value, time: {path: ts, unit: ms}}'
_ARRAY = '{points: "$", sensor: "{payload.tag}", value: value, time: {path: ts, unit: ms}}'


@dataclass(frozen=True, slots=True)
class Plant:
    """`sites` of equally many sensors, whose messages carry `points` samples each; `influx` is the
    address of an InfluxDB that gets alerts and series too.
    """

    sensors: int
    sites: int
    points: int = 1
    influx: str = ""

    def write(self, folder: Path, port: int) -> Path:
        """lifeline.yaml and sensors.csv in the folder; the path of the first."""
        folder.mkdir(parents=True, exist_ok=True)
        sites = "\n".join(f"  - {{id: {s}, area: bench/bench/bench}}" for s in self.site_ids())
        payload = _SINGLE if self.points == 1 else _ARRAY
        influx = f"  influx: {{url: '{self.influx}', database: lifeline}}\n" if self.influx else ""
        text = _PLANT.format(
            node=NODE, source=SOURCE, port=port, sites=sites, payload=payload, influx=influx
        )
        rows = ["id,site,quantity,unit,reports,max_rate"]
        names = [(f"m{i}", "s0") for i in range(MARKERS)] + self._sensors()
        # Values jump from message to message faster than any gas does, and rounds have pauses between
        # them: neither is to be judged here.
        rows += [f"{n},{site},gas.combustible,%LEL,periodic 60s,1000000" for n, site in names]
        (folder / "sensors.csv").write_text("\n".join(rows) + "\n")
        file = folder / "lifeline.yaml"
        file.write_text(text)
        return file

    def site_ids(self) -> list[str]:
        """s0, s1, …"""
        return [f"s{i}" for i in range(self.sites)]

    def _sensors(self) -> list[tuple[str, str]]:
        each = self.sensors // self.sites
        return [(f"d{i}", f"s{i // each}") for i in range(self.sensors)]

    def messages(self) -> list[tuple[str, bytes]]:
        """Topic and payload of rounds in which every sensor speaks once; STAMP for the time."""
        sensors = self._sensors()
        return [
            self._message(sensors[first : first + self.points], variant)
            for variant in range(_VARIANTS)
            for first in range(0, len(sensors), self.points)
        ]

    def _message(self, sensors: list[tuple[str, str]], variant: int) -> tuple[str, bytes]:
        values = [f"{20 + (7 * i + variant) % 100 / 100:.2f}" for i in range(len(sensors))]
        if self.points == 1:
            (name, site), value = sensors[0], values[0]
            return f"bench/{site}/{name}", b'{"value":%b,"ts":%b}' % (value.encode(), STAMP)
        points = [
            b'{"tag":"%b","value":%b,"ts":%b}' % (name.encode(), value.encode(), STAMP)
            for (name, _), value in zip(sensors, values, strict=True)
        ]
        return f"bench/{sensors[0][1]}/gw-{sensors[0][0]}", b"[%b]" % b",".join(points)

    def marker(self, number: int) -> tuple[str, bytes]:
        """The marker of that number, from 0: up for each of the marker sensors, then down."""
        name = f"m{number % MARKERS}"
        value = b"60.00" if number // MARKERS % 2 == 0 else b"10.00"
        if self.points == 1:
            return f"bench/s0/{name}", b'{"value":%b,"ts":%b}' % (value, STAMP)
        body = b'[{"tag":"%b","value":%b,"ts":%b}]' % (name.encode(), value, STAMP)
        return "bench/s0/markers", body
