"""Production accuracy: the report of each version, and the accuracy of the whole sequence of forecasts.

A report scores forecasts of earlier versions on the actuals that its version brought or corrected; the sequence adds up
what the reports hold, and reads their cells only where sums cannot answer. Not here: the measures
(`loopcast.reflection.accuracy`) and which forecasts meet which actuals (`loopcast.loop.judging.actuals`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import pandas as pd

from loopcast.dataops.table import label_series
from loopcast.errors import NotFoundError
from loopcast.loop.judging.actuals import find_sources, read_touched
from loopcast.loop.judging.scored import (
    RESCORED,
    can_be_added,
    compare_scores,
    identify_scored,
    merge_reports,
    no_cells,
    read_forecasts,
    read_members,
    read_rescored,
    touches,
)
from loopcast.loop.project import Project
from loopcast.reflection.accuracy import (
    SUMS_BY,
    AccuracyReport,
    add_sums,
    keep_latest,
    measure,
    measure_bins,
    score_forecasts,
    subtract_sums,
    sum_cells,
    summarise,
)
from loopcast.schemas import accuracy_schema, check_table
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import version_key, version_number

CELLS = "accuracy_cells"
LOOK_BACK = 60
By = Literal["all", "bin", "samples_ahead", "forecast", "series"]
GROUPS: dict[By, str] = {"samples_ahead": "samples_ahead", "forecast": "forecast_version", "series": "series"}


@dataclass(frozen=True, eq=False)
class VersionAccuracy:
    """The accuracy report of one version.

    Args:
        manifest: the scored cells as written, with the inputs they pin.
        report: measures over all cells, per bin, per step ahead, and the cells.
        rescored: the cells whose score is another than before, see `loopcast.loop.judging.scored.read_rescored`.
    """

    manifest: OutputManifest
    report: AccuracyReport
    rescored: pd.DataFrame


def score_version(project: Project, version: str, *, now: datetime) -> VersionAccuracy:
    """Return the accuracy of all earlier forecasts on the actuals that a version brought or corrected.

    Its facts hold the measures and, as `sums`, what it adds to the sums of all reports before it: a cell that was
    scored before is taken out as it was and put in as it is. So the reports' sums add up to the newest scores.

    Raises:
        NotFoundError: the version is not there.
    """
    store, touched = project.store, read_touched(project, version)
    sources = find_sources(project, touched, before=version)
    forecasts, members = read_forecasts(project, sources), read_members(project, sources)
    report = score_forecasts(forecasts, members, touched, store.spec)
    check_table(report.by_bin, accuracy_schema())
    former = _read_former(project, version, forecasts, touched)
    rescored = compare_scores(project, report.cells, former)
    sums = subtract_sums(report.sums, sum_cells(former, SUMS_BY)) if len(former) else report.sums
    times = touched[store.spec.timestamp]
    facts = {
        **_tell(report),
        "rescored": len(rescored),
        "touches": [str(times.min()), str(times.max())] if len(times) else [],
        "sums": {"columns": list(sums.columns), "rows": sums.to_numpy(dtype=object).tolist()},
    }
    pins = {
        "version": version,
        "dataset": store.versions.record(version).state_digest,
        "forecasts": {source.manifest.partition: source.manifest.digest for source in sources},
        "code_version": project.code_version,
    }
    if len(rescored) or store.outputs.manifest(RESCORED, version) is not None:
        store.outputs.write(RESCORED, version, rescored, pins=pins, now=now)
    manifest = store.outputs.write(CELLS, version, report.cells, pins=pins, now=now, facts=facts)
    return VersionAccuracy(manifest=manifest, report=report, rescored=rescored)


def read_cells(project: Project, *, until: str, first: str = "", last_n: int = LOOK_BACK) -> pd.DataFrame:
    """Return the scored cells of the reports of the newest versions, oldest first, with the column `report`.

    A cell that a later report scores again, because its actual was corrected, is there once, as scored last; one whose
    actual was taken away is not there.

    Args:
        project: the use case.
        until: last version to look at.
        first: first version to look at.
        last_n: at most so many reports.
    """
    walked = project.store.outputs.walk_back(CELLS, until, first=first) if until else iter(())
    return merge_reports(project, list(islice(walked, last_n))[::-1])


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


def _tell(report: AccuracyReport) -> dict[str, float]:
    """Return the summary without what was not scored: a version brings actuals for some hours of a forecast only."""
    told = {name: value for name, value in report.summary.items() if name != "n_unscored"}
    return {**told, "n": int(told["n"])}


@dataclass(frozen=True)
class Reach:
    """Which forecasts are judged, and by which actuals.

    Args:
        first: first version whose forecasts count; None: the first there is.
        last: last one; None: the newest.
        actuals: the version whose actuals count; None: the newest.
        start: first stored time that is forecast; None: any.
        end: last one, itself included; None: any.
        latest_only: whether only the newest forecast of each series and timestamp counts.
    """

    first: str | None = None
    last: str | None = None
    actuals: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    latest_only: bool = False


def read_accuracy(project: Project, reach: Reach | None = None, *, by: By = "all") -> dict[str, Any]:
    """Return the production accuracy of a sequence of forecasts: one dictionary with the measures over all.

    Corrected actuals count as corrected, removed ones no longer.

    Args:
        project: the use case.
        reach: which forecasts, and by which actuals; None: all, by the newest.
        by: `all`, or what the rows of the table `groups` are: `bin`, `samples_ahead`, `forecast` or `series`.
    """
    reach = reach or Reach()
    newest = project.store.versions.newest()
    actuals = reach.actuals or (newest.version if newest else "")
    sums = sum_reach(project, reach, actuals=actuals, by=by)
    versions = sorted(set(sums["forecast_version"]))
    told = {"use_case": project.name, "from": reach.first or next(iter(versions), None)}
    told |= {"to": reach.last or next(reversed(versions), None), "actuals": actuals or None}
    if sums.empty:
        return {**told, "n": 0, "why": "no forecast has met its actuals yet"}
    measures = summarise(sums)
    told |= {**measures, "n": int(measures["n"])}
    return told if by == "all" else {**told, "groups": _measure(sums, by)}


def read_report(project: Project, version: str, *, by: By = "all") -> dict[str, Any]:
    """Return the accuracy report of a version as it was made, and what it changed of earlier ones.

    Args:
        project: the use case.
        version: the version.
        by: as in `read_accuracy`.

    Raises:
        NotFoundError: there is no such report.
    """
    outputs = project.store.outputs
    manifest = outputs.manifest(CELLS, version)
    if manifest is None:
        raise NotFoundError(f"found no accuracy report of {version} of {project.name}; materialize `accuracy_report`")
    numbers = {name: value for name, value in manifest.facts.items() if isinstance(value, int | float)}
    told: dict[str, Any] = {"use_case": project.name, "report": version, **numbers}
    if by != "all":
        cells = outputs.load(manifest)
        told["groups"] = _measure(sum_cells(_name_series(project, cells), _columns(by)), by)
    return {**told, "rescored": read_rescored(project, version)}


def sum_reach(project: Project, reach: Reach, *, actuals: str, by: By = "all") -> pd.DataFrame:
    """Return the sums over the forecasts that are judged, see `loopcast.reflection.accuracy.sum_cells`.

    Args:
        project: the use case.
        reach: which forecasts.
        actuals: the version whose actuals count.
        by: what they will be grouped by.
    """
    reports = list_reports(project, actuals, after=reach.first)
    is_plain = reach.start is None and reach.end is None and not reach.latest_only and by != "series"
    if is_plain and can_be_added(reports):
        return _keep_between(_add_reports(project, reports), "forecast_version", reach.first, reach.last)
    cells = read_reach(project, reach, reports)
    return sum_cells(_name_series(project, cells), _columns(by))


def read_reach(project: Project, reach: Reach, reports: Sequence[OutputManifest]) -> pd.DataFrame:
    """Return the scored cells of the forecasts that are judged, with the column `report`.

    Args:
        project: the use case.
        reach: which forecasts.
        reports: those that may have scored them, oldest first.
    """
    start, end = str(reach.start or ""), str(reach.end or "9999")
    cells = merge_reports(project, [one for one in reports if touches(one, start, end)])
    cells = _keep_between(cells, "forecast_version", reach.first, reach.last)
    cells = _keep_between(cells, "timestamp", reach.start, reach.end)
    keys = list(project.store.spec.series_keys)
    return keep_latest(cells, keys) if reach.latest_only else cells


def list_reports(project: Project, until: str, *, after: str | None = None) -> list[OutputManifest]:
    """Return the newest writing of each report of the versions after one, up to another, oldest first."""
    outputs = project.store.outputs
    first = version_number(after) + 1 if after else 1
    numbers = outputs.newest_numbers(CELLS) if until else {}
    wanted = sorted(version for version in numbers if version_key(first) <= version <= until)
    return [outputs.manifest_at(CELLS, version, numbers[version]) for version in wanted]


def _add_reports(project: Project, reports: Sequence[OutputManifest]) -> pd.DataFrame:
    """Return the sums of some reports, groups without cells left out."""
    rows: dict[tuple[str, ...], list[Any]] = {}
    for report in reports:
        rows.setdefault(tuple(report.facts["sums"]["columns"]), []).extend(report.facts["sums"]["rows"])
    frames = [pd.DataFrame(values, columns=list(columns)) for columns, values in rows.items() if values]
    sums = add_sums(pd.concat([sum_cells(no_cells(project), SUMS_BY), *frames], ignore_index=True), SUMS_BY)
    return sums[sums["n"] > 0]


def _name_series(project: Project, cells: pd.DataFrame) -> pd.DataFrame:
    """Return cells with the column `series`, empty where the use case has one series."""
    keys = list(project.store.spec.series_keys)
    if not keys:
        return cells.assign(series=pd.Series("", cells.index, "str"))
    names = cells[keys].drop_duplicates()
    labels = pd.Series([label_series(row) for row in names.to_numpy()], names.index, "str")
    return cells.merge(names.assign(series=labels), on=keys)


def _columns(by: By) -> list[str]:
    """Return by what columns cells are summed, so that they can be measured by what is asked for."""
    return [*SUMS_BY, "series"] if by == "series" else list(SUMS_BY)


def _measure(sums: pd.DataFrame, by: By) -> pd.DataFrame:
    return measure_bins(sums) if by == "bin" else measure(sums, by=GROUPS[by])


def _keep_between(table: pd.DataFrame, column: str, first: object, last: object) -> pd.DataFrame:
    """Return the rows whose value lies between two, themselves included; None: no bound."""
    table = table if first is None else table[table[column] >= first]
    return table if last is None else table[table[column] <= last]


def _read_former(project: Project, version: str, forecasts: pd.DataFrame, touched: pd.DataFrame) -> pd.DataFrame:
    """Return the newest earlier scores of the forecasts that a version's actuals touch.

    A forecast can have been scored only after it was made, so reports are looked at back to the oldest of them.
    """
    spec = project.store.spec
    keys = touched[[*spec.series_keys, spec.timestamp]].rename(columns={spec.timestamp: "timestamp"})
    wanted = forecasts.merge(keys, on=list(keys.columns))[identify_scored(project)]
    oldest = version_number(min(wanted["forecast_version"], default=version)) + 1
    if oldest >= version_number(version):
        return no_cells(project)
    first, last = str(wanted["timestamp"].min()), str(wanted["timestamp"].max())
    before = version_key(version_number(version) - 1)
    walked = project.store.outputs.walk_back(CELLS, before, first=version_key(oldest))
    reports = [report for report in walked if touches(report, first, last)]
    former = merge_reports(project, reports[::-1])
    return former.merge(wanted, on=identify_scored(project)) if len(former) else no_cells(project)
