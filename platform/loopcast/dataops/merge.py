"""What an update does to the rows it touches: the rows afterwards and the count of changes.

Pure functions over the touched rows alone. Not here: finding those rows, which is the store's work.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.table import OPERATION, REMOVE, TableSpec
from loopcast.dataops.updates import Update

Positions = npt.NDArray[np.intp]


@dataclass(frozen=True)
class ChangeCounts:
    """How many rows an update changed.

    Args:
        added: rows that were not there.
        corrected: rows of which at least one cell is different now.
        removed: rows that were there and are gone.
        unchanged: rows sent as they were, and removals of rows that were not there.
        emptied: cells sent empty where a value was; their rows count as corrected.
    """

    added: int
    corrected: int
    removed: int
    unchanged: int
    emptied: int = 0


def count_changes(old: pd.DataFrame, update: Update, *, spec: TableSpec) -> ChangeCounts:
    """Return how many rows the update adds, corrects, removes and leaves as they are; see `merge_update`."""
    return merge_update(old, update, spec=spec)[1]


def apply_update(old: pd.DataFrame, update: Update, *, spec: TableSpec) -> pd.DataFrame:
    """Return the rows after the update, sorted by their keys; see `merge_update`."""
    return merge_update(old, update, spec=spec)[0]


def merge_update(old: pd.DataFrame, update: Update, *, spec: TableSpec) -> tuple[pd.DataFrame, ChangeCounts]:
    """Return the rows after the update, sorted by their keys, and how many it added, corrected, removed and left.

    A column that was not sent keeps its values; in a row that was not there it is missing. A removed row is gone.

    Args:
        old: the rows as they are, those with the update's keys at least; keys and all variables; keys unique.
        update: keys, the variables that were sent, and the operation; sorted by the keys.
        spec: names of the columns.
    """
    positions = find_positions(old, update.frame, spec)
    is_there = positions >= 0
    is_removal = (update.frame[OPERATION] == REMOVE).to_numpy(dtype=bool)
    is_kept = is_there & ~is_removal
    corrected, emptied = _count_corrected(old, update, positions, is_kept)
    added, removed = int((~is_there & ~is_removal).sum()), int((is_there & is_removal).sum())
    counts = ChangeCounts(added, corrected, removed, len(update.frame) - added - corrected - removed, emptied)
    changed = _changed_rows(old, update, positions[~is_removal], spec)
    is_untouched = np.ones(len(old), dtype=bool)
    is_untouched[positions[is_there]] = False
    if not is_untouched.any():
        return changed, counts
    parts = [part for part in (old.loc[is_untouched, changed.columns], changed) if len(part)]
    return pd.concat(parts, ignore_index=True).sort_values(list(spec.keys), ignore_index=True), counts


def _changed_rows(old: pd.DataFrame, update: Update, positions: Positions, spec: TableSpec) -> pd.DataFrame:
    """Return the rows that an update sends, with what they had in the columns that it does not send."""
    is_upsert = (update.frame[OPERATION] != REMOVE).to_numpy(dtype=bool)
    upserts = (update.frame if is_upsert.all() else update.frame[is_upsert]).reset_index(drop=True)
    rows = {name: upserts[name] for name in (*spec.keys, *update.columns_sent)}
    for name in spec.variable_names:
        if name not in rows:
            rows[name] = _take(old[name], positions)
    return pd.DataFrame(rows, columns=[*spec.keys, *spec.variable_names])


def _count_corrected(
    old: pd.DataFrame, update: Update, positions: Positions, is_kept: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    """Return how many rows that are there get another cell, and how many of their cells lose their value."""
    at, emptied = positions[is_kept], 0
    has_changed = np.zeros(len(at), dtype=bool)
    for name in update.columns_sent if len(at) else ():
        before, after = old[name].to_numpy()[at], update.frame[name].to_numpy()[is_kept]
        was_missing, is_missing = pd.isna(before), pd.isna(after)
        has_changed |= (before != after) & ~(was_missing & is_missing)
        emptied += int((is_missing & ~was_missing).sum())
    return int(has_changed.sum()), emptied


def _take(column: pd.Series, positions: Positions) -> pd.Series:
    """Return the column's values at the positions; missing where the position is -1."""
    return column.reset_index(drop=True).reindex(positions).reset_index(drop=True)


def find_positions(rows: pd.DataFrame, wanted: pd.DataFrame, spec: TableSpec) -> Positions:
    """Return for each wanted row the position of the row with its keys, -1 where there is none."""
    if rows.empty or wanted.empty:
        return np.full(len(wanted), -1, dtype=np.intp)
    if len(rows) == len(wanted) and all(rows[name].array.equals(wanted[name].array) for name in spec.keys):
        return np.arange(len(wanted), dtype=np.intp)  # corrections alone: nothing has to be looked for
    both = pd.concat([rows[list(spec.keys)], wanted[list(spec.keys)]], ignore_index=True)
    ids = np.zeros(len(both), dtype=np.int64)
    for name in spec.keys:
        codes, distinct = pd.factorize(both[name])
        ids, _ = pd.factorize(ids * len(distinct) + codes)
    return np.asarray(pd.Index(ids[: len(rows)]).get_indexer(pd.Index(ids[len(rows) :])), dtype=np.intp)
