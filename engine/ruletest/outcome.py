"""What came of a case, beside what was expected, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from ..config.measures import Measure
from ..errors import SpecError
from ..limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from ..outputs.text import amount as shown
from ..record import Record
from .models import Case, Expected
from .series import amount, distance

if TYPE_CHECKING:
    from .files import TestFile
    from .plant import Plant

#: Of a value whose tolerance is not written: what rounding makes.
_RELATIVE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the comparison: ` ` as expected, `-` expected and did not come, `+` came unexpected."""

    sign: str
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A case that was run."""

    where: str
    name: str
    lines: tuple[Line, ...]
    records: tuple[Record, ...]

    @property
    def failed(self) -> bool:
        """Whether anything is not as expected."""
        return any(line.sign != " " for line in self.lines)

    def text(self, every: bool = False) -> str:
        """The comparison, a line a record; only where it failed unless `every`."""
        head = f"{'FAIL' if self.failed else 'ok  '}  {self.where}  {self.name}"
        shown = self.lines if self.failed or every else ()
        return "\n".join([head, *(f"  {line.sign} {line.text}" for line in shown)])


def compared(
    file: TestFile,
    index: int,
    case: Case,
    plant: Plant,
    records: Sequence[Record],
    begins: int,
    refused: Sequence[str],
) -> Outcome:
    """The outcome of a case. Raises SpecError where an expected value cannot be read."""
    where = file.document.where(("cases", index))
    mine = [r for r in records if not case.only or _matches(r, case.only)]
    free = list(range(len(mine)))
    lines: list[tuple[int, Line]] = []
    for i, one in enumerate(case.expect):
        at = file.document.where(("cases", index, "expect", i))
        alarm = _alarm_of(one, case, at)
        try:
            found = next((k for k in free if _fits(mine[k], one, alarm, plant, begins)), None)
        except SpecError as error:
            raise SpecError(error.message, where=at, found=error.found) from error
        if found is None:
            hint = _hint([mine[k] for k in free], one, alarm, begins)
            lines.append((one.at, Line("-", f"{_wanted(one, alarm)}{hint}")))
        else:
            free.remove(found)
            lines.append((mine[found].time - begins, Line(" ", described(mine[found], begins))))
    if case.others == "fail":
        lines += [(mine[k].time - begins, Line("+", described(mine[k], begins))) for k in free]
    lines += _broken_silence(case, records, begins)
    lines += [(0, Line("+", f"refused: {text}")) for text in refused]
    lines.sort(key=lambda line: line[0])
    return Outcome(where, case.name, tuple(line for _, line in lines), tuple(records))


def _alarm_of(one: Expected, case: Case, where: str) -> str:
    alarm = one.alarm or case.about
    if not alarm:
        raise SpecError(
            "an expected record names no alarm",
            where=where,
            expected="<rule>~<sensor> behind it, or 'about' in the case",
        )
    return alarm


def _matches(record: Record, patterns: Sequence[str]) -> bool:
    return any(_same(record, pattern) for pattern in patterns)


def _same(record: Record, alarm: str) -> bool:
    """Whether a record is of an alarm: `<rule>~<subject>`, `<rule>`, with the site before it, or a pattern."""
    names = (record.alarm, record.rule, f"{record.site}/{record.alarm}")
    return any(fnmatchcase(name, alarm) for name in names)


def _fits(record: Record, one: Expected, alarm: str, plant: Plant, begins: int) -> bool:
    return (
        _same(record, alarm)
        and record.transition == one.is_
        and one.level in (None, record.level_after)
        and abs(record.time - begins - one.at) <= one.within
        and all(
            getattr(one, flag) in (None, getattr(record, flag))
            for flag in ("uncertain", "historic", "unknown")
        )
        and _value_fits(record, one, plant)
    )


def _value_fits(record: Record, one: Expected, plant: Plant) -> bool:
    if one.value is None:
        return True
    if record.value is None:
        return False
    try:
        wanted = float(one.value)
        room = abs(wanted) * _RELATIVE if one.tolerance is None else float(one.tolerance)
    except ValueError:
        measure = _measure_of(record, plant)
        if measure is None or measure.quantity.unit != record.unit:
            raise SpecError(
                f"{record.rule} does not speak of a value of {record.quantity}",
                found=repr(one.value),
                expected=f"a plain number of {record.unit}",
            ) from None
        wanted = amount(one.value, measure)
        room = abs(wanted) * _RELATIVE
        if one.tolerance is not None:
            room = distance(one.tolerance, measure)
    return abs(record.value - wanted) <= room


def _measure_of(record: Record, plant: Plant) -> Measure | None:
    for said in plant.sensors.values():
        sensor = plant.configuration.sensors[said.index]
        if sensor.id == record.subject:
            return said.measure
    return None


def _broken_silence(case: Case, records: Sequence[Record], begins: int) -> list[tuple[int, Line]]:
    found = []
    for silence in case.silent:
        for record in records:
            time = record.time - begins
            late = silence.end is not None and time >= silence.end
            if time >= silence.start and not late and _same(record, silence.alarm):
                text = f"{described(record, begins)}, where there must be silence"
                found.append((time, Line("+", text)))
    return found


def _hint(free: Sequence[Record], one: Expected, alarm: str, begins: int) -> str:
    """What came instead, where something like it did."""
    alike = [r for r in free if _same(r, alarm) and r.transition == one.is_]
    if not alike:
        return ""
    near = min(alike, key=lambda r: abs(r.time - begins - one.at))
    off = near.time - begins - one.at
    if near.level_after != one.level and one.level is not None:
        return f"   (came as {near.level_after})"
    if abs(off) > one.within:
        return f"   (came {clock(abs(off))} {'later' if off > 0 else 'earlier'})"
    return "   (came with another value or mark)"


def _wanted(one: Expected, alarm: str) -> str:
    parts = [f"{clock(one.at):>10}", one.is_, one.level or "", alarm]
    if one.value is not None:
        parts.append(f"at {one.value}")
    return "  ".join(part for part in parts if part)


def described(record: Record, begins: int) -> str:
    """`      1min  raised  orange  gas.combustible.point~GD-1  at 25 %LEL (limit 25 %LEL)`."""
    parts = [
        f"{clock(record.time - begins):>10}",
        record.transition,
        record.level_after,
        record.alarm,
    ]
    if record.value is not None:
        parts.append(f"at {shown(record.value, record.unit)}")
    if record.limit is not None:
        parts.append(f"(limit {shown(record.limit, record.unit)})")
    parts += [flag for flag in ("uncertain", "historic", "unknown") if getattr(record, flag)]
    return "  ".join(parts)


def clock(time: int) -> str:
    """A time after the beginning as a person writes it: `1h3min`.

    >>> clock(63 * 60 * 1_000_000_000)
    '1h3min'
    """
    if time == 0:
        return "0s"
    said, rest = "-" if time < 0 else "", abs(time)
    for unit, size in (("d", DAY_NS), ("h", HOUR_NS), ("min", MINUTE_NS)):
        count, rest = divmod(rest, size)
        said += f"{count}{unit}" if count else ""
    return said + (f"{rest / SECOND_NS:g}s" if rest else "")
