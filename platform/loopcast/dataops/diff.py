"""What is different between two states of some rows, cell by cell.

Pure functions over the rows that may differ, and over the cells that do. Not here: finding those, which is the store's
work.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.merge import find_positions
from loopcast.dataops.table import TableSpec

ADDED, CORRECTED, REMOVED = "added", "corrected", "removed"


@dataclass(frozen=True)
class Difference:
    """What is different between two versions.

    Args:
        added: rows that only the second has.
        corrected: rows that both have, with another value in at least one cell.
        removed: rows that only the first has.
        cells: the keys, `change` (added, corrected or removed), `column`, `before` and `after`, sorted by the keys; one
            line per cell that is different. A row added or removed without any value has one line without a column.
    """

    added: int
    corrected: int
    removed: int
    cells: pd.DataFrame


def compare_rows(before: pd.DataFrame, after: pd.DataFrame, *, spec: TableSpec) -> Difference:
    """Return what is different between two states of some rows.

    Args:
        before: keys and all variables; keys unique. Rows that are the same in both may be there or not.
        after: the same rows later.
        spec: names of the columns.
    """
    at = find_positions(before, after, spec)
    is_kept = at >= 0
    is_gone = np.ones(len(before), dtype=bool)
    is_gone[at[is_kept]] = False
    old = before.iloc[at[is_kept]].reset_index(drop=True)
    new, added = after[is_kept].reset_index(drop=True), after[~is_kept]
    removed = before[is_gone]
    corrected = np.zeros(len(new), dtype=bool)
    parts = [_bare_rows(added, spec, change=ADDED), _bare_rows(removed, spec, change=REMOVED)]
    for name in spec.variable_names:
        is_changed = ~((old[name] == new[name]) | (old[name].isna() & new[name].isna())).to_numpy(dtype=bool)
        corrected |= is_changed
        rows, more, fewer = new[is_changed], added[added[name].notna()], removed[removed[name].notna()]
        parts.append(
            _cells(rows, spec, change=CORRECTED, column=name, before=old.loc[is_changed, name], after=rows[name])
        )
        parts.append(_cells(more, spec, change=ADDED, column=name, after=more[name]))
        parts.append(_cells(fewer, spec, change=REMOVED, column=name, before=fewer[name]))
    cells = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    cells = cells.sort_values(list(spec.keys), ignore_index=True, kind="stable")
    return Difference(len(added), int(corrected.sum()), len(removed), cells)


def apply_corrections(rows: pd.DataFrame, cells: pd.DataFrame, *, spec: TableSpec) -> pd.DataFrame:
    """Return the rows with other values in some cells; cells of rows or columns that are not there are left out.

    Args:
        rows: keys and some of the variables; keys unique.
        cells: the keys, `column` and `after`, as in `Difference.cells`; an `after` of None makes the cell missing.
        spec: names of the columns.
    """
    corrected = rows
    for name, part in cells.groupby("column"):
        if name in rows.columns:
            at = find_positions(rows, part, spec)
            values = rows[name].to_numpy(dtype=object, copy=True)
            values[at[at >= 0]] = part["after"].to_numpy(dtype=object)[at >= 0]
            corrected = corrected.assign(**{str(name): pd.Series(values, index=rows.index).astype(rows[name].dtype)})
    return corrected


def _cells(
    rows: pd.DataFrame,
    spec: TableSpec,
    *,
    change: str,
    column: str | None,
    before: pd.Series | None = None,
    after: pd.Series | None = None,
) -> pd.DataFrame:
    """Return one line per row for one column."""
    sides = {"before": _plain(before, len(rows)), "after": _plain(after, len(rows))}
    texts = {"change": [change] * len(rows), "column": [column] * len(rows)}
    lines = {name: pd.Series(values, index=rows.index, dtype="str") for name, values in texts.items()}
    lines |= {name: pd.Series(values, index=rows.index, dtype="object") for name, values in sides.items()}
    return rows[list(spec.keys)].assign(**lines)


def _plain(column: pd.Series | None, length: int) -> list[float | str | None]:
    """Return a column's values, None where they are missing."""
    if column is None:
        return [None] * length
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna(), strict=True)]


def _bare_rows(rows: pd.DataFrame, spec: TableSpec, *, change: str) -> pd.DataFrame:
    """Return one line without a column for each row without any value."""
    is_bare = rows[list(spec.variable_names)].isna().all(axis=1)
    return _cells(rows[is_bare], spec, change=change, column=None)
