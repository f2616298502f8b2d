"""What is in the file: tables of our own in the schema `store`, and the views that people ask.

Times are TIMESTAMP_NS: the log's nanoseconds as they are (two samples of one microsecond stay
two), eight bytes as a BIGINT would be, and SQL can still compare, cut and print them. A sample
names its sensor by a key of four bytes; the views put the names beside it, under the columns that
the InfluxDB output calls tags and fields.
"""

from __future__ import annotations

from typing import Final

from ..quality import BAD_CLASS

#: Of the tables; a file with a higher one is left alone.
VERSION: Final = 1
DIMENSIONS: Final = ("tenant", "area", "site", "asset", "sensor", "quantity")
_NAMES: Final = ", ".join(f"d.{name}" for name in DIMENSIONS)
_ROLLED: Final = (
    "key INTEGER NOT NULL, time TIMESTAMP_NS NOT NULL, min DOUBLE, max DOUBLE, sum DOUBLE,"
    " count BIGINT, last DOUBLE"
)
MINUTE: Final = 60_000_000_000
HOUR: Final = 60 * MINUTE

#: Columns of `alert`, in their order, as the InfluxDB output has them.
ALERT_COLUMNS: Final = {
    "time": "TIMESTAMP_NS",
    "tenant": "VARCHAR",
    "area": "VARCHAR",
    "site": "VARCHAR",
    "asset": "VARCHAR",
    "sensor": "VARCHAR",
    "quantity": "VARCHAR",
    "rule": "VARCHAR",
    "transition": "VARCHAR",
    "level": "TINYINT",
    "level_before": "TINYINT",
    "seq": "BIGINT",
    "episode": "BIGINT",
    "event": "TIMESTAMP_NS",
    "onset": "TIMESTAMP_NS",
    "until": "TIMESTAMP_NS",
    "value": "DOUBLE",
    "limit": "DOUBLE",
    "exercise": "BOOLEAN",
    "historic": "BOOLEAN",
    "uncertain": "BOOLEAN",
    "unknown": "BOOLEAN",
    "state": "VARCHAR",
    "unit": "VARCHAR",
    "message": "VARCHAR",
    "basis": "VARCHAR",
    "hash": "VARCHAR",
    "principal": "VARCHAR",
    "role": "VARCHAR",
    "reason": "VARCHAR",
    "command": "VARCHAR",
    "text_en": "VARCHAR",
    "text_zh": "VARCHAR",
}


def floor_to(span: int, column: str = "time") -> str:
    """SQL: a TIMESTAMP_NS cut to the beginning of its minute or hour, still in ns."""
    return f"make_timestamp_ns(epoch_ns({column}) // {span} * {span})"


def rolled(span: int, rows: str) -> str:
    """SQL: samples (key, time, value, quality) aggregated to minutes; none where no value is a number
    that is not bad: what a sensor itself calls wrong must not move a mean."""
    cut = floor_to(span)
    return (
        f"SELECT key, {cut} AS time, min(value) AS min, max(value) AS max, fsum(value) AS sum,"
        f" count(value) AS count, arg_max(value, time) AS last"
        f" FROM ({rows}) WHERE value IS NOT NULL AND quality < {BAD_CLASS}"
        f" GROUP BY key, {cut}"
    )


def rolled_again(span: int, rows: str) -> str:
    """SQL: minutes aggregated to hours."""
    cut = floor_to(span)
    return (
        f"SELECT key, {cut} AS time, min(min) AS min, max(max) AS max, fsum(sum) AS sum,"
        f" sum(count)::BIGINT AS count, arg_max(last, time) AS last"
        f" FROM ({rows}) GROUP BY key, {cut}"
    )


def _bounded(table: str, span: int, touched: str) -> str:
    """SQL: the rows of a table in the minutes or hours that are listed in `touched`. The bounds
    let the scan pass by what is far from them."""
    return (
        f"SELECT * FROM {table} WHERE time >= (SELECT min(time) FROM {touched})"
        f" AND epoch_ns(time) < (SELECT epoch_ns(max(time)) + {span} FROM {touched})"
        f" AND {floor_to(span)} IN (SELECT time FROM {touched})"
    )


