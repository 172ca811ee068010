"""The minimal update: what a forecast of a use case needs, as a table for people and programs.

What a zoo looks at is said by `loopcast.zoo.minimal`, what a forecast reads by `loopcast.loop.slices`.
"""

from typing import Any

import pandas as pd

from loopcast.dataops.frequency import count_periods, shift_time
from loopcast.dataops.table import TableSpec
from loopcast.errors import NotFoundError
from loopcast.loop.project import Project
from loopcast.loop.slices import read_window
from loopcast.loop.zoos.forces import list_in_force, read_zoo
from loopcast.zoo.minimal import Window, needed_windows
from loopcast.zoo.panel import marks_shift


def describe_minimal(project: Project, zoo: str | None = None) -> list[dict[str, Any]]:
    """Return the minimal history for a forecast from the newest version, one row per variable that the zoo looks at.

    Args:
        project: the use case.
        zoo: key of a zoo that was in force; default the newest.

    Returns:
        `variable`, `role`, `from`, `to` (as timestamps are written in updates), `rows` per series, `refused_without`:
        the newest timestamp without which no forecast is made.

    Raises:
        NotFoundError: no version, or no such zoo in force.
    """
    record = project.store.versions.newest()
    entries = [entry for entry in list_in_force(project) if zoo in (None, entry.zoo)]
    if record is None or not entries:
        raise NotFoundError(
            f"found no zoo {zoo or ''} in force for {project.name}; the first build needs a whole history"
        )
    models, spec = read_zoo(project, entries[-1].digest), project.store.spec
    windows = needed_windows(models, read_window(project, record, models).panel)
    return [_describe_window(window, spec, models.frequency) for window in windows]


def _describe_window(window: Window, spec: TableSpec, scaled: str) -> dict[str, Any]:
    """Return a window in rows of the table: a period of the jobs' time scale is all rows in it."""
    last = shift_time(shift_time(window.last, scaled, 1), spec.frequency, -1)
    owed = window.refused_without and shift_time(shift_time(window.refused_without, scaled, 1), spec.frequency, -1)
    return {
        "variable": window.variable,
        "role": _role(spec, window.variable),
        "from": _written(window.first, spec),
        "to": _written(last, spec),
        "rows": window.rows if scaled == spec.frequency else 1 + count_periods(window.first, last, spec.frequency),
        "refused_without": _written(owed, spec) if owed else None,
    }


def _role(spec: TableSpec, name: str) -> str:
    ahead = "predictor, known ahead" if spec.variable(name).known_ahead else "predictor"
    return "target" if name == spec.target else ahead


def _written(local: pd.Timestamp, spec: TableSpec) -> pd.Timestamp:
    """Return a local period's timestamp as it is written: its start or end, with the offset where there is a zone."""
    local = local + marks_shift(spec)
    return local.tz_localize(spec.time_zone, ambiguous=True, nonexistent="shift_forward") if spec.time_zone else local
