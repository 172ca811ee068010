"""What every stage is held to: what it reads is what its records pin, and what it has written is what it must be.

Here belong the rules, run on what is really in the store. Not here: writing (the sibling modules, which refuse to write
a table that breaks its schema), and how results are shown (`loopcast.orchestration.stage_checks`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from loopcast.dataops.frequency import Horizon, regular_grid
from loopcast.dataops.table import OPERATION, TableSpec
from loopcast.errors import DamageError, NotFoundError, TableError
from loopcast.loop.contract import list_contracts
from loopcast.loop.explaining.root_cause import POINTS, ROOT_CAUSES
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.profile import CONTROLS, PROFILES
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import LEADERBOARDS, Experiment, ReleasedZoo
from loopcast.loop.zoos.forces import BACKTESTS, FORECASTS, ZOO_DOCUMENTS, list_in_force
from loopcast.schemas import (
    backtest_schema,
    check_table,
    control_schema,
    forecast_schema,
    leaderboard_schema,
    list_rules,
    point_schema,
    profile_schema,
    root_cause_schema,
)
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import NOTHING, Claim, VersionRecord
from loopcast.zoo.panel import local_starts

SUM_TOLERANCE = 1e-9


@dataclass(frozen=True)
class RuleOutcome:
    """One rule and what came of it.

    Args:
        rule: the rule in words.
        broken: how often it is broken; 0 is best.
        found: what was found where it is broken.
    """

    rule: str
    broken: int = 0
    found: str = ""


@dataclass(frozen=True)
class StageCheck:
    """The rules of one stage.

    Args:
        inputs: on what it has read.
        outputs: on what it has written; none where it has written nothing.
    """

    inputs: tuple[RuleOutcome, ...]
    outputs: tuple[RuleOutcome, ...]


def check_raw_update(project: Project, claim: Claim) -> StageCheck:
    """Return the check of an update as it was taken in."""
    inputs = (_holds("the file is not empty", claim.size > 0, f"{claim.size} bytes"),)
    outputs = (_intact("the stored file has the digest that was acknowledged", lambda: _upload(project, claim)),)
    return StageCheck(inputs, outputs)


def check_dataset(project: Project, record: VersionRecord) -> StageCheck:
    """Return the check of a settled version; a refused one has written nothing."""
    versions = project.store.versions
    claim = versions.claim_of(record.version)
    known = {entry.digest for entry in list_contracts(project)}
    inputs = (
        _same("the update is the one that was claimed", record.upload_digest, claim.upload_digest),
        _intact("the stored file has the digest that was acknowledged", lambda: _upload(project, claim)),
        _holds(
            "the contract it was settled under was in force",
            not record.contract_digest or record.contract_digest in known,
            f"contract {record.contract_version}, {record.contract_digest[:12]}",
        ),
    )
    if record.status != "accepted":
        return StageCheck(inputs, ())
    parent = versions.record(record.parent) if record.parent else NOTHING
    outputs = (
        _same("rows = those before + added - removed", record.rows, parent.rows + record.added - record.removed),
        *inspect(lambda: versions.patch(record.version), patch_schema(project.store.spec, record.columns_sent)),
    )
    return StageCheck(inputs, outputs)


def check_experiment(project: Project, made: Experiment) -> StageCheck:
    """Return the check of an experiment."""
    outputs, keys = project.store.outputs, project.store.spec.series_keys
    build = made.request.build
    written = (
        *inspect(lambda: outputs.read(LEADERBOARDS, build), leaderboard_schema()),
        *inspect(lambda: outputs.read(BACKTESTS, build), backtest_schema(keys)),
    )
    return StageCheck(tuple(_check_dataset_pin(project, made.manifest.pins)), written)


def check_zoo(project: Project, released: ReleasedZoo) -> StageCheck:
    """Return the check of a released zoo."""
    outputs, in_force = project.store.outputs, released.in_force
    manifest = outputs.manifest(LEADERBOARDS, released.request.build)
    pinned = manifest.pins["zoo_digest"] if manifest else "nothing"
    digest = in_force.digest if in_force else released.digest
    inputs = (_same("the zoo is the one that its experiment has released", digest, pinned),)
    written = (
        _intact("the stored zoo has its digest", lambda: outputs.read_document(ZOO_DOCUMENTS, digest)),
        _holds(
            "it is in force from no version before its own",
            in_force is None or in_force.from_version >= released.request.version,
            f"in force from {in_force.from_version if in_force else ''}, built on {released.request.version}",
        ),
        _holds(
            "every promised error is a number",
            all(np.isfinite(row.mae) for row in released.zoo.promise),
            "a promise that is none",
        ),
    )
    return StageCheck(inputs, written)


def check_forecast(project: Project, manifest: OutputManifest) -> StageCheck:
    """Return the check of a version's forecast."""
    outputs, spec = project.store.outputs, project.store.spec
    in_force = {entry.digest for entry in list_in_force(project)}
    digest = str(manifest.pins["zoo_digest"])
    inputs = (
        *_check_dataset_pin(project, manifest.pins),
        _holds("the zoo was put in force", digest in in_force, f"zoo {manifest.pins['zoo']}, {digest[:12]}"),
    )
    rules = inspect(
        lambda: outputs.read(FORECASTS, manifest.partition, manifest.number), forecast_schema(spec.series_keys)
    )
    if any(rule.broken for rule in rules):
        return StageCheck(inputs, rules)
    table = outputs.read(FORECASTS, manifest.partition, manifest.number)
    return StageCheck(inputs, (*rules, check_horizon(table, spec, project.use_case.zoo.horizon)))


