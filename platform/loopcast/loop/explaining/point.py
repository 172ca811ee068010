"""Any point of any stored forecast, explained on request: read from the store, nothing written.

How it adds up is in `loopcast.loop.explaining.explanation`, the views on it in `loopcast.reflection.root_cause`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pandas as pd

from loopcast.errors import CallerError, DataError, NotFoundError
from loopcast.loop.clock import to_clock, to_stored
from loopcast.loop.explaining.explanation import (
    Explanation,
    explain_cells,
    find_previous,
    list_corrections,
    read_contributions,
    read_zoo_of,
)
from loopcast.loop.project import Project
from loopcast.loop.slices import read_targets
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.reflection.root_cause import (
    CORRECTED_DATA,
    keep_largest,
    name_members,
    sort_largest,
    view_build_up,
    view_predictors,
    view_terms,
)
from loopcast.store.outputs import OutputManifest

MOST_CELLS = 12


class View(Enum):
    """How a forecast is taken apart; the value is what a user writes."""

    term = "term"
    buildup = "buildup"
    predictor = "predictor"
    change = "change"


@dataclass(frozen=True, eq=False)
class PointExplanation:
    """Why one point of one forecast is what it is.

    Args:
        manifest: the forecast.
        cell: its row in the forecast table, as a frame of one row.
        previous: what was forecast before, a frame of one row or none.
        made: how it adds up, and why it changed.
    """

    manifest: OutputManifest
    cell: pd.DataFrame
    previous: pd.DataFrame
    made: Explanation

    def view(self, view: View, *, top: int) -> pd.DataFrame:
        """Return a view of it, largest first.

        Args:
            view: which; `change` has no rows where nobody forecast the point before.
            top: rows to keep; the others become one.
        """
        if view is View.predictor:
            return keep_largest(view_predictors(self.made.terms), top)
        if view is View.change:
            changes = self.made.terms.iloc[:0].assign(part="") if self.made.changes is None else self.made.changes
            return keep_largest(sort_largest(changes[["part", "term", "variable", "contribution"]]), top)
        terms = view_terms(self.made.terms)
        return keep_largest(name_members(terms, self.made.terms) if view is View.term else view_build_up(terms), top)


def explain_point(
    project: Project, at: datetime, *, version: str | None = None, series: Sequence[Mapping[str, str]] | None = None
) -> PointExplanation:
    """Return why a point of a stored forecast is what it is, and why it is not what was forecast before.

    Args:
        project: the use case.
        at: the timestamp forecast; naive: on the use case's own clock.
        version: the version it was forecast on; None: the newest that covers it.
        series: keys and values of its series; None where there is only one.

    Raises:
        NotFoundError: no such forecast, no such timestamp in it, or its data were erased.
        DataError: the version was refused.
        CallerError: the series is not clear.
    """
    stored = pd.Timestamp(to_stored(at, project.store.spec))
    manifest = _find_forecast(project, stored, version)
    table = project.store.outputs.read(FORECASTS, manifest.partition, manifest.number)
    cell = _choose_series(project, table, series)
    cell = cell[cell["timestamp"] == stored].reset_index(drop=True)
    if cell.empty:
        raise NotFoundError(f"found no forecast of {stored} in {manifest.partition}; {_tell_range(project, table)}")
    previous = find_previous(project, manifest, cell)
    return PointExplanation(manifest, cell, previous, explain_cells(project, manifest, cell, previous=previous))


def describe_point(project: Project, found: PointExplanation) -> dict[str, Any]:
    """Return what a point is: its forecast and interval, the one before, and its actual where that is known."""
    spec, cell = project.store.spec, found.cell.iloc[0]
    stored = cell["timestamp"].to_pydatetime()
    newest = project.store.versions.newest()
    targets = read_targets(project, newest.version, start=stored, end=stored) if newest else pd.DataFrame()
    keys = list(spec.series_keys)
    actual = (targets.merge(found.cell[keys], on=keys) if keys else targets)[spec.target].dropna()
    shown = to_clock(found.cell, ["timestamp", "origin"], zone=spec.time_zone).iloc[0]
    before = found.previous.iloc[0] if len(found.previous) else None
    return {
        **{name: str(cell[name]) for name in keys},
        "timestamp": str(shown["timestamp"]),
        "version": found.manifest.partition,
        "zoo": found.manifest.pins["zoo"],
        "origin": str(shown["origin"]),
        "samples_ahead": int(cell["samples_ahead"]),
        **{name: float(cell[name]) for name in ("forecast", "lower", "upper")},
        "actual": float(actual.iloc[0]) if len(actual) else None,
        "previous_version": None if before is None else str(before["previous_version"]),
        "previous_forecast": None if before is None else float(before["previous_forecast"]),
    }


def list_effects(project: Project, found: PointExplanation) -> pd.DataFrame:
    """Return what each cell that was corrected since the previous forecast does to the point when it alone changes.

    Returns:
        `column`, the keys, `before`, `after`, `contribution`, largest first. What the others do, and all of them
        together more than each alone, is the last row, so that they sum to the part `corrected data`. No rows where
        nothing was corrected.
    """
    columns = ["column", *project.store.spec.keys, "before", "after"]
    changes = found.made.changes
    if changes is None or CORRECTED_DATA not in set(changes["part"]):
        return pd.DataFrame(columns=[*columns, "contribution"])
    old = found.previous.iloc[0]
    manifest = project.store.outputs.manifest_at(FORECASTS, old["previous_version"], int(old["previous_number"]))
    zoo, keys = read_zoo_of(project, manifest), list(project.store.spec.series_keys)
    used = {offset.variable for offset in zoo.minimal_history}
    cells, _ = list_corrections(project, manifest.partition, found.manifest.partition)
    cells = cells.merge(found.cell[keys], on=keys) if keys else cells
    cells = cells[cells["column"].isin(used)].tail(MOST_CELLS).reset_index(drop=True)
    amounts = []
    for row in range(len(cells)):
        one = cells.iloc[[row]]
        made = read_contributions(project, manifest.partition, zoo, found.cell, corrections=one)
        amounts.append(made["contribution"].sum() - old["previous_forecast"])
    table = sort_largest(cells[columns].assign(contribution=amounts))
    rest = changes.loc[changes["part"] == CORRECTED_DATA, "contribution"].sum() - sum(amounts)
    last = pd.DataFrame([{"column": "(others, and together)", "contribution": rest}])
    return pd.concat([table, last], ignore_index=True)


def _find_forecast(project: Project, stored: pd.Timestamp, version: str | None) -> OutputManifest:
    """Return the forecast of a version, or the newest one that covers a stored time."""
    outputs = project.store.outputs
    if version is not None:
        record = project.store.versions.record(version)
        if record.status != "accepted":
            raise DataError(
                f"{version} is {record.status}: it has no data of its own. Explain {record.parent}, its parent"
            )
        manifest = outputs.manifest(FORECASTS, version)
        if manifest is None:
            raise NotFoundError(f"found no forecast of {version} of {project.name}; materialize it in the UI")
        return manifest
    newest = None
    for partition in reversed(outputs.partitions(FORECASTS)):
        manifest = outputs.manifest(FORECASTS, partition)
        newest = newest or manifest
        if manifest and manifest.facts["covers_from"] <= str(stored) <= manifest.facts["covers_to"]:
            return manifest
    if newest is None:
        raise NotFoundError(f"found no forecast of {project.name}; send an update with `loopcast update`")
    return newest


def _choose_series(project: Project, table: pd.DataFrame, series: Sequence[Mapping[str, str]] | None) -> pd.DataFrame:
    """Return a forecast table's rows of the one series asked for."""
    keys = list(project.store.spec.series_keys)
    if not keys:
        if series:
            raise CallerError(f"{project.name} has one series; leave out --series")
        return table
    known = table[keys].drop_duplicates()
    wanted = known.merge(pd.DataFrame(series, columns=keys, dtype="str"), on=keys) if series else known
    if len(wanted) != 1:
        shown = "; ".join(",".join(f"{name}={row[name]}" for name in keys) for row in known.head(3).to_dict("records"))
        found = f"{len(wanted)} series with a forecast"
        raise CallerError(f"found {found}; name one with --series, for instance {shown}")
    return table.merge(wanted, on=keys)


def _tell_range(project: Project, table: pd.DataFrame) -> str:
    """Return from when to when a forecast goes, on the use case's own clock."""
    times = to_clock(table[["timestamp"]], ["timestamp"], zone=project.store.spec.time_zone)["timestamp"]
    return f"it goes from {times.min()} to {times.max()}"
