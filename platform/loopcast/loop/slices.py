"""A slice: the data of a version exactly as a job sees them. Builds and forecasts read through here and nowhere else.

What is needed is said by the zoo (`loopcast.zoo.minimal`), what is done to it by the use case's preprocessing
(`loopcast.zoo.preparation`); building and predicting are in the sibling modules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import numpy as np
import pandas as pd

from loopcast.dataops.diff import apply_corrections
from loopcast.dataops.frequency import shift_time
from loopcast.dataops.preprocessing import Preprocessing, filter_rows, find_buckets
from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import choose_zoo, read_zoo
from loopcast.store.version_records import VersionRecord
from loopcast.zoo.feature_table import make_feature_table
from loopcast.zoo.minimal import count_missing_steps, crop_to_window
from loopcast.zoo.panel import Panel, frame_from_panel, local_starts, panel_from_frame, stored_timestamps
from loopcast.zoo.preparation import choose_rows, prepare_panel, resolve_flags
from loopcast.zoo.zoo import Zoo

Job = Literal["build", "predict"]
WIDEN = 4


@dataclass(frozen=True, eq=False)
class Slice:
    """What a job sees of a version.

    Args:
        version: the version.
        panel: series on a grid, prepared.
        preprocessing: how they were prepared, as pinned by what is made from them.
        rows_read: rows read from the version.
    """

    version: str
    panel: Panel
    preprocessing: Preprocessing
    rows_read: int

    @property
    def frame(self) -> pd.DataFrame:
        """The rows: keys, timestamp, number variables and, per variable, `<variable>_was_imputed`."""
        return frame_from_panel(self.panel)


def read_slice(project: Project, version: str, *, for_job: Job, origin: datetime | None = None) -> Slice:
    """Return a version as a job would see it, or would have seen it at an earlier origin.

    Args:
        project: the use case.
        version: an accepted version.
        for_job: `build`: what members learn from; `predict`: the minimal history of the zoo that forecasts the version.
        origin: local time of the last target known; variables that end before or after the target do so relative to
            it. None: everything the version brought.

    Raises:
        NotFoundError: no such version, or no zoo is in force for it.
    """
    if for_job == "build":
        return read_build(project, version, origin=origin)
    chosen = choose_zoo(project, version)
    if chosen is None:
        raise NotFoundError(f"found no zoo in force for {version} of {project.name}; ask for the slice of a build")
    zoo = read_zoo(project, chosen[1])
    seen = read_window(project, project.store.versions.record(version), zoo, origin=origin)
    return replace(seen, panel=crop_to_window(zoo, seen.panel))


def read_features(project: Project, version: str, origins: Sequence[datetime] | None = None) -> pd.DataFrame:
    """Return the linear members' features of a version, one row per series, origin and step ahead.

    Each row holds what was known at its origin in that version: nothing after it but predictors known ahead.

    Args:
        project: the use case.
        version: an accepted version.
        origins: local times of the last targets known; None: the newest.

    Raises:
        CallerError: an origin before the first row.
    """
    panel = read_build(project, version).panel
    positions = [int(panel.last.max())] if origins is None else [_position(panel, origin) for origin in origins]
    return make_feature_table(panel, positions, project.use_case.zoo)


def _position(panel: Panel, origin: datetime) -> int:
    position = int(panel.local.searchsorted(pd.Timestamp(origin), side="right")) - 1
    if position < 0:
        raise CallerError(f"found the origin {origin}; expected one from {panel.local[0]} on")
    return position


def read_build(project: Project, version: str, *, origin: datetime | None = None) -> Slice:
    """Return what a build sees of a version: the whole history, prepared, or the rows chosen for it."""
    wanted = project.use_case.zoo.preprocessing
    frame = project.store.versions.read(version)
    panel = _to_panel(project, frame, wanted, origin)
    settled = resolve_flags(wanted, panel)
    return Slice(version, choose_rows(prepare_panel(panel, settled), settled.rows), settled, len(frame))


def read_window(
    project: Project,
    record: VersionRecord,
    zoo: Zoo,
    *,
    origin: datetime | None = None,
    series: Sequence[Mapping[str, str]] | None = None,
    corrections: pd.DataFrame | None = None,
    more: int = 0,
) -> Slice:
    """Return what a forecast reads of an accepted version: the zoo's minimal history and not a row before it.

    A retrain reads more steps, see `loopcast.zoo.minimal.count_new_steps`.

    One read is enough where the newest rows are the target's, or the horizon's of a predictor known ahead. Series that
    ended earlier, or a gap at the oldest row, make it look further back until it knows. A gap that is imputed at the
    oldest row needs the value before it, so `max_gap` rows more are read where there is imputation.

    Args:
        project: the use case.
        record: the version.
        zoo: what forecasts it.
        origin: local time of the last target known; None: everything the version brought.
        series: series keys and values of the series to look at; None: all.
        corrections: cells to be read as something else, see `loopcast.dataops.diff.apply_corrections`; None: as it is.
        more: steps before the minimal history that are read as well.
    """
    settled, versions = zoo.spec.preprocessing, project.store.versions
    used = {*(offset.variable for offset in zoo.minimal_history), *settled.filter}
    names = [name for name in project.store.spec.variable_names if name in used]
    n_series = len(series) if series is not None else len(zoo.series) if settled.filter else record.series
    steps = _span(zoo) + more
    while True:
        start = _start(project, record, settled, steps, origin)
        frame = versions.read(record.version, columns=names, series=series, start=start)
        frame = frame if corrections is None else apply_corrections(frame, corrections, spec=project.store.spec)
        if start is not None and filter_rows(frame, settled.filter).empty:
            steps *= WIDEN
            continue
        panel = prepare_panel(_to_panel(project, frame, settled, origin), settled)
        missing = count_missing_steps(zoo, panel, n_series=n_series) if start is not None else 0
        if not missing:
            return Slice(record.version, panel, settled, len(frame))
        steps += missing


def _to_panel(project: Project, frame: pd.DataFrame, settled: Preprocessing, origin: datetime | None) -> Panel:
    """Return the rows as series on a grid, as they were known at an origin."""
    panel = panel_from_frame(filter_rows(frame, settled.filter), settled.raw_spec(project.store.spec))
    if origin is None:
        return panel
    return panel.cut(np.minimum(panel.last, _position(panel, origin)))


def _span(zoo: Zoo) -> int:
    """Return how many steps before a version's newest row the window begins."""
    deepest = -min(offset.first for offset in zoo.minimal_history)
    is_ahead = any(count for item in zoo.availability for count in item.ahead)
    return deepest + (max(block.situation.steps for block in zoo.blocks) if is_ahead else 0)


