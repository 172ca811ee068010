"""A refused file, its rows beside the reasons, and copies of it without the faults, in every kind of file."""

import csv
import gzip
import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.repair import Changes, Correction, join_cells, repair_file
from loopcast.dataops.table import FileFormat, TableSpec, Variable
from loopcast.dataops.updates import Update, read_update
from loopcast.dataops.violations import Refusal
from loopcast.errors import CallerError

SPEC = TableSpec(
    timestamp="at",
    frequency="h",
    target="load",
    variables=(Variable("load", minimum=0.0), Variable("note", kind="category")),
)
BAD = b"at,load,note\n2024-01-01 00:00,1,a\n2024-01-01 01:00,many,b\n2024-01-01 02:30,3,c\n2024-01-01 03:00,-4,d\n"


def refuse(content: bytes, name: str = "a.csv") -> Refusal:
    found = read_update(content, name=name, spec=SPEC)
    assert isinstance(found, Refusal)
    return found


def accept(content: bytes, name: str) -> pd.DataFrame:
    found = read_update(content, name=name, spec=SPEC)
    assert isinstance(found, Update), found.summary()
    return found.frame


def to_parquet(frame: pd.DataFrame) -> bytes:
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()


def repair(content: bytes, output: str = "b.csv", name: str = "a.csv", **changes: object) -> object:
    return repair_file(content, name=name, output=output, spec=SPEC, changes=Changes(**changes))  # type: ignore[arg-type]


def test_each_violation_stands_beside_the_cells_of_its_row() -> None:
    shown = join_cells(BAD, refuse(BAD), spec=SPEC)
    assert shown["rule"].tolist() == ["not_a_number", "off_grid", "below_minimum"]
    assert shown["row"].tolist() == [3, 4, 5]
    assert shown["note"].tolist() == ["b", "c", "d"]
    assert shown["load"].tolist() == ["many", "3", "-4"]
    assert all(shown[name].notna().all() for name in ("found", "expected", "action"))


def test_what_is_wrong_with_the_whole_file_comes_first_and_without_cells() -> None:
    content = b"at,lod\n2024-01-01 00:00,1\n2024-01-01 00:30,1\n"
    shown = join_cells(content, refuse(content), spec=SPEC)
    assert shown["rule"].tolist() == ["unknown_column", "off_grid"]
    assert shown["lod"].isna().tolist() == [True, False]
    unreadable = join_cells(b"\xff\xfe", refuse(b"\xff\xfe"), spec=SPEC)
    assert (unreadable["rule"].tolist(), "at" in unreadable) == (["unreadable_file"], False)


def test_a_row_that_cannot_be_split_is_shown_by_its_text() -> None:
    content = BAD + b"2024-01-01 04:00,5,e,f\n"
    last = join_cells(content, refuse(content), spec=SPEC).iloc[-1]
    assert (last["rule"], last["row"]) == ("wrong_cell_count", 6)
    assert pd.isna(last["load"])
    assert "2024-01-01 04:00,5,e,f" in last["found"]


def test_columns_of_the_file_that_are_called_like_a_reason_stay_apart() -> None:
    content = b"at,load,rule\n2024-01-01 00:00,x,mine\n"
    shown = join_cells(content, refuse(content), spec=SPEC)
    assert (shown["rule"].iloc[1], shown["rule (2)"].iloc[1]) == ("not_a_number", "mine")


@pytest.mark.parametrize("output", ["b.csv", "b.parquet"])
def test_dropping_rows_leaves_out_exactly_those_that_break_rules(output: str) -> None:
    made = repair(BAD, output, drop_rows=True)
    assert (made.dropped, made.rows, made.left) == ((3, 4, 5), 1, None)
    frame = accept(made.content, output)
    assert (frame["load"].tolist(), frame["note"].tolist()) == ([1.0], ["a"])


def test_corrected_cells_are_taken_and_nothing_else_changes() -> None:
    cells = (Correction(3, "load", "2"), Correction(4, "at", "2024-01-01 02:00"), Correction(5, "load", ""))
    made = repair(BAD, corrections=cells)
    assert (made.left, made.dropped, made.rows) == (None, (), 4)
    frame = accept(made.content, "b.csv")
    assert frame["note"].tolist() == ["a", "b", "c", "d"]
    assert frame["load"].fillna(-1).tolist() == [1, 2, 3, -1]


def test_what_is_left_is_told() -> None:
    made = repair(BAD, corrections=(Correction(3, "load", "2"),))
    assert made.left is not None
    assert [v.rule for v in made.left.violations] == ["off_grid", "below_minimum"]


def test_columns_are_renamed_and_left_out() -> None:
    content = b"at,lod,junk\n2024-01-01 00:00,1,x\n"
    made = repair(content, renamed={"lod": "load"}, left_out=("junk",))
    assert (made.left, made.content) == (None, b"at,load\n2024-01-01 00:00,1\n")


def test_without_changes_the_file_is_as_it_came_even_one_that_cannot_be_read() -> None:
    for content in (BAD, b"\xff\xfe"):
        made = repair(content)
        assert made.content == content
        assert made.left is not None


def test_rows_that_cannot_be_split_are_not_lost_unasked() -> None:
    content = BAD + b"2024-01-01 04:00,5,e,f\n"
    with pytest.raises(CallerError, match="rows 6 cannot be split into cells"):
        repair(content, corrections=(Correction(3, "load", "2"),))
    assert repair(content, drop_rows=True).dropped == (3, 4, 5, 6)


