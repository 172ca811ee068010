"""The minimal update: what a forecast of a use case needs, as a table for people and programs.

What a zoo looks at is said by `loopcast.zoo.minimal`, what a forecast reads by `loopcast.loop.slices`.
"""

from typing import Any

import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.errors import NotFoundError
from loopcast.loop.forces import list_in_force, read_zoo
from loopcast.loop.project import Project
from loopcast.loop.slices import read_window
from loopcast.zoo.minimal import needed_windows
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
    models = read_zoo(project, entries[-1].digest)
    spec = project.store.spec
    shift = marks_shift(spec)
    return [
        {
            "variable": window.variable,
            "role": _role(spec, window.variable),
            "from": _written(window.first + shift, spec),
            "to": _written(window.last + shift, spec),
            "rows": window.rows,
            "refused_without": _written(window.refused_without + shift, spec) if window.refused_without else None,
        }
        for window in needed_windows(models, read_window(project, record, models).panel)
    ]


def _role(spec: TableSpec, name: str) -> str:
    ahead = "predictor, known ahead" if spec.variable(name).known_ahead else "predictor"
    return "target" if name == spec.target else ahead


def _written(local: pd.Timestamp, spec: TableSpec) -> pd.Timestamp:
    """Return a local time with its offset, where the use case has a time zone."""
    return local.tz_localize(spec.time_zone, ambiguous=True, nonexistent="shift_forward") if spec.time_zone else local
