"""CSV for people: nothing in it is a formula, and what is no text stays as it is."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopcast.dataops.files.spreadsheet import to_safe_csv


def rows_of(frame: pd.DataFrame) -> list[list[str]]:
    return list(csv.reader(io.StringIO(to_safe_csv(frame).decode(), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\tx", "\rx", "=", "-"])
def test_text_that_would_run_is_marked(text: str) -> None:
    assert rows_of(pd.DataFrame({"a": [text]}))[1] == [f"'{text}"]


def test_numbers_times_and_missing_cells_stay() -> None:
    frame = pd.DataFrame({"n": [-1.5, None], "t": pd.to_datetime(["2024-01-01", None]), "s": ["-3.5e2", None]})
    assert rows_of(frame) == [["n", "t", "s"], ["-1.5", "2024-01-01", "-3.5e2"], ["", "", ""]]


def test_columns_are_marked_too_and_may_have_one_name() -> None:
    frame = pd.DataFrame([["a", "b"]], columns=["=x", "=x"])
    assert rows_of(frame) == [["'=x", "'=x"], ["a", "b"]]
    assert to_safe_csv(frame, header=False) == b"a,b\n"


@given(cells=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), min_size=1, max_size=5))
def test_no_cell_begins_like_a_formula_and_none_is_lost(cells: list[str]) -> None:
    read = [row[0] if row else "" for row in rows_of(pd.DataFrame({"a": pd.Series(cells, dtype="str")}))[1:]]
    assert [text for text in read if text[:1] in {*"=@\t\r\n"}] == []
    assert [text in (cell, f"'{cell}") for text, cell in zip(read, cells, strict=True)] == [True] * len(cells)
