"""Forecasts and scored cells as they lie in the store, put together from many versions and reports.

Not here: which forecasts are scored (`loopcast.loop.judging.actuals`) and the reports themselves
(`loopcast.loop.judging.accuracy`).
"""

from collections.abc import Iterator, Sequence

import pandas as pd
import pandera.pandas as pa

from loopcast.loop.judging.actuals import Source, find_production
from loopcast.loop.production import MEMBERS
from loopcast.loop.project import Project
from loopcast.schemas import forecast_schema, member_forecast_schema, plain_dtypes
from loopcast.store.outputs import OutputManifest

RESCORED = "accuracy_rescored"


def merge_reports(project: Project, reports: Sequence[OutputManifest]) -> pd.DataFrame:
    """Return the cells of some reports, each as scored last, with the column `report`.

    Args:
        project: the use case.
        reports: their manifests, oldest first.
    """
    identity = identify_scored(project)
    frames = [frame for report in reports for frame in _read_report(project, report) if len(frame)]
    cells = pd.concat([no_cells(project), *frames], ignore_index=True).drop_duplicates(identity, keep="last")
    cells = cells.dropna(subset=["actual"]).reset_index(drop=True)
    return cells.astype(plain_dtypes(forecast_schema(project.store.spec.series_keys)))


def identify_scored(project: Project) -> list[str]:
    """Return the columns that tell scored cells apart."""
    return [*project.store.spec.series_keys, "forecast_version", "timestamp"]


def read_rescored(project: Project, version: str) -> pd.DataFrame:
    """Return the cells whose score a version's report changed, because it brought another actual or took it away.

    Returns:
        Series keys, `forecast_version`, `timestamp`, `former_report`, `former_actual`, `former_error`, and `actual` and
        `error`, which are missing where the actual was taken away.
    """
    manifest = project.store.outputs.manifest(RESCORED, version)
    if manifest is None:
        return compare_scores(project, no_cells(project), no_cells(project))
    return project.store.outputs.load(manifest)


def _read_report(project: Project, report: OutputManifest) -> Iterator[pd.DataFrame]:
    """Yield a report's cells and those that it took away, whose actual is missing."""
    version = report.partition
    yield project.store.outputs.load(report).assign(report=version)
    if report.facts.get("rescored"):
        rescored = read_rescored(project, version)
        gone = rescored.loc[rescored["actual"].isna(), [*identify_scored(project), "actual"]]
        yield gone.assign(report=version)


def touches(report: OutputManifest, first: str, last: str) -> bool:
    """Return whether a report may have scored or taken away cells between two stored times, themselves included."""
    reach = report.facts.get("touches", ["", "9999"])
    return bool(reach) and reach[0] <= last and reach[1] >= first


def can_be_added(reports: Sequence[OutputManifest]) -> bool:
    """Return whether the sums of some reports add up to the newest scores, reports oldest first.

    They do not where a report is older than sums are or lost rows to an erasure, nor where one was made after a later
    one on the same times: that one did not know of it.
    """
    if any("sums" not in one.facts or one.facts["n"] != one.rows for one in reports):
        return False
    late: list[OutputManifest] = []  # made later than some report after them
    earliest = None
    for one in reversed(reports):
        late += [one] if earliest is not None and one.written_at > earliest and one.facts["touches"] else []
        earliest = one.written_at if earliest is None else min(earliest, one.written_at)
    return not any(
        one.partition < other.partition and one.written_at > other.written_at and touches(other, *one.facts["touches"])
        for one in late
        for other in reports
    )


def compare_scores(project: Project, cells: pd.DataFrame, former: pd.DataFrame) -> pd.DataFrame:
    """Return the former scores that are others now, beside the present ones, see `read_rescored`."""
    identity = identify_scored(project)
    names = {"report": "former_report", "actual": "former_actual", "error": "former_error"}
    before = former[[*identity, *names]].rename(columns=names)
    both = before.merge(cells[[*identity, "actual", "error"]], on=identity, how="left")
    return both[both["actual"] != both["former_actual"]].reset_index(drop=True)


def read_forecasts(project: Project, sources: Sequence[Source]) -> pd.DataFrame:
    """Return the forecasts, with the column `forecast_version`, without those of hours whose actual was known."""
    frames = [_no_rows(forecast_schema(project.store.spec.series_keys))]
    for source in sources:
        version = source.manifest.partition
        frame = project.store.outputs.load(source.manifest)
        frame = frame[frame["timestamp"] >= pd.Timestamp(source.known_before)] if source.known_before else frame
        frames.append(frame.assign(forecast_version=version))
    return _join(frames)


def read_members(project: Project, sources: Sequence[Source]) -> pd.DataFrame:
    """Return the member forecasts that belong to forecasts, with the column `forecast_version`."""
    frames = [_no_rows(member_forecast_schema(project.store.spec.series_keys))]
    for source in sources:
        version = source.manifest.partition
        manifest = find_production(project, MEMBERS, version)
        if manifest is not None:
            frames.append(project.store.outputs.load(manifest).assign(forecast_version=version))
    return _join(frames)


def _join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)


def no_cells(project: Project) -> pd.DataFrame:
    """Return the columns of scored cells without a row."""
    numbers = {name: pd.Series(dtype="float64") for name in ("actual", "error")}
    return _no_rows(forecast_schema(project.store.spec.series_keys)).assign(**numbers, report=pd.Series(dtype="str"))


def _no_rows(schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Return a table's columns, with the column `forecast_version`, without a row."""
    dtypes = {**plain_dtypes(schema), "forecast_version": "str"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in dtypes.items()})