def check_accuracy(project: Project, manifest: OutputManifest) -> StageCheck:
    """Return the check of a version's accuracy report."""
    outputs, version = project.store.outputs, manifest.partition
    scored: Mapping[str, str] = manifest.pins["forecasts"]
    known = {source: {entry.digest for entry in outputs.history(FORECASTS, source)} for source in scored}
    later = [source for source in scored if source >= version]
    other = [source for source, digest in scored.items() if digest not in known[source]]
    inputs = (
        *_check_dataset_pin(project, manifest.pins),
        RuleOutcome("only forecasts of earlier versions are scored", len(later), ", ".join(later)),
        RuleOutcome("the forecasts scored are as they were made", len(other), ", ".join(other)),
    )
    cells = outputs.read(CELLS, version, manifest.number)
    wrong = int((~np.isclose(cells["error"], cells["actual"] - cells["forecast"])).sum()) if len(cells) else 0
    twice = int(cells.duplicated([*project.store.spec.series_keys, "forecast_version", "timestamp"]).sum())
    written = (
        _same("n is the number of forecasts scored", manifest.facts["n"], len(cells)),
        RuleOutcome("error = actual - forecast, a number", wrong, f"{wrong} rows"),
        RuleOutcome("each forecast is scored once", twice, f"{twice} rows"),
    )
    return StageCheck(inputs, written)


def check_profile(project: Project, manifest: OutputManifest) -> StageCheck:
    """Return the check of a version's profile and of the signals beside it."""
    outputs, version = project.store.outputs, manifest.partition
    written = (
        *inspect(lambda: outputs.read(PROFILES, version, manifest.number), profile_schema()),
        *inspect(lambda: outputs.read(CONTROLS, version), control_schema()),
    )
    return StageCheck(tuple(_check_dataset_pin(project, manifest.pins)), written)


def check_root_cause(project: Project, manifest: OutputManifest) -> StageCheck:
    """Return the check of a version's root causes and of the points beside them."""
    outputs, keys, version = project.store.outputs, project.store.spec.series_keys, manifest.partition
    known = {entry.digest for entry in outputs.history(FORECASTS, version)}
    told = _holds("the forecast told of is one of its version", manifest.pins["forecast"] in known, "another one")
    rules = (
        *inspect(lambda: outputs.read(ROOT_CAUSES, version, manifest.number), root_cause_schema(keys)),
        *inspect(lambda: outputs.read(POINTS, version), point_schema(keys)),
    )
    if any(rule.broken for rule in rules):
        return StageCheck((*_check_dataset_pin(project, manifest.pins), told), rules)
    points, causes = outputs.read(POINTS, version), outputs.read(ROOT_CAUSES, version, manifest.number)
    return StageCheck((*_check_dataset_pin(project, manifest.pins), told), (*rules, *_check_sums(points, causes)))


def _check_sums(points: pd.DataFrame, causes: pd.DataFrame) -> Iterator[RuleOutcome]:
    """Yield the rules that the terms of each point sum to its forecast, and its causes to its change."""
    known = points.set_index("rank")
    totals = {"term": known["forecast"], "change": known["forecast"] - known["previous_forecast"]}
    for view, total in totals.items():
        sums = causes[causes["view"] == view].groupby("rank")["contribution"].sum()
        off = (sums - total[sums.index]).abs() > SUM_TOLERANCE * known["forecast"].abs().clip(lower=1.0)[sums.index]
        yield RuleOutcome(
            f"the causes of each {view} view sum to what they explain", int(off.sum()), f"{off.sum()} points"
        )


