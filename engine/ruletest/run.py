"""Puts a case to the core as a log, and compares what comes of it with what is expected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ..command import Command
from ..config.document import Document
from ..config.problems import Problems
from ..core import Core
from ..entry import Entry, Header, Payload, Tick, decode, encode
from ..errors import SpecError
from ..frame import Frame
from ..limits import DAY_NS, SECOND_NS
from ..record import Record
from .files import TestFile
from .models import Act, Case
from .outcome import Outcome, compared
from .plant import SITE, Plant, plant_of
from .series import MAX_SAMPLES, Sample, length, samples

#: 2024-01-01, a Monday, 00:00 UTC: windows of whole parts of a day begin a pane there.
START: Final = 19_723 * DAY_NS
#: More deadlines than this between two samples are a fault of ours, not of the test.
_MOST_TICKS: Final = 1_000_000


def run(file: TestFile, wanted: str = "") -> Iterator[Outcome]:
    """Every case whose name contains `wanted`, one after the other.

    Raises SpecError with every mistake of rules, packs and sensors of the file.
    """
    for i, case in enumerate(file.model.cases):
        if wanted.casefold() not in case.name.casefold():
            continue
        problems = Problems()
        plant = plant_of(file.model, file.document, i, problems)
        problems.raise_errors()
        if plant is not None:
            yield _outcome(file, i, case, plant)


def _outcome(file: TestFile, i: int, case: Case, plant: Plant) -> Outcome:
    where = file.document.where(("cases", i))
    said: list[tuple[int, int, Sample]] = []
    end = case.until or 0
    for order, (name, one) in enumerate(plant.sensors.items()):
        at = file.document.where(("cases", i, "series", name), key=True)
        try:
            end = max(end, length(case.series[name], one.interval))
            for sample in samples(case.series[name], one.measure, one.interval):
                said.append((sample[0], order, sample))
        except SpecError as error:
            raise SpecError(
                error.message, where=at, found=error.found, expected=error.expected
            ) from error
    if len(said) > MAX_SAMPLES:
        raise SpecError("too many samples for a test", where=where, found=f"{len(said):,}")
    end = max([end, *(one.at + one.within for one in case.expect), *(a.at for a in case.commands)])
    indices = [one.index for one in plant.sensors.values()]
    begins = start_of(file.document, file.model.begins)
    log = TestLog(plant, begins)
    log.play(sorted(said, key=lambda x: x[:2]), indices, case.commands, end)
    return compared(file, i, case, plant, log.records, begins, log.refused)


def start_of(document: Document, text: str) -> int:
    """ns of a UTC time; the usual beginning where none is written."""
    if not text:
        return START
    try:
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS
    except ValueError:
        raise SpecError(
            "not a time",
            where=document.where(("begins",)),
            found=repr(text),
            expected="2024-01-01T00:00:00",
        ) from None


class TestLog:
    """A log that grows by a case; every entry goes through its codec, as the engine's do."""

    __test__ = False  # pytest: this is no class of tests

    def __init__(self, plant: Plant, begins: int) -> None:
        self.records: list[Record] = []
        self.refused: list[str] = []
        self._core = Core()
        self._site = plant.configuration.sites[0].id if plant.configuration.sites else SITE
        self._version = plant.configuration.version()
        self._begins, self._position, self._commands = begins, 0, 0
        self._append(plant.configuration, begins)
        self._append(Tick(begins), begins)

    def play(
        self,
        said: list[tuple[int, int, Sample]],
        indices: list[int],
        commands: list[Act],
        end: int,
    ) -> None:
        """Samples and commands in the order of their times; at one time people act first."""
        acts = sorted(commands, key=lambda act: act.at)
        at = 0
        while at < len(said) or acts:
            next_sample = said[at][0] if at < len(said) else end
            if acts and acts[0].at <= next_sample:
                act = acts.pop(0)
                self._until(act.at)
                self._act(act)
                continue
            if at == len(said):
                break
            last = at
            while last < len(said) and said[last][0] == next_sample:
                last += 1
            self._until(next_sample)
            self._say(said[at:last], indices)
            at = last
        self._until(end)

    def _until(self, end: int) -> None:
        """Ticks at every deadline up to `end`, and one there."""
        goal = self._begins + end
        for _ in range(_MOST_TICKS):
            due = self._core.next_due()
            if due is None or due >= goal or due <= self._core.wall:
                break
            self._append(Tick(due), due)
        if goal > self._core.wall:
            self._append(Tick(goal), goal)

    def _say(self, rows: list[tuple[int, int, Sample]], indices: list[int]) -> None:
        now = self._begins + rows[0][0]
        frame = Frame.of(
            [indices[order] for _, order, _ in rows],
            [self._begins + time for time, _, _ in rows],
            [sample[1] for _, _, sample in rows],
            [sample[2] for _, _, sample in rows],
        )
        self._append(frame, now)

    def _act(self, act: Act) -> None:
        self._commands += 1
        now = self._begins + act.at
        action, alarm = next(
            (name, value)
            for name, value in (
                ("acknowledge", act.acknowledge),
                ("shelve", act.shelve),
                ("unshelve", act.unshelve),
            )
            if value is not None
        )
        site, _, name = alarm.rpartition("/")
        command = Command(
            id=f"c{self._commands}",
            action=action,  # type: ignore[arg-type]  # one of the three above
            site=site or self._site,
            alarm=name,
            principal=act.by,
            reason=act.reason,
            expires=0 if act.span is None else now + act.span,
        )
        self._append(command, now)

    def _append(self, payload: Payload, now: int) -> None:
        self._position += 1
        header = Header(received=now, appended=now, registry=self._version)
        found = self._core.step(self._position, decode(encode(Entry(header, payload))))
        self.records += list(found)
        self.refused += [f"{r.alarm}: {r.reason}" for r in found.replies if r.outcome != "done"]
