"""Every kind of file, every dialect and encoding that people have; and what is refused in words."""

import gzip
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.files.formats import ENDINGS, read_columns
from loopcast.dataops.files.raw_table import Limits
from loopcast.dataops.table import FileFormat, TableSpec, Variable
from loopcast.dataops.updates import Update, read_update
from loopcast.dataops.violations import Refusal
from made_files import CSV, NAMES, make_excel, make_files, make_json_lines

FILES = make_files()


def spec(**declared):
    variables = (Variable("load"), Variable("sky", "category"))
    return TableSpec("t", "h", "load", variables, series_keys=("site",), file_format=FileFormat(**declared))


def read_ok(content, name, **declared):
    update = read_update(content, name=name, spec=spec(**declared))
    assert isinstance(update, Update), update.summary()
    return update


def rules(content, name, **declared):
    refusal = read_update(content, name=name, spec=spec(**declared))
    assert isinstance(refusal, Refusal), refusal
    return [(item.rule, item.row, item.column) for item in refusal.violations]


@pytest.mark.parametrize("name", FILES)
def test_the_same_rows_are_the_same_update_in_every_kind_of_file(name):
    expected = read_ok(CSV.encode(), "u.csv").frame
    pd.testing.assert_frame_equal(read_ok(FILES[name], name).frame, expected)


def test_how_a_file_was_read_is_told():
    assert read_ok(FILES["semicolon.csv"], "u.csv").facts == {
        "kind": "CSV", "delimiter": "semicolon", "quote": '"', "encoding": "utf-8", "decimal": "comma",
        "thousands": "none",
    }  # fmt: skip
    assert read_ok(FILES["sheet.xlsx"], "u.xlsx").facts == {"kind": "Excel", "sheet": "Data"}
    assert read_ok(FILES["utf16.csv"], "u.csv").facts["encoding"] == "utf-16-le"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_makes_the_known_columns(delimiter):
    other = {",": ";", ";": ","}.get(delimiter, ",")
    inside = delimiter.replace("\t", "|")
    text = CSV.replace(",", delimiter).replace("grey", f'"grey{other}{other}{other}wet{inside}"')
    assert read_ok(text.encode(), "u.csv").frame["sky"].iloc[0] == f"grey{other * 3}wet{inside}"


def test_a_line_that_names_the_separator_is_obeyed_and_counted():
    text = "sep=;\r\nt;site;load\r\n2020-01-01;A;1,5\r\n2020-01-01 00:30;A;2\r\n2020-01-02;A\r\n"
    assert rules(text.encode(), "u.csv") == [("off_grid", 4, "t"), ("wrong_cell_count", 5, None)]
    assert read_ok("\r\n".join(text.splitlines()[:3]).encode(), "u.csv").frame["load"].tolist() == [1.5]


def test_single_quotes_quote_where_the_header_has_them():
    text = "'t';'site';'load'\n'2020-01-01';'it \"is\"; A';'2,5'\n"
    frame = read_ok(text.encode(), "u.csv").frame
    assert frame.loc[0, ["site", "load"]].tolist() == ['it "is"; A', 2.5]


def test_an_encoding_is_taken_only_where_all_that_are_likely_agree():
    text = "site,t,load,sky\nKöln Süd,2020-01-01,1,5 °C\n"
    update = read_ok(text.encode("latin-1"), "u.csv")
    assert (update.frame["site"][0], update.facts["encoding"]) == ("Köln Süd", "cp1252")
    doubtful = text.replace("Süd", "è").encode("latin-1")
    assert rules(doubtful, "u.csv") == [("unknown_encoding", 2, None)]
    assert read_ok(doubtful, "u.csv", encoding="cp1250").frame["site"][0] == "Köln č"
    cyrillic = text.replace("Köln Süd", "Вена").encode("cp1251")
    assert rules(cyrillic, "u.csv") == [("unknown_encoding", 2, None)]
    assert read_ok(cyrillic, "u.csv", encoding="cp1251").frame["site"][0] == "Вена"


