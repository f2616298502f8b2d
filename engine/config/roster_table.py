"""A roster as a spreadsheet has it: one row for each person at each place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from .columns import Column, ColumnSet
from .document import Document, Steps
from .problems import Problems, quoted
from .table import Table, read_table

COLUMNS: Final = (
    Column("person", ("id", "人员", "人员编号", "工号"),
           "id of the person; further rows of the same person may leave the rest empty", required=True),
    Column("name", ("姓名",), "name for people"),
    Column("roles", ("role", "角色", "职务", "岗位"), "separated by commas"),
    Column("site", ("站点", "站点编号", "场站", "企业"), "site that the row is about"),
    Column("area", ("area path", "区域", "辖区"), "area path that the row is about"),
    Column("order", ("step", "顺序", "次序"), "1 is called first; the same number: together"),
    Column("levels", ("level", "级别", "报警级别"), "only at these: red, orange; 红, 橙"),
    Column("channels", ("channel", "联系方式", "通知方式"),
           "apprise URLs, file:… or env:…, separated by blanks"),
    Column("hours", ("duty", "值班时间", "值班时段"), "mon-fri 08:00-18:00; several: separated by ;"),
    Column("zone", ("time zone", "时区"), "IANA name"),
    Column("stand_in", ("stand-in", "deputy", "替班", "代班人"), "person called out of these hours"),
    Column("verified", ("verified on", "核实日期", "核对日期"), "2026-11-22: when last tried"),
)  # fmt: skip
ROSTER: Final = ColumnSet("roster", COLUMNS)
_OF_PERSON: Final = ("name", "roles", "channels", "hours", "zone", "stand_in", "verified")
_LISTS: Final = {"roles": ",", "hours": ";", "channels": None}
_WIDE: Final = str.maketrans({"，": ",", "；": ";", "、": ","})
_LEVELS: Final = {
    "蓝": "blue", "黄": "yellow", "橙": "orange", "红": "red",
    "蓝色": "blue", "黄色": "yellow", "橙色": "orange", "红色": "red",
}  # fmt: skip


def roster_of_table(path: Path, problems: Problems) -> Document | None:
    """The rows as the document that `roster.yaml` would be, with the rows' lines."""
    before = problems.errors
    table = read_table(path, problems, ROSTER)
    return None if table is None else _Rows(table, problems).document(before)


class _Rows:
    def __init__(self, table: Table, problems: Problems) -> None:
        self._table = table
        self._problems = problems
        self._persons: dict[str, dict[str, Any]] = {}
        self._lines: dict[str, int] = {}
        self._places: dict[tuple[str, str], list[tuple[int, tuple[str, ...], str, int]]] = {}

    def document(self, before: int) -> Document | None:
        for row in range(len(self._table.rows)):
            self._person(row)
            self._place(row)
        if self._problems.errors > before:
            return None
        values: dict[Steps, int] = {("persons",): 1, ("chains",): 1}
        for i, name in enumerate(self._persons):
            values["persons", i] = self._lines[name]
        chains = []
        for i, ((key, place), rows) in enumerate(self._places.items()):
            steps: dict[tuple[int, tuple[str, ...]], list[tuple[str, int]]] = {}
            for order, levels, person, line in sorted(rows, key=lambda r: (r[0], r[3])):
                steps.setdefault((order, levels), []).append((person, line))
            values["chains", i] = min(line for *_, line in rows)
            for n, persons in enumerate(steps.values()):
                values["chains", i, "call", n] = persons[0][1]
            call = [
                {"persons": [person for person, _ in persons], "levels": list(levels)}
                for (_, levels), persons in steps.items()
            ]
            chains.append({key: place, "call": call})
        value = {"version": 1, "persons": list(self._persons.values()), "chains": chains}
        return Document(self._table.path, value, values=values)

    def _cell(self, row: int, name: str) -> str:
        at = self._table.at.get(name)
        return "" if at is None else self._table.rows[row][at]

    def _person(self, row: int) -> None:
        name, where = self._cell(row, "person"), self._table.where(row)
        if not name:
            self._problems.error(where, "the row has no person", expected="an id")
            return
        known = self._persons.setdefault(name, {"id": name})
        self._lines.setdefault(name, self._table.lines[row])
        for column in _OF_PERSON:
            text = self._cell(row, column)
            if not text:
                continue
            value: Any = text
            if column in _LISTS:
                parts = text.translate(_WIDE) if column != "channels" else text
                value = [part.strip() for part in parts.split(_LISTS[column]) if part.strip()]
            if known.setdefault(column, value) != value:
                self._problems.error(
                    where,
                    f"the person has another {column} in an earlier row",
                    found=quoted(text),
                    expected="the same, or an empty cell",
                )

    def _place(self, row: int) -> None:
        site, area = self._cell(row, "site"), self._cell(row, "area")
        where = self._table.where(row)
        if site and area:
            self._problems.error(where, "a row is about a site or an area", found=quoted(area))
        elif site or area:
            order = self._cell(row, "order") or "1"
            if not order.isdecimal():
                self._problems.error(where, "order is a number", found=quoted(order))
                return
            words = self._cell(row, "levels").translate(_WIDE).replace(",", " ").split()
            levels = tuple(_LEVELS.get(word, word) for word in words)
            key = ("site", site) if site else ("area", area)
            line = self._table.lines[row]
            self._places.setdefault(key, []).append(
                (int(order), levels, self._cell(row, "person"), line)
            )
