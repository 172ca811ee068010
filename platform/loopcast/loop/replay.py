"""A recorded history cut into the updates that would have arrived: a first upload, then one PATCH per step.

Only the cutting is here; the updates go through the same inbox, assets and runs as any other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from loopcast.dataops.table import OPERATION, REMOVE, UPSERT
from loopcast.errors import CallerError
from loopcast.use_case.model import Replay, UseCase

REVISION_COLUMNS = ("corrected_on", "kind")
OPERATIONS = {"correction": UPSERT, "removal": REMOVE}


@dataclass(frozen=True)
class PlannedUpdate:
    """One update of a replay.

    Args:
        name: file name, which sorts by time.
        content: CSV bytes.
        reason: what it carries, in words.
    """

    name: str
    content: bytes
    reason: str


def plan_replay(use_case: UseCase, *, folder: Path) -> list[PlannedUpdate]:
    """Return the updates of a use case's recorded history, oldest first.

    Args:
        use_case: with `replay` set.
        folder: where the history's files lie.

    Raises:
        CallerError: the use case records no history, or a file is not there.
    """
    replay = use_case.replay
    if replay is None:
        raise CallerError(f"use case {use_case.name} has no `replay`: add history, start and end to its defs.yaml")
    history = _read_text(folder / replay.history)
    stamps = pd.to_datetime(history[use_case.timestamp])
    revisions = _read_revisions(folder / replay.revisions) if replay.revisions else history.iloc[:0]
    first = _as_delivered(history, revisions, use_case)
    before = stamps < pd.Timestamp(replay.start)
    upload = PlannedUpdate(f"{use_case.name}-until-{replay.start}.csv", _to_csv(first[before]), "first upload")
    return [upload, *_plan_steps(first, history, revisions, use_case, replay)]


def _plan_steps(
    first: pd.DataFrame, history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase, replay: Replay
) -> Iterator[PlannedUpdate]:
    stamps = pd.to_datetime(history[use_case.timestamp])
    step = pd.Timedelta(replay.step)
    for start in pd.date_range(replay.start, replay.end, freq=step, inclusive="left"):
        fresh = first[(stamps >= start) & (stamps < start + step)]
        later = _revise(history, revisions, use_case, start=start, end=start + step)
        reason = f"update of {start:%Y-%m-%d %H:%M}" + (f" with {len(later)} revisions" if len(later) else "")
        rows = pd.concat([fresh, later], ignore_index=True) if len(later) else fresh
        yield PlannedUpdate(f"{use_case.name}-{start:%Y-%m-%dT%H%M}.csv", _to_csv(rows), reason)


def _as_delivered(history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return the history with the values that were first delivered otherwise."""
    values = [name for name in revisions.columns if name not in (*REVISION_COLUMNS, *use_case.table.keys)]
    if revisions.empty or not values:
        return history
    keys = list(use_case.table.keys)
    delivered = history.set_index(keys)
    delivered.update(revisions.set_index(keys)[values])
    return delivered.reset_index()[history.columns]


def _revise(
    history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase, *, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Return the rows that correct or remove earlier ones between two times."""
    if "corrected_on" not in revisions.columns:
        return revisions
    days = pd.to_datetime(revisions["corrected_on"])
    due = revisions[(days >= start) & (days < end)]
    keys = list(use_case.table.keys)
    rows = due[[*keys, "kind"]].merge(history, on=keys, how="left")
    return rows.assign(**{OPERATION: rows["kind"].map(OPERATIONS)}).drop(columns="kind")


def _read_revisions(path: Path) -> pd.DataFrame:
    revisions = _read_text(path)
    missing = [name for name in REVISION_COLUMNS if name not in revisions.columns]
    if missing:
        raise CallerError(f"found no column {', '.join(missing)} in {path}; expected the keys, values and both of them")
    unknown = sorted(set(revisions["kind"]) - set(OPERATIONS))
    if unknown:
        raise CallerError(f"found the kind {unknown[0]!r} in {path}; expected {' or '.join(OPERATIONS)}")
    return revisions


def _read_text(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise CallerError(f"found no file {path}; the use case's `replay` names it")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _to_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()
