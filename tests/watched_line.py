"""The simulated oil line under its rules: what its meters say, judged by the real core.

The plant is written as people write it and loaded as `lifeline run` would load it. Two sites stand
for one line, since its scans and its fast pressures are judged in runs of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from lifeline.engine.config import load
from lifeline.engine.frame import Float64, Frame
from lifeline.engine.record import Record
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.simulators.liquid_line import Told
from lifeline.simulators.oil_line import KM, Act, Meters, Operation

SCAN_S: Final = 10.0
FAST_S: Final = 0.02
BALANCE: Final = "line.balance"
WAVE: Final = "line.wave"
# Volume that the line stores with pressure: A L / (ρ a²), of the default fluids between 0.71 (diesel)
# and 0.80 m3/bar (gasoline); a trapezoid over the six gauges.
STORES: Final = 0.75
PLANT: Final = f"""\
version: 1
tenant: acme
broker: {{host: 127.0.0.1}}
outputs: {{mqtt: {{}}}}
sites:
  - {{id: scan, area: hefei/shushan/east}}
  - {{id: fast, area: hefei/shushan/east}}
sensors: sensors.csv
sources:
  - id: scada
    topics: ["line/{{station}}/{{device}}"]
    site: "{{station}}"
    payload: {{sensor: "{{device}}", time: {{path: ts}}}}
defaults: {{stale: off, clock: off}}
rules:
  - id: {BALANCE}
    kind: balance
    per: site
    select: {{site: scan}}
    inflow: {{sensor: FT-IN, quantity: pipe.oil.flow, systematic: 0.1 %, random: 0.25 %}}
    outflow: {{sensor: FT-OUT, quantity: pipe.oil.flow, systematic: 0.1 %, random: 0.25 %}}
    stored:
      - {{sensor: [PT-00, PT-50], quantity: pipe.oil.pressure, stores: {STORES / 10.0:g} m3/bar,
         systematic: 10 %, absolute: 2 kPa}}
      - {{sensor: [PT-10, PT-20, PT-30, PT-40], quantity: pipe.oil.pressure,
         stores: {STORES / 5.0:g} m3/bar, systematic: 10 %, absolute: 2 kPa}}
    window: 1h
    loss: {{orange: 0.5 %}}
    deadband: 0.1 %
    on_delay: 10 min
    min_flow: 50 m3/h
  - id: {WAVE}
    kind: wave
    select: {{site: fast}}
    upstream: PT-U
    downstream: PT-D
    length: 50 km
    wave_speed: 1000 m/s
    wave_speed_error: 5 m/s
    flow_speed: 1.25 m/s
    drop: {{orange: 1 kPa, red: 5 kPa}}
    hold: 1h
"""
_SCANNED: Final = ("FT-IN", "FT-OUT", *(f"PT-{km:02g}" for km in KM))
_FAST: Final = ("PT-U", "PT-D")


def _tags() -> str:
    rows = ["id,site,quantity,unit,low,high,reports,stale"]
    for name in _SCANNED:
        flow = name.startswith("FT")
        quantity, unit = ("pipe.oil.flow", "m3/h") if flow else ("pipe.oil.pressure", "kPa")
        low, high = ("-2000", "2000") if flow else ("-100", "10000")
        rows.append(f"{name},scan,{quantity},{unit},{low},{high},periodic 10s,60s")
    rows += [f"{n},fast,pipe.oil.pressure.fast,kPa,0,10000,periodic 20ms,90d" for n in _FAST]
    return "\n".join(rows) + "\n"


class Watch:
    """A core that watches the line; `records` are what came out so far."""

    def __init__(self, directory: Path, operation: Operation) -> None:
        (directory / "sensors.csv").write_text(_tags(), encoding="utf-8")
        path = directory / "lifeline.yaml"
        path.write_text(PLANT, encoding="utf-8")
        configuration = load(path).configuration
        self._run = RecordedRun(configuration)
        self._index = {sensor.id: i for i, sensor in enumerate(configuration.sensors)}
        self._start_ns = operation.start_ns
        self._meters = Meters(operation.seed)
        self._fast = np.random.default_rng(operation.seed)
        self.records: list[Record] = []

    @property
    def raised(self) -> list[Record]:
        """The records that began an alarm or raised its level."""
        return [r for r in self.records if r.transition in ("raised", "level")]

    def scans(self, times_s: Float64, told: Told) -> None:
        """Judges what the scanned meters say at these times."""
        meters = self._meters
        columns = [meters.flow("FT-IN", told.inflow), meters.flow("FT-OUT", told.outflow)]
        columns += [meters.pressure(f"PT-{km:02g}", told.pressure[:, k]) for k, km in enumerate(KM)]
        self._judge(_SCANNED, times_s, columns)

    def fast(self, times_s: Float64, told: Told, noise_kpa: float = 1.0) -> None:
        """Judges what the two fast pressures say at these times, with white noise."""
        columns = [
            told.pressure[:, end] / 1000.0 + noise_kpa * self._fast.standard_normal(len(times_s))
            for end in (0, -1)
        ]
        self._judge(_FAST, times_s, columns)

    def said(self, alarm: str) -> dict[str, float | str]:
        """`Core.said`, for the numbers behind an alarm."""
        return self._run.core.said("scan" if alarm.startswith(BALANCE) else "fast", alarm)

    def _judge(self, names: tuple[str, ...], times_s: Float64, columns: list[Float64]) -> None:
        n, count = len(times_s), len(names)
        sensor = np.tile(np.array([self._index[name] for name in names]), n)
        time = self._start_ns + np.repeat(np.rint(times_s * 1e9).astype(np.int64), count)
        frame = Frame.of(sensor, time, np.stack(columns, axis=1).ravel(), np.zeros(n * count))
        for part in cut(frame):
            self.records += self._run.step(part)


def seconds_after(record: Record, operation: Operation, onset: float) -> float:
    """From the onset to the record's event time."""
    return (record.time - operation.start_ns) / 1e9 - onset


def around(acts: Sequence[Act], before_s: float, after_s: float) -> list[tuple[float, float]]:
    """(begin, end) of the stretches around the acts, those that overlap joined."""
    stretches: list[tuple[float, float]] = []
    for act in acts:
        begin, end = math.floor(act.at - before_s), math.ceil(act.at + after_s)
        if stretches and begin <= stretches[-1][1]:
            begin = stretches.pop()[0]
        stretches.append((begin, end))
    return stretches


def sampled(times_s: Float64, told: Told, every_s: float) -> tuple[Float64, Told]:
    """What is told, at another rate: straight lines between the moments."""
    fine = np.arange(round(times_s[0] / every_s), round(times_s[-1] / every_s)) * every_s
    columns = [np.interp(fine, times_s, column) for column in told.pressure.T]
    ends = (told.inflow, told.outflow, told.density_in, told.density_out, told.leaking)
    return fine, Told(np.stack(columns, axis=1), *(np.interp(fine, times_s, x) for x in ends))
