"""The root cause of what is sharpest in a version: its largest changes, its widest intervals, the largest errors.

The ranking is in `loopcast.reflection.sharpest`, the explaining in `loopcast.loop.explaining.explanation`; here is
which forecasts they are given, and where the tables are written.
"""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from loopcast.dataops.table import TableSpec, label_series
from loopcast.errors import NotFoundError
from loopcast.loop.explaining.explanation import MISSING, explain_cells, find_previous, identify_cells
from loopcast.loop.judging.accuracy import CELLS, read_cells
from loopcast.loop.judging.actuals import find_production
from loopcast.loop.judging.judgement import read_judgement
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.reflection.root_cause import (
    sort_largest,
    stack_steps,
    sum_parts,
    tell_largest,
    view_predictors,
    view_terms,
)
from loopcast.reflection.sharpest import CHANGE, DETERIORATION, ERROR, WIDTH, rank_points
from loopcast.schemas import check_table, point_schema, root_cause_schema
from loopcast.store.outputs import OutputManifest

POINTS, ROOT_CAUSES = "root_cause_points", "root_cause"
STEPS = 9


@dataclass(frozen=True, eq=False)
class VersionRootCause:
    """Why the sharpest points of a version are what they are.

    Args:
        manifest: the table of causes as written, with the inputs it pins.
        points: see `loopcast.schemas.point_schema`.
        causes: see `loopcast.schemas.root_cause_schema`.
        notes: what could not be told.
    """

    manifest: OutputManifest
    points: pd.DataFrame
    causes: pd.DataFrame
    notes: tuple[str, ...]


def trace_version(project: Project, version: str, *, now: datetime) -> VersionRootCause:
    """Return the root causes of a version's sharpest points, written to the store with the points.

    Looked at are the version's own forecast, the newest earlier forecast of each timestamp whose actual it brought, and
    where errors are worse than promised all forecasts scored since.

    Raises:
        NotFoundError: the version has no forecast.
    """
    outputs, keys = project.store.outputs, project.store.spec.series_keys
    manifest = require_forecast(project, version)
    candidates, previous = _list_candidates(project, manifest)
    points, causes, notes = _explain_points(project, manifest, rank_points(candidates, series_keys=keys), previous)
    points, causes = check_table(points, point_schema(keys)), check_table(causes, root_cause_schema(keys))
    pins = {
        "version": version,
        "dataset": project.store.versions.record(version).state_digest,
        "forecast": manifest.digest,
        "zoo": manifest.pins["zoo"],
        "previous": sorted({name for name in points["previous_version"] if name}),
        "scored": sorted(set(points["forecast_version"]) - {version}),
        "code_version": project.code_version,
    }
    outputs.write(POINTS, version, points, pins=pins, now=now)
    facts = {**_tell(points), "notes": list(notes)}
    written = outputs.write(ROOT_CAUSES, version, causes, pins=pins, now=now, facts=facts)
    return VersionRootCause(written, points, causes, notes)


def require_forecast(project: Project, version: str) -> OutputManifest:
    """Return the manifest of a version's forecast; raises NotFoundError where it has none."""
    manifest = project.store.outputs.manifest(FORECASTS, version)
    if manifest is None:
        raise NotFoundError(f"found no forecast of {version} of {project.name}; materialize `forecast` for it first")
    return manifest


def _list_candidates(project: Project, manifest: OutputManifest) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the forecasts that are ranked, and the previous ones of the version's own."""
    identity, outputs, version = identify_cells(project), project.store.outputs, manifest.partition
    own = outputs.read(FORECASTS, version, manifest.number).assign(forecast_version=version)
    previous = find_previous(project, manifest, own)
    own = own.merge(previous.drop(columns="previous_number"), on=identity, how="left").assign(actual=float("nan"))
    scored = outputs.read(CELLS, version) if outputs.manifest(CELLS, version) else own.iloc[:0]
    newest = scored.sort_values("origin", kind="stable").drop_duplicates(identity, keep="last")
    columns = [*identity, "forecast_version", "origin", "samples_ahead", "forecast", "lower", "upper", "actual"]
    extra = ["previous_version", "previous_forecast"]
    since = _list_deteriorated(project, version, like=newest)[columns]
    old = [part.assign(previous_version="", previous_forecast=float("nan")) for part in (newest[columns], since)]
    parts = [own[[*columns, *extra]], *old]
    both = pd.concat([part.assign(is_since=part is old[1]) for part in parts if len(part)], ignore_index=True)
    return both.fillna({"previous_version": ""}), previous


def _list_deteriorated(project: Project, version: str, *, like: pd.DataFrame) -> pd.DataFrame:
    """Return the scored forecasts since errors are worse than promised; none where they are not.

    Args:
        project: the use case.
        version: the judgement is the one after this version.
        like: a table with the columns there are.
    """
    judgement = read_judgement(project, version)
    if judgement is None or judgement.since is None:
        return like.iloc[:0]
    cells = read_cells(project, until=version, first=judgement.since)
    is_new = (cells["forecast_version"] >= judgement.since) & (cells["report"] < version)
    return cells[is_new]