def inspect(read: Callable[[], pd.DataFrame], schema: pa.DataFrameSchema) -> tuple[RuleOutcome, ...]:
    """Return every rule of a schema and how many rows of a stored table break it.

    Args:
        read: reads the table; one that cannot be read breaks the first rule.
        schema: what it must be.
    """
    try:
        check_table(read(), schema)
    except (DamageError, NotFoundError) as error:
        return (RuleOutcome(f"the stored {schema.name} table can be read", 1, str(error)),)
    except TableError as error:
        return tell_rules(schema, error.broken)
    return tell_rules(schema, {})


def tell_rules(schema: pa.DataFrameSchema, broken: Mapping[str, int]) -> tuple[RuleOutcome, ...]:
    """Return every rule of a schema with the number of rows that break it."""
    rules = dict.fromkeys([*list_rules(schema), *broken])
    return tuple(RuleOutcome(f"{schema.name}: {rule}", broken.get(rule, 0)) for rule in rules)


def check_horizon(table: pd.DataFrame, spec: TableSpec, horizon: Horizon) -> RuleOutcome:
    """Return whether each series' forecast holds every timestamp of the horizon after its origin.

    Args:
        table: a forecast table.
        spec: the sampling period and the time zone.
        horizon: how far ahead the use case forecasts.
    """
    groups = [group for _, group in table.groupby([*spec.series_keys, "origin"])]
    missing = [stamp for group in groups for stamp in _find_missing(group, spec, horizon)]
    found = ", ".join(map(str, missing[:3])) if groups else "no rows"
    return RuleOutcome("the whole horizon is covered", len(missing) if groups else 1, found)


def patch_schema(spec: TableSpec, sent: tuple[str, ...]) -> pa.DataFrameSchema:
    """Return what the rows of an accepted update must be: whole, unique keys, and values within their bounds."""
    columns: dict[str, pa.Column] = {spec.timestamp: pa.Column("datetime64[us]")}
    columns |= {name: pa.Column("str") for name in spec.series_keys}
    for variable in (spec.variable(name) for name in sent):
        checks = [] if variable.minimum is None else [pa.Check.ge(variable.minimum)]
        checks += [] if variable.maximum is None else [pa.Check.le(variable.maximum)]
        kind = "float64" if variable.kind == "number" else "str"
        columns[variable.name] = pa.Column(kind, checks, nullable=True)
    columns[OPERATION] = pa.Column("str", pa.Check.isin(["upsert", "remove"]))
    return pa.DataFrameSchema(columns, unique=list(spec.keys), strict=True, name="update")


def _find_missing(group: pd.DataFrame, spec: TableSpec, horizon: Horizon) -> Iterator[pd.Timestamp]:
    """Yield the timestamps of the horizon that one series' forecast lacks."""
    origin = pd.DatetimeIndex([group["origin"].iloc[0]])
    start = local_starts(origin, spec)[0]
    steps = horizon.count_steps(start, spec.frequency)
    last = regular_grid(start, spec.frequency, periods=steps + 1)[-1]
    # An hour that the clock change repeats is there twice, one that it leaves out is not: hence some more than steps.
    grid = regular_grid(origin[0], spec.frequency, periods=2 * steps + 2, time_zone=spec.time_zone)[1:]
    local = local_starts(grid, spec)
    yield from grid[(local > start) & (local <= last)].difference(pd.DatetimeIndex(group["timestamp"]))


def _check_dataset_pin(project: Project, pins: Mapping[str, object]) -> Iterator[RuleOutcome]:
    """Yield the rules on the dataset version that an output pins."""
    record = project.store.versions.record(str(pins["version"]))
    yield _holds(
        "the version read is an accepted one", record.status == "accepted", f"{record.version} {record.status}"
    )
    yield _same("the dataset read is the one that its record pins", pins["dataset"], record.state_digest)


def _upload(project: Project, claim: Claim) -> None:
    project.store.versions.upload_of(claim.version)


def _holds(rule: str, holds: bool, found: str) -> RuleOutcome:  # noqa: FBT001 - the outcome itself
    return RuleOutcome(rule, 0 if holds else 1, "" if holds else found)


def _same(rule: str, found: object, expected: object) -> RuleOutcome:
    return _holds(rule, found == expected, f"found {found}; expected {expected}")


def _intact(rule: str, read: Callable[[], object]) -> RuleOutcome:
    """Return whether something stored can be read as it was written."""
    try:
        read()
    except (DamageError, NotFoundError) as error:
        return RuleOutcome(rule, 1, str(error))
    return RuleOutcome(rule)
