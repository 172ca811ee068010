"""Tables of a use case as files: which rows, and in which form.

What the tables are is in `loopcast.loop.tables`; where the file lies is the caller's choice.
"""

import gzip
from collections.abc import Iterator
from contextlib import closing
from enum import Enum
from itertools import chain
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loopcast.dataops.files.spreadsheet import to_safe_csv
from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.clock import to_clock
from loopcast.loop.history import newest_version
from loopcast.loop.project import Project
from loopcast.loop.tables import (
    DATASET,
    DECISIONS,
    OUTPUT_TABLES,
    QUARANTINE,
    VERSIONS,
    OutputTable,
    iter_dataset,
    iter_outputs,
    list_layouts,
    tabulate_decisions,
    tabulate_refused,
    tabulate_versions,
)

OUTPUTS = {table.name: table for table in OUTPUT_TABLES}
TABLES = (DATASET, *OUTPUTS, VERSIONS, DECISIONS, QUARANTINE)
LOCAL = {"timestamp", "origin"}


class FileKind(Enum):
    """In which form a table is written; the value is what such a file's name ends in."""

    parquet = "parquet"
    csv = "csv"
    csv_gz = "csv.gz"


def iter_table(
    project: Project, table: str, *, version: str | None = None, is_local: bool = False
) -> Iterator[pd.DataFrame]:
    """Yield a table's rows in pieces, at least one, all with the same columns.

    Args:
        project: the use case.
        table: one of `TABLES`.
        version: of the dataset: this version, default the newest; of forecasts and accuracy: those of this version,
            default all.
        is_local: give times of the data on the use case's own clock, with their offset, instead of in UTC.

    Raises:
        NotFoundError: the version is not there.
        CallerError: the table is not kept by version, or the use case has no time zone.
    """
    layout = next(layout for layout in list_layouts(project) if layout.name == table)
    zone, spec = project.store.spec.time_zone, project.store.spec
    if is_local and zone is None:
        raise CallerError(f"{project.name} has no time zone: its times are wall-clock times already")
    names = [name for name in layout.dtypes if name in ({spec.timestamp} if table == DATASET else LOCAL)]
    # With the offset said, so that what is written means the same wherever it is read.
    shown = zone if is_local or zone is None else "UTC"
    yield to_clock(layout.conform(pd.DataFrame()), names, zone=shown)
    for frame in _iter_rows(project, table, version):
        yield to_clock(layout.conform(frame), names, zone=shown)


def write_frames(frames: Iterator[pd.DataFrame], sink: BinaryIO, *, kind: FileKind) -> int:
    """Write frames of one kind as one file, piece by piece, and return the number of rows.

    Args:
        frames: at least one; all have the same columns.
        sink: where to write.
        kind: Parquet has the exact types; in CSV, times are ISO 8601 and text never runs as a formula.
    """
    if kind is FileKind.parquet:
        return _write_parquet(frames, sink)
    if kind is FileKind.csv:
        return _write_csv(frames, sink)
    with gzip.GzipFile(fileobj=sink, mode="wb", filename="", mtime=0) as packed:
        return _write_csv(frames, packed)


def _iter_rows(project: Project, table: str, version: str | None) -> Iterator[pd.DataFrame]:
    """Yield a table's rows in pieces."""
    if table == DATASET:
        yield from iter_dataset(project, version or newest_version(project))
        return
    if table in OUTPUTS:
        yield from iter_outputs(project, OUTPUTS[table], _choose_partitions(project, OUTPUTS[table], version))
        return
    if version is not None:
        raise CallerError(f"{table} is one table over all versions; leave out the version")
    if table == VERSIONS:
        yield tabulate_versions(project.store.versions.records())
    else:
        yield tabulate_decisions(project) if table == DECISIONS else tabulate_refused(project)


def _choose_partitions(project: Project, table: OutputTable, version: str | None) -> list[str]:
    """Return the partitions wanted, all where no version is given."""
    written = project.store.outputs.partitions(table.output)
    if version is None:
        return written
    if version not in written:
        raise NotFoundError(f"{table.name} has nothing of {version}; it has {written[-5:]}")
    return [version]


def _write_parquet(frames: Iterator[pd.DataFrame], sink: BinaryIO) -> int:
    first = next(frames)
    schema, rows = pa.Schema.from_pandas(first, preserve_index=False), 0
    with closing(pq.ParquetWriter(sink, schema, compression="zstd")) as writer:
        for frame in chain([first], frames):
            writer.write_table(pa.Table.from_pandas(frame, schema=schema, preserve_index=False))
            rows += len(frame)
    return rows


def _write_csv(frames: Iterator[pd.DataFrame], sink: Any) -> int:
    rows, header = 0, True
    for frame in frames:
        sink.write(to_safe_csv(_write_times(frame), header=header))
        rows, header = rows + len(frame), False
    return rows


def _write_times(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its times as ISO 8601 text, with an offset where they have a zone."""
    times = frame.select_dtypes(["datetime64", "datetimetz"])
    texts = {str(name): pd.Series(_to_iso(times[name]), dtype="str", index=frame.index) for name in times}
    return frame.assign(**texts)


def _to_iso(column: pd.Series) -> Any:
    """Return times as ISO 8601, with fractions of a second only where there are any."""
    times, is_whole = pa.array(column), not (column.dt.microsecond > 0).any()
    times = pc.cast(times, pa.timestamp("s" if is_whole else "us", tz=times.type.tz))
    return pc.strftime(times, format="%Y-%m-%dT%H:%M:%S%z" if times.type.tz else "%Y-%m-%dT%H:%M:%S").to_pandas()
