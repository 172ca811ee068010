"""Three ways to keep the versions of a panel: loopcast's store, and Delta Lake as a log of operations and by MERGE.

Each takes the same Parquet files and gives the same rows back, sorted by their keys.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.store import open_store
from loopcast.store.version_records import Upload

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = [f"x{i}" for i in range(5)]
SPEC = TableSpec("timestamp", "h", "x0", tuple(Variable(name) for name in NAMES), series_keys=("series",))
KEYS = ", ".join(SPEC.keys)


class Contestant(Protocol):
    """One way to keep versions in a folder."""

    def __init__(self, folder: Path) -> None:
        """Open what is in the folder."""

    def send(self, file: Path, number: int) -> None:
        """Make a version of a Parquet file of rows that are added or corrected; the first is the base."""

    def read(self, *, series: str | None = None, start: Any = None, end: Any = None) -> pd.DataFrame:
        """Return the newest version, one series of it, or a range of time."""


class Loopcast:
    """The store of this project."""

    def __init__(self, folder: Path) -> None:
        self.versions = open_store(str(folder), use_case="bench", spec=SPEC, code_version="bench").versions

    def send(self, file: Path, number: int) -> None:
        claim = self.versions.claim(Upload(file.name, file.read_bytes(), "bench", "bench"), now=NOW)
        record = self.versions.settle(claim.version, now=NOW)
        if record.status != "accepted":
            raise RuntimeError(f"{file.name} was refused")

    def read(self, *, series: str | None = None, start: Any = None, end: Any = None) -> pd.DataFrame:
        newest = self.versions.newest()
        return self.versions.read(newest.version, series=None if series is None else [series], start=start, end=end)


class DeltaLog:
    """A Delta table of all operations with their version; a reader takes the latest of each key."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder / "log")

    def send(self, file: Path, number: int) -> None:
        table = pq.read_table(file)
        table = table.append_column("version", pa.array([number] * len(table), pa.int64()))
        write_deltalake(self.folder, table, mode="append")

    def read(self, *, series: str | None = None, start: Any = None, end: Any = None) -> pd.DataFrame:
        latest = ", ".join(f"arg_max({name}, version) AS {name}" for name in NAMES)
        return _query(self.folder, f"{KEYS}, {latest}", f"GROUP BY {KEYS}", series=series, start=start, end=end)


class DeltaMerge:
    """A Delta table of the newest rows, into which each update is merged; earlier versions are Delta's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder / "merged")

    def send(self, file: Path, number: int) -> None:
        table = pq.read_table(file)
        if not DeltaTable.is_deltatable(self.folder):
            write_deltalake(self.folder, table)
            return
        merger = DeltaTable(self.folder).merge(
            source=table,
            predicate="old.series = new.series AND old.timestamp = new.timestamp",
            source_alias="new",
            target_alias="old",
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()

    def read(self, *, series: str | None = None, start: Any = None, end: Any = None) -> pd.DataFrame:
        return _query(self.folder, f"{KEYS}, {', '.join(NAMES)}", "", series=series, start=start, end=end)


CONTESTANTS: dict[str, type[Contestant]] = {"loopcast": Loopcast, "delta log": DeltaLog, "delta merge": DeltaMerge}


def _query(folder: str, columns: str, group: str, *, series: Any, start: Any, end: Any) -> pd.DataFrame:
    """Return rows of a Delta table's files by DuckDB, which reads them faster than `DeltaTable.to_pandas`."""
    bounds = (("series =", series), ("timestamp >=", start), ("timestamp <=", end))
    where = " AND ".join([f"{name} ?" for name, value in bounds if value is not None] or ["true"])
    files = DeltaTable(folder).file_uris()
    with duckdb.connect() as engine:
        engine.execute("SET enable_progress_bar = false")
        statement = f"SELECT {columns} FROM read_parquet(?) WHERE {where} {group} ORDER BY {KEYS}"  # noqa: S608
        return engine.execute(statement, [files, *(value for _, value in bounds if value is not None)]).df()