def test_a_byte_order_mark_says_more_than_what_is_declared():
    assert read_ok(FILES["mark.csv"], "u.csv", encoding="cp1252").facts["encoding"] == "utf-8"


def test_times_written_otherwise_are_read_when_declared_and_only_then():
    text = "site;t;load\nA;31.12.2025 14:00;1\nA;1.1.2026 02:00;2\n"
    assert rules(text.encode(), "u.csv") == [("bad_timestamp", 2, "t"), ("bad_timestamp", 3, "t")]
    frame = read_ok(text.encode(), "u.csv", timestamp_format="%d.%m.%Y %H:%M").frame
    assert frame["t"].tolist() == [pd.Timestamp("2025-12-31 14:00"), pd.Timestamp("2026-01-01 02:00")]
    assert rules(CSV.encode(), "u.csv", timestamp_format="%d.%m.%Y %H:%M")[0] == ("bad_timestamp", 2, "t")
    aware = read_update(b"t,load\n20250701T1200+0200,1\n", name="u.csv", spec=TableSpec(
        "t", "h", "load", (Variable("load"),), time_zone="UTC", file_format=FileFormat(timestamp_format="%Y%m%dT%H%M%z")
    ))  # fmt: skip
    assert aware.frame["t"].tolist() == [pd.Timestamp("2025-07-01 10:00")]


def test_json_rows_must_all_have_the_same_names():
    lines = b'{"site":"A","t":"2020-01-01","load":1}\n\n{"site":"A","t":"2020-01-02"}\n{"t":"2020-01-03","load":1}\n'
    assert rules(lines, "u.jsonl") == [
        ("mixed_columns", 3, "load"), ("mixed_columns", 4, "site")
    ]  # fmt: skip
    assert rules(b'{"site":"A","site":"B","t":"2020-01-01"}\n', "u.jsonl") == [("mixed_columns", 1, None)]


def test_the_names_that_most_rows_have_are_the_ones_that_count():
    extra = b'{"site":"A","t":"2020-01-02","load":1,"note":"x"}\n'
    rows = b"".join(b'{"site":"A","t":"2020-01-%02d","load":1}\n' % day for day in (3, 4))
    assert rules(extra + rows, "u.jsonl") == [("mixed_columns", 1, "note")]


def test_broken_json_is_named_by_its_line():
    lines = make_json_lines() + b'{"site":"A",\n[1]\n{}\n{"site":"C","t":"2020-01-01","load":[1],"sky":null}\n'
    assert rules(lines, "u.jsonl") == [
        ("bad_json", 4, None), ("bad_json", 5, None), ("bad_json", 6, None), ("nested_value", 7, "load")
    ]  # fmt: skip
    assert rules(b"[" * 100_000, "u.json") == [("unreadable_file", None, None)]
    assert rules(b'{"data": []}', "u.json") == [("unreadable_file", None, None)]


def test_numbers_in_json_are_read_as_they_are_written():
    text = (
        '[{"site": 7, "t": "2020-01-01", "load": 12345678901234567890}, {"site": "7", "t": "2020-01-02", "load": 1E2}]'
    )
    frame = read_ok(text.encode(), "u.json").frame
    assert frame["site"].tolist() == ["7", "7"]
    assert frame["load"].tolist() == [12345678901234567890.0, 100.0]
    assert rules(text.replace("1E2", "NaN").encode(), "u.json") == [("not_finite", 2, "load")]
    assert rules(text.replace("1E2", "true").encode(), "u.json") == [("not_a_number", 2, "load")]


def test_a_day_number_in_a_workbook_is_a_time_and_a_sheet_can_be_declared():
    def add_sheet(workbook):
        workbook.create_sheet("More").append(NAMES)
        workbook["More"].append(("A", 43831.0416666667, 7, "text"))

    content = make_excel(change=add_sheet)
    assert read_ok(content, "u.xlsx", sheet="More").frame["t"].tolist() == [pd.Timestamp("2020-01-01 01:00")]
    assert len(read_ok(content, "u.xlsx").frame) == 3
    assert rules(content, "u.xlsx", sheet="Other") == [("missing_sheet", None, None)]


