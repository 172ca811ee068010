"""Repairing a refused update: its rows beside the reasons, and a copy of the file without the faults.

Here belong choosing rows, correcting cells and columns, and writing the copy. Not here: the rules
(`loopcast.dataops.updates`), and where refused files are kept (`loopcast.loop.quarantine`).
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loopcast.dataops.files.formats import read_columns
from loopcast.dataops.files.number_format import find_number_columns, find_number_format, rewrite_numbers, write_numbers
from loopcast.dataops.files.raw_table import RawTable, drop_rows
from loopcast.dataops.table import TableSpec
from loopcast.dataops.updates import read_update
from loopcast.dataops.violations import Findings, Refusal, Violation
from loopcast.errors import CallerError

FIRST_ROW = {".csv": 2, ".parquet": 1}  # the endings a copy is written with, and what readers call its first row
OF_HEADER = frozenset({"unknown_column", "duplicate_column", "missing_key_column", "blank_column_name"})
PASSES = 100  # each finds at most as many rows as a refusal tells
ROWS_TOLD = 10


@dataclass(frozen=True)
class Correction:
    """One cell's new value.

    Args:
        row: number of the row in the file, as a violation tells it.
        column: the column's name in the file.
        value: the new value as text; empty: the value is missing.
    """

    row: int
    column: str
    value: str


@dataclass(frozen=True)
class Changes:
    """What is done to a copy of a file, in this order.

    Args:
        renamed: new names of columns, by the old ones.
        left_out: columns to leave out, by the file's names.
        corrections: new values of cells.
        drop_rows: whether the rows that break a rule after all this are left out.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    corrections: tuple[Correction, ...] = ()
    drop_rows: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.renamed or self.left_out or self.corrections or self.drop_rows)


@dataclass(frozen=True)
class RepairedFile:
    """A copy of a refused file.

    Args:
        name: its name; the ending says what it is.
        content: its bytes.
        rows: how many rows it has; None where the file cannot be read and is as it was.
        dropped: numbers of the rows that were left out, as the original counts them.
        left: why it would still be refused; None: it would be taken.
    """

    name: str
    content: bytes
    rows: int | None
    dropped: tuple[int, ...]
    left: Refusal | None


def join_cells(content: bytes, refusal: Refusal, *, spec: TableSpec) -> pd.DataFrame:
    """Return the violations of a file, each beside the cells of its row; those of the whole file first.

    The columns are `row` (Int64, empty for the whole file), `column`, `rule`, `found`, `expected`, `action`, then those
    of the file as text; a name that is there already gets a number.

    Args:
        content: the file's bytes.
        refusal: why it was refused.
        spec: columns and rules of the use case.
    """
    table, _ = read_columns(content, name=refusal.file, spec=spec)
    reasons = refusal.to_frame()[["row", "column", "rule", "found", "expected", "action"]]
    if table is None:
        return reasons
    positions = pd.Index(table.rows).get_indexer(pd.Index(reasons["row"].fillna(-1).astype("int64")))
    positions = np.where(reasons["rule"].isin(OF_HEADER), -1, positions)
    names = _number_names([*reasons.columns, *table.names])[len(reasons.columns) :]
    shown = {
        name: pd.Series([_to_text(column[int(at)].as_py()) if at >= 0 else None for at in positions], dtype="str")
        for name, column in zip(names, table.columns, strict=True)
    }
    return pd.concat([reasons, pd.DataFrame(shown, index=reasons.index)], axis=1)


