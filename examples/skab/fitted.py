"""Rules that learn from the first 400 rows of each recording, judged on the rest of it.

    fitted.py path/to/skab                # the table
    fitted.py path/to/skab --json         # the same for programs
    fitted.py path/to/skab --out rules/   # keeps plant, learned file and rules of each recording

That is the protocol of the data's leaderboard: learn from the first 400 rows of a file, judge the others.
What is learned is what `lifeline fit --together --per site` learns; the rules are of the kind `multivariate`
(Hotelling's T² and Q), and the core that judges is the engine's. Everything in `VARIANTS` was fixed before a
row behind the 400th was judged; labels are looked at by the scoring alone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from recordings import FIELDS, SECOND_NS, Labels, Recording, part_files, read
from scoring import TRAINING_ROWS, Rows, alerts, in_alarm, rows_of

from lifeline.engine.cli.exits import ExitCode, code_of
from lifeline.engine.config import Plant, load
from lifeline.engine.config.normals import LearnedNormal
from lifeline.engine.errors import LifelineError, SpecError
from lifeline.engine.frame import Bool, Frame
from lifeline.engine.record import Record
from lifeline.engine.replay.learning import write_learned
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.engine.replay.tables import Samples, read_samples
from lifeline.engine.replay.together import LearningTogether

HERE: Final = Path(__file__).parent
LEARNED: Final = "normal.toml"
EXPLAINED: Final = 0.9  # as `lifeline fit --together` has it


@dataclass(frozen=True, slots=True)
class Variant:
    """A rule on what was learned; `why` says where its numbers come from."""

    name: str
    beyond: dict[str, float]
    on_delay: str
    off_delay: str
    why: str

    def rule(self, of: str = "both") -> dict[str, Any]:
        """As `lifeline.yaml` takes it; what is not named is the kind's default (99 % by quantile)."""
        return {
            "id": f"together.{self.name}",
            "kind": "multivariate",
            "normal": LEARNED,
            "of": of,
            "beyond": self.beyond,
            "on_delay": self.on_delay,
            "off_delay": self.off_delay,
        }


VARIANTS: Final = (
    Variant(
        "rows",
        {"yellow": 1.0},
        "2s",
        "2s",
        "every vector beyond the limit counts, three rows on end: the leaderboard's median of three",
    ),
    Variant(
        "plant",
        {"yellow": 1.5, "orange": 3.0},
        "10s",
        "30s",
        "limits of docs/multivariate.md, delays of calibrate.py",
    ),
)

