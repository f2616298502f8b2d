"""Where trials come from: recordings with a file of labels, and simulated scenarios.

The engine knows no simulator. Whoever has scenarios registers an object of the form of `Scenarios` under the
entry point group `lifeline.scenarios`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final, Protocol

from ..config import Plant
from ..errors import SpecError
from ..replay.recorded import cut
from ..replay.tables import Reading, Samples, read_samples
from .label import Label, read_labels
from .trial import Trial

GROUP: Final = "lifeline.scenarios"


@dataclass(frozen=True, slots=True)
class Asked:
    """How often and how long what is named by a site shall run: one run for each seed, `seconds` of event time from
    `start_ns`, in which its story plays `intensity` times. A file that says so itself is not asked."""

    seeds: Sequence[int]
    seconds: float
    intensity: int
    start_ns: int


class Scenarios(Protocol):
    """Who can tell scenarios."""

    def names(self) -> Sequence[str]:
        """What may be asked for by name."""
        ...

    def trials(self, wanted: str, plant: Plant, asked: Asked) -> Iterator[Trial] | None:
        """The runs of a name or of a file, by the plant's sensors; None where it is neither.

        Raises SpecError where the plant has none of its sensors, or the file is wrong.
        """
        ...


def scenario_trials(wanted: Sequence[str], plant: Plant, asked: Asked) -> Iterator[Trial]:
    """The trials of all that is named. Raises SpecError for what nobody knows."""
    known: list[Scenarios] = [
        point.load() for point in sorted(entry_points(group=GROUP), key=lambda p: p.name)
    ]
    for name in wanted:
        offers = (one.trials(name, plant, asked) for one in known)
        trials = next((found for found in offers if found is not None), None)
        if trials is None:
            from ..config.nearest import nearest

            names = [one for each in known for one in each.names()]
            raise SpecError(
                "no such scenario",
                found=repr(name),
                expected=", ".join(names) or "an installed simulator",
                nearest=nearest(name, names),
            )
        yield from trials


def recorded_trial(
    recordings: Sequence[Path], labels: Path, plant: Plant, reading: Reading
) -> tuple[Trial, Samples]:
    """One trial of all files together. Raises SpecError for files that cannot be understood, and for
    labels that lie wholly outside of the recording: they would count as missed."""
    samples = read_samples(recordings, plant, reading)
    frame = samples.frame
    if not len(frame):
        raise SpecError("the recording has no samples", where=", ".join(map(str, recordings)))
    zones = {zone for zone in plant.timezones.values() if zone}
    zone = reading.zone or (zones.pop() if len(zones) == 1 else "")
    found = read_labels(labels, zone)
    begin, end = int(frame.time[0]), int(frame.time[-1])
    _within(found, begin, end, labels)
    names = " ".join(path.name for path in recordings)
    trial = Trial(names, plant.configuration, lambda: cut(frame), found, begin, end)
    return trial, samples


def _within(labels: Sequence[Label], begin: int, end: int, path: Path) -> None:
    outside = [label for label in labels if label.onset > end or label.end < begin]
    if outside:
        from ..outputs.times import rfc3339

        label = outside[0]
        raise SpecError(
            f"{len(outside)} labels lie outside of the recording",
            where=str(path),
            found=f"{label.id}: {rfc3339(label.onset)} – {rfc3339(label.end)}",
            expected=f"{rfc3339(begin)} – {rfc3339(end)}; leave them out, or is it the time zone?",
        )
