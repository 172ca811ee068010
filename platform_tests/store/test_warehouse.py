"""The warehouse's SQL: tables with the right types, filled by name, described, and what was delivered."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pandas as pd
import pytest

from loopcast.errors import StoreError
from loopcast.store.warehouse import TableLayout, Warehouse

LAYOUT = TableLayout(
    "t", {"who": "str", "at": "datetime64[us]", 'a "b"': "float64", "n": "int64"}, "it's a row", {"who": "whose"}
)
ROWS = pd.DataFrame({"n": [1, 2], 'a "b"': [0.5, None], "at": pd.to_datetime(["2024-01-01", None]), "who": ["x", None]})


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def warehouse(connection: Any) -> Warehouse:
    made = Warehouse(connection, schema="counts")
    made.create(LAYOUT)
    return made


def test_columns_are_filled_by_name_and_keep_their_types(connection: Any, warehouse: Warehouse) -> None:
    warehouse.insert(LAYOUT, ROWS)
    warehouse.insert(LAYOUT, pd.DataFrame({"n": [3], "other": [1]}))
    rows = connection.execute('SELECT who, "at", n FROM counts.t ORDER BY n').fetchall()
    assert rows == [("x", pd.Timestamp("2024-01-01"), 1), (None, None, 2), (None, None, 3)]
    kinds = connection.execute("SELECT data_type FROM duckdb_columns() WHERE table_name = 't'").fetchall()
    assert [kind for (kind,) in kinds] == ["VARCHAR", "TIMESTAMP", "DOUBLE", "BIGINT"]


def test_tables_and_columns_say_what_they_are(connection: Any, warehouse: Warehouse) -> None:
    warehouse.create_newest("newest", table="t", keys=["who"], newest="n", description="the newest")
    assert warehouse.describe().to_dict("records") == [
        {"table": "newest", "kind": "view", "rows": 0, "description": "the newest"},
        {"table": "t", "kind": "table", "rows": 0, "description": "it's a row"},
    ]
    told = connection.execute("SELECT comment FROM duckdb_columns() WHERE column_name = 'who'").fetchall()
    assert ("whose",) in told


def test_the_newest_row_of_each_key_is_seen(connection: Any, warehouse: Warehouse) -> None:
    warehouse.create_newest("newest", table="t", keys=["who"], newest="n", description="")
    warehouse.insert(LAYOUT, pd.DataFrame({"who": ["a", "b", "a"], "n": [1, 2, 3]}))
    assert sorted(connection.execute("SELECT who, n FROM counts.newest").fetchall()) == [("a", 3), ("b", 2)]


def test_what_was_delivered_is_remembered_until_it_is_gone(warehouse: Warehouse) -> None:
    warehouse.remember("forecasts", {"v1": "1", "v2": "1"})
    warehouse.remember("forecasts", {"v1": "2"})
    warehouse.forget("forecasts", "v2")
    assert warehouse.delivered("forecasts") == {"v1": "2"}
    assert warehouse.delivered("dataset") == {}


def test_clearing_leaves_other_schemas_alone(connection: Any, warehouse: Warehouse) -> None:
    other = Warehouse(connection, schema="main")
    other.create(LAYOUT)
    other.insert(LAYOUT, ROWS)
    warehouse.create_newest("newest", table="t", keys=["who"], newest="n", description="")
    warehouse.remember("a", {"b": "c"})
    warehouse.clear()
    assert (len(warehouse.describe()), warehouse.delivered("a")) == (0, {})
    assert other.describe()["rows"].tolist() == [2]


def test_rows_are_deleted_by_a_value(warehouse: Warehouse) -> None:
    warehouse.insert(LAYOUT, ROWS)
    warehouse.delete("t", column="who", value="x")
    assert warehouse.describe()["rows"].tolist() == [1]


def test_what_the_engine_refuses_is_an_error_of_the_store_that_says_what_to_do(warehouse: Warehouse) -> None:
    with pytest.raises(StoreError, match="the lake is untouched: make it anew"):
        warehouse.delete("no_table", column="a", value="b")
