"""From a CSV file's bytes to columns of text: rows of the wrong width, open quotes and huge lines are findings.

Here belongs reading rows. Not here: the dialect (`loopcast.dataops.files.csv_dialect`), encodings and numbers.
"""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from loopcast.dataops.files.csv_dialect import CsvDialect, find_dialect
from loopcast.dataops.files.encodings import decode_text
from loopcast.dataops.files.raw_table import (
    Limits,
    RawTable,
    drop_rows,
    find_blank_rows,
    refuse_file,
    refuse_rows,
    unreadable,
)
from loopcast.dataops.table import OPERATION, TableSpec
from loopcast.dataops.violations import FOUND_LIMIT, Findings, Violation, join_findings
from loopcast.errors import bound_text

_BLOCK_SIZE = 1 << 24
_FIRST_DATA_ROW = 2
# A line that spreadsheet programs write, and read, before the header.
_SEPARATOR = re.compile(rb"sep=([!-~\t])\r?\n", re.IGNORECASE)


def read_csv(
    content: bytes, *, spec: TableSpec, limits: Limits, delimiter: str | None = None
) -> tuple[RawTable | None, Findings]:
    """Return a CSV file's columns as text, None where it cannot be read, and what is wrong with its rows.

    Args:
        content: the file's bytes.
        spec: the names of the columns, by which the dialect is told, and what is declared of files.
        limits: how much the file may hold.
        delimiter: what the file's ending says is between cells; a declared delimiter overrides it.
    """
    body, encoding, findings = decode_text(content, encoding=spec.file_format.encoding)
    if body is None:
        return None, findings
    if b"\n" not in body:
        body = body.replace(b"\r", b"\n")
    huge = _find_huge_line(body, limits)
    if huge.total:
        return None, huge
    told = _SEPARATOR.match(body)
    if told is not None:
        delimiter, body = told[1].decode(), body[told.end() :]
    line = body.split(b"\n", 1)[0].decode().removesuffix("\r").split("\r", 1)[0]
    known = (*spec.keys, *spec.variable_names, OPERATION)
    dialect = find_dialect(line, known=known, delimiter=spec.file_format.delimiter or delimiter)
    if line.count(dialect.quote) % 2:  # the names would go on in the next line, and the row there would be lost
        action = "close the quote in the first line"
        return None, refuse_file("line_break", repr(line), expected="a header on one line", action=action, row=1)
    if not dialect.header:
        return None, unreadable("no header line", expected="a first line with the columns' names")
    if len(dialect.header) > limits.columns:
        return None, _too_many_columns(len(dialect.header), limits)
    first_row = _FIRST_DATA_ROW if told is None else _FIRST_DATA_ROW + 1
    table, findings = _read_rows(body if body.endswith((b"\n", b"\r")) else body + b"\n", dialect, first_row=first_row)
    facts = {"kind": "CSV", **dialect.describe(), "encoding": encoding}
    return RawTable(table.names, table.columns, table.rows, facts, is_localised=True), findings


def _read_rows(body: bytes, dialect: CsvDialect, *, first_row: int) -> tuple[RawTable, Findings]:
    """Return the rows below the header, without the blank ones and the ones of the wrong width."""
    bad: list[tuple[int, str, str | None]] = []

    def keep_bad_row(row: Any) -> str:
        bad.append(
            (
                row.number + first_row - _FIRST_DATA_ROW,
                f"{row.actual_columns} cells: {bound_text(row.text, limit=FOUND_LIMIT)}",
                None,
            )
        )
        return "skip"

    names = [str(position) for position in range(len(dialect.header))]
    table = pa_csv.read_csv(
        pa.BufferReader(body),
        read_options=pa_csv.ReadOptions(
            column_names=names, skip_rows_after_names=1, use_threads=False, block_size=_BLOCK_SIZE
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.delimiter, quote_char=dialect.quote, newlines_in_values=dialect.quote.encode() in body,
            ignore_empty_lines=False, invalid_row_handler=keep_bad_row,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
        ),
    )  # fmt: skip
    numbers = np.arange(first_row, table.num_rows + len(bad) + first_row, dtype=np.int64)
    numbers = np.setdiff1d(numbers, [number for number, _, _ in bad], assume_unique=True)
    raw = RawTable(dialect.header, tuple(table.columns), numbers)
    wrong = refuse_rows(
        "wrong_cell_count", bad, expected=f"{len(dialect.header)} cells, as in the header",
        action="write every row in full, with a text that holds a delimiter in double quotes",
    )  # fmt: skip
    findings = join_findings([wrong, *_find_open_quotes(body, dialect.quote)])
    return drop_rows(raw, find_blank_rows(raw.columns, count=len(raw.rows))), findings


def _find_huge_line(body: bytes, limits: Limits) -> Findings:
    """Return the finding for the first line that is longer than any row can be."""
    ends = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == ord("\n"))
    lengths = np.diff(np.concatenate([[-1], ends, [len(body)]])) - 1
    at = int(np.argmax(lengths > limits.line_bytes))
    if lengths[at] <= limits.line_bytes:
        return Findings()
    found, expected = f"a line of {lengths[at]} bytes", f"lines of at most {limits.line_bytes} bytes"
    return refuse_file("huge_line", found, expected=expected, action="write one row per line", row=at + 1)


def _too_many_columns(count: int, limits: Limits) -> Findings:
    """Return the finding for a file of too many columns."""
    expected, action = f"at most {limits.columns} columns", "send the columns of the use case alone"
    return refuse_file("too_many_columns", f"{count} columns", expected=expected, action=action, row=1)


def _find_open_quotes(body: bytes, quote: str) -> list[Findings]:
    """Return the finding for a quote that is never closed: it swallows the rows that follow it."""
    if body.count(quote.encode()) % 2 == 0:
        return []
    expected, action = "every quote closed", "close the quote; write a quote inside of a cell twice"
    return [Findings.of(Violation("open_quote", f"an odd number of {quote}", expected, None, None, action))]
