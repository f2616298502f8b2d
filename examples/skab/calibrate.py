"""Sets up rules from the anomaly-free recording, and from nothing else.

    calibrate.py path/to/skab rules.yaml

The procedure was fixed before any recording with faults was judged, and has no view of them:

1. The recording is split by time into *calibrate*, *select* and *verify*.
2. Two measures are judged of every sensor: its value (`limit`: a band) and the slope of a straight
   line through its last minute (`trend`: a change). What counts is what a measure *held* for the
   on-delay, because only that can raise an alarm.
3. Limits come from *calibrate*: the greatest distance from the centre (the median of the value;
   zero for slopes) that normal running held, and no less than what one row in ten exceeds (so that
   noise alone does not stay beyond it for the on-delay), times a margin.
4. A rule that would have alarmed in *select* is dropped: what normal running leaves by itself
   (a rig that is still warming up, say) cannot be watched by that measure.
5. *verify* has no say. What the remaining rules do there is their false-alarm rate, and it is
   measured by the engine itself, not here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from recordings import SECOND_NS, Recording, normal_file, read

from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Float64, Int64

Kind = Literal["band", "slope"]
PANES: Final = 12  # a window of the engine is its last twelve panes, the current one included


@dataclass(frozen=True, slots=True)
class Procedure:
    """The parameters of the procedure, durations in s.

    calibrate, select   shares of the recording; the rest is for verification
    window, span        of the slope; it is not judged before its rows span so much: a line
                        through a short piece is steep by noise alone
    hold                on-delay: an excursion that is shorter alarms nobody
    clear               off-delay
    common              the share of rows whose distance a limit must exceed in any case
    yellow, orange      limits as multiples of the excursion
    deadband            as a share of the excursion
    """

    calibrate: float = 0.5
    select: float = 0.25
    window: int = 60
    span: int = 50
    hold: int = 10
    clear: int = 30
    common: float = 0.9
    yellow: float = 1.5
    orange: float = 2.5
    deadband: float = 0.25


@dataclass(frozen=True, slots=True)
class Tag:
    """One sensor of the rig: its id in the tag list, the field of the recording, its unit."""

    sensor: str
    field: str
    unit: str


TAGS: Final = (
    Tag("vibration-1", "Accelerometer1RMS", "g"),
    Tag("vibration-2", "Accelerometer2RMS", "g"),
    Tag("current", "Current", "A"),
    Tag("pressure", "Pressure", "bar"),
    Tag("engine-temperature", "Temperature", "Cel"),
    Tag("water-temperature", "Thermocouple", "Cel"),
    Tag("voltage", "Voltage", "V"),
    Tag("flow", "Volume Flow RateRMS", "L/min"),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One rule that the procedure made. Values in the sensor's unit, slopes per minute.

    excursion   the greatest distance from `centre` that was held in *calibrate*, or the one that
                is common there, if that is more
    selecting   the greatest that was held in *select*
    verdict     "kept", or why not
    """

    tag: Tag
    kind: Kind
    centre: float
    excursion: float
    selecting: float
    verdict: str

    @property
    def kept(self) -> bool:
        """Whether it becomes a rule."""
        return self.verdict == "kept"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The candidates, and where the recording was split (event times, ns)."""

    procedure: Procedure
    candidates: tuple[Candidate, ...]
    select_from: int
    verify_from: int

    def rules(self) -> list[dict[str, Any]]:
        """The rules as `lifeline.yaml` takes them."""
        return [_rule(c, self.procedure) for c in self.candidates if c.kept]


def calibrate(normal: Recording, procedure: Procedure | None = None) -> Calibration:
    """Rules from one recording of normal running. Raises SpecError where it is too short."""
    with_ = procedure or Procedure()
    begin, end = int(normal.time[0]), int(normal.time[-1])
    select_from = begin + round((end - begin) * with_.calibrate)
    verify_from = begin + round((end - begin) * (with_.calibrate + with_.select))
    parts = normal.time < select_from, (normal.time >= select_from) & (normal.time < verify_from)
    shortest = 10 * (with_.window + with_.hold) * SECOND_NS
    if select_from - begin < shortest:
        raise SpecError(
            "the recording is too short to calibrate from",
            found=f"{(end - begin) / SECOND_NS:g} s",
            expected=f"{shortest / SECOND_NS / with_.calibrate:g} s or more",
        )
    candidates = tuple(
        _candidate(normal, tag, kind, parts, with_) for kind in ("band", "slope") for tag in TAGS
    )
    return Calibration(with_, candidates, select_from, verify_from)


def _candidate(
    normal: Recording,
    tag: Tag,
    kind: Kind,
    parts: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]],
    procedure: Procedure,
) -> Candidate:
    measure = normal.column(tag.field)
    centre = 0.0
    if kind == "band":
        centre = float(np.median(measure[parts[0]]))
    else:
        measure = slopes(normal.time, measure, procedure.window, procedure.span) * 60.0
    held, selecting = (
        held_excursion(normal.time[part], measure[part], centre, procedure.hold) for part in parts
    )
    excursion = max(held, common_excursion(measure[parts[0]], centre, procedure.common))
    if excursion == 0.0:
        verdict = "dropped: never moves in normal running, so there is no scale"
    elif selecting >= procedure.yellow * excursion:
        verdict = "dropped: would alarm in normal running"
    else:
        verdict = "kept"
    return Candidate(tag, kind, centre, excursion, selecting, verdict)


def held_excursion(time: Int64, measure: Float64, centre: float, hold_s: int) -> float:
    """The greatest distance from `centre` that the measure kept for `hold_s`. On either side: an
    alarm with a limit above and one below keeps pending when the measure jumps across."""
    known = np.isfinite(measure)
    time, away = time[known], np.abs(measure[known] - centre)
    ends = np.searchsorted(time, time + hold_s * SECOND_NS, side="left")
    whole = ends < len(time)  # only where the recording goes on for that long
    spans = zip(np.nonzero(whole)[0].tolist(), ends[whole].tolist(), strict=True)
    return max((float(away[first:end].min()) for first, end in spans), default=0.0)


def common_excursion(measure: Float64, centre: float, share: float) -> float:
    """The distance from `centre` that `share` of the rows do not exceed."""
    away = np.abs(measure[np.isfinite(measure)] - centre)
    return float(np.quantile(away, share)) if len(away) else 0.0


def slopes(time: Int64, value: Float64, window_s: int, span_s: int) -> Float64:
    """The least-squares slope per second at every row, by the engine's definition of a window; NaN
    where its rows span less than `span_s`."""
    pane = time // (window_s * SECOND_NS // PANES)
    firsts = np.searchsorted(pane, pane - (PANES - 1), side="left")
    seconds = (time - time[0]) / SECOND_NS
    found = np.full(len(time), np.nan)
    for row, first in enumerate(firsts.tolist()):
        t, v = seconds[first : row + 1], value[first : row + 1]
        if len(t) >= 4 and t[-1] - t[0] >= span_s:
            t = t - t.mean()
            found[row] = float(t @ (v - v.mean())) / float(t @ t)
    return found


def _rule(candidate: Candidate, procedure: Procedure) -> dict[str, Any]:
    per = "" if candidate.kind == "band" else "/min"
    unit = f"{candidate.tag.unit}{per}"

    def amount(value: float) -> str:
        return f"{value:.6g} {unit}"

    steps = {
        level: factor * candidate.excursion
        for level, factor in (("yellow", procedure.yellow), ("orange", procedure.orange))
    }
    rule: dict[str, Any] = {"id": f"{candidate.kind}.{candidate.tag.sensor}"}
    select = {"sensor": candidate.tag.sensor}
    if candidate.kind == "band":
        up = {level: amount(candidate.centre + step) for level, step in steps.items()}
        down = {level: amount(candidate.centre - step) for level, step in steps.items()}
        rule |= {"kind": "limit", "select": select, "high": up, "low": down}
    else:
        both = {level: amount(step) for level, step in steps.items()}
        rule |= {"kind": "trend", "select": select, "rising": both, "falling": dict(both)}
        rule |= {"window": f"{procedure.window}s", "min_span": f"{procedure.span}s"}
    rule |= {
        "deadband": amount(procedure.deadband * candidate.excursion),
        "on_delay": f"{procedure.hold}s",
        "off_delay": f"{procedure.clear}s",
        "basis": f"anomaly-free recording: {procedure.yellow:g} and {procedure.orange:g} times its "
        f"greatest excursion, {candidate.excursion:.3g} {unit}",
    }
    return rule


def write_rules(path: Path, calibration: Calibration) -> None:
    """Writes the file of rules that `lifeline.yaml` names."""
    import yaml

    head = "# Written by calibrate.py from the anomaly-free recording.\n"
    text = yaml.safe_dump(calibration.rules(), sort_keys=False, allow_unicode=True, width=100)
    path.write_text(head + text, encoding="utf-8")


def table(calibration: Calibration) -> str:
    """The candidates for people."""
    heads = "".join(f"{x:>11}" for x in ("centre", "excursion", "yellow ±", "orange ±"))
    lines = [f"{'rule':<26}{heads}  unit, verdict"]
    procedure = calibration.procedure
    for c in calibration.candidates:
        per = "" if c.kind == "band" else "/min"
        limits = (procedure.yellow * c.excursion, procedure.orange * c.excursion)
        numbers = (c.centre, c.excursion, *limits)
        cells = "".join(f"{x:>11.4g}" for x in numbers)
        lines.append(f"{f'{c.kind}.{c.tag.sensor}':<26}{cells}  {c.tag.unit}{per}, {c.verdict}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """The command: a SKAB folder, and where the rules go."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder, target = map(Path, arguments)
    try:
        calibration = calibrate(read(normal_file(folder), "anomaly-free"))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    write_rules(target, calibration)
    print(table(calibration))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