def _explain_points(
    project: Project, manifest: OutputManifest, ranked: pd.DataFrame, previous: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Return the points with their explanation, and their causes; those that cannot be told any more are left out."""
    schema = root_cause_schema(project.store.spec.series_keys)
    causes = [pd.DataFrame({name: pd.Series(dtype=str(kind)) for name, kind in schema.dtypes.items()})]
    notes: list[str] = []
    for version, points in ranked.groupby("forecast_version"):
        is_own = version == manifest.partition
        made_by = manifest if is_own else find_production(project, FORECASTS, str(version))
        if made_by is None:
            continue
        try:
            found, said = _list_causes(project, made_by, points, previous if is_own else None)
        except MISSING as error:
            notes.append(f"{version}: {error}")
            continue
        causes.append(found[list(schema.columns)])
        notes += said
    table = pd.concat([part for part in causes if len(part)] or causes, ignore_index=True)
    table = table.sort_values(["rank", "view"], kind="stable", ignore_index=True)
    points = ranked[ranked["rank"].isin(table["rank"])].reset_index(drop=True)
    points = points.assign(explanation=pd.Series(_tell_points(points, table), dtype="str"))
    return points[list(point_schema(project.store.spec.series_keys).columns)], table, tuple(notes)


def _list_causes(
    project: Project, manifest: OutputManifest, points: pd.DataFrame, previous: pd.DataFrame | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the term view and the change view of some points of one forecast."""
    identity = identify_cells(project)
    before = None if previous is None else previous.merge(points[identity], on=identity)
    made = explain_cells(project, manifest, points, previous=before)
    views = [view_terms(made.terms, by=identity).assign(view="term", part="")]
    views += [] if made.changes is None else [made.changes.assign(view="change")]
    columns = [*identity, "view", "part", "term", "variable", "contribution"]
    table = pd.concat([view[columns] for view in views], ignore_index=True)
    return points[["rank", "forecast_version", *identity]].merge(table, on=identity), made.notes


def _tell_points(points: pd.DataFrame, causes: pd.DataFrame) -> list[str]:
    """Return in one line per point what makes it what it is, beginning with what it came in by."""
    by, columns = ["rank"], ["part", "contribution", "most"]
    terms, changes = causes[causes["view"] == "term"], causes[causes["view"] == "change"]
    made = tell_largest(view_predictors(terms, by=by), by=by).set_index("rank")["words"]
    parts = sum_parts(changes, by=by) if len(changes) else None
    told = []
    for point in points.to_dict("records"):
        missed = point["actual"] - point["forecast"]
        line = [f"missed its actual by {missed:+.4g}"] if missed == missed else []
        if parts is not None and point["rank"] in parts["rank"].to_numpy():
            since = parts.loc[parts["rank"] == point["rank"], columns]
            most = "; ".join(f"{part} {amount:+.4g} ({words})" for part, amount, words in since.to_numpy())
            line.append(f"{since['contribution'].sum():+.4g} since {point['previous_version']}: {most}")
        told.append("; ".join([*line, f"made of {made[point['rank']]}"]))
    return told


def list_steps(made: VersionRootCause, spec: TableSpec) -> tuple[str, pd.DataFrame]:
    """Return a title and the steps that lead to the sharpest point's forecast, see `stack_steps`.

    They begin at its previous forecast where it has one, else at zero.

    Args:
        made: with at least one point.
        spec: names of the target and the series keys.
    """
    point, causes = made.points.iloc[0], made.causes[made.causes["rank"] == made.points["rank"].iloc[0]]
    changes, terms = causes[causes["view"] == "change"], causes[causes["view"] == "term"]
    start, words = None, "term by term"
    if len(changes):
        view = view_predictors(changes, by=["part"])
        terms = sort_largest(view.assign(term=view["part"] + ": " + view["variable"]))
        start = (f"forecast on {point['previous_version']}", point["previous_forecast"])
        words = "against the previous forecast"
    words += f"; actual {point['actual']:.4g}" if pd.notna(point["actual"]) else ""
    series, end = label_series(point[list(spec.series_keys)]), f"forecast on {point['forecast_version']}"
    title = f"{spec.target} {series} at {point['timestamp']:%Y-%m-%d %H:%M}, {words}".replace("  ", " ")
    return title, stack_steps(terms[["term", "contribution"]], start=start, end=end, n=STEPS)


def _tell(points: pd.DataFrame) -> dict[str, float]:
    """Return the numbers that are followed from version to version: the largest score by each reason."""
    first = points["reason"].str.split(", ").str[0]
    return {
        f"largest_{reason}": float(points.loc[first == reason, "score"].max())
        for reason in (CHANGE, ERROR, WIDTH, DETERIORATION)
        if (first == reason).any()
    }
