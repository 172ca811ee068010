"""The tables that people take out, in files or in the warehouse: their columns, and their rows from the store.

Nothing is computed here but the joining. Not here: the files (`loopcast.loop.export`) and the warehouse
(`loopcast.loop.warehouse`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.loop.history import NAIVE
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.judging.decisions import DECISIONS as DECISION_REFERENCES
from loopcast.loop.project import Project
from loopcast.loop.quarantine import list_refused
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.schemas import DESCRIPTIONS, forecast_schema, leaderboard_schema, plain_dtypes
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord
from loopcast.store.warehouse import TableLayout
from loopcast.use_case.model import UseCase

ROWS_AT_ONCE = 1_000_000
DATASET, VERSIONS, DECISIONS, QUARANTINE = "dataset", "versions", "decisions", "quarantine"
TEXT, NUMBER, COUNT, MOMENT = "str", "float64", "int64", "datetime64[us]"
VERSION_COLUMNS = {
    "version": TEXT, "status": TEXT, "parent": TEXT, "rows": COUNT, "series": COUNT, "added": COUNT,
    "corrected": COUNT, "removed": COUNT, "unchanged": COUNT, "first_timestamp": MOMENT, "last_timestamp": MOMENT,
    "columns_sent": TEXT, "settled_at": MOMENT, "actor": TEXT, "reason": TEXT, "source": TEXT, "file": TEXT,
    "idempotency_key": TEXT, "state_digest": TEXT, "contract_version": TEXT, "code_version": TEXT,
}  # fmt: skip
DECISION_COLUMNS = {
    "number": COUNT, "version": TEXT, "action": TEXT, "rule": TEXT, "build": TEXT, "reason": TEXT, "decided_at": MOMENT,
}  # fmt: skip
QUARANTINE_COLUMNS = {
    "version": TEXT, "file": TEXT, "source": TEXT, "actor": TEXT, "refused_at": MOMENT, "violations": COUNT,
    "rules": TEXT, "resubmitted_as": TEXT, "state": TEXT,
}  # fmt: skip
SUMMARY_COLUMNS = {
    "report": TEXT, "n": COUNT, "mae": NUMBER, "naive_mae": NUMBER, "skill_pct": NUMBER, "rmse": NUMBER,
    "bias": NUMBER, "coverage_pct": NUMBER,
}  # fmt: skip
MEANINGS = {
    **DESCRIPTIONS,
    "version": "dataset version",
    "status": "accepted, or refused: then the state is that of the parent",
    "parent": "the accepted version before",
    "rows": "rows of the whole dataset",
    "series": "series of the whole dataset",
    "columns_sent": "variables that the update carried",
    "settled_at": "when it was accepted or refused, in UTC",
    "refused_at": "when it was refused, in UTC",
    "decided_at": "when it was taken, in UTC",
    "number": "1 for the first decision, and so on",
    "zoo": "zoo that made the forecast",
    "report": "version whose actuals scored the forecasts",
    "build": "experiment",
    "naive_mae": "mean absolute error of the best seasonal naive on the same forecasts",
    "skill_pct": "by how much the error is below that of the best seasonal naive, percent",
    "rules": "rules that the update breaks",
    "resubmitted_as": "newest version that repairs it",
    "state": "open, waiting or resolved",
}


@dataclass(frozen=True)
class OutputTable:
    """A table of which every partition is one output of the store.

    Args:
        name: its name.
        output: the output's name in the store.
        key: column that names the partition.
        description: what a row is.
        columns: dtypes of the columns, by the use case's specification.
        read: the rows of one partition.
    """

    name: str
    output: str
    key: str
    description: str
    columns: Callable[[TableSpec], dict[str, str]]
    read: Callable[[Project, OutputManifest], pd.DataFrame]


def _forecast_columns(spec: TableSpec) -> dict[str, str]:
    return {"forecast_version": TEXT, **plain_dtypes(forecast_schema(spec.series_keys)), "zoo": TEXT}


def _cell_columns(spec: TableSpec) -> dict[str, str]:
    forecast = {name: kind for name, kind in _forecast_columns(spec).items() if name != "zoo"}
    return {"report": TEXT, **forecast, "actual": NUMBER, "error": NUMBER}


def _leaderboard_columns(_: TableSpec) -> dict[str, str]:
    return {"build": TEXT, "version": TEXT, **plain_dtypes(leaderboard_schema())}


def _read(project: Project, manifest: OutputManifest) -> pd.DataFrame:
    return project.store.outputs.read(manifest.table, manifest.partition, manifest.number)


def _read_forecast(project: Project, manifest: OutputManifest) -> pd.DataFrame:
    return _read(project, manifest).assign(forecast_version=manifest.partition, zoo=manifest.pins["zoo"])


def _read_cells(project: Project, manifest: OutputManifest) -> pd.DataFrame:
    cells = _read(project, manifest).assign(report=manifest.partition)
    return cells[list(_cell_columns(project.store.spec))]  # which naives there are differs from zoo to zoo


def _read_summary(project: Project, manifest: OutputManifest) -> pd.DataFrame:  # noqa: ARG001 - the manifest has it all
    facts = manifest.facts
    naives = [value for name, value in facts.items() if name.startswith(NAIVE)]
    row = {**facts, "report": manifest.partition, "naive_mae": min(naives, default=None)}
    return pd.DataFrame([{name: row.get(name) for name in SUMMARY_COLUMNS}])


def _read_leaderboard(project: Project, manifest: OutputManifest) -> pd.DataFrame:
    return _read(project, manifest).assign(build=manifest.partition, version=manifest.pins["version"])


OUTPUT_TABLES = (
    OutputTable(
        "forecasts", FORECASTS, "forecast_version", "one forecast of one timestamp, made on one dataset version",
        _forecast_columns, _read_forecast,
    ),
    OutputTable(
        "accuracy", CELLS, "report", "one forecast beside its actual, scored when a version brought or corrected it",
        _cell_columns, _read_cells,
    ),
    OutputTable(
        "accuracy_summary", CELLS, "report", "production accuracy on the actuals that one version brought",
        lambda _: SUMMARY_COLUMNS, _read_summary,
    ),
    OutputTable(
        "leaderboard", LEADERBOARDS, "build", "one member of the zoo in one backtest, best first",
        _leaderboard_columns, _read_leaderboard,
    ),
)  # fmt: skip


def list_layouts(project: Project) -> list[TableLayout]:
    """Return what each table looks like, the dataset first."""
    spec, use_case = project.store.spec, project.use_case
    kinds = {variable.name: NUMBER if variable.kind == "number" else TEXT for variable in spec.variables}
    dataset = {**dict.fromkeys(spec.series_keys, TEXT), spec.timestamp: MOMENT, **kinds}
    described = f"{use_case.description} One row per {' and '.join(spec.keys)}, as of the newest version."
    keys = dict.fromkeys(spec.series_keys, "series key")
    records = (
        (VERSIONS, VERSION_COLUMNS, "one update: what it did, who sent it and why"),
        (DECISIONS, DECISION_COLUMNS, "one decision of reflection: keep the zoo or build anew, and why"),
        (QUARANTINE, QUARANTINE_COLUMNS, "one refused update and what became of it"),
    )
    return [
        TableLayout(DATASET, dataset, described, describe_variables(use_case)),
        *(TableLayout(t.name, t.columns(spec), t.description, {**MEANINGS, **keys}) for t in OUTPUT_TABLES),
        *(TableLayout(name, columns, text, MEANINGS) for name, columns, text in records),
    ]


def describe_variables(use_case: UseCase) -> dict[str, str]:
    """Return what each column of a use case's dataset means, with units and roles."""
    zone = f"UTC; local time is {use_case.time_zone}" if use_case.time_zone else "wall-clock time"
    roles = {use_case.target.name: ("target", use_case.target.unit)}
    roles |= {p.name: ("predictor, known ahead" if p.known_ahead else "predictor", p.unit) for p in use_case.predictors}
    return {
        **dict.fromkeys(use_case.series_keys, "series key"),
        use_case.timestamp: f"{use_case.timestamp_marks} of the period, {zone}",
        **{name: f"{role}, in {unit}" if unit else role for name, (role, unit) in roles.items()},
    }