def test_parquet_keeps_its_types_and_its_header_s_fault_is_no_row() -> None:
    times = pd.date_range("2024-01-01", periods=3, freq="h", unit="us")
    content = to_parquet(pd.DataFrame({"at": times, "load": [-1.0, np.nan, 0.1 + 0.2], "x": [1, 2, 3]}))
    made = repair(content, "b.parquet", "a.parquet", left_out=("x",), drop_rows=True)
    assert (made.dropped, made.left) == ((1,), None)
    pd.testing.assert_frame_equal(
        pd.read_parquet(io.BytesIO(made.content)),
        pd.DataFrame({"at": times[1:], "load": [np.nan, 0.1 + 0.2]}),
    )
    still = repair(content, "b.parquet", "a.parquet", drop_rows=True)
    assert (still.dropped, [v.rule for v in still.left.violations]) == ((1,), ["unknown_column"])
    as_csv = repair(content, "b.csv", "a.parquet", left_out=("x",), drop_rows=True)
    assert accept(as_csv.content, "b.csv")["load"].tolist()[1] == 0.1 + 0.2
    fixed = repair(content, "b.parquet", "a.parquet", left_out=("x",), corrections=(Correction(1, "load", "7.5"),))
    assert accept(fixed.content, "b.parquet")["load"].iloc[0] == 7.5
    with pytest.raises(CallerError, match="found 'seven' for row 1, column load; expected double"):
        repair(content, "b.parquet", "a.parquet", corrections=(Correction(1, "load", "seven"),))


def test_a_gzipped_file_is_repaired_as_plain_csv() -> None:
    made = repair(gzip.compress(BAD), "b.csv", "a.csv.gz", drop_rows=True)
    assert made.content == b"at,load,note\n2024-01-01 00:00,1,a\n"
    with pytest.raises(CallerError, match=r"expected one in \.csv or \.parquet"):
        repair(gzip.compress(BAD), "b.csv.gz", "a.csv.gz", drop_rows=True)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"corrections": (Correction(9, "load", "1"),)}, "no row 9 with cells in the file; its rows are 2 to 5"),
        ({"corrections": (Correction(2, "lod", "1"),)}, "found 0 columns 'lod'"),
        ({"renamed": {"lod": "load"}}, "found the column 'lod'; expected one of the file's: at, load, note"),
    ],
)
def test_changes_that_make_no_sense_are_named(changes: dict[str, object], told: str) -> None:
    with pytest.raises(CallerError, match=told):
        repair(BAD, **changes)


def test_more_bad_rows_than_a_refusal_tells_are_all_dropped() -> None:
    times = pd.date_range("2024-01-01", periods=2500, freq="h")
    frame = pd.DataFrame({"at": times, "load": np.where(np.arange(2500) % 5 == 0, "1", "x")})
    made = repair(frame.to_csv(index=False).encode(), drop_rows=True)
    assert (len(made.dropped), made.rows, made.left) == (2000, 500, None)


CELLS = st.sampled_from(["1", "2.5", "", "x", "-1", '"', "a,b", "=1", "é", "a\rb"])


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12))
def test_rows_that_are_kept_are_those_that_are_right_one_by_one(rows: list[tuple[str, str]]) -> None:
    times = pd.date_range("2024-01-01", periods=len(rows), freq="h").astype(str)
    frame = pd.DataFrame({"at": times, "load": [a for a, _ in rows], "note": [b for _, b in rows]})
    content = frame.to_csv(index=False, quoting=csv.QUOTE_ALL).encode()
    good = [load in ("1", "2.5", "") and "\r" not in note and note != "=1" for load, note in rows]
    if all(good):
        assert isinstance(read_update(content, name="a.csv", spec=SPEC), Update)
        return
    made = repair(content, drop_rows=True)
    assert made.dropped == tuple(at + 2 for at, is_good in enumerate(good) if not is_good)
    if any(good):
        notes = accept(made.content, "b.csv")["note"].fillna("").tolist()
        assert notes == [note for (_, note), is_good in zip(rows, good, strict=True) if is_good]


def test_a_copy_says_the_same_as_the_file_although_what_told_how_to_read_it_is_left_out() -> None:
    content = b"at;load;note\n2024-01-01 00:00;1.234;a\n2024-01-01 01:00;0,5;=b\n"
    made = repair(content, drop_rows=True)
    assert (made.content, made.dropped) == (b"at,load,note\n2024-01-01 00:00,1234,a\n", (3,))
    assert accept(made.content, "b.csv")["load"].tolist() == [1234]
    with pytest.raises(CallerError, match="ambiguous_number"):
        repair(b"at;load\n2024-01-01 00:00;1.234\n2024-01-01 00:30;7\n", drop_rows=True)


@pytest.mark.parametrize("output", ["b.csv", "b.parquet"])
def test_a_copy_is_written_as_the_use_case_declares_its_files(output: str) -> None:
    declared = FileFormat(delimiter=";", decimal=",", encoding="cp1252", timestamp_format="%d.%m.%Y %H:%M")
    spec = replace(SPEC, file_format=declared)
    content = "at;load;note\n01.01.2024 00:00;1.234,5;Köln\n01.01.2024 01:00;x;b\n".encode("cp1252")
    made = repair_file(content, name="a.csv", output=output, spec=spec, changes=Changes(drop_rows=True))
    assert (made.dropped, made.left) == ((3,), None)
    frame = read_update(made.content, name=output, spec=spec).frame
    assert frame[["load", "note"]].to_numpy().tolist() == [[1234.5, "Köln"]]


def test_rows_of_other_names_in_json_are_not_lost_unasked() -> None:
    content = b'{"at":"2024-01-01","load":1}\n{"at":"2024-01-02"}\n'
    with pytest.raises(CallerError, match="rows 2 cannot be split"):
        repair(content, name="a.jsonl", renamed={})
    made = repair(content, name="a.jsonl", drop_rows=True)
    assert (made.dropped, made.left) == ((2,), None)
