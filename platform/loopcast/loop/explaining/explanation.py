"""Why a stored forecast is what it is: the zoo and the version that its manifest pins, put together once more.

Nothing is written here and nothing is fitted. What follows from the contributions is said by
`loopcast.reflection.root_cause`; which points are explained is in `loopcast.loop.explaining.root_cause`
and `loopcast.loop.explaining.point`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import pandas as pd

from loopcast.errors import CallerError, DamageError, DataError, ModelError, NotFoundError
from loopcast.loop.judging.actuals import choose_production
from loopcast.loop.project import Project
from loopcast.loop.slices import read_window
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.loop.zoos.states import restore
from loopcast.reflection.root_cause import (
    CORRECTED_DATA,
    NEW_DATA,
    NOT_REPRODUCED,
    OTHER_MODEL,
    OTHER_PREPROCESSING,
    RETRAINED_MODEL,
    Stage,
    account_for,
    compare_stages,
)
from loopcast.store.outputs import OutputManifest
from loopcast.zoo.explain import explain
from loopcast.zoo.zoo import Zoo

LOOK_BACK = 60
EARLIER = "previous forecast"
MISSING = (CallerError, DamageError, DataError, ModelError, NotFoundError)


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why some cells of one forecast are what they are.

    Args:
        terms: see `loopcast.schemas.contribution_schema`; they sum to the stored forecasts.
        changes: identity, `part`, `term`, `variable`, `contribution`; they sum to the difference from the previous
            forecasts, for the cells that have one; None where they were not compared, or none has one.
        notes: what could not be told.
    """

    terms: pd.DataFrame
    changes: pd.DataFrame | None
    notes: tuple[str, ...]


def read_zoo_of(project: Project, manifest: OutputManifest) -> Zoo:
    """Return the zoo that a forecast was made with, in the state that it had then."""
    return restore(project, manifest)