def repair_file(
    content: bytes, *, name: str, output: str, spec: TableSpec, changes: Changes, now: datetime | None = None
) -> RepairedFile:
    """Return a copy of a file with the changes made; without changes to a file of the same kind, its very bytes.

    Numbers are written plainly, or as the use case declares it: what told how to read them may have been left out.

    Args:
        content: the file's bytes.
        name: its name.
        output: name of the copy, which ends in `.csv` or `.parquet`, or as the file where nothing is changed.
        spec: columns and rules of the use case.
        changes: what to do.
        now: when the file came, aware; what is measured cannot be later. None: the future is not looked at.

    Raises:
        CallerError: a column or row is not there, rows would be lost unasked, or the copy's ending is another one.
    """
    table, findings = read_columns(content, name=name, spec=spec)
    if changes.is_empty and _ending(name) == _ending(output):
        rows = None if table is None else len(table.rows)
        return RepairedFile(output, content, rows, (), _judge(content, output, spec, now))
    if table is None:
        raise CallerError(
            f"{findings.violations[0]}. It cannot be repaired here: write it as it came (repair without any change), "
            "and edit it"
        )
    if _ending(output) not in FIRST_ROW:
        raise CallerError(f"found the name {output!r} for the repaired file; expected one in .csv or .parquet")
    unread = _find_unread_rows(table, findings)
    if unread and not changes.drop_rows:
        raise CallerError(
            f"the rows {_tell_rows(unread)} cannot be split into cells and would be lost: leave them out on purpose, "
            "or write the file as it came (repair without any change) and edit it"
        )
    table = _rewrite_numbers(_correct_cells(_change_columns(table, changes), changes.corrections), spec)
    kept, dropped = _drop_rows(table, output, spec, now) if changes.drop_rows else (table, [])
    written = write_table(kept, name=output, spec=spec)
    return RepairedFile(
        output, written, len(kept.rows), tuple(sorted({*unread, *dropped})), _judge(written, output, spec, now)
    )


def _rewrite_numbers(table: RawTable, spec: TableSpec) -> RawTable:
    """Return a table with its numbers written plainly, so that they are read the same from every kind of file."""
    number_format, unclear = find_number_format(table, spec=spec)
    if unclear.total:
        raise CallerError(str(unclear.violations[0]))
    columns = list(table.columns)
    for at in find_number_columns(table, spec):
        if pa.types.is_string(columns[at].type):
            columns[at] = rewrite_numbers(pc.fill_null(columns[at], ""), number_format)
    return replace(table, columns=tuple(columns), is_localised=False)


def write_table(table: RawTable, *, name: str, spec: TableSpec) -> bytes:
    """Return a table of plain numbers as the bytes of a CSV or a Parquet file, whichever the name ends in.

    Raises:
        CallerError: the encoding that the use case declares does not have a character.
    """
    if _ending(name) == ".parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table(list(table.columns), names=list(table.names)), sink, compression="zstd")
        return sink.getvalue()
    declared, columns = spec.file_format, [column.to_pylist() for column in table.columns]
    for at in find_number_columns(table, spec):
        text = pa.array([_to_text(cell) for cell in columns[at]], pa.string())
        columns[at] = write_numbers(text, declared).to_pylist()
    rows = [table.names, *zip(*(map(_to_text, column) for column in columns), strict=True)]
    delimiter = declared.delimiter or ","
    text = _write_csv(rows, quoting=csv.QUOTE_MINIMAL, delimiter=delimiter)
    if "\r" in text:  # Python's csv leaves a carriage return bare, and readers take it for the end of a row
        text = _write_csv(rows, quoting=csv.QUOTE_ALL, delimiter=delimiter)
    try:
        return text.encode(declared.encoding or "utf-8")
    except UnicodeEncodeError as error:
        raise CallerError(f"the declared encoding {declared.encoding} cannot write the file: {error}") from error


def _write_csv(rows: Sequence[Sequence[str]], *, quoting: Literal[0, 1], delimiter: str) -> str:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n", quoting=quoting, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def _judge(content: bytes, name: str, spec: TableSpec, now: datetime | None) -> Refusal | None:
    """Return why a file would be refused, None where it would be taken."""
    result = read_update(content, name=name, spec=spec, now=now)
    return result if isinstance(result, Refusal) else None


def _change_columns(table: RawTable, changes: Changes) -> RawTable:
    """Return the table with columns renamed and left out."""
    unknown = [name for name in (*changes.renamed, *changes.left_out) if name not in table.names]
    if unknown:
        raise CallerError(f"found the column {unknown[0]!r}; expected one of the file's: {', '.join(table.names)}")
    kept = [
        (changes.renamed.get(name, name), column)
        for name, column in zip(table.names, table.columns, strict=True)
        if name not in changes.left_out
    ]
    return replace(table, names=tuple(name for name, _ in kept), columns=tuple(column for _, column in kept))


