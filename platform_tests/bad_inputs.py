"""Files that must be refused, each with the rule that says why. No tests; the store is in `bad_input_stores`.

All bytes are made here, so that a case can be read as what is wrong with it.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from loopcast.dataops.table import TableSpec, Variable
from made_files import make_excel

VARIABLES = (
    Variable("load", minimum=0, maximum=1e6),
    Variable("temp"),
    Variable("sky", "category"),
    Variable("plan", known_ahead=True),
    Variable("meter", required=True),
)
SPECS = {
    "wall": TableSpec("t", "h", "load", VARIABLES, series_keys=("site",)),
    "berlin": TableSpec("t", "h", "load", VARIABLES, series_keys=("site",), time_zone="Europe/Berlin"),
}
NAMES = ("site", "t", "load", "temp", "sky")
ROW = ("A", "2024-01-01 00:00", "1", "2", "grey")


@dataclass(frozen=True)
class BadInput:
    """A file and the rule that it breaks."""

    name: str
    file: str
    content: bytes
    rule: str
    row: int | None = None
    column: str | None = None
    use_case: str = "wall"


def rows_of(*rows: tuple[str, ...], names: tuple[str, ...] = NAMES, delimiter: str = ",") -> bytes:
    """Return a CSV file of these rows."""
    return "".join(f"{delimiter.join(row)}\n" for row in (names, *rows)).encode()


def cell(column: str, text: str, *, quote: str = "") -> bytes:
    """Return a CSV file with a good row, and in line 3 one with this cell."""
    at = NAMES.index(column)
    bad = ("A", "2024-01-01 01:00", *ROW[2:])
    return rows_of(ROW, (*bad[:at], f"{quote}{text}{quote}", *bad[at + 1 :]))


def lines(*items: object) -> bytes:
    """Return JSON lines."""
    return "\n".join(json.dumps(item) for item in items).encode()


def parquet(**columns: object) -> bytes:
    """Return a Parquet file of one row, with these columns instead of the good ones."""
    good = {"site": ["A"], "t": [np.datetime64("2024-01-01", "us")], "load": [1.0]}
    return pd.DataFrame({**good, **columns}).to_parquet(index=False)


def workbook(*, title: str | None = None, merge: str | None = None, **cells: object) -> bytes:
    """Return a workbook with one row, in which these cells are others."""

    def change(book: object) -> None:
        if title is not None:
            book.active.insert_rows(1)
            book.active["A1"] = title
        if merge is not None:
            book.active.merge_cells(merge)

    good = {"site": "A", "t": datetime(2024, 1, 1), "load": 1.0, "temp": 2.0, "sky": "grey"}  # noqa: DTZ001
    return make_excel([tuple({**good, **cells}.values())], names=NAMES, change=change)


def bytes_and_structure() -> Iterator[BadInput]:
    """Yield files that are not text, not whole, or not a table."""
    good, packed = rows_of(ROW), gzip.compress(rows_of(ROW))
    yield BadInput(
        "a broken byte in UTF-8", "a.csv", good + b"A,2024-01-01 01:00,1,2,\xc3\x28\n", "unknown_encoding", 3
    )
    yield BadInput(
        "half a character at the end", "a.csv", good + "A,2024-01-01 01:00,1,2,é".encode()[:-1], "unknown_encoding", 3
    )
    yield BadInput("text that is è or č", "a.csv", cell("sky", "gr~s").replace(b"~", b"\xe8"), "unknown_encoding", 3)
    yield BadInput(
        "Cyrillic of Windows", "a.csv", cell("sky", "~").replace(b"~", "ясно".encode("cp1251")), "unknown_encoding", 3
    )
    yield BadInput(
        "Japanese", "a.csv", cell("sky", "~").replace(b"~", "晴れ".encode("shift-jis")), "unknown_encoding", 3
    )
    yield BadInput("UTF-16 without a mark", "a.csv", good.decode().encode("utf-16-le"), "nul_character", 1)
    yield BadInput("UTF-16 cut in a character", "a.csv", good.decode().encode("utf-16")[:-1], "unknown_encoding", 2)
    yield BadInput("a NUL in a cell", "a.csv", cell("sky", "gr\0y"), "nul_character", 3)
    yield BadInput("NULs at the end, as after a crash", "a.csv", good + b"\0" * 512, "nul_character", 3)
    yield BadInput("a mark twice", "a.csv", b"\xef\xbb\xbf" * 2 + good, "unknown_column", 1, "\\ufeffsite")
    yield BadInput("all bytes there are", "a.csv", bytes(range(256)), "unknown_encoding", 2)
    yield BadInput("an empty file", "a.csv", b"", "unreadable_file")
    yield BadInput("nothing but a mark", "a.csv", b"\xef\xbb\xbf", "unreadable_file")
    yield BadInput("nothing but line ends", "a.csv", b"\n\n\r\n", "unreadable_file")
    yield BadInput("an empty packed file", "a.csv.gz", gzip.compress(b""), "unreadable_file")
    yield BadInput("no bytes of a packed file", "a.csv.gz", b"", "unreadable_file")
    yield BadInput("a header alone", "a.csv", rows_of(), "no_rows")
    yield BadInput("a header and blank rows", "a.csv", rows_of(("",) * 5, ("",) * 5), "no_rows")
    yield BadInput("a header twice", "a.csv", rows_of(ROW, NAMES), "repeated_header", 3)
    yield BadInput(
        "two files one after the other",
        "a.csv",
        good + rows_of(("A", "2024-01-01"), names=("site", "t")),
        "wrong_cell_count",
        3,
    )
    yield BadInput("a cell too many", "a.csv", rows_of((*ROW, "7")), "wrong_cell_count", 2)
    yield BadInput("a cell too few", "a.csv", rows_of(ROW[:-1]), "wrong_cell_count", 2)
    yield BadInput("a file cut in a row", "a.csv", (good + good[30:])[:-14], "wrong_cell_count", 3)
    yield BadInput("a quote left open", "a.csv", cell("sky", '"grey'), "open_quote")
    yield BadInput(
        "a quote that swallows a row",
        "a.csv",
        rows_of((*ROW[:4], '"grey'), (*ROW[:4], 'clear"')),
        "line_break",
        2,
        "sky",
    )
    swallowed = b'site,t,"load\nA,2024-01-01 00:00,5"\nA,2024-01-01 01:00,6\n'
    yield BadInput("a header that swallows a row", "a.csv", swallowed, "line_break", 1)
    yield BadInput("a line without end", "a.csv", good + b"A" * (5 << 20), "huge_line", 3)
    yield BadInput("a cell as long as a book", "a.csv", cell("sky", "x" * (1 << 17)), "huge_cell", 3, "sky")
    yield BadInput(
        "a column per hour", "a.csv", rows_of(names=tuple(f"h{at}" for at in range(10_001))), "too_many_columns", 1
    )
    yield BadInput("a packed bomb", "a.csv.gz", gzip.compress(good + b"0" * (40 << 20), 1), "file_too_large")
    yield BadInput("half a packed file", "a.csv.gz", packed[: len(packed) // 2], "unreadable_file")
    yield BadInput("a packed file with a wrong checksum", "a.csv.gz", packed[:-8] + b"\0" * 8, "unreadable_file")
    yield BadInput("text that is said to be packed", "a.csv.gz", good, "unreadable_file")
    yield BadInput("a packed file that is not said to be", "a.csv", packed, "unreadable_file")
    yield BadInput("a file packed twice", "a.csv.gz", gzip.compress(packed), "unreadable_file")
    yield BadInput("an ending nobody knows", "a.dat", good, "unreadable_file")
    yield BadInput("no ending", "update", good, "unreadable_file")
    yield BadInput("an old workbook", "a.xls", b"\xd0\xcf\x11\xe0", "unreadable_file")
    yield BadInput(
        "a page that says to log in", "a.csv", b"<!DOCTYPE html>\n<html>\n</html>\n", "missing_key_column", 1, "t"
    )
    yield BadInput(
        "JSON that is said to be CSV", "a.csv", lines({"site": "A", "t": "2024-01-01"}), "missing_key_column", 1, "t"
    )


def names_and_keys() -> Iterator[BadInput]:
    """Yield files with wrong columns, keys or operations."""
    yield BadInput(
        "a renamed column", "a.csv", rows_of(ROW, names=(*NAMES[:2], "laod", *NAMES[3:])), "unknown_column", 1, "laod"
    )
    yield BadInput(
        "a name in capitals", "a.csv", rows_of(ROW, names=(*NAMES[:2], "LOAD", *NAMES[3:])), "unknown_column", 1, "LOAD"
    )
    yield BadInput(
        "a column nobody declared", "a.csv", rows_of((*ROW, "7"), names=(*NAMES, "wind")), "unknown_column", 1, "wind"
    )
    yield BadInput(
        "a renamed key", "a.csv", rows_of(ROW, names=("site", "time", *NAMES[2:])), "missing_key_column", 1, "t"
    )
    yield BadInput("no series key", "a.csv", rows_of(ROW[1:], names=NAMES[1:]), "missing_key_column", 1, "site")
    yield BadInput("no header", "a.csv", rows_of(ROW, names=ROW), "missing_key_column", 1, "t")
    yield BadInput(
        "a column twice", "a.csv", rows_of((*ROW, "7"), names=(*NAMES, "load")), "duplicate_column", 1, "load"
    )
    yield BadInput("a column without a name", "a.csv", rows_of((*ROW, "7"), names=(*NAMES, "")), "blank_column_name", 1)
    yield BadInput(
        "a delimiter at each line's end", "a.csv", rows_of((*ROW, ""), names=(*NAMES, "")), "blank_column_name", 1
    )
    yield BadInput("a delimiter nobody uses", "a.csv", rows_of(ROW, delimiter="^"), "missing_key_column", 1, "t")
    yield BadInput("a key twice", "a.csv", rows_of(ROW, ROW), "duplicate_key", 3)
    yield BadInput(
        "a key written in two ways",
        "a.csv",
        rows_of(ROW, ("A", "2024-01-01T00:00:00", "1", "2", "")),
        "duplicate_key",
        3,
    )
    yield BadInput(
        "corrected and removed at once",
        "a.csv",
        rows_of((*ROW, ""), (*ROW, "remove"), names=(*NAMES, "_operation")),
        "duplicate_key",
        3,
    )
    yield BadInput(
        "an unknown operation",
        "a.csv",
        rows_of((*ROW, "delete"), names=(*NAMES, "_operation")),
        "unknown_operation",
        2,
        "_operation",
    )
    yield BadInput("an empty key", "a.csv", cell("site", ""), "empty_key", 3, "site")
    yield BadInput("an empty time", "a.csv", cell("t", " "), "empty_key", 3, "t")
    yield BadInput(
        "a required value that is missing",
        "a.csv",
        rows_of((*ROW[:2], ""), names=(*NAMES[:2], "meter")),
        "missing_value",
        2,
        "meter",
    )
    for name, key in (
        ("a path upwards", "../../etc/passwd"), ("a path", "/etc/passwd"), ("a path of Windows", "C:\\x"),
        ("a bell", "A\x07"), ("a mark without width", "A\u200b"), ("letters from right to left", "A\u202eB"),
        ("blanks around", "A "), ("nothing but dots", ".."),
    ):  # fmt: skip
        yield BadInput(f"a key with {name}", "a.csv", cell("site", key), "unsafe_key", 3, "site")
    yield BadInput("a key with a NUL", "a.jsonl", lines({"site": "A\0B", "t": "2024-01-01"}), "unsafe_key", 1, "site")
    yield BadInput("a key on two lines", "a.csv", cell("site", "A\nB", quote='"'), "line_break", 3, "site")
    yield BadInput("a key that is a formula", "a.csv", cell("site", "=1+1"), "formula_text", 3, "site")


def cells() -> Iterator[BadInput]:
    """Yield files with a cell that is not what it should be."""
    for text in (
        "many",
        "1_000",
        "0x1F",
        "5 €",
        "5%",
        "1.2.3",
        "--5",
        "1e",
        "true",
        "#DIV/0!",
        "١٢",
        "1/2",
        "5 MW",
        "1 2",
    ):
        yield BadInput(f"{text} for a number", "a.csv", cell("load", text), "not_a_number", 3, "load")
    for text in ("NaN", "inf", "-Infinity", "1e999"):
        yield BadInput(f"{text} for a number", "a.csv", cell("temp", text), "not_finite", 3, "temp")
    yield BadInput("a number without a square", "a.csv", cell("temp", "1e308"), "out_of_range_number", 3, "temp")
    yield BadInput("a negative load", "a.csv", cell("load", "-1"), "below_minimum", 3, "load")
    yield BadInput("too high a load", "a.csv", cell("load", "1e7"), "above_maximum", 3, "load")
    semicolons = rows_of(("A", "2024-01-01", "1,234", "5", ""), delimiter=";")
    yield BadInput("one and a bit, or a thousand", "a.csv", semicolons, "ambiguous_number", 2, "load")
    yield BadInput("the same in quotes", "a.csv", cell("load", "1,234", quote='"'), "ambiguous_number", 3, "load")
    yield BadInput(
        "a point that may be for thousands",
        "a.csv",
        semicolons.replace(b"1,234", b"1.234"),
        "ambiguous_number",
        2,
        "load",
    )
    yield BadInput(
        "commas and points",
        "a.csv",
        rows_of(("A", "2024-01-01", "1,5", "2.5", ""), delimiter=";"),
        "not_a_number",
        2,
        "temp",
    )
    for text in (
        "2024-02-30", "31.12.2023 14:00", "12/31/2023", "1704067200", "12:00", "now", "0001-01-01", "9999-12-31",
        "2024-01-01 24:00", "2024-01-01 00:00 Europe/Berlin", "2024-01-01 00:00+01:00", "2024-13-01", "2024-W01-1",
    ):  # fmt: skip
        yield BadInput(f"{text} for a time", "a.csv", cell("t", text), "bad_timestamp", 3, "t")
    yield BadInput("a time off the grid", "a.csv", cell("t", "2024-01-01 00:30"), "off_grid", 3, "t")
    gap, overlap = cell("t", "2024-03-31 02:00"), cell("t", "2023-10-29 02:00")
    yield BadInput("an hour that does not exist", "a.csv", gap, "dst_gap", 3, "t", "berlin")
    yield BadInput("an hour that exists twice", "a.csv", overlap, "dst_overlap", 3, "t", "berlin")
    twice = rows_of(("A", "2024-01-01 01:00+01:00", "1", "", ""), ("A", "2024-01-01T00:00Z", "1", "", ""))
    yield BadInput("one moment in two time zones", "a.csv", twice, "duplicate_key", 3, None, "berlin")
    half = cell("t", "2024-01-01 00:00+05:30")
    yield BadInput("an offset that is off the grid", "a.csv", half, "off_grid", 3, "t", "berlin")
    future = rows_of(("A", "2024-06-02 13:00", "1", "", ""))
    yield BadInput("a load of the future", "a.csv", future, "future_value", 2, "load")
    yield BadInput("a temperature of the future", "a.csv", cell("t", "2025-01-01"), "future_value", 3, "temp")
    for name, text in (
        ("a command", "=cmd|' /C calc'!A0"), ("a function", "@SUM(A1)"), ("a sum", "+1+1"), ("a difference", "-2+3"),
        ("a link", '=HYPERLINK(""http://x"")'), ("a formula after a blank", " =1"),
    ):  # fmt: skip
        yield BadInput(f"text that is {name}", "a.csv", cell("sky", text, quote='"'), "formula_text", 3, "sky")
    yield BadInput("a formula after a tab", "a.csv", cell("sky", "\t=1"), "formula_text", 3, "sky")
    yield BadInput("a carriage return in text", "a.csv", cell("sky", "\r=1", quote='"'), "line_break", 3, "sky")
    yield BadInput("an escape in text", "a.csv", cell("sky", "\x1b[31m"), "control_character", 3, "sky")
    yield BadInput("the error of a formula", "a.csv", cell("sky", "#REF!"), "error_value", 3, "sky")


def other_kinds() -> Iterator[BadInput]:
    """Yield JSON, Excel and Parquet files."""
    row = {"site": "A", "t": "2024-01-01", "load": 1}
    later = {**row, "t": "2024-01-01 01:00"}
    yield BadInput("half a JSON line", "a.jsonl", lines(row, later)[:-9], "bad_json", 2)
    yield BadInput("a JSON line that is a list", "a.ndjson", lines(row, [1]), "bad_json", 2)
    yield BadInput(
        "a name that a row lacks", "a.jsonl", lines(row, {"site": "A", "t": "2024-01-02"}), "mixed_columns", 2, "load"
    )
    yield BadInput(
        "a name twice in a row", "a.jsonl", b'{"site":"A","t":"2024-01-01","load":1,"load":2}', "mixed_columns", 1
    )
    yield BadInput("an object in a cell", "a.jsonl", lines({**row, "load": {"value": 1}}), "nested_value", 1, "load")
    yield BadInput("a list in a cell", "a.json", b"[" + lines({**row, "sky": []}) + b"]", "nested_value", 1, "sky")
    yield BadInput("NaN in JSON", "a.jsonl", lines(row, {**later, "load": float("nan")}), "not_finite", 2, "load")
    yield BadInput("true for a number in JSON", "a.jsonl", lines({**row, "load": True}), "not_a_number", 1, "load")
    yield BadInput(
        "half a character in JSON", "a.jsonl", lines({**row, "site": "\ud800"}), "unknown_encoding", 1, "site"
    )
    yield BadInput("half a character in a name", "a.jsonl", lines({**row, "\ud800": 1}), "unknown_column", 1, "\\ud800")
    yield BadInput("JSON nested without end", "a.json", b"[" * 100_000, "unreadable_file")
    yield BadInput("an object for a list", "a.json", lines({"rows": [row]}), "unreadable_file")
    yield BadInput("JSON lines that are said to be a list", "a.json", lines(row, later), "unreadable_file")
    yield BadInput("an empty list", "a.json", b"[]", "missing_key_column", 1, "t")
    yield BadInput("an empty file of JSON lines", "a.jsonl", b"", "no_rows")
    good = workbook()
    yield BadInput("half a workbook", "a.xlsx", good[: len(good) // 2], "unreadable_file")
    yield BadInput("a packed file that is no workbook", "a.xlsx", gzip.compress(b"x"), "unreadable_file")
    yield BadInput("an encrypted workbook", "a.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 600, "unreadable_file")
    yield BadInput("a workbook that is said to be CSV", "a.csv", good, "unreadable_file")
    yield BadInput("an empty workbook", "a.xlsx", make_excel([], names=()), "unreadable_file")
    yield BadInput("a title above the header", "a.xlsx", workbook(title="Report"), "blank_column_name", 1)
    yield BadInput("a merged header", "a.xlsx", workbook(merge="C1:D1"), "merged_cells")
    yield BadInput("a formula without a result", "a.xlsx", workbook(load="=1+1"), "uncached_formula", 2, "load")
    yield BadInput("a date for a number", "a.xlsx", workbook(load=datetime(2024, 1, 1)), "not_a_number", 2, "load")  # noqa: DTZ001
    yield BadInput("a number as text with a comma", "a.xlsx", workbook(load="1,5"), "not_a_number", 2, "load")
    yield BadInput("the error of a formula in a cell", "a.xlsx", workbook(sky="#N/A"), "error_value", 2, "sky")
    yield BadInput("a day as text in a workbook", "a.xlsx", workbook(t="31.12.2023"), "bad_timestamp", 2, "t")
    yield BadInput("two lines in one cell", "a.xlsx", workbook(sky="grey\nwet"), "line_break", 2, "sky")
    whole = parquet()
    yield BadInput("half a Parquet file", "a.parquet", whole[: len(whole) // 2], "unreadable_file")
    yield BadInput("CSV that is said to be Parquet", "a.parquet", rows_of(ROW), "unreadable_file")
    yield BadInput("Parquet that is said to be CSV", "a.csv", whole, "unreadable_file")
    yield BadInput(
        "a Parquet file without rows",
        "a.parquet",
        pd.DataFrame({"site": [], "t": [], "load": []}).to_parquet(index=False),
        "no_rows",
    )
    yield BadInput("a column of lists", "a.parquet", parquet(load=[[1, 2]]), "nested_value", None, "load")
    yield BadInput("infinity in Parquet", "a.parquet", parquet(load=[np.inf]), "not_finite", 1, "load")
    yield BadInput("a flag for a number in Parquet", "a.parquet", parquet(load=[True]), "not_a_number", 1, "load")
    yield BadInput(
        "a time beyond the calendar in Parquet",
        "a.parquet",
        parquet(t=[np.datetime64("9999-12-31", "us")]),
        "bad_timestamp",
        1,
        "t",
    )
    yield BadInput(
        "an aware time on the wall clock",
        "a.parquet",
        parquet(t=[pd.Timestamp("2024-01-01", tz="UTC")]),
        "bad_timestamp",
        1,
        "t",
    )


def list_bad_inputs() -> list[BadInput]:
    """Return all cases."""
    return [*bytes_and_structure(), *names_and_keys(), *cells(), *other_kinds()]
