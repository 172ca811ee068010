"""From an update file's bytes to columns that are not yet typed, by what the file's name ends in.

Here belong the choice of the reader, unpacking and what holds for all kinds. Not here: any one kind of file, and what
the columns mean (`loopcast.dataops.updates`).
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.dataops.files.csv_file import read_csv
from loopcast.dataops.files.excel_file import BROKEN_WORKBOOK, read_excel
from loopcast.dataops.files.json_file import read_json_lines, read_json_list
from loopcast.dataops.files.parquet_file import read_parquet
from loopcast.dataops.files.raw_table import LIMITS, Limits, RawTable, drop_rows, refuse_file, refuse_rows, unreadable
from loopcast.dataops.table import TableSpec
from loopcast.dataops.violations import Findings, join_findings

TEXT_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json")
ENDINGS = (*TEXT_ENDINGS, *(f"{ending}.gz" for ending in TEXT_ENDINGS), ".parquet", ".xlsx")
_BINARY = {b"PAR1": "Parquet", b"PK\x03\x04": "Excel or zip", b"\x1f\x8b": "gzip", b"\xd0\xcf\x11\xe0": "old Excel"}
LINE_BREAKS_TOLD = 20
_UNREADABLE = (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException, ValueError)


def read_columns(
    content: bytes, *, name: str, spec: TableSpec, limits: Limits = LIMITS
) -> tuple[RawTable | None, Findings]:
    """Return the file's columns, None if it cannot be read, and what is wrong with its rows.

    Args:
        content: the file's bytes, whatever they are.
        name: the file's name; its ending says what the bytes are.
        spec: the names of the columns and what is declared of files.
        limits: how much the file may hold.
    """
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)
    if ending is None:
        action = "save it as .xlsx" if name.lower().endswith(".xls") else "name the file after what it holds"
        return None, unreadable(f"the name {name!r}", expected=f"one that ends in {', '.join(ENDINGS)}", action=action)
    if len(content) > limits.file_bytes:
        return None, _too_large(f"{len(content)} bytes", limits)
    table, findings = _read_ending(content, ending, spec=spec, limits=limits)
    if table is None:
        return None, findings
    table, repeated = _drop_repeated_headers(table, spec)
    return table, join_findings([findings, repeated, *_find_huge_cells(table, limits), *_find_line_breaks(table)])


def _read_ending(content: bytes, ending: str, *, spec: TableSpec, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return the columns of a file of a known kind."""
    try:
        if ending == ".parquet":
            return read_parquet(content, limits=limits)
        if ending != ".xlsx":
            return _read_text(content, ending, spec=spec, limits=limits)
    except _UNREADABLE as error:
        return None, unreadable(str(error))
    try:
        return read_excel(content, spec=spec, limits=limits)
    except (*BROKEN_WORKBOOK, zlib.error) as error:
        return None, unreadable(f"no Excel workbook: {error}")


def _read_text(content: bytes, ending: str, *, spec: TableSpec, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return the columns of a text file, which may be packed with gzip."""
    if ending.endswith(".gz"):
        unpacked = _unpack(content, limits)
        if unpacked is None:
            return None, _too_large("a packed file that holds more", limits)
        content, ending = unpacked, ending.removesuffix(".gz")
    kind = next((kind for mark, kind in _BINARY.items() if content.startswith(mark)), None)
    if kind is not None:
        expected, action = f"text, as {ending} says", "name the file after what it holds"
        return None, unreadable(f"the first bytes of a file of the kind {kind}", expected=expected, action=action)
    if ending in {".jsonl", ".ndjson"}:
        return read_json_lines(content, encoding=spec.file_format.encoding, limits=limits)
    if ending == ".json":
        return read_json_list(content, encoding=spec.file_format.encoding, limits=limits)
    return read_csv(content, spec=spec, limits=limits, delimiter="\t" if ending == ".tsv" else None)


def _unpack(content: bytes, limits: Limits) -> bytes | None:
    """Return what a gzip file holds; None where that is more than it may be, found out without unpacking it all."""
    most = min(limits.file_bytes, max(limits.small_bytes, limits.expansion * len(content)))
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        unpacked = packed.read(most + 1)
    return unpacked if len(unpacked) <= most else None


def _too_large(found: str, limits: Limits) -> Findings:
    """Return the finding for a file that is larger than it may be."""
    expected = f"at most {limits.file_bytes} bytes, and at most {limits.expansion} times the packed size"
    return refuse_file("file_too_large", found, expected=expected, action="send it in several files")


def _drop_repeated_headers(table: RawTable, spec: TableSpec) -> tuple[RawTable, Findings]:
    """Return the table without the rows that are the header again, as files put one after the other have them."""
    if spec.timestamp not in table.names:
        return table, Findings()
    times = table.columns[table.names.index(spec.timestamp)]
    if not pa.types.is_string(times.type):
        return table, Findings()
    again = np.asarray(pc.fill_null(pc.equal(times, spec.timestamp), False).to_numpy(), dtype=bool)  # noqa: FBT003
    rows = [(int(row), "the header once more", None) for row in table.rows[again]]
    expected = "one header, in the first line"
    return drop_rows(table, again), refuse_rows("repeated_header", rows, expected=expected, action="remove the line")


def _text_columns(table: RawTable) -> Iterator[tuple[str, Any]]:
    """Yield name and column of those columns that are text."""
    for name, column in zip(table.names, table.columns, strict=True):
        if pa.types.is_string(column.type) and len(column):
            yield name, pc.fill_null(column, "")


def _find_huge_cells(table: RawTable, limits: Limits) -> Iterator[Findings]:
    """Yield the longest cell of each column in which one is longer than any value can be."""
    for name, column in _text_columns(table):
        sizes = pc.binary_length(column).to_numpy()
        at = int(np.argmax(sizes))
        if sizes[at] > limits.cell_bytes:
            found, expected = f"a cell of {sizes[at]} bytes", f"cells of at most {limits.cell_bytes} bytes"
            yield refuse_file("huge_cell", found, expected=expected, action="shorten the text",
                              row=int(table.rows[at]), column=name)  # fmt: skip


def _find_line_breaks(table: RawTable) -> Iterator[Findings]:
    """Yield the cells that hold a line break: no key or value of ours does, but swallowed rows do."""
    for name, column in _text_columns(table):
        if not any(pc.any(pc.match_substring(column, mark)).as_py() for mark in "\r\n"):
            continue
        broken = pc.match_substring_regex(column, "[\\r\\n]").to_numpy()
        for at in np.flatnonzero(broken)[:LINE_BREAKS_TOLD]:
            yield refuse_file("line_break", repr(column[int(at)].as_py()), expected="a cell on one line",
                              action="look for a quote that opens in this row and closes in a later one",
                              row=int(table.rows[at]), column=name)  # fmt: skip