_TABLES: Final = f"""
CREATE SCHEMA store;
CREATE TABLE store.about (name VARCHAR NOT NULL, value BIGINT NOT NULL);
CREATE TABLE store.cursors (log VARCHAR NOT NULL, name VARCHAR NOT NULL, position BIGINT NOT NULL,
    hash VARCHAR NOT NULL);
CREATE TABLE store.sensor (key INTEGER NOT NULL,
    {", ".join(f"{name} VARCHAR NOT NULL" for name in DIMENSIONS)});
CREATE TABLE store.samples (key INTEGER NOT NULL, time TIMESTAMP_NS NOT NULL, value DOUBLE,
    quality UTINYINT NOT NULL);
CREATE TABLE store.newest (key INTEGER NOT NULL, time TIMESTAMP_NS, value DOUBLE,
    quality UTINYINT);
CREATE TABLE store.minutes ({_ROLLED});
CREATE TABLE store.hours ({_ROLLED});
CREATE TABLE store.touched_minutes (time TIMESTAMP_NS NOT NULL);
CREATE TABLE store.touched_hours (time TIMESTAMP_NS NOT NULL);
CREATE TABLE alert ({", ".join(f'"{name}" {kind}' for name, kind in ALERT_COLUMNS.items())});
INSERT INTO store.about VALUES ('version', {VERSION}), ('raw_from', 0), ('minutes_from', 0);
"""

_VIEWS: Final = f"""
CREATE OR REPLACE MACRO ago(span) AS (current_localtimestamp() - span)::TIMESTAMP_NS;
CREATE OR REPLACE VIEW sensor AS SELECT {_NAMES} FROM store.sensor d;
CREATE OR REPLACE VIEW series AS
    SELECT s.time, {_NAMES}, s.value, s.quality
    FROM store.samples s JOIN store.sensor d USING (key);
CREATE OR REPLACE VIEW store.live_minutes AS
    SELECT * FROM store.minutes WHERE time NOT IN (SELECT time FROM store.touched_minutes)
    UNION ALL
    {rolled(MINUTE, _bounded("store.samples", MINUTE, "store.touched_minutes"))};
CREATE OR REPLACE VIEW store.live_touched_hours AS
    SELECT time FROM store.touched_hours
    UNION SELECT {floor_to(HOUR)} AS time FROM store.touched_minutes;
CREATE OR REPLACE VIEW store.live_hours AS
    SELECT * FROM store.hours WHERE time NOT IN (SELECT time FROM store.live_touched_hours)
    UNION ALL
    {rolled_again(HOUR, _bounded("store.live_minutes", HOUR, "store.live_touched_hours"))};
CREATE OR REPLACE VIEW series_1m AS
    SELECT r.time, {_NAMES}, r.min, r.max, r.sum / r.count AS mean, r.sum, r.count, r.last
    FROM store.live_minutes r JOIN store.sensor d USING (key);
CREATE OR REPLACE VIEW series_1h AS
    SELECT r.time, {_NAMES}, r.min, r.max, r.sum / r.count AS mean, r.sum, r.count, r.last
    FROM store.live_hours r JOIN store.sensor d USING (key);
CREATE OR REPLACE VIEW latest AS
    SELECT max(n.time) AS time, {_NAMES},
        arg_max({{'v': n.value}}, (n.time, n.live)).v AS value,
        arg_max(n.quality, (n.time, n.live)) AS quality
    FROM (
        SELECT *, 0 AS live FROM store.newest WHERE time IS NOT NULL
        UNION ALL
        SELECT *, 1 FROM ({_bounded("store.samples", MINUTE, "store.touched_minutes")})
    ) n JOIN store.sensor d USING (key)
    GROUP BY {_NAMES};
"""


def statements(*, fresh: bool) -> str:
    """SQL that makes the tables of a fresh file, and the views of any."""
    return (_TABLES if fresh else "") + _VIEWS
