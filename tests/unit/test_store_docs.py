"""The questions on the page of the store are asked of a real one."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeline.engine.config.models import StoreModel, StoreRetention
from lifeline.engine.frame import Frame
from lifeline.engine.limits import HOUR_NS, MINUTE_NS
from lifeline.engine.record import sealed
from lifeline.engine.store.rows import alerts_table
from lifeline.engine.store.schema import ALERT_COLUMNS, DIMENSIONS
from lifeline.engine.store.store import Store
from store_oracle import ask, new_store, put
from store_records import record

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two hours of samples up to now, an alarm that was acknowledged, one of another sensor."""
    import msgspec

    now = time.time_ns()
    opened = new_store(tmp_path_factory.mktemp("page") / "series.duckdb")
    times = [now - 2 * HOUR_NS + i * MINUTE_NS for i in range(120)]
    put(opened, Frame.of([0] * 120, times, [float(i % 7) for i in range(120)]), 1)
    raised = msgspec.structs.replace(record(1), time=now - HOUR_NS, onset=now - HOUR_NS)
    answered = msgspec.structs.replace(
        raised, seq=2, transition="acknowledged", time=now - HOUR_NS + MINUTE_NS,
        detail={"principal": "li.wei"},
    )  # fmt: skip
    records = [raised, sealed(answered, bytes.fromhex(raised.hash))]
    opened.write_alerts(alerts_table(records, lambda _: None))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "sql", QUESTIONS, ids=[q.split()[1] + str(i) for i, q in enumerate(QUESTIONS)]
)
def test_every_question_of_the_page_has_an_answer(store: Store, sql: str) -> None:
    assert ask(store, sql)


def test_there_are_questions() -> None:
    assert len(QUESTIONS) >= 7


def test_every_column_and_key_is_named() -> None:
    names = set(re.findall(r"[a-z_0-9]+", PAGE))
    assert {*ALERT_COLUMNS, *DIMENSIONS, "min", "max", "mean", "sum", "count", "last"} <= names
    assert {*StoreModel.model_fields, *StoreRetention.model_fields} <= names


def test_the_views_have_the_columns_of_the_page(store: Store) -> None:
    rolled = ["time", *DIMENSIONS, "min", "max", "mean", "sum", "count", "last"]
    assert list(ask(store, "FROM series LIMIT 1")[0]) == ["time", *DIMENSIONS, "value", "quality"]
    assert list(ask(store, "FROM series_1m LIMIT 1")[0]) == rolled
    assert list(ask(store, "FROM series_1h LIMIT 1")[0]) == rolled
    assert list(ask(store, "FROM alert LIMIT 1")[0]) == list(ALERT_COLUMNS)
