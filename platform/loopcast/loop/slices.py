"""A slice: the data of a version exactly as a job sees them. Every job reads through here and nowhere else.

What is needed is said by the zoo (`loopcast.zoo.minimal`); building and predicting are in the sibling modules.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import shift_time
from loopcast.loop.project import Project
from loopcast.store.version_records import VersionRecord
from loopcast.zoo.minimal import count_missing_steps
from loopcast.zoo.panel import Panel, local_starts, panel_from_frame, stored_timestamps
from loopcast.zoo.zoo import Zoo


@dataclass(frozen=True, eq=False)
class Slice:
    """What a job sees of a version.

    Args:
        frame: rows as read, under the use case's own names.
        panel: the same as series on a grid.
    """

    frame: pd.DataFrame
    panel: Panel


def read_build(project: Project, version: str) -> Slice:
    """Return what a build sees of a version: the whole history."""
    frame = project.store.versions.read(version)
    return Slice(frame, panel_from_frame(frame, project.store.spec))


def read_window(project: Project, record: VersionRecord, zoo: Zoo) -> Slice:
    """Return what a forecast sees of an accepted version: the zoo's minimal history and not a row before it.

    One read is enough where the newest rows are the target's, or the horizon's of a predictor known ahead. Series that
    ended earlier, or a gap at the oldest row, make it look further back until it knows.
    """
    spec, versions = project.store.spec, project.store.versions
    names = [name for name in spec.variable_names if name in {offset.variable for offset in zoo.minimal_history}]
    steps = _span(zoo)
    while True:
        start = _start(project, record, steps)
        frame = versions.read(record.version, columns=names, start=start)
        panel = panel_from_frame(frame, spec)
        more = count_missing_steps(zoo, panel, n_series=record.series) if start is not None else 0
        if not more:
            return Slice(frame, panel)
        steps += more


def _span(zoo: Zoo) -> int:
    """Return how many steps before a version's newest row the window begins."""
    deepest = -min(offset.first for offset in zoo.minimal_history)
    is_ahead = any(count for item in zoo.availability for count in item.ahead)
    return deepest + (max(block.situation.steps for block in zoo.blocks) if is_ahead else 0)


def _start(project: Project, record: VersionRecord, steps: int) -> pd.Timestamp | None:
    """Return the stored time so many steps before a version's newest row; None where that is before its first."""
    spec, newest = project.store.spec, pd.DatetimeIndex([record.last_timestamp])
    first = shift_time(local_starts(newest, spec)[0], spec.frequency, -steps)
    stored = stored_timestamps(pd.DatetimeIndex([first - pd.Timedelta("3h"), first]), spec).dropna()
    start = stored[-1]  # a local time that the clock skips has no stored one: then an earlier one is taken
    return None if start <= pd.Timestamp(np.datetime64(record.first_timestamp)) else start
