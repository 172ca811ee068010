"""The SQL that puts a dataset version together from its patches, as text.

The first patch is the base; of the later ones the latest operation per key and column is put over it, so that rows
nobody touched are scanned and joined, never grouped. Not here: running it (`loopcast.store.reading`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from loopcast.dataops.table import OPERATION, REMOVE, UPSERT, TableSpec
from loopcast.store.patches import PatchRef

BASE = "base_table"
OPERATIONS = "operations_table"
SERIES_WANTED = "series_wanted"
KEYS_WANTED = "keys_wanted"
VERSION = "_version"


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


def build_statement(refs: Sequence[PatchRef], selection: Selection, *, spec: TableSpec, base_path: str | None) -> str:
    """Return the SQL of the rows after the patches, in no order.

    Args:
        refs: the base and the later patches, in order; the later ones are in the table `operations_table`.
        selection: which part is wanted; its series and keys are in tables of their own.
        spec: names and kinds of the columns.
        base_path: the base's file on this machine; None: it is in the table `base_table`.
    """
    base = _build_base(refs[0], selection, spec=spec, path=base_path)
    if len(refs) == 1:
        return base
    keys = [quote_name(name) for name in spec.keys]
    first = ", ".join(f"coalesce(latest.{key}, base.{key}) AS {key}" for key in keys)
    patterns = _find_patterns(refs[1:], selection)
    values = "".join(
        f", CASE WHEN latest.{patterns[name].sent} THEN latest.{quote_name(name)} ELSE base.{quote_name(name)} END"
        f" AS {quote_name(name)}"
        for name in selection.columns
    )
    on = " AND ".join(f"base.{key} = latest.{key}" for key in keys)
    return (
        f"WITH base AS ({base}), latest AS ({_build_latest(patterns, selection, spec=spec)}) "  # noqa: S608
        f"SELECT {first}{values} FROM base FULL JOIN latest ON {on} "
        f"WHERE coalesce(latest.{quote_name(OPERATION)}, '{UPSERT}') = '{UPSERT}'"
    )


@dataclass(frozen=True)
class _Pattern:
    """Which of the later patches carry a variable; variables carried by the same ones share a pattern.

    Args:
        condition: SQL that is true of a row whose patch carries it; None: all patches do.
        sent: name of the column that says whether any such row was found for the key.
        is_absent: whether no patch carries it.
    """

    condition: str | None
    sent: str
    is_absent: bool

    @property
    def filter(self) -> str:
        """The condition as an aggregate's filter."""
        return "" if self.condition is None else f" FILTER (WHERE {self.condition})"


def _find_patterns(refs: Sequence[PatchRef], selection: Selection) -> dict[str, _Pattern]:
    """Return the pattern of each variable wanted.

    A removal counts as sending every column empty, so that nothing from before it comes back.
    """
    carriers = {name: tuple(ref.number for ref in refs if name in ref.columns_sent) for name in selection.columns}
    order = {numbers: at for at, numbers in enumerate(dict.fromkeys(carriers.values()))}
    patterns = {}
    for name, numbers in carriers.items():
        is_removal = f"{quote_name(OPERATION)} = '{REMOVE}'"
        condition = f"{is_removal} OR {VERSION} IN ({', '.join(map(str, numbers))})" if numbers else is_removal
        everywhere = len(numbers) == len(refs)
        patterns[name] = _Pattern(None if everywhere else condition, f"_sent_{order[numbers]}", is_absent=not numbers)
    return patterns


def _build_base(ref: PatchRef, selection: Selection, *, spec: TableSpec, path: str | None) -> str:
    """Return the SQL of the base's rows."""
    source = BASE if path is None else f"read_parquet({quote_text(path)})"
    names = [quote_name(name) for name in spec.keys]
    for name in selection.columns:
        kind = "DOUBLE" if spec.variable(name).kind == "number" else "VARCHAR"
        names.append(quote_name(name) if name in ref.columns_sent else f"CAST(NULL AS {kind}) AS {quote_name(name)}")
    where = [f"{quote_name(OPERATION)} = '{UPSERT}'", *_build_conditions(selection, spec)]
    joins = _build_semi_joins(selection, spec)
    return f"SELECT {', '.join(names)} FROM {source} {joins} WHERE {' AND '.join(where)}"  # noqa: S608


def _build_latest(patterns: dict[str, _Pattern], selection: Selection, *, spec: TableSpec) -> str:
    """Return the SQL of the latest operation per key, and per column the latest value that was sent."""
    names = ", ".join(quote_name(name) for name in spec.keys)
    operation = quote_name(OPERATION)
    parts = [names, f"arg_max({operation}, {VERSION}) AS {operation}"]
    for name, pattern in patterns.items():
        column = "NULL" if pattern.is_absent else quote_name(name)
        parts.append(f"arg_max_null({column}, {VERSION}){pattern.filter} AS {quote_name(name)}")
    parts += [f"count(*){pattern.filter} > 0 AS {pattern.sent}" for pattern in dict.fromkeys(patterns.values())]
    conditions = _build_conditions(selection, spec)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    joins = _build_semi_joins(selection, spec)
    return f"SELECT {', '.join(parts)} FROM {OPERATIONS} {joins} {where} GROUP BY {names}"  # noqa: S608


def _build_conditions(selection: Selection, spec: TableSpec) -> list[str]:
    """Return the conditions on the timestamp."""
    time = quote_name(spec.timestamp)
    bounds = ((">=", selection.start), ("<=", selection.end))
    return [f"{time} {sign} TIMESTAMP '{moment.isoformat(sep=' ')}'" for sign, moment in bounds if moment is not None]


def _build_semi_joins(selection: Selection, spec: TableSpec) -> str:
    """Return the joins that keep the series and keys that are wanted."""
    joins = ""
    if selection.series is not None:
        joins += f" SEMI JOIN {SERIES_WANTED} USING ({', '.join(map(quote_name, spec.series_keys))})"
    if selection.keys is not None:
        joins += f" SEMI JOIN {KEYS_WANTED} USING ({', '.join(map(quote_name, spec.keys))})"
    return joins


def quote_name(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
