"""From rows that a source delivers to a batch: which of them are new, and the bytes of the update that they make.

Here belongs what all sources of rows share. Not here: how rows are asked for, and what becomes of a batch.

A position is what a source knows about what was taken, as JSON: the cursor, and the digests of the rows taken at it.
Rows are always asked for from the cursor on, itself included, and those taken before are left out by their content.
So rows that come later with the same cursor are not lost, and a row that was corrected at the same cursor is taken.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from loopcast.dataops.table import TableSpec
from loopcast.errors import SourceError
from loopcast.sources.cursor import NUMBERS

Position = Mapping[str, Any]
NOWHERE: Position = {}
DIGEST_LENGTH = 24
FLOAT_BITS = 1023  # of the largest integers that are finite as a float


@dataclass(frozen=True)
class Batch:
    """What one fetch found, ready to be claimed as one version.

    Args:
        name: file name; its ending says what the bytes are.
        content: the update file's bytes.
        key: tells this batch from all others of the source.
        rows: how many rows there are, None where nobody has looked.
        reason: what the batch is, for the version's record.
    """

    name: str
    content: bytes
    key: str
    rows: int | None
    reason: str


@dataclass(frozen=True)
class Fetched:
    """What a source answered.

    Args:
        batch: what is new, None where nothing is.
        position: where the next fetch begins, once the batch is claimed.
        more: whether there may be more already.
    """

    batch: Batch | None
    position: Position
    more: bool = False


@dataclass(frozen=True)
class Rows:
    """Rows as delivered.

    Args:
        names: the columns' names.
        cells: one tuple per row, in the source's order.
    """

    names: tuple[str, ...]
    cells: list[tuple[Any, ...]] = field(default_factory=list)

    def column(self, name: str) -> list[Any]:
        """Return one column; raises SourceError where there is none of that name."""
        if name not in self.names:
            raise SourceError(f"found the columns {list(self.names)[:20]}; expected one called {name!r} for the cursor")
        at = self.names.index(name)
        return [row[at] for row in self.cells]


@dataclass(frozen=True)
class Shape:
    """How delivered rows become rows of the use case's table.

    Args:
        label: name of the source.
        spec: the use case's table.
        columns: new names of columns; None leaves a column out.
        cursor: the cursor's column, which is left out where the use case does not know it.
        is_text: whether all cells are texts of a CSV file, whose way to write numbers is told from all of them.
    """

    label: str
    spec: TableSpec
    columns: Mapping[str, str | None] = field(default_factory=dict)
    cursor: str | None = None
    is_text: bool = False

    @property
    def texts(self) -> frozenset[str]:
        """The columns of the table that are text: a shop of the number 17 is "17", not 17.0."""
        categories = (variable.name for variable in self.spec.variables if variable.kind == "category")
        return frozenset((*self.spec.series_keys, *categories))

    def new_name(self, name: str) -> str | None:
        """Return what a delivered column is called in the update, None where it is left out."""
        if name in self.columns:
            return self.columns[name]
        is_known = name in (*self.spec.keys, *self.spec.variable_names)
        return None if name == self.cursor and not is_known else name


def leave_out_taken(rows: Rows, seen: frozenset[str]) -> Rows:
    """Return the rows that were not taken before, each once.

    Args:
        rows: the rows.
        seen: digests of rows that were taken before.
    """
    new = [row for row in rows.cells if digest_row(rows.names, row) not in seen] if seen else rows.cells
    return replace(rows, cells=list({repr(row): row for row in new}.values()))


def digest_row(names: Sequence[str], row: Sequence[Any]) -> str:
    """Return the first 96 bits of the SHA-256 of a row's names and values; the order of columns does not count."""
    cells = sorted((name, repr(value)) for name, value in zip(names, row, strict=True))
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).hexdigest()[:DIGEST_LENGTH]


def make_batch(rows: Rows, *, shape: Shape, reason: str) -> Batch | None:
    """Return the rows as the update that they make: a Parquet or CSV file; None where there are none.

    Of rows with the same key the last one counts where the cursor says which one that is: in a table of changes it
    is the newest. Rows that the cursor does not tell apart are all kept, and the rules on updates say what is wrong.

    Args:
        rows: the new rows, in cursor order.
        shape: the columns' new names, the keys, the cursor.
        reason: what the batch is.
    """
    if not rows.cells:
        return None
    chosen = [(at, new) for at, name in enumerate(rows.names) if (new := shape.new_name(name)) is not None]
    names = [new for _, new in chosen]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise SourceError(f"found the columns {twice} twice; give them names that differ in the query or in `columns`")
    kept = list(_last_of_each_key(rows, shape=shape))
    columns = [[row[at] for row in kept] for at, _ in chosen]
    content = _to_csv(names, columns) if shape.is_text else _to_parquet(names, columns, texts=shape.texts)
    digest, ending = hashlib.sha256(content).hexdigest(), "csv" if shape.is_text else "parquet"
    return Batch(f"{shape.label}-{digest[:12]}.{ending}", content, digest, len(kept), reason)


def _to_parquet(names: Sequence[str], columns: Sequence[list[Any]], *, texts: frozenset[str]) -> bytes:
    arrays = [_to_array(column, is_text=name in texts) for name, column in zip(names, columns, strict=True)]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays, names=list(names)), sink)
    return bytes(sink.getvalue())


def _to_csv(names: Sequence[str], columns: Sequence[list[Any]]) -> bytes:
    sink = io.StringIO()
    csv.writer(sink, lineterminator="\n").writerows([names, *zip(*columns, strict=True)])
    return sink.getvalue().encode()


def _last_of_each_key(rows: Rows, *, shape: Shape) -> Iterator[tuple[Any, ...]]:
    """Yield the rows without those that a later row of the same key replaces."""
    places = {shape.new_name(name): at for at, name in enumerate(rows.names)}
    if shape.cursor not in rows.names or not set(shape.spec.keys) <= set(places):
        yield from rows.cells
        return
    at_cursor, at_keys = rows.names.index(shape.cursor), [places[key] for key in shape.spec.keys]
    keys = [repr([row[at] for at in at_keys]) for row in rows.cells]
    newest = {key: row[at_cursor] for key, row in zip(keys, rows.cells, strict=True)}
    for key, row in zip(keys, rows.cells, strict=True):
        if newest[key] == row[at_cursor]:
            yield row


def _to_array(cells: list[Any], *, is_text: bool) -> pa.Array:
    """Return cells as an Arrow array: numbers, times or dates where all are and that is wanted, text otherwise."""
    kinds = {"text"} if is_text else {_kind_of(cell) for cell in cells if cell is not None}
    if kinds == {"number"}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())
    if kinds == {"aware"}:
        return pa.array(cells, pa.timestamp("us", tz="UTC"))
    if kinds == {"naive"}:
        return pa.array(cells, pa.timestamp("us"))
    if kinds == {"date"}:
        return pa.array(cells, pa.date32())
    return pa.array([None if cell is None else str(cell) for cell in cells], pa.string())


def _kind_of(cell: Any) -> str:
    if isinstance(cell, NUMBERS):
        return "text" if isinstance(cell, int) and cell.bit_length() > FLOAT_BITS else "number"
    if isinstance(cell, datetime):
        return "naive" if cell.tzinfo is None else "aware"
    return "date" if isinstance(cell, date) else "text"
