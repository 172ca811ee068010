"""SQL sources on real databases: every row once, ties and corrections included, whatever arrives in between."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loopcast.errors import SourceError
from loopcast.use_case.sources import SqlSource
from source_reading import Reader
from source_servers import Postgres

QUERY = "SELECT at, count, promotion, changed FROM readings"


def make_source(**options: Any) -> SqlSource:
    return SqlSource(**{"kind": "sql", "url": {"env": "PLANT_DB"}, "query": QUERY, "cursor": "changed", **options})


class SqlReader(Reader):
    """A SQL source on one of the databases."""

    def __init__(self, database: Any, **options: Any) -> None:
        super().__init__(make_source(**options), PLANT_DB=database.url)

    def rows(self) -> list[tuple[str, float]]:
        """Return hour and count of what is new."""
        frame = self.frame()
        if frame is None:
            return []
        return sorted(zip(pd.to_datetime(frame["at"]).dt.strftime("%H"), frame["count"].astype(float), strict=True))


def test_all_rows_come_first_and_then_only_what_is_new(database: Any) -> None:
    reader = SqlReader(database)
    assert reader.rows() == []
    database.add(("00", 1, "10:00"), ("01", 2, "10:01"))
    assert reader.rows() == [("00", 1), ("01", 2)]
    assert reader.rows() == []
    database.add(("02", 3, "10:02"))
    assert reader.rows() == [("02", 3)]


def test_a_row_that_comes_later_with_the_last_cursor_is_not_lost(database: Any) -> None:
    reader = SqlReader(database)
    database.add(("00", 1, "10:00"), ("01", 2, "10:00"))
    reader.rows()
    database.add(("02", 3, "10:00"))
    assert reader.rows() == [("02", 3)]
    assert reader.rows() == []


def test_a_correction_at_the_same_cursor_is_taken_even_back_and_forth(database: Any) -> None:
    reader = SqlReader(database)
    database.add(("00", 1, "10:00"))
    keys = {reader.fetch().batch.key}
    for value in (2, 1, 2):
        database.execute("UPDATE readings SET count = :value", [{"value": value}])
        assert reader.rows() == [("00", value)]
    assert reader.rows() == []
    assert len(keys) == 1


def test_more_rows_with_one_cursor_than_fit_a_batch_all_come(database: Any) -> None:
    reader = SqlReader(database, batch_rows=3)
    database.add(*((f"{hour:02}", hour, "10:00") for hour in range(10)), ("10", 10, "11:00"))
    found, more = [], True
    while more:
        more = reader.look().more
        found += reader.rows()
    assert sorted(found) == [(f"{hour:02}", hour) for hour in range(11)]
    assert reader.rows() == []


def test_a_table_of_changes_gives_the_newest_row_of_each_key(database: Any) -> None:
    database.add(("00", 1, "10:00"), ("01", 5, "10:00"), ("00", 2, "10:01"))
    assert SqlReader(database).rows() == [("00", 2), ("01", 5)]


def test_rows_of_one_key_that_the_cursor_does_not_tell_apart_are_left_to_the_rules(database: Any) -> None:
    database.add(("00", 1, "10:00"), ("00", 2, "10:00"), ("00", 2, "10:00"))
    assert SqlReader(database).rows() == [("00", 1), ("00", 2)]


def test_a_lookback_finds_rows_that_appear_late(database: Any) -> None:
    reader, strict = SqlReader(database, lookback="5min"), SqlReader(database)
    database.add(("00", 1, "10:00"), ("01", 2, "10:04"))
    assert reader.rows() == strict.rows()
    database.add(("02", 3, "10:02"), ("03", 4, "09:58"))
    assert strict.rows() == []
    assert reader.rows() == [("02", 3)], "within five minutes; the other came too late"
    assert reader.rows() == []
    database.execute("UPDATE readings SET count = 9 WHERE count = 3")
    assert reader.rows() == [("02", 9)]


def test_a_serial_number_may_be_the_cursor_and_the_query_may_use_it(database: Any) -> None:
    query = "SELECT at, count, serial FROM readings WHERE serial >= :cursor AND count > 0"
    reader = SqlReader(database, query=query, cursor="serial", initial=2, lookback=1)
    database.add(("00", 1, "10:00"), serial=1)
    database.add(("01", 2, "10:00"), serial=2)
    assert reader.rows() == [("01", 2)]
    database.add(("02", 3, "10:00"), serial=5)
    assert reader.rows() == [("02", 3)]
    database.add(("03", 4, "10:00"), serial=4)
    database.add(("04", 5, "10:00"), serial=3)
    assert reader.rows() == [("03", 4)]


def test_an_initial_time_leaves_out_what_is_older(database: Any) -> None:
    database.add(("00", 1, "09:59"), ("01", 2, "10:00"))
    assert SqlReader(database, initial="2024-01-02 10:00").rows() == [("01", 2)]


def test_columns_are_renamed_and_left_out_and_the_cursor_with_them(database: Any) -> None:
    database.add(("00", 1.5, "10:00"))
    query = "SELECT at AS measured, count, serial, changed, promotion AS note FROM readings"
    batch = SqlReader(database, query=query, columns={"measured": "at", "note": None}).fetch().batch
    assert pq.read_table(pa.BufferReader(batch.content)).column_names == ["at", "count", "serial"]


def test_the_same_rows_make_the_same_batch(database: Any) -> None:
    database.add(("00", 1, "10:00"), ("01", None, "10:00"))
    first, second = SqlReader(database).fetch().batch, SqlReader(database).fetch().batch
    assert (first.key, first.content) == (second.key, second.content)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"query": "SELECT nothing FROM readings", "cursor": "nothing"}, "nothing"),
        ({"cursor": "missing"}, "missing"),
        ({"query": "DELETE FROM readings"}, "answered"),
    ],
)
def test_what_the_database_refuses_is_told_without_the_password(database: Any, options: Any, told: str) -> None:
    database.add(("00", 1, "10:00"))
    with pytest.raises(SourceError, match=told) as refused:
        SqlReader(database, **options).fetch()
    assert "very-secret" not in str(refused.value)
    assert SqlReader(database).rows() == [("00", 1)], "nothing was changed"


def test_more_equal_rows_than_fit_a_batch_are_told(database: Any) -> None:
    database.add(*[("00", 1, "10:00")] * 4)
    reader = SqlReader(database, batch_rows=2)
    assert reader.rows() == [("00", 1)]
    with pytest.raises(SourceError, match="found 3 rows that are all the same; write SELECT DISTINCT"):
        reader.fetch()


def test_rows_without_a_cursor_are_told(database: Any) -> None:
    database.execute("INSERT INTO readings VALUES ('2024-01-01 00:00', 1, 0, NULL, 0)")
    with pytest.raises(SourceError, match="without a value in the cursor's column"):
        SqlReader(database).fetch()


def test_a_wrong_password_is_told_without_it(postgres: Postgres) -> None:
    source = make_source(timeout_s=5)
    url = postgres.url.replace("very-secret", "wr%40ng-secret")
    with pytest.raises(
        SourceError, match=r"\$PLANT_DB \(postgresql\+psycopg://127\.0\.0\.1.*authentication"
    ) as refused:
        Reader(source, PLANT_DB=url).fetch()
    assert not any(text in str(refused.value) for text in ("wr%40ng", "wr@ng", "very-secret"))


def test_a_query_that_never_ends_is_given_up(postgres: Postgres) -> None:
    source = make_source(query="SELECT 1 AS changed FROM pg_sleep(60)", timeout_s=0.2)
    with pytest.raises(SourceError, match="statement timeout"):
        Reader(source, PLANT_DB=postgres.url).fetch()


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    source = make_source(url=f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(SourceError, match="there is no file"):
        Reader(source).fetch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["oracle9://h/db", "nonsense", "postgresql+asyncfoo://u:very-secret@h/db"])
def test_a_url_that_no_driver_takes_is_told_without_it(url: str) -> None:
    with pytest.raises(SourceError, match=r"\$PLANT_DB.* is no database that can be opened") as refused:
        Reader(make_source(), PLANT_DB=url).fetch()
    assert "very-secret" not in str(refused.value)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(SourceError, match="the variable PLANT_DB is not set"):
        Reader(make_source()).fetch()
