"""The warehouse's SQL: one schema per use case, filled table by table over an open connection.

Here belong creating, filling and describing tables, and remembering what was delivered. Not here: which tables there
are (`loopcast.loop.warehouse`), and the file (`loopcast.store.warehouse_file`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from loopcast.errors import StoreError
from loopcast.store.statements import quote_name, quote_text

DELIVERED = "_delivered"
INCOMING = "incoming"
TYPES = {"str": "VARCHAR", "float64": "DOUBLE", "int64": "BIGINT", "bool": "BOOLEAN", "datetime64[us]": "TIMESTAMP"}


@dataclass(frozen=True)
class TableLayout:
    """What one table looks like.

    Args:
        name: its name in the schema.
        dtypes: pandas' dtype of each column, in order.
        description: what a row is.
        columns: what the columns mean; those without a word have none.
    """

    name: str
    dtypes: Mapping[str, str]
    description: str
    columns: Mapping[str, str]

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return a frame with just these columns in their dtypes; a column that it does not have is missing."""
        return frame.reindex(columns=list(self.dtypes)).astype(dict(self.dtypes))


class Warehouse:
    """The schema of one use case in a warehouse."""

    def __init__(self, connection: Any, *, schema: str) -> None:
        """Make the schema where it is not there.

        Args:
            connection: an open connection of DuckDB that may write.
            schema: the use case's name.
        """
        self._connection, self._schema = connection, schema
        self._run(f"CREATE SCHEMA IF NOT EXISTS {quote_name(schema)}")
        self._run(
            f"CREATE TABLE IF NOT EXISTS {self._place(DELIVERED)} "
            "(item VARCHAR NOT NULL, part VARCHAR NOT NULL, tag VARCHAR NOT NULL, PRIMARY KEY (item, part))"
        )

    def begin(self) -> None:
        """Begin a transaction, which `commit` ends: many small writes are far quicker in one."""
        self._run("BEGIN")

    def commit(self) -> None:
        """End the transaction."""
        self._run("COMMIT")

    def clear(self) -> None:
        """Drop all tables and views of the schema, give their space back, and forget what was delivered."""
        for kind in ("view", "table"):
            query = f"SELECT {kind}_name FROM duckdb_{kind}s() WHERE schema_name = ? AND NOT internal"  # noqa: S608
            for (name,) in self._run(query, [self._schema]):
                if name != DELIVERED:
                    self._run(f"DROP {kind.upper()} {self._place(name)}")
        self._run(f"DELETE FROM {self._place(DELIVERED)}")  # noqa: S608
        self._run("CHECKPOINT")

    def create(self, layout: TableLayout) -> None:
        """Make an empty table in place of one of that name, described column by column."""
        place = self._place(layout.name)
        columns = ", ".join(f"{quote_name(name)} {TYPES[kind]}" for name, kind in layout.dtypes.items())
        self._run(f"CREATE OR REPLACE TABLE {place} ({columns})")
        self._run(f"COMMENT ON TABLE {place} IS {quote_text(layout.description)}")
        for name, text in layout.columns.items():
            if name in layout.dtypes:
                self._run(f"COMMENT ON COLUMN {place}.{quote_name(name)} IS {quote_text(text)}")

    def create_newest(self, name: str, *, table: str, keys: Sequence[str], newest: str, description: str) -> None:
        """Make a view of a table's newest rows, one per key.

        Args:
            name: the view's name.
            table: the table's name.
            keys: columns of which each combination is there once.
            newest: column whose largest value wins.
            description: what a row is.
        """
        by = ", ".join(map(quote_name, keys))
        rank = f"row_number() OVER (PARTITION BY {by} ORDER BY {quote_name(newest)} DESC)"
        query = f"SELECT * FROM {self._place(table)} QUALIFY {rank} = 1"  # noqa: S608
        self._run(f"CREATE OR REPLACE VIEW {self._place(name)} AS {query}")
        self._run(f"COMMENT ON VIEW {self._place(name)} IS {quote_text(description)}")

    def insert(self, layout: TableLayout, frame: pd.DataFrame) -> None:
        """Add rows, column by column's name; a column that the frame does not have is missing."""
        if frame.empty:
            return
        self._connection.register(INCOMING, pa.Table.from_pandas(layout.conform(frame), preserve_index=False))
        self._run(f"INSERT INTO {self._place(layout.name)} BY NAME SELECT * FROM {INCOMING}")  # noqa: S608
        self._connection.unregister(INCOMING)

    def delete(self, table: str, *, column: str, value: str) -> None:
        """Remove the rows with a value in a column."""
        self._run(f"DELETE FROM {self._place(table)} WHERE {quote_name(column)} = ?", [value])  # noqa: S608

    def delivered(self, item: str) -> dict[str, str]:
        """Return what was delivered of something: the tag of each part."""
        query = f"SELECT part, tag FROM {self._place(DELIVERED)} WHERE item = ?"  # noqa: S608
        return dict(self._run(query, [item]))

    def remember(self, item: str, tags: Mapping[str, str]) -> None:
        """Keep what was delivered of something: the tag of each part; other parts stay as they are."""
        table = pa.table({"item": [item] * len(tags), "part": list(tags), "tag": list(tags.values())})
        self._connection.register(INCOMING, table)
        self._run(f"INSERT OR REPLACE INTO {self._place(DELIVERED)} BY NAME SELECT * FROM {INCOMING}")  # noqa: S608
        self._connection.unregister(INCOMING)

    def forget(self, item: str, part: str) -> None:
        """Keep that nothing of a part is delivered any more."""
        self._run(f"DELETE FROM {self._place(DELIVERED)} WHERE item = ? AND part = ?", [item, part])  # noqa: S608

    def describe(self) -> pd.DataFrame:
        """Return the tables and views: `table`, `kind`, `rows`, `description`, by name."""
        query = (
            "SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables() WHERE schema_name = $1 "
            "UNION ALL SELECT view_name, 'view', comment FROM duckdb_views() "
            "WHERE schema_name = $1 AND NOT internal ORDER BY name"
        )
        found = [row for row in self._run(query, [self._schema]) if row[0] != DELIVERED]
        rows = [(name, kind, self._count(name), comment) for name, kind, comment in found]
        return pd.DataFrame(rows, columns=["table", "kind", "rows", "description"])

    def _count(self, table: str) -> int:
        return int(self._run(f"SELECT count(*) FROM {self._place(table)}")[0][0])  # noqa: S608

    def _place(self, table: str) -> str:
        return f"{quote_name(self._schema)}.{quote_name(table)}"

    def _run(self, statement: str, values: list[str] | None = None) -> list[tuple[Any, ...]]:
        try:
            # To the end: a result left open blocks the next statement.
            return list(self._connection.execute(statement, values).fetchall())
        except duckdb.Error as error:
            raise StoreError(
                f"cannot write the warehouse's schema {self._schema}: {error}; "
                "the lake is untouched: make it anew with `loopcast warehouse rebuild`"
            ) from error
