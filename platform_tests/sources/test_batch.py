"""From delivered rows to an update: what the table's columns ask for, whatever types the source has."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopcast.dataops.table import TableSpec, Variable
from loopcast.dataops.updates import Update, read_update
from loopcast.errors import SourceError
from loopcast.sources.batch import Rows, Shape, digest_row, leave_out_taken, make_batch
from loopcast.sources.cursor import decode_cursor, encode_cursor, step_back

SPEC = TableSpec(
    timestamp="day", frequency="D", target="sales", series_keys=("shop",),
    variables=(Variable("sales"), Variable("weather", kind="category")),
)  # fmt: skip
NAMES = ("day", "shop", "sales", "weather")


def make(*cells: tuple[Any, ...], names: tuple[str, ...] = NAMES, cursor: str | None = None) -> Any:
    """Return the update that rows make."""
    batch = make_batch(Rows(names, list(cells)), shape=Shape("plant", SPEC, cursor=cursor), reason="")
    assert batch is not None
    update = read_update(batch.content, name=batch.name, spec=SPEC)
    assert isinstance(update, Update), update
    return update.frame


@pytest.mark.parametrize("shop", [17, Decimal(17), "17"])
def test_a_key_or_category_that_is_a_number_stays_as_it_is_written(shop: Any) -> None:
    frame = make((date(2024, 1, 1), shop, 1, 3), (date(2024, 1, 2), shop, None, None))
    assert list(frame["shop"]) == ["17", "17"]
    assert frame["weather"].isna().tolist() == [False, True]
    assert frame["weather"][0] == "3"


@pytest.mark.parametrize(
    "sales", [(1, 2.5), (Decimal("1.0"), Decimal("2.50")), (True, 2.5), ("1", "2.5"), (1.0, "2.5")]
)
def test_numbers_of_any_type_are_numbers(sales: tuple[Any, Any]) -> None:
    first, second = sales
    frame = make((date(2024, 1, 1), "a", first, None), (date(2024, 1, 2), "a", second, None))
    if first is not True:
        assert list(frame["sales"]) == [1.0, 2.5]


@pytest.mark.parametrize("day", [date(2024, 1, 1), datetime(2024, 1, 1), "2024-01-01", "2024-01-01T00:00:00"])  # noqa: DTZ001
def test_times_of_any_type_are_times(day: Any) -> None:
    assert str(make((day, "a", 1, None))["day"][0]) == "2024-01-01 00:00:00"


def test_a_number_too_large_for_any_table_is_left_to_the_rules() -> None:
    batch = make_batch(Rows(NAMES, [("2024-01-01", "a", 10**400, None)]), shape=Shape("p", SPEC), reason="")
    assert batch is not None
    assert not isinstance(read_update(batch.content, name=batch.name, spec=SPEC), Update)


def test_nothing_new_is_no_batch() -> None:
    assert make_batch(Rows(()), shape=Shape("plant", SPEC), reason="") is None


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=20), st.data())
def test_what_was_seen_never_comes_again_and_all_else_comes_once(cells: list[tuple[int, int]], data: Any) -> None:
    rows = Rows(("a", "b"), list(cells))
    old = data.draw(st.lists(st.sampled_from(cells), max_size=5)) if cells else []
    seen = frozenset(digest_row(rows.names, row) for row in old)
    assert leave_out_taken(rows, seen).cells == [row for row in dict.fromkeys(cells) if row not in old]


@given(st.permutations([("day", "x"), ("shop", 1), ("sales", None)]))
def test_the_order_of_columns_does_not_change_a_row_s_digest(columns: list[tuple[str, Any]]) -> None:
    names, row = zip(*columns, strict=True)
    assert digest_row(names, row) == digest_row(("day", "shop", "sales"), ("x", 1, None))


@pytest.mark.parametrize(
    "cursor",
    [
        7,
        7.25,
        "x",
        date(2024, 1, 1),
        datetime(2024, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
        Decimal("1.50"),
        UUID(int=5),
        b"\x00",
    ],
)
def test_a_cursor_is_the_same_after_being_kept(cursor: Any) -> None:
    again = decode_cursor(encode_cursor(cursor))
    assert (again, type(again)) == (cursor, type(cursor))


@pytest.mark.parametrize("cursor", [None, True, float("nan"), [1]])
def test_what_cannot_be_a_cursor_is_told(cursor: Any) -> None:
    with pytest.raises(SourceError, match="expected a number, a text or a time"):
        encode_cursor(cursor)


@pytest.mark.parametrize(("cursor", "lookback"), [("abc", "5min"), (5, "5min"), (b"x", 1.0)])
def test_a_lookback_that_makes_no_sense_is_told(cursor: Any, lookback: Any) -> None:
    with pytest.raises(SourceError, match=r"a lookback of .* cannot be taken"):
        step_back(cursor, lookback)
