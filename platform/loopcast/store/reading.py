"""Reads dataset versions through DuckDB, one statement each: only the columns, series and time range asked for.

Here belongs running the statements over files or tables. Not here: the SQL (`loopcast.store.statements`), and which
patches make a version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from loopcast.dataops.table import TableSpec
from loopcast.errors import StoreError
from loopcast.store.patches import PatchFiles, PatchRef
from loopcast.store.statements import (
    BASE,
    KEYS_WANTED,
    OPERATIONS,
    SERIES_WANTED,
    VERSION,
    Selection,
    build_statement,
    quote_name,
)


@dataclass(frozen=True)
class Extent:
    """How far a version reaches: its rows, series, and first and last timestamp (None where it has no rows)."""

    rows: int
    series: int
    first_timestamp: datetime | None
    last_timestamp: datetime | None


class DatasetReader:
    """Reads dataset versions of one use case."""

    def __init__(self, patches: PatchFiles, *, spec: TableSpec) -> None:
        """Keep the patches; the engine is started with the first statement."""
        self._patches, self._spec = patches, spec
        self._engine: Any = None

    def read(self, refs: Sequence[PatchRef], selection: Selection) -> pd.DataFrame:
        """Return the rows after the patches, sorted by their keys.

        Args:
            refs: all accepted patches of the version, in order.
            selection: which part of it.
        """
        if not refs:
            return self._conform(pd.DataFrame(columns=[*self._spec.keys, *selection.columns]), selection)
        refs = self._choose_patches(refs, selection)
        order = ", ".join(quote_name(name) for name in self._spec.keys)
        query = f"{self._statement(refs, selection)} ORDER BY {order}"
        return self._conform(self._run(query, refs, selection).to_pandas(), selection)

    def read_extent(self, refs: Sequence[PatchRef]) -> Extent:
        """Return how far the rows after the patches reach."""
        if not refs:
            return Extent(0, 0, None, None)
        names = ", ".join(quote_name(name) for name in self._spec.series_keys)
        series = f"count(DISTINCT ({names}))" if names else "CAST(count(*) > 0 AS BIGINT)"
        time = quote_name(self._spec.timestamp)
        selection = Selection(columns=())
        query = (
            f"SELECT count(*) AS rows, {series} AS series, min({time}) AS first, max({time}) AS last "  # noqa: S608
            f"FROM ({self._statement(refs, selection)})"
        )
        row = self._run(query, refs, selection).to_pylist()[0]
        return Extent(int(row["rows"]), int(row["series"]), row["first"], row["last"])

    def read_series(self, refs: Sequence[PatchRef], wanted: pd.DataFrame) -> set[tuple[str, ...]]:
        """Return those series, of the ones wanted, that have rows after the patches, as tuples of their keys."""
        if not refs:
            return set()
        names = ", ".join(quote_name(name) for name in self._spec.series_keys)
        selection = Selection(columns=(), series=wanted)
        query = f"SELECT DISTINCT {names} FROM ({self._statement(refs, selection)})"  # noqa: S608
        return {tuple(row.values()) for row in self._run(query, refs, selection).to_pylist()}

    def _choose_patches(self, refs: Sequence[PatchRef], selection: Selection) -> Sequence[PatchRef]:
        """Return the base and those later patches that reach into the time range wanted."""
        if selection.start is None and selection.end is None:
            return refs
        start, end = selection.start or datetime.min, selection.end or datetime.max  # noqa: DTZ901 - stored times are naive
        ranges = ((ref, self._patches.time_range(ref)) for ref in refs[1:])
        return [refs[0], *(ref for ref, (first, last) in ranges if first <= end and last >= start)]

    def _run(self, query: str, refs: Sequence[PatchRef], selection: Selection) -> Any:
        """Return a statement's result as an Arrow table."""
        if self._engine is None:
            self._engine = duckdb.connect(
                ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
            )
        cursor = self._engine.cursor()
        try:
            if self._patches.local_path(refs[0]) is None:
                cursor.register(BASE, self._patches.read(refs[0]))
            if len(refs) > 1:
                cursor.register(OPERATIONS, self._operations(refs[1:]))
            for name, frame in ((SERIES_WANTED, selection.series), (KEYS_WANTED, selection.keys)):
                if frame is not None:
                    cursor.register(name, pa.Table.from_pandas(frame, preserve_index=False))
            return cursor.sql(query).to_arrow_table()
        except duckdb.Error as error:
            base = self._patches.path(refs[0])
            raise StoreError(f"cannot read the dataset over {base}: {error}; verify the store") from error
        finally:
            cursor.close()

    def _operations(self, refs: Sequence[PatchRef]) -> Any:
        """Return all patches after the base in one Arrow table, each row with its version's number."""
        tables = []
        for ref in refs:
            table = self._patches.read(ref)
            tables.append(table.append_column(VERSION, pa.array(np.full(table.num_rows, ref.number, dtype=np.int64))))
        return pa.concat_tables(tables, promote_options="default")

    def _statement(self, refs: Sequence[PatchRef], selection: Selection) -> str:
        """Return the SQL of the rows after the patches."""
        return build_statement(refs, selection, spec=self._spec, base_path=self._patches.local_path(refs[0]))

    def _conform(self, frame: pd.DataFrame, selection: Selection) -> pd.DataFrame:
        """Return the frame with the dtypes of a dataset."""
        dtypes = dict.fromkeys(self._spec.series_keys, "str")
        dtypes[self._spec.timestamp] = "datetime64[us]"
        for name in selection.columns:
            dtypes[name] = "float64" if self._spec.variable(name).kind == "number" else "str"
        return frame.astype({name: kind for name, kind in dtypes.items() if str(frame[name].dtype) != kind})