def iter_dataset(project: Project, version: str, *, rows_at_once: int = ROWS_AT_ONCE) -> Iterator[pd.DataFrame]:
    """Yield the rows of a version: all of them, or those of one span of time after the other where there are many.

    Args:
        project: the use case.
        version: a settled version.
        rows_at_once: about so many rows are in memory.
    """
    versions = project.store.versions
    record = versions.record(version)
    first, last, parts = record.first_timestamp, record.last_timestamp, -(-record.rows // rows_at_once)
    if first is None or last is None or parts <= 1:
        yield versions.read(version)
        return
    edges = pd.date_range(first, last, periods=parts + 1, unit="us")
    for start, after in pairwise(edges):
        end = after if after == edges[-1] else after - pd.Timedelta(1, "us")
        yield versions.read(version, start=start.to_pydatetime(), end=end.to_pydatetime())


def iter_outputs(project: Project, table: OutputTable, partitions: Sequence[str]) -> Iterator[pd.DataFrame]:
    """Yield the rows of a table's partitions, as last written, one partition after the other."""
    for partition in partitions:
        manifest = project.store.outputs.manifest(table.output, partition)
        if manifest is not None:
            yield table.read(project, manifest)


def tabulate_versions(records: Sequence[VersionRecord]) -> pd.DataFrame:
    """Return version records as a table."""
    rows = [{**record.to_dict(), "columns_sent": ", ".join(record.columns_sent)} for record in records]
    return _tabulate(rows, VERSION_COLUMNS)


def tabulate_decisions(project: Project, *, after: int = 0) -> pd.DataFrame:
    """Return the decisions with a number above one, oldest first."""
    references = project.store.references
    current = references.current(DECISION_REFERENCES)
    count = current.number - after if current else 0
    entries = references.history(DECISION_REFERENCES, last=count) if count > 0 else []
    if entries and entries[0].number > after + 1:  # another one came while we were reading
        entries = references.history(DECISION_REFERENCES)
    newer = [entry for entry in entries if entry.number > after]
    rows = [{**entry.value, "number": entry.number, "decided_at": entry.at} for entry in newer]
    return _tabulate(rows, DECISION_COLUMNS)


def tabulate_refused(project: Project) -> pd.DataFrame:
    """Return the refused versions, oldest first."""
    return _tabulate([{**row, "rules": ", ".join(row["rules"])} for row in list_refused(project)], QUARANTINE_COLUMNS)


def _tabulate(rows: Sequence[Mapping[Any, Any]], dtypes: Mapping[str, str]) -> pd.DataFrame:
    """Return rows as a table with these columns; times are in UTC without saying so."""
    values = {
        name: [_to_utc(row[name]) if kind == MOMENT else row[name] for row in rows] for name, kind in dtypes.items()
    }
    return pd.DataFrame({name: pd.Series(values[name], dtype=kind) for name, kind in dtypes.items()})


def _to_utc(moment: datetime | str | None) -> datetime | None:
    """Return a time in UTC and without a zone; one without a zone stays as it is."""
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found is None or found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
