"""A dataset version from its patches, in one DuckDB statement: only the columns, series and time range asked for.

Here belongs all SQL on datasets. The first patch is the base; of the later ones the latest operation per key and
column is put over it, so that rows nobody touched are scanned and joined, never grouped. Not here: which patches
make a version.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from loopcast.dataops.table import OPERATION, REMOVE, UPSERT, TableSpec
from loopcast.store.patches import PatchFiles, PatchRef

_VERSION = "_version"


@dataclass(frozen=True)
class Selection:
    """Which part of a version is wanted.

    Args:
        columns: the variables.
        series: the series keys of the series wanted, one row each; None: all.
        start: the first timestamp wanted; None: from the beginning.
        end: the last timestamp wanted, itself included; None: to the end.
        keys: whole keys of the rows wanted; None: all.
    """

    columns: tuple[str, ...]
    series: pd.DataFrame | None = None
    start: datetime | None = None
    end: datetime | None = None
    keys: pd.DataFrame | None = None


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
        order = ", ".join(_quote(name) for name in self._spec.keys)
        query = f"{self._statement(refs, selection)} ORDER BY {order}"
        return self._conform(self._run(query, refs, selection).to_pandas(), selection)

    def read_extent(self, refs: Sequence[PatchRef]) -> Extent:
        """Return how far the rows after the patches reach."""
        if not refs:
            return Extent(0, 0, None, None)
        names = ", ".join(_quote(name) for name in self._spec.series_keys)
        series = f"count(DISTINCT ({names}))" if names else "CAST(count(*) > 0 AS BIGINT)"
        time = _quote(self._spec.timestamp)
        selection = Selection(columns=())
        query = (
            f"SELECT count(*) AS rows, {series} AS series, min({time}) AS first, max({time}) AS last "  # noqa: S608
            f"FROM ({self._statement(refs, selection)})"
        )
        row = self._run(query, refs, selection).to_pylist()[0]
        return Extent(int(row["rows"]), int(row["series"]), row["first"], row["last"])

    def read_series(self, refs: Sequence[PatchRef], series: pd.DataFrame) -> pd.DataFrame:
        """Return those of the series that have rows after the patches."""
        names = ", ".join(_quote(name) for name in self._spec.series_keys)
        selection = Selection(columns=(), series=series)
        query = f"SELECT DISTINCT {names} FROM ({self._statement(refs, selection)})"  # noqa: S608
        frame: pd.DataFrame = self._run(query, refs, selection).to_pandas()
        return frame

    def _run(self, query: str, refs: Sequence[PatchRef], selection: Selection) -> Any:  # noqa: ANN401
        """Return a statement's result as an Arrow table."""
        if self._engine is None:
            self._engine = duckdb.connect(
                ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
            )
        cursor = self._engine.cursor()
        try:
            if self._patches.local_path(refs[0].digest) is None:
                cursor.register("base_table", self._patches.read(refs[0].digest))
            if len(refs) > 1:
                cursor.register("operations_table", self._operations(refs[1:]))
            for name, frame in (("series_wanted", selection.series), ("keys_wanted", selection.keys)):
                if frame is not None:
                    cursor.register(name, pa.Table.from_pandas(frame, preserve_index=False))
            return cursor.sql(query).to_arrow_table()
        finally:
            cursor.close()

    def _operations(self, refs: Sequence[PatchRef]) -> Any:  # noqa: ANN401
        """Return all patches after the base in one Arrow table, each row with its version's number."""
        tables = []
        for ref in refs:
            table = self._patches.read(ref.digest)
            tables.append(table.append_column(_VERSION, pa.array(np.full(table.num_rows, ref.number, dtype=np.int64))))
        return pa.concat_tables(tables, promote_options="default")

    def _statement(self, refs: Sequence[PatchRef], selection: Selection) -> str:
        """Return the SQL of the rows after the patches, in no order."""
        base = self._base_sql(refs[0], selection)
        if len(refs) == 1:
            return base
        keys = [_quote(name) for name in self._spec.keys]
        first = ", ".join(f"coalesce(latest.{key}, base.{key}) AS {key}" for key in keys)
        values = "".join(
            f", CASE WHEN latest.{_sent(at)} THEN latest.{_value(at)} ELSE base.{_quote(name)} END AS {_quote(name)}"
            for at, name in enumerate(selection.columns)
        )
        on = " AND ".join(f"base.{key} = latest.{key}" for key in keys)
        return (
            f"WITH base AS ({base}), latest AS ({self._latest_sql(refs[1:], selection)}) "  # noqa: S608
            f"SELECT {first}{values} FROM base FULL JOIN latest ON {on} "
            f"WHERE coalesce(latest.{_quote(OPERATION)}, '{UPSERT}') = '{UPSERT}'"
        )

    def _base_sql(self, ref: PatchRef, selection: Selection) -> str:
        """Return the SQL of the base's rows."""
        path = self._patches.local_path(ref.digest)
        source = "base_table" if path is None else f"read_parquet({_text(path)})"
        names = [_quote(name) for name in self._spec.keys]
        for name in selection.columns:
            kind = "DOUBLE" if self._spec.variable(name).kind == "number" else "VARCHAR"
            sent = _quote(name) if name in ref.columns_sent else f"CAST(NULL AS {kind}) AS {_quote(name)}"
            names.append(sent)
        where = [f"{_quote(OPERATION)} = '{UPSERT}'", *self._conditions(selection)]
        return f"SELECT {', '.join(names)} FROM {source} {self._semi_joins(selection)} WHERE {' AND '.join(where)}"  # noqa: S608

    def _latest_sql(self, refs: Sequence[PatchRef], selection: Selection) -> str:
        """Return the SQL of the latest operation per key, and per column the latest value that was sent.

        A removal counts as sending every column empty, so that nothing from before it comes back.
        """
        names = ", ".join(_quote(name) for name in self._spec.keys)
        operation = _quote(OPERATION)
        values = ""
        for at, name in enumerate(selection.columns):
            numbers = [str(ref.number) for ref in refs if name in ref.columns_sent]
            in_versions = f" OR {_VERSION} IN ({', '.join(numbers)})" if numbers else ""
            is_sent = f"({operation} = '{REMOVE}'{in_versions})"
            column = _quote(name) if numbers else "NULL"
            values += (
                f", arg_max_null({column}, {_VERSION}) FILTER (WHERE {is_sent}) AS {_value(at)}"
                f", count(*) FILTER (WHERE {is_sent}) > 0 AS {_sent(at)}"
            )
        conditions = self._conditions(selection)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return (
            f"SELECT {names}, arg_max({operation}, {_VERSION}) AS {operation}{values} "  # noqa: S608
            f"FROM operations_table {self._semi_joins(selection)} {where} GROUP BY {names}"
        )

    def _conditions(self, selection: Selection) -> list[str]:
        """Return the conditions on the timestamp."""
        time = _quote(self._spec.timestamp)
        bounds = ((">=", selection.start), ("<=", selection.end))
        return [
            f"{time} {sign} TIMESTAMP '{moment.isoformat(sep=' ')}'" for sign, moment in bounds if moment is not None
        ]

    def _semi_joins(self, selection: Selection) -> str:
        """Return the joins that keep the series and keys that are wanted."""
        joins = ""
        if selection.series is not None:
            joins += f" SEMI JOIN series_wanted USING ({', '.join(map(_quote, self._spec.series_keys))})"
        if selection.keys is not None:
            joins += f" SEMI JOIN keys_wanted USING ({', '.join(map(_quote, self._spec.keys))})"
        return joins

    def _conform(self, frame: pd.DataFrame, selection: Selection) -> pd.DataFrame:
        """Return the frame with the dtypes of a dataset."""
        dtypes = dict.fromkeys(self._spec.series_keys, "str")
        dtypes[self._spec.timestamp] = "datetime64[us]"
        for name in selection.columns:
            dtypes[name] = "float64" if self._spec.variable(name).kind == "number" else "str"
        return frame.astype({name: kind for name, kind in dtypes.items() if str(frame[name].dtype) != kind})


def _quote(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _value(position: int) -> str:
    """Return the name of the column with a variable's latest value."""
    return f"_value_{position}"


def _sent(position: int) -> str:
    """Return the name of the column that says whether a variable was sent."""
    return f"_sent_{position}"
