"""What production accuracy cannot evaluate: forecasts whose actuals are not there, and versions without a forecast.

What can be evaluated is in `loopcast.loop.accuracy`.
"""

from typing import Any

import pandas as pd

from loopcast.loop.accuracy import LOOK_BACK
from loopcast.loop.actuals import find_production
from loopcast.loop.forces import FORECASTS
from loopcast.loop.project import Project
from loopcast.loop.slices import read_targets
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord, version_key, version_number

NOT_YET, MISSING, REFUSED, NONE = "not there yet", "actual missing", "version refused", "no forecast was made"


def list_unscored(project: Project, *, until: str, first: str = "", last_n: int = LOOK_BACK) -> list[dict[str, Any]]:
    """Return what cannot be evaluated, newest version last: version, reason, number of timestamps, first and last.

    Reasons: `not there yet`, after the series' last actual; `actual missing`, before it; `version refused` and
    `no forecast was made`, where there is nothing to evaluate.

    Args:
        project: the use case.
        until: the version whose actuals count.
        first: first version to look at.
        last_n: at most so many versions.
    """
    numbers = range(version_number(first) if first else 1, version_number(until) + 1)[-last_n:] if until else ()
    records = [project.store.versions.record(version_key(number)) for number in numbers]
    made = {record.version: find_production(project, FORECASTS, record.version) for record in records}
    times = [manifest.facts[name] for manifest in made.values() if manifest for name in ("covers_from", "covers_to")]
    actuals = _read_actuals(project, until, times) if times else pd.DataFrame()
    return [row for record in records for row in _explain(project, record, made[record.version], actuals)]


def _read_actuals(project: Project, until: str, times: list[str]) -> pd.DataFrame:
    start, end = pd.Timestamp(min(times)), pd.Timestamp(max(times))
    spec = project.store.spec
    names = {spec.timestamp: "timestamp", spec.target: "actual"}
    return read_targets(project, until, start=start, end=end).rename(columns=names).dropna(subset=["actual"])


def _explain(
    project: Project, record: VersionRecord, manifest: OutputManifest | None, actuals: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return one row per reason why forecasts of a version are not evaluated."""
    if manifest is None:
        reason = REFUSED if record.status == "refused" else NONE
        return [{"version": record.version, "reason": reason, "timestamps": 0, "first": None, "last": None}]
    keys = list(project.store.spec.series_keys)
    forecasts = project.store.outputs.read(FORECASTS, record.version, manifest.number)
    cells = forecasts[[*keys, "timestamp"]].merge(actuals, on=[*keys, "timestamp"], how="left")
    open_cells = cells[cells["actual"].isna()]
    newest = actuals.groupby(keys)["timestamp"].max().rename("newest") if keys else actuals["timestamp"].max()
    ends = open_cells.join(newest, on=keys)["newest"] if keys else pd.Series(newest, index=open_cells.index)
    later = (open_cells["timestamp"] > ends) | ends.isna()
    return [
        {
            "version": record.version,
            "reason": reason,
            "timestamps": len(part),
            "first": part["timestamp"].min(),
            "last": part["timestamp"].max(),
        }
        for reason, part in ((MISSING, open_cells[~later]), (NOT_YET, open_cells[later]))
        if len(part)
    ]
