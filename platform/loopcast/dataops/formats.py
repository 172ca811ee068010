"""From an update file's bytes to columns that are not yet typed: CSV, gzipped CSV and Parquet.

Here belongs what depends on the file format. Not here: what the columns mean (`loopcast.dataops.updates`).
"""

import csv
import gzip
import io
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from loopcast.dataops.violations import FOUND_LIMIT, Findings, Violation, join_findings
from loopcast.errors import bound_text

ENDINGS = (".csv", ".csv.gz", ".parquet")
_BLOCK_SIZE = 1 << 24
_FIRST_DATA_ROW = 2
LINE_BREAKS_TOLD = 20


@dataclass(frozen=True)
class RawTable:
    """The columns of a file, as they stand in it.

    Args:
        names: the columns' names in the file's order; a name may occur twice.
        columns: Arrow arrays, of text in CSV, of any type in Parquet.
        rows: the number of each row in the file: CSV counts the header as 1, Parquet has none.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    rows: npt.NDArray[np.int64]


def read_columns(content: bytes, *, name: str) -> tuple[RawTable | None, Findings]:
    """Return the file's columns, None if it cannot be read, and what is wrong with its rows.

    Args:
        content: the file's bytes, whatever they are.
        name: the file's name; its ending says what the bytes are.
    """
    ending = name.lower()
    try:
        if ending.endswith(".parquet"):
            return _read_parquet(content)
        if ending.endswith(".csv.gz"):
            return _read_csv(gzip.decompress(content))
        if ending.endswith(".csv"):
            return _read_csv(content)
    except (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException, ValueError) as error:
        return None, _unreadable(str(error))
    return None, _unreadable(f"the name {name!r}", expected=f"a name that ends in {', '.join(ENDINGS)}")


def _read_parquet(content: bytes) -> tuple[RawTable, Findings]:
    """Return a Parquet file's columns."""
    table = pq.ParquetFile(pa.BufferReader(content)).read()
    rows = np.arange(1, table.num_rows + 1, dtype=np.int64)
    return RawTable(tuple(table.column_names), tuple(map(_simplify_times, table.columns)), rows), Findings()


def _simplify_times(column: Any) -> Any:
    """Return a column of timestamps in microseconds, those with any zone in UTC; other columns as they are."""
    if not pa.types.is_timestamp(column.type):
        return column
    zone = None if column.type.tz is None else "UTC"
    return pc.cast(column, pa.timestamp("us", tz=zone), safe=False)


def _read_csv(content: bytes) -> tuple[RawTable | None, Findings]:
    """Return a CSV file's columns as text; rows with too few or too many cells are findings."""
    body = content.removeprefix(b"\xef\xbb\xbf")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        found = f"the byte 0x{body[error.start]:02x} in line {line}, which is not UTF-8"
        return None, _unreadable(found, expected="text in UTF-8")
    header = next(csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="")), [])
    if not header:
        return None, _unreadable("no header line", expected="a first line with the columns' names")
    return _read_csv_rows(body if body.endswith((b"\n", b"\r")) else body + b"\n", header)


def _read_csv_rows(body: bytes, header: list[str]) -> tuple[RawTable, Findings]:
    """Return the rows below the header, without the blank ones and the ones of the wrong width."""
    bad: list[Any] = []

    def keep_bad_row(row: Any) -> str:
        bad.append((row.number, row.actual_columns, row.text))
        return "skip"

    names = [str(position) for position in range(len(header))]
    table = pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(
            column_names=names, skip_rows_after_names=1, use_threads=False, block_size=_BLOCK_SIZE
        ),
        parse_options=pa_csv.ParseOptions(
            newlines_in_values=b'"' in body, ignore_empty_lines=False, invalid_row_handler=keep_bad_row
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    )
    numbers = np.arange(_FIRST_DATA_ROW, table.num_rows + len(bad) + _FIRST_DATA_ROW, dtype=np.int64)
    numbers = np.setdiff1d(numbers, [number for number, _, _ in bad], assume_unique=True)
    raw = RawTable(tuple(header), tuple(table.columns), numbers)
    findings = join_findings(
        [*(_wrong_width(*row, expected=len(header)) for row in bad), *_find_open_quotes(body), *_find_line_breaks(raw)]
    )
    return _drop_blank_rows(raw), findings


def _find_open_quotes(body: bytes) -> list[Findings]:
    """Return the finding for a quote that is never closed: it swallows the rows that follow it."""
    if body.count(b'"') % 2 == 0:
        return []
    expected, action = "every double quote closed", "close the quote; write a quote inside of a cell twice"
    return [Findings.of(Violation("open_quote", "an odd number of double quotes", expected, None, None, action))]


def _find_line_breaks(table: RawTable) -> list[Findings]:
    """Return the findings for cells that hold a line break: no key or value of ours does, but swallowed rows do."""
    found = []
    for name, column in zip(table.names, table.columns, strict=True):
        broken = pc.match_substring_regex(column, "[\\r\\n]").to_numpy()
        for position in np.flatnonzero(broken)[:LINE_BREAKS_TOLD]:
            text, row = bound_text(str(column[int(position)].as_py()), limit=FOUND_LIMIT), int(table.rows[position])
            action = "look for a quote that opens in this row and closes in a later one"
            found.append(Findings.of(Violation("line_break", repr(text), "a cell on one line", row, name, action)))
    return found


def _drop_blank_rows(table: RawTable) -> RawTable:
    """Return the table without the rows in which every cell is empty, as spreadsheets leave at the end."""
    blank = np.ones(len(table.rows), dtype=bool)
    for column in table.columns:
        blank &= pc.equal(column, "").to_numpy()
        if not blank.any():
            return table
    keep = pa.array(~blank)
    return RawTable(table.names, tuple(column.filter(keep) for column in table.columns), table.rows[~blank])


def _wrong_width(number: int, width: int, text: str, *, expected: int) -> Findings:
    """Return the finding for a row that has too few or too many cells."""
    found = f"{width} cells: {bound_text(text, limit=FOUND_LIMIT)}"
    action = "write every row in full, with a text that holds a comma in double quotes"
    return Findings.of(
        Violation("wrong_cell_count", found, f"{expected} cells, as in the header", number, None, action)
    )


def _unreadable(found: str, *, expected: str = "a whole CSV, CSV.gz or Parquet file") -> Findings:
    """Return the finding for a file that cannot be read at all."""
    action = "write the file again and send it again"
    found = bound_text(found, limit=FOUND_LIMIT)
    return Findings.of(Violation("unreadable_file", found, expected, None, None, action))