def _start(
    project: Project, record: VersionRecord, settled: Preprocessing, steps: int, origin: datetime | None
) -> pd.Timestamp | None:
    """Return the stored time so many steps before a version's newest row; None where that is before its first."""
    spec = project.store.spec
    newest = local_starts(pd.DatetimeIndex([record.last_timestamp]), spec)[0]
    newest = newest if origin is None else min(newest, pd.Timestamp(origin))
    scaled = settled.job_spec(spec).frequency
    if settled.time_scale is not None:
        newest = find_buckets(pd.DatetimeIndex([newest]), scaled)[0][0]
    margin = settled.max_gap + 1 if settled.max_gap else 0
    first = shift_time(shift_time(newest, scaled, -steps), spec.frequency, -margin)
    stored = stored_timestamps(pd.DatetimeIndex([first - pd.Timedelta("3h"), first]), spec).dropna()
    start = stored[-1]  # a local time that the clock skips has no stored one: then an earlier one is taken
    return None if start <= pd.Timestamp(np.datetime64(record.first_timestamp)) else start


def read_targets(project: Project, version: str, *, start: datetime, end: datetime) -> pd.DataFrame:
    """Return the measured targets of a version as forecasts are judged on them: filtered, on the jobs' time scale.

    Args:
        project: the use case.
        version: a settled version.
        start: stored time of the first one.
        end: stored time of the last one; on a coarser time scale, of any moment in its period.

    Returns:
        Keys and target; imputed values are not among them.
    """
    spec, settled = project.store.spec, project.use_case.zoo.preprocessing
    names = [name for name in spec.variable_names if name == spec.target or name in settled.filter]
    if settled.time_scale is not None:
        edges, _ = find_buckets(local_starts(pd.DatetimeIndex([start, end]), spec), settled.time_scale.frequency)
        last = shift_time(shift_time(edges[-1], settled.time_scale.frequency, 1), spec.frequency, -1)
        start, end = stored_timestamps(pd.DatetimeIndex([edges[0], last]), spec)
    frame = filter_rows(project.store.versions.read(version, columns=names, start=start, end=end), settled.filter)
    if settled.time_scale is None or frame.empty:
        return frame[[*spec.keys, spec.target]]
    target_only = replace(settled, columns=())
    panel = prepare_panel(panel_from_frame(frame, target_only.raw_spec(spec)), target_only)
    measured = frame_from_panel(replace(panel, y=panel.measured(spec.target)))
    return measured[[*spec.keys, spec.target]]


def period_starts(project: Project, stored: pd.Series) -> pd.Series:
    """Return the stored time at which the jobs' period that holds each stored time begins."""
    spec, scale = project.store.spec, project.use_case.zoo.preprocessing.time_scale
    if scale is None or stored.empty:
        return stored
    times = pd.DatetimeIndex(stored)
    grid, _ = find_buckets(local_starts(times.sort_values(), spec), scale.frequency)
    place = grid.searchsorted(local_starts(times, spec), side="right") - 1
    scaled = project.use_case.zoo.preprocessing.job_spec(spec)
    return pd.Series(stored_timestamps(grid[place], scaled), index=stored.index)