#: (detector, F1, FAR %, MAR %) on all 34 recordings of SKAB v0.9: README of github.com/waico/SKAB at commit
#: b2c0d46c2971dcbfe71e26087b6d231998bb91c2 of 2024-08-11, "Outlier detection problem".
PUBLISHED: Final = (
    ("Conv-AE", 0.78, 13.55, 28.02),
    ("MSET", 0.78, 39.73, 14.13),
    ("T-squared+Q (PCA-based)", 0.76, 26.62, 24.92),
    ("LSTM-AE", 0.74, 29.96, 25.92),
    ("T-squared", 0.66, 19.21, 42.60),
    ("LSTM-VAE", 0.56, 9.13, 55.03),
    ("Vanilla LSTM", 0.54, 12.54, 59.53),
    ("Vanilla AE", 0.39, 2.59, 75.15),
    ("MSCRED", 0.36, 49.94, 69.88),
    ("Isolation forest", 0.29, 2.56, 82.89),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """One recording behind its first 400 rows, by one rule.

    delay_s     from the first labelled row to the first alert within the anomaly; None: there was none
    standing    an alarm stood when the anomaly began
    alerts      those outside of the anomaly
    """

    recording: str
    rows: Rows
    delay_s: float | None
    standing: bool
    alerts: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All recordings by each variant, and which sensors stood still while there was something to learn."""

    judged: dict[str, tuple[Judged, ...]]
    left_out: dict[str, tuple[str, ...]]


def f1(rows: Rows) -> float:
    """2 TP / (2 TP + FP + FN) over rows; 0 where nothing is found."""
    hit = rows.anomalous - rows.missed
    return 2 * hit / (2 * hit + rows.false + rows.missed) if hit else 0.0


def rest_of(recording: Recording) -> Recording:
    """The rows that are judged. Raises SpecError where there are none or they have no labels."""
    if recording.labels is None or len(recording) <= TRAINING_ROWS:
        raise SpecError(
            "nothing to judge", where=recording.name, expected=f"labels, over {TRAINING_ROWS} rows"
        )
    labels = recording.labels
    kept = slice(TRAINING_ROWS, None)
    return Recording(
        recording.name,
        recording.time[kept],
        recording.values[kept],
        Labels(labels.anomaly[kept], labels.changepoint[kept]),
    )


def write_plant(directory: Path, rules: Sequence[dict[str, Any]]) -> Plant:
    """The example's plant with these rules in a directory of its own."""
    import yaml

    document = yaml.safe_load((HERE / "lifeline.yaml").read_text(encoding="utf-8"))
    document["rules"] = list(rules)
    path = directory / "lifeline.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    shutil.copyfile(HERE / "sensors.csv", directory / "sensors.csv")
    return load(path)


def moving(recording: Recording) -> tuple[str, ...]:
    """The fields that are not one value all through the first 400 rows: a spread is needed to learn."""
    first = recording.values[:TRAINING_ROWS]
    return tuple(
        f for f, still in zip(FIELDS, (first == first[0]).all(axis=0), strict=True) if not still
    )


def learn(
    recording: Recording, samples: Samples, directory: Path
) -> tuple[LearnedNormal, tuple[str, ...]]:
    """Learns from the first 400 rows into `directory`; also the sensors that had to be left out."""
    plant = write_plant(directory, [])
    configuration = plant.configuration
    names = {route.sensor: route.field for source in plant.sources for route in source.routes}
    wanted = set(moving(recording))
    chosen = [i for i, s in enumerate(configuration.sensors) if names[s.id] in wanted]
    learning = LearningTogether(configuration, chosen, "site")
    frame = samples.frame
    learning.take(frame.take(frame.time < recording.time[TRAINING_ROWS]))
    learned = learning.learned(EXPLAINED)
    write_learned(learned.text(), directory / LEARNED)
    return learned, tuple(s.id for s in configuration.sensors if names[s.id] not in wanted)


def records_of(plant: Plant, frame: Frame) -> list[Record]:
    """What the core says, self-clocked as `lifeline replay`."""
    run = RecordedRun(plant.configuration)
    return [record for part in cut(frame) for record in run.step(part)]


def judge(
    recording: Recording, path: Path, directory: Path
) -> tuple[list[Judged], tuple[str, ...]]:
    """Learns from the first rows of a recording and judges the others, by each variant."""
    empty = write_plant(directory, [])
    samples = read_samples([path], empty)
    learned, left_out = learn(recording, samples, directory)
    # Where every component was needed there is no residual for Q to look at.
    nothing_left = any(len(g.sensors) == g.components for g in learned.groups.values())
    of = "t2" if nothing_left else "both"
    plant = write_plant(directory, [variant.rule(of) for variant in VARIANTS])
    rest = rest_of(recording)
    frame = samples.frame
    records = records_of(plant, frame.take(frame.time >= rest.time[0]))
    found = []
    for variant in VARIANTS:
        mine = [r for r in records if r.rule == f"together.{variant.name}"]
        found.append(scored(rest, mine))
    return found, left_out


def scored(rest: Recording, records: Sequence[Record]) -> Judged:
    """By rows and by alerts."""
    assert rest.labels is not None
    anomaly, alarm = rest.labels.anomaly, in_alarm(rest, records, 0)
    called = [record.time for record in alerts(records)]
    begin, end = _anomaly(rest, anomaly)
    within = [time for time in called if begin <= time <= end]
    row = int(np.searchsorted(rest.time, begin))
    return Judged(
        recording=rest.name,
        rows=rows_of(anomaly, alarm),
        delay_s=(within[0] - begin) / SECOND_NS if within else None,
        standing=row > 0 and bool(alarm[row - 1]) and bool(anomaly.any()),
        alerts=sum(not begin <= time <= end for time in called),
    )


def _anomaly(rest: Recording, anomaly: Bool) -> tuple[int, int]:
    """First and last labelled time; each recording has one anomaly."""
    where = np.flatnonzero(anomaly)
    if not len(where):
        return int(rest.time[-1]) + SECOND_NS, int(rest.time[-1])
    return int(rest.time[where[0]]), int(rest.time[where[-1]])


def run(folder: Path, part: str, directory: Path) -> Outcome:
    """Every recording of the part. Raises SpecError for what is not of SKAB's form."""
    judged: dict[str, list[Judged]] = {variant.name: [] for variant in VARIANTS}
    left_out: dict[str, tuple[str, ...]] = {}
    for path in part_files(folder, part):
        name = f"{part}-{path.stem}"
        recording = read(path, name)
        rest_of(recording)
        own = directory / name
        own.mkdir(parents=True)
        found, still = judge(recording, path, own)
        if still:
            left_out[name] = still
        for variant, one in zip(VARIANTS, found, strict=True):
            judged[variant.name].append(one)
    return Outcome({name: tuple(each) for name, each in judged.items()}, left_out)


# --- what it says --------------------------------------------------------------------------------


def total(judged: Sequence[Judged]) -> Rows:
    """All rows together."""
    return sum((one.rows for one in judged), Rows(0, 0, 0, 0))


def always(rows: Rows) -> Rows:
    """The alarm that never ends."""
    return Rows(rows.total, rows.anomalous, rows.total - rows.anomalous, 0)


def never(rows: Rows) -> Rows:
    """No alarm at all."""
    return Rows(rows.total, rows.anomalous, 0, rows.anomalous)


def figures(rows: Rows) -> dict[str, float | None]:
    """F1, FAR % and MAR % of rows."""
    return {"f1": f1(rows), "far": rows.far, "mar": rows.mar}


def document(outcome: Outcome) -> dict[str, Any]:
    """For programs."""
    every = total(outcome.judged[VARIANTS[0].name])
    return {
        "training_rows": TRAINING_ROWS,
        "variants": [
            {
                **variant.rule(),
                "why": variant.why,
                **figures(total(judged)),
                "recordings": [{**figures(one.rows), **msgspec.to_builtins(one)} for one in judged],
            }
            for variant in VARIANTS
            for judged in (outcome.judged[variant.name],)
        ],
        "always": figures(always(every)),
        "never": figures(never(every)),
        "published": [
            {"detector": name, "f1": f, "far": far, "mar": mar} for name, f, far, mar in PUBLISHED
        ],
        "left_out": outcome.left_out,
    }


def text(outcome: Outcome) -> str:
    """For people."""
    lines: list[str] = []
    for variant in VARIANTS:
        judged = outcome.judged[variant.name]
        lines += _table(variant, judged)
    every = total(outcome.judged[VARIANTS[0].name])
    lines += [f"{'beside':<34}{'F1':>6}{'FAR %':>8}{'MAR %':>8}"]
    for variant in VARIANTS:
        lines.append(
            _beside(f"Lifeline, {variant.name}, here", total(outcome.judged[variant.name]))
        )
    lines.append(_beside("alarm always (the trap), here", always(every)))
    lines.append(_beside("never alarm, here", never(every)))
    lines += [
        f"{f'{name}, published':<34}{f:>6.2f}{far:>8.2f}{mar:>8.2f}"
        for name, f, far, mar in PUBLISHED
    ]
    lines += [
        "",
        f"here: {len(outcome.judged[VARIANTS[0].name])} recordings, {every.total} rows behind the first "
        f"{TRAINING_ROWS}, {100 * every.anomalous / every.total:.1f} % of them anomalous; published: all 34",
        "- no alert within the anomaly   * an alarm stood when it began   alerts: those outside of it",
    ]
    for name, sensors in outcome.left_out.items():
        lines.append(f"{name}: {', '.join(sensors)} never moved in the first {TRAINING_ROWS} rows")
    return "\n".join(lines)


def _table(variant: Variant, judged: Sequence[Judged]) -> list[str]:
    levels = ", ".join(f"{level} {times:g}" for level, times in variant.beyond.items())
    lines = [
        f"{variant.name}: beyond {levels} of the 99 % limit, on {variant.on_delay}, off {variant.off_delay}",
        f"{'recording':<14}{'F1':>6}{'FAR %':>8}{'MAR %':>8}{'delay, s':>10}{'alerts':>8}",
    ]
    for one in judged:
        delay = "-" if one.delay_s is None else f"{one.delay_s:.0f}"
        mark = "*" if one.standing else ""
        lines.append(f"{one.recording:<14}{_three(one.rows)}{delay + mark:>10}{one.alerts:>8}")
    delays = [one.delay_s for one in judged if one.delay_s is not None]
    median = f"{float(np.median(delays)):.0f}" if delays else "-"
    alerts_ = sum(one.alerts for one in judged)
    lines.append(f"{'together':<14}{_three(total(judged))}{median:>10}{alerts_:>8}")
    missed = len(judged) - len(delays)
    lines += [
        f"median of {len(delays)} delays; {missed} of {len(judged)} anomalies without an alert",
        "",
    ]
    return lines


def _three(rows: Rows) -> str:
    far, mar = (f"{x:.1f}" if x is not None else "-" for x in (rows.far, rows.mar))
    return f"{f1(rows):>6.3f}{far:>8}{mar:>8}"


def _beside(name: str, rows: Rows) -> str:
    return f"{name:<34}{f1(rows):>6.2f}{rows.far or 0.0:>8.2f}{rows.mar or 0.0:>8.2f}"


def main(given: Sequence[str] | None = None) -> int:
    """The command; exit codes are those of `lifeline`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="the SKAB folder")
    parser.add_argument("--part", default="valve1", help="which recordings (default: valve1)")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--out", type=Path, help="a new directory for plants and learned files")
    chosen = parser.parse_args(given)
    try:
        with tempfile.TemporaryDirectory(prefix="lifeline-skab-") as scratch:
            outcome = run(chosen.folder, chosen.part, chosen.out or Path(scratch))
    except FileExistsError as error:
        print(f"the directory is not new: {error.filename}", file=sys.stderr)
        return ExitCode.FOUND
    except LifelineError as error:
        print(error, file=sys.stderr)
        return code_of(error)
    if chosen.json:
        print(msgspec.json.format(msgspec.json.encode(document(outcome)), indent=2).decode())
    else:
        print(text(outcome))
    return ExitCode.OK


if __name__ == "__main__":
    raise SystemExit(main())