def _correct_cells(table: RawTable, corrections: Sequence[Correction]) -> RawTable:
    """Return the table with new values in some cells."""
    columns = list(table.columns)
    for name in dict.fromkeys(correction.column for correction in corrections):
        if table.names.count(name) != 1:
            raise CallerError(
                f"found {table.names.count(name)} columns {name!r}; the file has {', '.join(table.names)}"
            )
        position = table.names.index(name)
        chosen = {_position(table, c.row): c for c in corrections if c.column == name}
        columns[position] = _put_values(columns[position], chosen)
    return replace(table, columns=tuple(columns))


def _put_values(column: Any, chosen: Mapping[int, Correction]) -> Any:
    """Return a column with other values at some positions; a value takes the column's type."""
    mask = np.zeros(len(column), dtype=bool)
    mask[list(chosen)] = True
    values = [_convert(chosen[at], column.type) for at in sorted(chosen)]
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.replace_with_mask(whole, pa.array(mask), pa.array(values, type=column.type))


def _convert(correction: Correction, kind: Any) -> Any:
    """Return a correction's value as the column's type has it."""
    if pa.types.is_string(kind):
        return correction.value
    if correction.value == "":
        return None
    try:
        return pc.cast(pa.scalar(correction.value), kind).as_py()
    except pa.ArrowException as error:
        raise CallerError(
            f"found {correction.value!r} for row {correction.row}, column {correction.column}; expected {kind}"
        ) from error


def _position(table: RawTable, row: int) -> int:
    """Return where a row of the file stands in the table."""
    found = np.flatnonzero(table.rows == row)
    if not len(found):
        span = f"{table.rows[0]} to {table.rows[-1]}" if len(table.rows) else "none"
        raise CallerError(f"found no row {row} with cells in the file; its rows are {span}, as violations count them")
    return int(found[0])


def _drop_rows(table: RawTable, name: str, spec: TableSpec, now: datetime | None) -> tuple[RawTable, list[int]]:
    """Return the table without the rows that break a rule, and their numbers."""
    dropped: list[int] = []
    for _ in range(PASSES):
        refusal = _judge(write_table(table, name=name, spec=spec), name, spec, now)
        first = FIRST_ROW[_ending(name)]
        found = refusal.violations if refusal is not None else ()
        bad = {v.row - first for v in found if v.row is not None and v.row >= first and v.rule not in OF_HEADER}
        if not bad:
            break
        keep = np.ones(len(table.rows), dtype=bool)
        keep[sorted(bad)] = False
        dropped += table.rows[~keep].tolist()
        table = drop_rows(table, ~keep)
    return table, dropped


def _find_unread_rows(table: RawTable, findings: Findings) -> list[int]:
    """Return the numbers of the rows that the table does not have because they could not be read."""
    there = set(table.rows.tolist())
    return sorted({v.row for v in findings.violations if _is_unread(v, there)})  # type: ignore[misc]


def _is_unread(violation: Violation, there: set[int]) -> bool:
    """Return whether a violation is of a row that is not among those read."""
    return violation.row is not None and violation.row not in there and violation.rule not in OF_HEADER


def _tell_rows(rows: Sequence[int]) -> str:
    """Return row numbers in words, bounded."""
    more = f" and {len(rows) - ROWS_TOLD} more" if len(rows) > ROWS_TOLD else ""
    return ", ".join(map(str, rows[:ROWS_TOLD])) + more


def _ending(name: str) -> str:
    """Return what a file's name ends in, from its last dot on; `.csv.gz` counts as one."""
    lower = name.lower()
    return ".csv.gz" if lower.endswith(".csv.gz") else lower[lower.rfind(".") :] if "." in lower else ""


def _number_names(names: Sequence[str]) -> list[str]:
    """Return the names, all different: one that was there before gets a number.

    Examples:
        >>> _number_names(["row", "at", "row"])
        ['row', 'at', 'row (2)']
    """
    made: list[str] = []
    for name in names:
        count, wanted = 1, name
        while wanted in made:
            count += 1
            wanted = f"{name} ({count})"
        made.append(wanted)
    return made


def _to_text(cell: Any) -> str:
    """Return a cell as CSV writes it; missing ones are empty."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return cell if isinstance(cell, str) else str(cell)