def test_a_hidden_sheet_is_not_the_first():
    def hide(workbook):
        workbook.create_sheet("Lists", 0).sheet_state = "hidden"

    assert read_ok(make_excel(change=hide), "u.xlsx").facts["sheet"] == "Data"


def test_blank_rows_of_a_workbook_are_left_out_and_rows_are_numbered_as_excel_does():
    rows = [("A", datetime(2020, 1, 1), 1, "x"), (None, None, None, None), ("A", datetime(2020, 1, 1), 2, "x")]  # noqa: DTZ001
    assert rules(make_excel(rows), "u.xlsx") == [("duplicate_key", 4, None)]


def test_formulas_without_results_and_merged_cells_are_refused():
    def merge(workbook):
        workbook.active.merge_cells("C2:C3")

    formula = [("A", datetime(2020, 1, 1), "=1+1", "x")]  # noqa: DTZ001
    assert rules(make_excel(formula), "u.xlsx") == [("uncached_formula", 2, "load")]
    assert rules(make_excel(change=merge), "u.xlsx") == [("merged_cells", None, None)]


SMALL = Limits(
    file_bytes=400, expansion=4, small_bytes=200, columns=5, line_bytes=80, cell_bytes=20, cells=8, sheet_cells=8
)


@pytest.mark.parametrize(
    ("content", "name", "rule"),
    [
        (CSV.encode() * 9, "u.csv", "file_too_large"),
        (gzip.compress(CSV.encode() * 9), "u.csv.gz", "file_too_large"),
        (b"a,b,c,d,e,f\n1,2,3,4,5,6\n", "u.csv", "too_many_columns"),
        (b"t,load\n2020-01-01," + b"1" * 90, "u.csv", "huge_line"),
        (b"site,t\n" + b"x" * 30 + b",2020-01-01\n", "u.csv", "huge_cell"),
        (b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', "u.jsonl", "too_many_columns"),
    ],
)
def test_what_would_take_too_much_memory_is_refused(content, name, rule):
    _, findings = read_columns(content, name=name, spec=spec(), limits=SMALL)
    assert [item.rule for item in findings.violations] == [rule]


def test_a_table_of_too_many_cells_is_refused():
    for name, rule in (("sheet.xlsx", "file_too_large"), ("table.parquet", "file_too_large")):
        _, findings = read_columns(FILES[name], name=name, spec=spec(), limits=replace(SMALL, file_bytes=1 << 20))
        assert [item.rule for item in findings.violations] == [rule]


def test_a_packed_bomb_is_refused_without_unpacking_it():
    bomb = gzip.compress(b"t,load\n" + b"0" * (1 << 26), compresslevel=1)
    assert rules(bomb, "u.csv.gz") == [("file_too_large", None, None)]


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))),
    st.sampled_from(ENDINGS),
)
def test_no_bytes_raise_whatever_the_ending(content, ending):
    assert isinstance(read_update(content, name=f"u{ending}", spec=spec()), Update | Refusal)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_file_never_raises(name, data):
    content = bytearray(FILES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        result = read_update(damaged, name=name, spec=spec())
        assert isinstance(result, Update | Refusal)
        assert isinstance(result, Update) or all(item.found and item.action for item in result.violations)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5), st.just([1])), max_size=4
    )
)
def test_any_json_is_read_or_refused(cells):
    import json

    lines = "\n".join(json.dumps({"site": cell, "t": cell, "load": cell, "sky": cell}) for cell in cells)
    assert isinstance(read_update(lines.encode(), name="u.jsonl", spec=spec()), Update | Refusal)
    assert isinstance(read_update(lines.encode(), name="u.json", spec=spec()), Update | Refusal)


def test_a_nested_column_of_a_parquet_file_is_refused():
    frame = pd.DataFrame({"site": ["A"], "t": [np.datetime64("2020-01-01", "us")], "sky": [[1, 2]]})
    assert ("nested_value", None, "sky") in rules(frame.to_parquet(index=False), "u.parquet")
