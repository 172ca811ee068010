"""What production accuracy cannot evaluate, and why: forecasts without a score, and versions without a forecast.

What can be evaluated is in `loopcast.loop.judging.accuracy`.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.loop.judging.accuracy import CELLS, LOOK_BACK
from loopcast.loop.judging.actuals import find_production
from loopcast.loop.judging.scored import identify_scored, merge_reports, read_rescored
from loopcast.loop.project import Project
from loopcast.loop.slices import read_targets
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord, version_key, version_number

NOT_YET, MISSING, REMOVED = "not there yet", "actual missing", "actual removed"
KNOWN, UNREPORTED = "actual known before", "not reported"
REFUSED, NONE, OTHER = "version refused", "no forecast was made", "made by a later zoo"
REASONS = (MISSING, REMOVED, KNOWN, UNREPORTED, NOT_YET)


def list_unscored(project: Project, *, until: str, first: str = "", last_n: int = LOOK_BACK) -> list[dict[str, Any]]:
    """Return what cannot be evaluated, newest version last: version, reason, number of timestamps, first and last.

    Reasons for some timestamps of a forecast: `not there yet`, after the series' last actual; `actual missing`, before
    it; `actual removed`; `actual known before` the forecast was made, since rows were removed at the end; `not
    reported`: the actual is there, its version's report is not. For a whole version: `version refused`; `no forecast
    was made`; `made by a later zoo`. Forecasts in the shadow of the champion are a table of their own.

    Args:
        project: the use case.
        until: the version whose actuals count.
        first: first version to look at.
        last_n: at most so many versions.
    """
    numbers = range(version_number(first) if first else 1, version_number(until) + 1)[-last_n:] if until else ()
    records = [project.store.versions.record(version_key(number)) for number in numbers]
    made = {record.version: find_production(project, FORECASTS, record.version) for record in records}
    forecasts = [manifest for manifest in made.values() if manifest]
    cells = _judge(project, forecasts, until=until) if forecasts else pd.DataFrame({"forecast_version": []})
    parts = dict(iter(cells.groupby("forecast_version")))
    return [
        row
        for record in records
        for row in (_tell(parts, record) if made[record.version] else [_explain(project, record)])
    ]


def _judge(project: Project, made: list[OutputManifest], *, until: str) -> pd.DataFrame:
    """Return the forecasts without a score: series keys, `forecast_version`, `timestamp` and `reason`."""
    keys = list(project.store.spec.series_keys)
    cells = _read_forecasts(project, made)
    actuals = _read_actuals(project, cells, until=until)
    reports = list(project.store.outputs.walk_back(CELLS, until, first=made[0].partition))[::-1]
    scored, removed = merge_reports(project, reports), _read_removed(project, reports)
    cells = cells.merge(actuals, on=[*keys, "timestamp"], how="left")
    newest = actuals.groupby(keys)["timestamp"].max().rename("newest") if keys else actuals["timestamp"].max()
    ends = cells.join(newest, on=keys)["newest"] if keys else pd.Series(newest, index=cells.index)
    is_there = cells["actual"].notna()
    reasons = {
        "": _is_among(cells, scored, project),
        KNOWN: is_there & (cells["timestamp"] < cells["known_before"]),
        UNREPORTED: is_there,
        REMOVED: _is_among(cells, removed, project),
        NOT_YET: (cells["timestamp"] > ends) | ends.isna(),
    }
    reason = np.select([np.asarray(mask, dtype=bool) for mask in reasons.values()], list(reasons), default=MISSING)
    unscored: pd.DataFrame = cells.assign(reason=reason)[reason != ""]
    return unscored


def _read_forecasts(project: Project, made: list[OutputManifest]) -> pd.DataFrame:
    """Return the timestamps of some forecasts, and before which ones an earlier of them had known the actuals."""
    frames, known_before = [], pd.Timestamp.min
    for manifest in made:
        frame = project.store.outputs.load(manifest)[[*project.store.spec.series_keys, "timestamp"]]
        frames.append(frame.assign(forecast_version=manifest.partition, known_before=known_before))
        known_before = max(known_before, pd.Timestamp(manifest.facts["covers_from"]))
    return pd.concat(frames, ignore_index=True)


def _read_actuals(project: Project, cells: pd.DataFrame, *, until: str) -> pd.DataFrame:
    """Return the actuals of a version at the times that are forecast."""
    spec, times = project.store.spec, cells["timestamp"]
    names = {spec.timestamp: "timestamp", spec.target: "actual"}
    found = read_targets(project, until, start=times.min(), end=times.max())
    return found.rename(columns=names).dropna(subset=["actual"])


def _read_removed(project: Project, reports: list[OutputManifest]) -> pd.DataFrame:
    """Return the scored forecasts whose actual some reports took away."""
    tables = [read_rescored(project, report.partition) for report in reports if report.facts.get("rescored")]
    columns = identify_scored(project)
    return pd.concat([table.loc[table["actual"].isna(), columns] for table in tables]) if tables else pd.DataFrame()


def _is_among(cells: pd.DataFrame, others: pd.DataFrame, project: Project) -> npt.NDArray[np.bool_]:
    """Return which forecasts are among some others."""
    identity = identify_scored(project)
    if others.empty:
        return np.zeros(len(cells), dtype=bool)
    return pd.MultiIndex.from_frame(cells[identity]).isin(pd.MultiIndex.from_frame(others[identity]))


def _explain(project: Project, record: VersionRecord) -> dict[str, Any]:
    """Return why a version has no forecast that could be evaluated."""
    is_made = project.store.outputs.manifest(FORECASTS, record.version) is not None
    reason = REFUSED if record.status == "refused" else OTHER if is_made else NONE
    return {"version": record.version, "reason": reason, "timestamps": 0, "first": None, "last": None}


def _tell(parts: dict[Any, pd.DataFrame], record: VersionRecord) -> list[dict[str, Any]]:
    """Return one row per reason why forecasts of a version are not evaluated."""
    if record.version not in parts:
        return []
    cells = parts[record.version]
    times = [(reason, cells.loc[cells["reason"] == reason, "timestamp"]) for reason in REASONS]
    return [
        {"version": record.version, "reason": reason, "timestamps": len(at), "first": at.min(), "last": at.max()}
        for reason, at in times
        if len(at)
    ]
