"""The columns of a tag list, and the names that spreadsheets give them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what else heads it, what it holds."""

    name: str
    aliases: tuple[str, ...]
    description: str
    required: bool = False
    number: bool = False


COLUMNS: Final = (
    Column("id", ("tag", "sensor", "编号", "位号", "测点", "测点编号", "传感器", "传感器编号"),
           "name of the sensor, unique within its site", required=True),
    Column("site", ("站点", "站点编号", "场站", "企业"),
           "id of its site; may be empty where only one is possible"),
    Column("source", ("来源", "数据源", "采集源"),
           "id of its source; may be empty where only one is possible"),
    Column("quantity", ("measurand", "物理量", "监测量", "监测指标", "指标"),
           "what is measured: a name of the catalogue", required=True),
    Column("unit", ("units", "engineering unit", "eu", "单位", "计量单位"),
           "unit of the payload's number, of low, high and max_rate; empty: the canonical unit"),
    Column("asset", ("equipment", "设备", "设备编号", "装置"),
           "what the sensor sits on: tank T-101, section 7"),
    Column("name", ("description", "名称", "测点名称", "描述", "说明"), "name for people"),
    Column("lat", ("latitude", "纬度"), "degrees north, -90 to 90", number=True),
    Column("lon", ("lng", "long", "longitude", "经度"), "degrees east, -180 to 180", number=True),
    Column("low", ("range low", "lower range", "min", "下限", "量程下限"),
           "lower end of the valid range, in the row's unit", number=True),
    Column("high", ("range high", "upper range", "max", "上限", "量程上限"),
           "upper end of the valid range, in the row's unit", number=True),
    Column("range", ("量程", "测量范围"), "the valid range as low..high, in place of the two"),
    Column("reports", ("reporting", "上报", "上报方式", "采集周期", "上报周期"),
           "periodic 10s, on_change 60s (heartbeat), or event"),
    Column("stale", ("stale after", "失联判定", "超时"),
           "silence after which it is stale; empty: three intervals"),
    Column("topic", ("mqtt topic", "主题"),
           "what the source's sensor template gives for it; empty: its id"),
    Column("field", ("字段", "键"), "(wide payloads) path of its field; empty: its id"),
    Column("gas", ("气体", "气体种类", "介质"), "gas that is measured: methane, H2S, 一氧化碳"),
    Column("lel_basis", ("lel", "爆炸下限依据"), "whose lower explosive limit %LEL refers to"),
    Column("max_rate", ("max rate of change", "最大变化率"),
           "greatest plausible change: a number per second in the row's unit, or 5 kPa/min"),
    Column("tenant", ("租户", "所属企业"), "owner; must be its site's"),
)  # fmt: skip


def folded(heading: str) -> str:
    """A heading without what spelling habits vary: case, width, spaces, underscores, brackets.

    >>> folded("Range_Low "), folded("下限（kPa）"), folded("ＩＤ")
    ('rangelow', '下限', 'id')
    """
    text = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"\(.*\)|\[.*\]|[\s_\-.]+", "", text)


#: Columns that lists carry for people; they are left out without a word.
REMARKS: Final = frozenset({"remark", "remarks", "note", "notes", "comment", "备注", "序号", "no"})


@dataclass(frozen=True)
class ColumnSet:
    """The columns of one kind of list. `unitless` are those whose heading holds no unit."""

    what: str
    columns: Sequence[Column]
    unitless: tuple[str, ...] = ()
    by_name: dict[str, Column] = field(init=False)
    headings: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})
        headings = {
            folded(spelling): column.name
            for column in self.columns
            for spelling in (column.name, *column.aliases)
        }
        object.__setattr__(self, "headings", headings)

    @property
    def required(self) -> tuple[str, ...]:
        """The names of those that must be there."""
        return tuple(column.name for column in self.columns if column.required)


TAGS: Final = ColumnSet("tag list", COLUMNS, unitless=("low", "high", "range", "max_rate"))
HEADINGS: Final = TAGS.headings
