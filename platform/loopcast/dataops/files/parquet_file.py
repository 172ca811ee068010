"""From a Parquet file's bytes to its columns, with times in microseconds.

Here belongs what is particular to Parquet. Not here: what the columns mean.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loopcast.dataops.files.raw_table import Limits, RawTable, refuse_file
from loopcast.dataops.violations import Findings, join_findings


def read_parquet(content: bytes, *, limits: Limits) -> tuple[RawTable | None, Findings]:
    """Return a Parquet file's columns, None where it is larger than it may be, and its nested columns.

    Args:
        content: the file's bytes.
        limits: how much the file may hold.

    Raises:
        pyarrow.ArrowException: the bytes are no Parquet file.
    """
    file = pq.ParquetFile(pa.BufferReader(content))
    size = sum(file.metadata.row_group(at).total_byte_size for at in range(file.metadata.num_row_groups))
    oversize = _find_oversize(file.metadata.num_rows, len(file.schema_arrow.names), size, limits)
    if oversize.total:
        return None, oversize
    table = file.read()
    rows = np.arange(1, table.num_rows + 1, dtype=np.int64)
    nested = [_refuse_nested(field) for field in table.schema if pa.types.is_nested(field.type)]
    columns = tuple(map(_simplify_times, table.columns))
    return RawTable(tuple(table.column_names), columns, rows, {"kind": "Parquet"}), join_findings(nested)


def _find_oversize(rows: int, columns: int, size: int, limits: Limits) -> Findings:
    """Return what a file holds too much of, by what it says of itself; nothing is unpacked for that."""
    parts = [
        refuse_file(rule, f"{count} {noun}", expected=f"at most {limit} {noun}", action="send it in several files")
        for rule, noun, count, limit in (
            ("file_too_large", "bytes when unpacked", size, limits.file_bytes),
            ("file_too_large", "cells", rows * columns, limits.cells),
            ("too_many_columns", "columns", columns, limits.columns),
        )
        if count > limit
    ]
    return join_findings(parts)


def _refuse_nested(field: Any) -> Findings:
    """Return the finding for a column of lists or structures."""
    found, expected = f"a column of {field.type}", "one value in a cell"
    return refuse_file(
        "nested_value", found, expected=expected, action="write a column for each part", column=field.name
    )


def _simplify_times(column: Any) -> Any:
    """Return a column of timestamps in microseconds, those with any zone in UTC; other columns as they are."""
    if not pa.types.is_timestamp(column.type):
        return column
    zone = None if column.type.tz is None else "UTC"
    return pc.cast(column, pa.timestamp("us", tz=zone), safe=False)
