"""What every reader of a file kind returns: columns that are not yet typed, and how the file was read.

Here belongs what all kinds of file have in common. Not here: any one kind, and what the columns mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.dataops.violations import FOUND_LIMIT, VIOLATION_LIMIT, Findings, Violation
from loopcast.errors import bound_text


@dataclass(frozen=True)
class Limits:
    """How much a file may hold, so that no file takes more memory than there is.

    Args:
        file_bytes: bytes of a file, after it is unpacked.
        expansion: how many times as large as its file the content may be, once that is more than `small_bytes`.
        small_bytes: content of this size may be packed however well, in bytes.
        cells: rows times columns.
        sheet_cells: the same for a workbook, which is read cell by cell.
        columns: columns.
        line_bytes: bytes of one line of text.
        cell_bytes: bytes of one cell of text.
    """

    file_bytes: int = 1 << 30
    expansion: int = 200
    small_bytes: int = 1 << 25
    cells: int = 1 << 29
    sheet_cells: int = 1 << 25
    columns: int = 10_000
    line_bytes: int = 1 << 22
    cell_bytes: int = 1 << 16


LIMITS = Limits()


@dataclass(frozen=True)
class RawTable:
    """The columns of a file, as they stand in it.

    Args:
        names: the columns' names in the file's order; a name may occur twice.
        columns: Arrow arrays, of text in text files, of any type in Parquet and Excel.
        rows: the number of each row in the file; where there is a header it is counted.
        facts: what was found out about the file, in words: its kind, delimiter, encoding ...
        is_localised: whether numbers may be written with a decimal comma or with separated thousands.
    """

    names: tuple[str, ...]
    columns: tuple[Any, ...]
    rows: npt.NDArray[np.int64]
    facts: Mapping[str, str] = field(default_factory=dict)
    is_localised: bool = False


def show_plainly(text: str) -> str:
    r"""Return text of a file as a terminal may show it and JSON may keep it: what is not printable is escaped.

    Examples:
        >>> show_plainly("\x1b[31mred")
        '\\x1b[31mred'
    """
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def refuse_file(
    rule: str, found: str, *, expected: str, action: str, row: int | None = None, column: str | None = None
) -> Findings:
    """Return the one finding for which a file is not read on.

    Args:
        rule: the rule's name.
        found: what the file holds, of any length.
        expected: what it should hold.
        action: what the sender should do.
        row: the row, where one is meant.
        column: the column, where one is meant.
    """
    column = None if column is None else bound_text(show_plainly(column), limit=FOUND_LIMIT)
    found = bound_text(show_plainly(found), limit=FOUND_LIMIT)
    return Findings.of(Violation(rule, found, expected, row, column, action))


def refuse_rows(rule: str, rows: Sequence[tuple[int, str, str | None]], *, expected: str, action: str) -> Findings:
    """Return a finding for each of some rows, the first 1,000 in full.

    Args:
        rule: the rule's name.
        rows: number of the row, what it holds, and the column where one is meant.
        expected: what it should hold.
        action: what the sender should do.
    """
    first = [
        refuse_file(rule, found, expected=expected, action=action, row=row, column=column).violations[0]
        for row, found, column in rows[:VIOLATION_LIMIT]
    ]
    return Findings(tuple(first), len(rows))


def unreadable(
    found: str,
    *,
    expected: str = "a whole file of the kind that its name says",
    action: str = "write the file again and send it again",
) -> Findings:
    """Return the finding for a file that cannot be read at all."""
    return refuse_file("unreadable_file", found, expected=expected, action=action)


def drop_found(table: RawTable, findings: Findings) -> RawTable:
    """Return the table without the rows that could not be read as they are."""
    return drop_rows(table, np.isin(table.rows, [found.row or 0 for found in findings.violations]))


def drop_rows(table: RawTable, mask: npt.NDArray[np.bool_]) -> RawTable:
    """Return the table without the rows where the mask is true; shape (rows,)."""
    if not mask.any():
        return table
    keep = pa.array(~mask)
    columns = tuple(column.filter(keep) for column in table.columns)
    return replace(table, columns=columns, rows=table.rows[~mask])


def find_blank_rows(columns: tuple[Any, ...], *, count: int) -> npt.NDArray[np.bool_]:
    """Return which rows hold nothing at all, as spreadsheets leave them at the end; shape (rows,).

    Args:
        columns: chunked Arrow arrays.
        count: number of rows.
    """
    blank = np.ones(count, dtype=bool)
    for column in columns:
        nothing = pc.is_null(column)
        if pa.types.is_string(column.type):
            nothing = pc.or_(nothing, pc.fill_null(pc.equal(column, ""), True))  # noqa: FBT003
        blank &= nothing.to_numpy()
        if not blank.any():
            break
    return blank


def make_text_column(cells: list[str | None], *, name: str, rows: npt.NDArray[np.int64]) -> tuple[Any, Findings]:
    """Return cells as an Arrow column of text, and those that hold half a character, which get question marks.

    Args:
        cells: one per row; None: nothing is there.
        name: the column's name.
        rows: the rows' numbers in the file.
    """
    try:
        return pa.chunked_array([pa.array(cells, pa.string())]), Findings()
    except UnicodeEncodeError:
        clean = [None if cell is None else cell.encode("utf-8", "replace").decode() for cell in cells]
    broken = [
        (int(row), f"half a character in {kept!r}", name)
        for row, cell, kept in zip(rows, cells, clean, strict=True)
        if cell != kept
    ]
    action = "write the text again in UTF-8"
    findings = refuse_rows("unknown_encoding", broken, expected="text in Unicode", action=action)
    return pa.chunked_array([pa.array(clean, pa.string())]), findings
