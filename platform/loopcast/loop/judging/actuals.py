"""Which actuals a version brought, corrected or took away, and which forecasts of earlier versions they meet.

Here belongs what keeps an evaluation honest: no forecast is judged by what its version knew. Not here: the measures
(`loopcast.reflection.accuracy`) and the report (`loopcast.loop.judging.accuracy`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from loopcast.dataops.table import OPERATION, UPSERT
from loopcast.loop.project import Project
from loopcast.loop.slices import period_starts, read_targets
from loopcast.loop.zoos.forces import FORECASTS, look_up_zoo
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import version_key, version_number

ENDED_BEFORE = 14


@dataclass(frozen=True)
class Source:
    """A forecast that may be scored.

    Args:
        manifest: the forecast.
        known_before: up to here, itself excluded, actuals had been there before the forecast was made: rows at the
            end were removed. Empty: none.
    """

    manifest: OutputManifest
    known_before: str


def read_touched(project: Project, version: str) -> pd.DataFrame:
    """Return the target values that a version's update speaks of, as they are now: keys and target.

    A value is missing where the update took it away, by removing the row or by sending the cell empty. On a coarser
    time scale, they are those of the periods that it touched and that are over.
    """
    patch, spec = project.store.versions.patch(version), project.store.spec
    keys, settled = list(spec.keys), project.use_case.zoo.preprocessing
    is_sent = patch[OPERATION] == UPSERT
    values = patch[spec.target].where(is_sent) if spec.target in patch.columns else pd.Series(np.nan, patch.index)
    news = patch[keys].assign(**{spec.target: values.astype("float64")})
    news = news[~is_sent | (spec.target in patch.columns)].reset_index(drop=True)
    if news.empty or not (settled.time_scale or settled.filter):
        return news
    times = news[spec.timestamp]
    judged = read_targets(project, version, start=times.min(), end=times.max())
    touched = news.assign(**{spec.timestamp: period_starts(project, times)})[keys].drop_duplicates()
    return touched.merge(judged, on=keys, how="left")


def read_actuals(project: Project, version: str) -> pd.DataFrame:
    """Return the target values that a version brought or corrected: keys and target, missing ones left out."""
    return read_touched(project, version).dropna(subset=[project.store.spec.target]).reset_index(drop=True)


def find_forecasts(project: Project, actuals: pd.DataFrame, *, before: str) -> list[str]:
    """Return the versions before one whose forecasts cover any of the actuals' time, oldest first."""
    return [source.manifest.partition for source in find_sources(project, actuals, before=before)]


def find_sources(project: Project, actuals: pd.DataFrame, *, before: str) -> list[Source]:
    """Return the forecasts of the versions before one that cover any of the actuals' time, oldest first.

    It goes back from version to version until forecasts have ended before the actuals for so many in a row: data end
    later from version to version, but for a few whose newest rows were removed.
    """
    times = actuals[project.store.spec.timestamp]
    if actuals.empty or version_number(before) < 2:
        return []
    first, last = str(times.min()), str(times.max())
    walked, ended = [], 0
    for manifest in _walk_production(project, before):
        ended = 0 if manifest.facts["covers_to"] >= first else ended + 1
        walked.append(manifest)
        if ended >= ENDED_BEFORE:
            break
    found, known_before = [], ""
    for manifest in reversed(walked):
        if manifest.facts["covers_to"] >= first and manifest.facts["covers_from"] <= last:
            found.append(Source(manifest, known_before))
        known_before = max(known_before, manifest.facts["covers_from"])
    return found


def _walk_production(project: Project, before: str) -> Iterator[OutputManifest]:
    """Yield the forecasts of the versions before one that count, newest first."""
    for newest in project.store.outputs.walk_back(FORECASTS, version_key(version_number(before) - 1)):
        manifest = choose_production(project, newest)
        if manifest is not None:
            yield manifest


def find_production(project: Project, table: str, version: str) -> OutputManifest | None:
    """Return the newest writing of a version's forecast by a zoo that was built on that version or an earlier one.

    A version that was forecast again with a later zoo (`zoo: current`) knows what came after it: that is not scored.
    """
    newest = project.store.outputs.manifest(table, version)
    return None if newest is None else choose_production(project, newest)


def choose_production(project: Project, newest: OutputManifest) -> OutputManifest | None:
    """Return the same, given the version's newest writing."""
    earlier = (
        project.store.outputs.manifest_at(newest.table, newest.partition, number)
        for number in range(newest.number - 1, 0, -1)
    )
    return next((one for one in chain([newest], earlier) if _is_production(project, one)), None)


def _is_production(project: Project, manifest: OutputManifest) -> bool:
    """Return whether a zoo that knew no more than its version made it, on the time scale that counts today."""
    zoo = look_up_zoo(project, manifest.pins["zoo"])
    if zoo is None or zoo.version > manifest.partition:
        return False
    scale = manifest.pins.get("preprocessing", {}).get("time_scale")
    today = project.use_case.zoo.preprocessing.time_scale
    return (scale["frequency"] if scale else None) == (today.frequency if today else None)
