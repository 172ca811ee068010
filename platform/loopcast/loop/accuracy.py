"""Production accuracy: forecasts of earlier versions against the actuals that a version brought.

The measures are in `loopcast.reflection.accuracy`; here is which rows they are given.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any

import pandas as pd

from loopcast.dataops.table import OPERATION, UPSERT
from loopcast.loop.forces import FORECASTS, look_up_zoo
from loopcast.loop.production import MEMBERS
from loopcast.loop.project import Project
from loopcast.loop.slices import period_starts, read_targets
from loopcast.reflection.accuracy import AccuracyReport, score_forecasts
from loopcast.schemas import accuracy_schema, check_table, forecast_schema, member_forecast_schema
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import version_key, version_number

CELLS = "accuracy_cells"
LOOK_BACK = 60
ENDED_BEFORE = 14
ALL_REPORTS = 1_000_000


@dataclass(frozen=True)
class VersionAccuracy:
    """The accuracy report of one version.

    Args:
        manifest: the scored cells as written, with the inputs they pin.
        report: measures over all cells, per bin, and the cells.
    """

    manifest: OutputManifest
    report: AccuracyReport


def score_version(project: Project, version: str, *, now: datetime) -> VersionAccuracy:
    """Return the accuracy of all earlier forecasts on the actuals that a version brought or corrected.

    Raises:
        NotFoundError: the version is not there.
    """
    store, actuals = project.store, read_actuals(project, version)
    sources = find_forecasts(project, actuals, before=version)
    forecasts = _read_tables(project, FORECASTS, sources)
    members = _read_tables(project, MEMBERS, sources)
    report = score_forecasts(forecasts, members, actuals, store.spec)
    check_table(report.by_bin, accuracy_schema())
    pins = {
        "version": version,
        "dataset": store.versions.record(version).state_digest,
        "forecasts": {source: _digest_of(project, source) for source in sources},
        "code_version": project.code_version,
    }
    manifest = store.outputs.write(CELLS, version, report.cells, pins=pins, now=now, facts=_tell(report))
    return VersionAccuracy(manifest=manifest, report=report)


def read_cells(project: Project, *, until: str, first: str = "", last_n: int = LOOK_BACK) -> pd.DataFrame:
    """Return the scored cells of the reports of the newest versions, oldest first, with the column `report`.

    A cell that a later report scores again, because its actual was corrected, is there once, as scored last.

    Args:
        project: the use case.
        until: last version to look at.
        first: first version to look at.
        last_n: at most so many reports.
    """
    outputs = project.store.outputs
    reports = list(islice(outputs.walk_back(CELLS, until, first=first), last_n))[::-1] if until else []
    frames = [outputs.read(CELLS, one.partition, one.number).assign(report=one.partition) for one in reports]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(columns=["forecast_version", "timestamp", "bin", "error", "report"])
    cells = pd.concat(frames, ignore_index=True)
    identity = [*project.store.spec.series_keys, "forecast_version", "timestamp"]
    return cells.drop_duplicates(identity, keep="last").reset_index(drop=True)


def trace_errors(project: Project, *, until: str) -> pd.DataFrame:
    """Return the mean absolute error of each report: `version`, `who`, `mae`; the forecast and every seasonal naive."""
    reports = list(islice(project.store.outputs.walk_back(CELLS, until), LOOK_BACK))[::-1]
    rows = [
        {"version": report.partition, "who": name.removeprefix("mae_") if name != "mae" else "forecast", "mae": value}
        for report in reports
        for name, value in report.facts.items()
        if name == "mae" or name.startswith("mae_")
    ]
    return pd.DataFrame(rows, columns=["version", "who", "mae"])


def read_accuracy(project: Project, *, first: str | None = None, last: str | None = None) -> dict[str, Any]:
    """Return the production accuracy over the forecasts that the reports of some versions scored.

    Actuals are those of the last version: corrected ones count as corrected, removed ones no longer.

    Args:
        project: the use case.
        first: first report; default the first there is.
        last: last report; default the newest.
    """
    newest = project.store.versions.newest()
    until = last or (newest.version if newest else "")
    cells = read_cells(project, until=until, first=first or "", last_n=ALL_REPORTS)
    told = {"use_case": project.name, "from": first or (cells["report"].min() if len(cells) else None), "to": until}
    if cells.empty:
        return {**told, "n": 0, "why": "no forecast has met its actuals yet"}
    spec = project.store.spec
    actuals = read_targets(project, until, start=cells["timestamp"].min(), end=cells["timestamp"].max())
    members = _read_tables(project, MEMBERS, sorted(set(cells["forecast_version"])))
    report = score_forecasts(cells.drop(columns=["actual", "error", "report"]), members, actuals, spec)
    return {**told, **_tell(report)}


def _tell(report: AccuracyReport) -> dict[str, float]:
    """Return the summary without what was not scored: a version brings actuals for some hours of a forecast only."""
    told = {name: value for name, value in report.summary.items() if name != "n_unscored"}
    return {**told, "n": int(told["n"])}


def read_actuals(project: Project, version: str) -> pd.DataFrame:
    """Return the target values that a version brought or corrected: keys and target, missing ones left out.

    On a coarser time scale, they are those of the periods that it touched and that are over.
    """
    versions, spec = project.store.versions, project.store.spec
    patch = versions.patch(version)
    if spec.target not in patch.columns:
        return patch.iloc[:0][list(spec.keys)].assign(**{spec.target: pd.Series(dtype="float64")})
    news = patch[(patch[OPERATION] == UPSERT) & patch[spec.target].notna()]
    news = news[[*spec.keys, spec.target]].reset_index(drop=True)
    settled = project.use_case.zoo.preprocessing
    if news.empty or not (settled.time_scale or settled.filter):
        return news
    times = news[spec.timestamp]
    judged = read_targets(project, version, start=times.min(), end=times.max())
    touched = news.assign(**{spec.timestamp: period_starts(project, times)})[list(spec.keys)].drop_duplicates()
    return judged.merge(touched, on=list(spec.keys)).dropna(subset=[spec.target])


def find_forecasts(project: Project, actuals: pd.DataFrame, *, before: str) -> list[str]:
    """Return the versions before one whose forecasts cover any of the actuals' time, oldest first.

    It goes back from version to version until forecasts have ended before the actuals for so many in a row: data end
    later from version to version, but for a few whose newest rows were removed.
    """
    spec = project.store.spec
    number = version_number(before) - 1
    if actuals.empty or not number:
        return []
    first, last = str(actuals[spec.timestamp].min()), str(actuals[spec.timestamp].max())
    found, ended = [], 0
    for newest in project.store.outputs.walk_back(FORECASTS, version_key(number)):
        manifest = choose_production(project, newest)
        if manifest is None:
            continue
        ended = 0 if manifest.facts["covers_to"] >= first else ended + 1
        if not ended and manifest.facts["covers_from"] <= last:
            found.append(manifest.partition)
        if ended >= ENDED_BEFORE:
            break
    return found[::-1]


def _read_tables(project: Project, table: str, versions: list[str]) -> pd.DataFrame:
    """Return a table's rows of some versions, with the column `forecast_version`; no versions: no rows, all columns."""
    keys = project.store.spec.series_keys
    schema = forecast_schema(keys) if table == FORECASTS else member_forecast_schema(keys)
    nothing = pd.DataFrame({name: pd.Series(dtype=str(dtype)) for name, dtype in schema.dtypes.items()})
    frames = []
    for version in versions:
        manifest = find_production(project, table, version)
        if manifest is not None:
            frame = project.store.outputs.read(table, version, manifest.number)
            frames.append(frame.assign(forecast_version=version))
    return pd.concat(frames, ignore_index=True) if frames else nothing.assign(forecast_version=pd.Series(dtype="str"))


def _digest_of(project: Project, version: str) -> str:
    manifest = find_production(project, FORECASTS, version)
    return manifest.digest if manifest else ""


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
