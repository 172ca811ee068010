"""From an Excel workbook's bytes to columns: one sheet, its first row the header, cells that are dates as times.

Here belongs what is particular to Excel. Not here: what the columns mean.
"""

import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
from openpyxl.utils.datetime import from_excel
from openpyxl.utils.exceptions import InvalidFileException

from loopcast.dataops.files.raw_table import (
    Limits,
    RawTable,
    drop_found,
    drop_rows,
    find_blank_rows,
    make_text_column,
    refuse_file,
    refuse_rows,
    unreadable,
)
from loopcast.dataops.table import TableSpec
from loopcast.dataops.violations import Findings, join_findings

# What openpyxl raises on workbooks that are not what they should be: it takes XML at its word.
BROKEN_WORKBOOK = (
    zipfile.BadZipFile, InvalidFileException, LookupError, ValueError, TypeError, AttributeError, SyntaxError,
    RuntimeError, ArithmeticError, AssertionError, OSError, EOFError,
)  # fmt: skip
_SHEET_ROWS = 1_048_576
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*ref="([^"]+)"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[ >/]")
# Smaller numbers in a column of times are years or the like; 10,000 is a day in 1927.
_FIRST_SERIAL = 10_000
Rows = list[tuple[Any, ...]]


def read_excel(content: bytes, *, spec: TableSpec, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return the columns of a workbook's sheet, None where it cannot be read, and what is wrong with its cells.

    Args:
        content: the file's bytes.
        spec: the name of the timestamp column, in which numbers are days since 1900, and the declared sheet.
        limits: how much the file may hold.

    Raises:
        BROKEN_WORKBOOK: the bytes are no workbook.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(part.file_size for part in archive.infolist()) > limits.file_bytes:
            expected, action = f"at most {limits.file_bytes} bytes when unpacked", "send it in several files"
            return None, refuse_file("file_too_large", "a larger workbook", expected=expected, action=action)
        with warnings.catch_warnings():  # openpyxl warns of styles and extensions, which have nothing to do with values
            warnings.simplefilter("ignore")
            return _read_sheet(content, archive, spec=spec, limits=limits)


def _read_sheet(
    content: bytes, archive: zipfile.ZipFile, *, spec: TableSpec, limits: Limits
) -> tuple[RawTable | None, Findings]:
    """Return the columns of the declared sheet, or of the first."""
    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    # Hidden sheets hold what a program needs, not what somebody looks at.
    sheets = sorted(workbook.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
    titles = [sheet.title for sheet in sheets]
    title = spec.file_format.sheet or (titles[0] if titles else "")
    if title not in titles:
        found, expected = f"the sheets {', '.join(titles) or 'none'}", f"a sheet {title!r}"
        return None, refuse_file("missing_sheet", found, expected=expected, action="name the sheet so, or declare it")
    sheet = workbook[title]
    xml = archive.read(sheet._worksheet_path)  # noqa: SLF001  # a sheet read row by row does not tell its merged cells
    merged = [where.decode("utf-8", "replace") for where in _MERGED.findall(xml)]
    if merged:
        found, action = f"{len(merged)} merged cells, the first {merged[0]}", "unmerge them and fill in each cell"
        return None, refuse_file("merged_cells", found, expected="a value in a cell of its own", action=action)
    rows = _read_rows(sheet)
    width = max(map(len, rows), default=0)
    if width > limits.columns:
        expected, action = f"at most {limits.columns} columns", "send the columns of the use case alone"
        return None, refuse_file("too_many_columns", f"{width} columns", expected=expected, action=action)
    if len(rows) > _SHEET_ROWS or len(rows) * width > limits.sheet_cells:
        found, expected = f"{len(rows)} rows, {width} columns", f"at most {limits.sheet_cells} cells"
        return None, refuse_file("file_too_large", found, expected=expected, action="send it in several files")
    if not rows or not rows[0]:
        return None, unreadable("no header row", expected="the columns' names in the first row")
    names = tuple("" if name is None else str(name) for name in (*rows[0], *[None] * (width - len(rows[0]))))
    uncached = _find_uncached(content, title, rows, names) if _FORMULA.search(xml) else Findings()
    table, findings = _to_table(names, rows[1:], spec=spec, epoch=workbook.epoch)
    facts = {"kind": "Excel", "sheet": title}
    table = RawTable(table.names, table.columns, table.rows, facts)
    findings = join_findings([uncached, findings])
    return drop_found(table, findings), findings


def _read_rows(sheet: Any) -> Rows:
    """Return the values of all rows, each without the empty cells at its end; at most one row too many."""
    sheet.reset_dimensions()  # what the file says of its size may be wrong
    rows: Rows = []
    for row in sheet.iter_rows(values_only=True):
        end = len(row)
        while end and row[end - 1] is None:
            end -= 1
        rows.append(row[:end])
        if len(rows) > _SHEET_ROWS:
            break
    while rows and not rows[-1]:
        rows.pop()
    return rows


def _to_table(names: Sequence[str], rows: Rows, *, spec: TableSpec, epoch: datetime) -> tuple[RawTable, Findings]:
    """Return the rows below the header as columns."""
    numbers = np.arange(2, len(rows) + 2, dtype=np.int64)
    columns, parts = [], []
    for at, name in enumerate(names):
        cells = [row[at] if at < len(row) else None for row in rows]
        if name == spec.timestamp:
            cells = [_to_time(cell, epoch) for cell in cells]
        column, findings = _to_column(cells, name=name, rows=numbers)
        columns.append(column)
        parts.append(findings)
    table = RawTable(tuple(names), tuple(columns), numbers)
    return drop_rows(table, find_blank_rows(table.columns, count=len(rows))), join_findings(parts)


def _to_column(cells: list[Any], *, name: str, rows: Any) -> tuple[Any, Findings]:
    """Return cells as a column of times where all are, else of text in which numbers have a point."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds and kinds <= {datetime, date}:
        return pa.chunked_array([pa.array(cells, pa.timestamp("us"))]), Findings()
    return make_text_column([_to_text(cell) for cell in cells], name=name, rows=rows)


def _to_text(cell: Any) -> str | None:
    """Return a cell as text; None where it is empty."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    return cell.isoformat() if isinstance(cell, datetime | date | time) else str(cell)


def _to_time(cell: Any, epoch: datetime) -> Any:
    """Return the time that a number of days stands for; other cells as they are."""
    is_serial = isinstance(cell, int | float) and not isinstance(cell, bool) and cell >= _FIRST_SERIAL
    try:
        return from_excel(cell, epoch) if is_serial else cell
    except (OverflowError, ValueError):
        return cell


def _find_uncached(content: bytes, title: str, rows: Rows, names: Sequence[str]) -> Findings:
    """Return the cells with a formula of which the file does not hold the result."""
    found = []
    for number, column in _list_formulas(content, title):
        row = rows[number - 1] if number <= len(rows) else ()
        if column >= len(row) or row[column] is None:
            name = names[column] if column < len(names) else None
            found.append((number, "a formula without a result", name))
    action = "open and save the workbook in a spreadsheet program, or replace formulas by their values"
    return refuse_rows("uncached_formula", found, expected="a value", action=action)


def _list_formulas(content: bytes, title: str) -> Iterator[tuple[int, int]]:
    """Yield row (from 1) and column (from 0) of each cell with a formula."""
    workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=False)
    sheet = workbook[title]
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(), start=1):
        for column, cell in enumerate(row):
            if cell.data_type == "f":
                yield number, column