def read_contributions(
    project: Project,
    version: str,
    zoo: Zoo,
    cells: pd.DataFrame,
    *,
    corrections: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return how the forecasts of some cells add up when a zoo forecasts a version.

    Args:
        project: the use case.
        version: an accepted version.
        zoo: any zoo of the use case.
        cells: series keys and timestamp; only these series are read.
        corrections: cells of the version to be read as something else; None: as it is.

    Raises:
        HistoryError: the version lacks history that the zoo needs.
    """
    identity = identify_cells(project)
    record, keys = project.store.versions.record(version), list(project.store.spec.series_keys)
    series = cells[keys].drop_duplicates().to_dict("records") if keys else None
    seen = read_window(project, record, zoo, series=series, corrections=corrections)  # type: ignore[arg-type]
    return explain(zoo, seen.panel).merge(cells[identity], on=identity)


def identify_cells(project: Project) -> list[str]:
    """Return the columns that tell the cells of one forecast apart."""
    return [*project.store.spec.series_keys, "timestamp"]


def find_previous(project: Project, manifest: OutputManifest, cells: pd.DataFrame) -> pd.DataFrame:
    """Return the newest earlier forecast of each cell: identity, `previous_version`, `_number`, `_forecast`.

    That is an earlier forecast of the same version, by another zoo, or else that of an earlier version, from another
    origin. Cells that nobody forecast before are left out.

    Args:
        project: the use case.
        manifest: the forecast.
        cells: series keys and timestamp.
    """
    identity, found = identify_cells(project), []
    waiting = cells[identity]
    for earlier in _list_earlier(project, manifest, first=str(cells["timestamp"].min())):
        table = project.store.outputs.read(FORECASTS, earlier.partition, earlier.number)
        met = waiting.merge(table[[*identity, "forecast"]], on=identity)
        found.append(
            met.rename(columns={"forecast": "previous_forecast"}).assign(
                previous_version=earlier.partition, previous_number=earlier.number
            )
        )
        waiting = waiting.merge(met[identity], on=identity, how="left", indicator=True)
        waiting = waiting.loc[waiting["_merge"] == "left_only", identity]
        if waiting.empty:
            break
    nothing = waiting.iloc[:0].assign(previous_forecast=0.0, previous_version="", previous_number=0)
    return pd.concat([*(part for part in found if len(part)), nothing], ignore_index=True)


def _list_earlier(project: Project, manifest: OutputManifest, *, first: str) -> Iterator[OutputManifest]:
    """Yield the forecasts before one, newest first, as long as they reach to a timestamp."""
    outputs, version = project.store.outputs, manifest.partition
    scale = manifest.pins["preprocessing"].get("time_scale")
    same = [one for one in outputs.history(FORECASTS, version) if one.number < manifest.number]
    newer = islice(outputs.walk_back(FORECASTS, version), LOOK_BACK + 1)
    others = (choose_production(project, one) for one in newer if one.partition < version)
    for earlier in (*reversed(same), *others):
        if earlier is None or earlier.pins["preprocessing"].get("time_scale") != scale:
            continue
        if earlier.facts["covers_to"] < first:
            return
        yield earlier


def explain_cells(
    project: Project, manifest: OutputManifest, cells: pd.DataFrame, *, previous: pd.DataFrame | None = None
) -> Explanation:
    """Return why some cells of a forecast are what they are, and why they are not what was forecast before.

    Args:
        project: the use case.
        manifest: the forecast.
        cells: rows of its table.
        previous: their earlier forecasts, see `find_previous`; None: they are not compared.

    Raises:
        NotFoundError: rows that the forecast was made from were erased since.
        HistoryError: its version lacks history that its zoo needs.
    """
    identity = identify_cells(project)
    try:
        made = read_contributions(project, manifest.partition, read_zoo_of(project, manifest), cells)
    except DataError:
        require_inputs(project, manifest)
        raise
    terms = account_for(made, cells[identity].assign(total=cells["forecast"]), by=identity)
    if len(terms) > len(made):
        require_inputs(project, manifest)
    changes, notes = [], list[str]()
    groups = previous.groupby(["previous_version", "previous_number"]) if previous is not None else ()
    for (version, number), group in groups:
        old = project.store.outputs.manifest_at(FORECASTS, str(version), int(str(number)))
        stages, why = _trace_change(project, old, manifest, made.merge(group[identity], on=identity))
        both = group.merge(cells[[*identity, "forecast"]], on=identity)
        total = both[identity].assign(total=both["forecast"] - both["previous_forecast"])
        unknown = " + ".join(stage.part for stage in stages[1:]) if stages[0].contributions is None else NOT_REPRODUCED
        changes.append(account_for(compare_stages(stages, by=identity), total, by=identity, term=unknown))
        notes += why
    return Explanation(terms, pd.concat(changes, ignore_index=True) if changes else None, tuple(notes))


def _trace_change(
    project: Project, old: OutputManifest, new: OutputManifest, final: pd.DataFrame
) -> tuple[list[Stage], list[str]]:
    """Return the way from an earlier forecast of some cells to a later one, and what could not be made on it.

    Step by step: the old zoo on the old version; on the old version with the cells that were corrected or removed since
    then; on the new version; prepared as the new zoo wants it; the new zoo on the new version.

    Args:
        project: the use case.
        old: the earlier forecast.
        new: the later one.
        final: contributions to the later one: where the way ends.
    """
    zoo, cells = read_zoo_of(project, old), final[identify_cells(project)].drop_duplicates()
    tries: list[tuple[str, str, Zoo, pd.DataFrame | None]] = [(EARLIER, old.partition, zoo, None)]
    if old.partition != new.partition:
        corrected, is_more = list_corrections(project, old.partition, new.partition)
        if len(corrected):
            tries.append((CORRECTED_DATA, old.partition if is_more else new.partition, zoo, corrected))
        tries += [(NEW_DATA, new.partition, zoo, None)] if is_more else []
    if old.pins["preprocessing"] != new.pins["preprocessing"]:
        spec = replace(zoo.spec, preprocessing=read_zoo_of(project, new).spec.preprocessing)
        tries.append((OTHER_PREPROCESSING, new.partition, replace(zoo, spec=spec), None))
    other = name_other_model(old, new)
    tries += [(other, new.partition, zoo, None)] if other else []
    stages, notes = list[Stage](), list[str]()
    for part, version, models, corrections in tries[:-1]:
        reached, why = _attempt(project, version, models, cells, corrections)
        stages.append(Stage(part, reached))
        notes += [f"{part} alone cannot be told: {why}"] if why else []
    return [*stages, Stage(tries[-1][0], final)], notes


def name_other_model(old: OutputManifest, new: OutputManifest) -> str | None:
    """Return what is different in the models of two forecasts: the zoo, or what it has learned; None: nothing is."""
    if old.pins["zoo_digest"] != new.pins["zoo_digest"]:
        return OTHER_MODEL
    return RETRAINED_MODEL if old.pins.get("state_digest") != new.pins.get("state_digest") else None


def list_corrections(project: Project, old: str, new: str) -> tuple[pd.DataFrame, bool]:
    """Return the cells of a version that a later one has another value of, or none, and whether that has new ones.

    Args:
        project: the use case.
        old: the earlier version.
        new: the later one; cells that the earlier one had no value of are new data.
    """
    cells = project.store.versions.diff(old, new).cells
    was_there = cells["before"].notna()
    return cells[was_there].reset_index(drop=True), not was_there.all()


def _attempt(
    project: Project, version: str, zoo: Zoo, cells: pd.DataFrame, corrections: pd.DataFrame | None
) -> tuple[pd.DataFrame | None, str]:
    """Return the contributions, or None and why there are none for all of the cells."""
    identity = identify_cells(project)
    try:
        made = read_contributions(project, version, zoo, cells, corrections=corrections)
    except MISSING as error:
        return None, str(error)
    if len(made[identity].drop_duplicates()) < len(cells[identity].drop_duplicates()):
        return None, "its horizon does not reach all of these timestamps"
    return made, ""


def require_inputs(project: Project, manifest: OutputManifest) -> None:
    """Raise where a forecast cannot be put together any more as it was.

    Raises:
        NotFoundError: rows of its version were erased since.
    """
    record = project.store.versions.record(manifest.partition)
    if manifest.pins["dataset"] != record.state_digest:
        raise NotFoundError(
            f"found other rows in {record.version} than its forecast was made from: some were erased since; "
            "that forecast cannot be explained any more"
        )
