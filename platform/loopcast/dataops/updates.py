"""From an update file's bytes to an `Update`, or to a `Refusal` that names everything that is wrong with it.

Here belong the rules that an update must keep to. Not here: file formats (`loopcast.dataops.files.formats`),
conversions of single columns (`loopcast.dataops.columns`) and what an update does to the rows
(`loopcast.dataops.merge`).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandas.tseries.offsets import Tick

from loopcast.dataops.columns import (
    EMPTY_KEY,
    Mask,
    Rule,
    convert_numbers,
    convert_texts,
    convert_timestamps,
    find_empty,
    to_text,
)
from loopcast.dataops.files.formats import read_columns
from loopcast.dataops.files.number_format import PLAIN, NumberFormat, find_number_columns, find_number_format
from loopcast.dataops.files.raw_table import RawTable
from loopcast.dataops.frequency import estimate_frequency
from loopcast.dataops.header import check_header
from loopcast.dataops.table import OPERATION, REMOVE, UPSERT, TableSpec
from loopcast.dataops.text_rules import check_texts
from loopcast.dataops.violations import Findings, Refusal, Violation, join_findings

Rows = npt.NDArray[np.int64]
_OPERATIONS = Rule("unknown_operation", f"{UPSERT}, {REMOVE} or an empty cell", "correct the operation")
_MISSING = Rule("missing_value", "a value: the contract requires this column", "fill in the value or leave the row out")
_DUPLICATE = Rule("duplicate_key", "each key once in a file", "keep one of the rows with this key")
# Clocks differ, and wall-clock time may be that of any zone.
TOLERANCE = timedelta(days=1)


@dataclass(frozen=True)
class Update:
    """A valid update: what changes, and which columns it speaks of.

    Args:
        frame: the keys, the variables that were sent, and `_operation`; sorted by the keys, which are unique.
        columns_sent: the variables in the file, in the order of the specification; others are unchanged.
        facts: how the file was read, in words: its kind, delimiter, decimal separator, encoding ...
    """

    frame: pd.DataFrame
    columns_sent: tuple[str, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


def read_update(content: bytes, *, name: str, spec: TableSpec, now: datetime | None = None) -> Update | Refusal:
    """Return the update in a file, or every violation in it; never raises, whatever the bytes.

    Columns may come in any order. An empty cell in a column that is there means missing; a column that is not there
    is unchanged; `_operation` (`upsert` or `remove`, default `upsert`) may be left out; what a row to be removed says
    beside its key is checked like all else and then forgotten. Numbers are the nearest float64.

    Args:
        content: the file's bytes.
        name: the file's name; its ending says of which kind it is (`loopcast.dataops.files.formats.ENDINGS`).
        spec: the columns, their kinds and bounds, the frequency, the time zone and what is declared of files.
        now: when the update came, aware; what is measured cannot be later. None: the future is not looked at.
    """
    table, row_findings = read_columns(content, name=name, spec=spec)
    if table is None or (row_findings.total and not len(table.rows)):
        return _refuse(name, row_findings)
    number_format, unclear = find_number_format(table, spec=spec)
    frame, findings = _convert(table, spec, number_format=None if unclear.total else number_format, now=now)
    findings = join_findings([row_findings, unclear, findings])
    if findings.total:
        return _refuse(name, findings)
    sent = tuple(variable for variable in spec.variable_names if variable in frame.columns)
    is_removal = frame[OPERATION] == REMOVE
    if is_removal.any():
        frame.loc[is_removal, list(sent)] = np.nan
    ordered = frame[[*spec.keys, *sent, OPERATION]].sort_values(list(spec.keys), ignore_index=True)
    return Update(ordered, sent, {**table.facts, **(number_format.describe() if table.is_localised else {})})


def _refuse(name: str, findings: Findings) -> Refusal:
    """Return the refusal of a file for what was found."""
    return Refusal(name, findings.violations, findings.total)


def _convert(
    table: RawTable, spec: TableSpec, *, number_format: NumberFormat | None, now: datetime | None
) -> tuple[pd.DataFrame, Findings]:
    """Return the typed rows, of those columns that are right, and everything that is wrong.

    Without a number format the columns of numbers are left out.
    """
    header = join_findings(check_header(table, spec))
    if not len(table.rows):
        no_rows = Violation("no_rows", "no rows", "at least one row", None, None, "send a file with rows")
        return pd.DataFrame(), join_findings([header, Findings.of(no_rows)])
    columns, parts = {}, [header]
    counts = Counter(table.names)
    positions = {name: at for at, name in enumerate(table.names) if counts[name] == 1}
    unclear = set() if number_format is not None else {table.names[at] for at in find_number_columns(table, spec)}
    for name in (*spec.series_keys, *spec.variable_names):
        if name in positions and name not in unclear:
            columns[name], findings = _convert_column(table, positions[name], spec, number_format or PLAIN)
            parts.append(findings)
    frame = pd.DataFrame(columns, index=range(len(table.rows)))
    frame[OPERATION], operations = _convert_operations(table, positions.get(OPERATION))
    if spec.timestamp in positions:
        times = table.columns[positions[spec.timestamp]]
        frame[spec.timestamp], local, findings = convert_timestamps(times, spec=spec, rows=table.rows)
        parts += [findings, _check_grid(frame, local, times, spec=spec, rows=table.rows)]
        parts.append(_check_future(frame, times, spec=spec, rows=table.rows, now=now))
    parts += [operations, _check_duplicates(frame, spec, table.rows), _check_bounds(frame, spec, table.rows)]
    parts += [_check_required(frame, table, at, spec) for at in positions.values()]
    return frame, join_findings(parts)


def _convert_column(
    table: RawTable, position: int, spec: TableSpec, number_format: NumberFormat
) -> tuple[pd.Series, Findings]:
    """Return one series key or variable as typed values, and what is wrong with it."""
    name, column, rows = table.names[position], table.columns[position], table.rows
    is_key = name in spec.series_keys
    if not is_key and spec.variable(name).kind == "number":
        return convert_numbers(column, name=name, rows=rows, number_format=number_format)
    column = to_text(column)
    values = convert_texts(column, name=name)
    parts = [check_texts(column, name=name, is_key=is_key, rows=rows)]
    if is_key:
        parts.append(EMPTY_KEY.find(values.isna().to_numpy(dtype=bool), column=name, found=column, rows=rows))
    return values, join_findings(parts)


def _convert_operations(table: RawTable, position: int | None) -> tuple[pd.Series, Findings]:
    """Return the operation of each row, `upsert` where none is given."""
    if position is None:
        return pd.Series([UPSERT] * len(table.rows), dtype="str", name=OPERATION), Findings()
    operations = convert_texts(table.columns[position], name=OPERATION).fillna(UPSERT).str.strip()
    unknown = ~operations.isin([UPSERT, REMOVE]).to_numpy(dtype=bool)
    return operations, _OPERATIONS.find(unknown, column=OPERATION, found=operations.array, rows=table.rows)


def _check_required(frame: pd.DataFrame, table: RawTable, position: int, spec: TableSpec) -> Findings:
    """Return the empty cells of one column that its contract requires; rows to be removed need no values."""
    name, cells = table.names[position], table.columns[position]
    if name not in spec.variable_names or not spec.variable(name).required:
        return Findings()
    empty = find_empty(cells) & (frame[OPERATION] != REMOVE).to_numpy(dtype=bool)
    return _MISSING.find(empty, column=name, found=cells, rows=table.rows)


def _check_duplicates(frame: pd.DataFrame, spec: TableSpec, rows: Rows) -> Findings:
    """Return the rows whose key stood in an earlier row; rows without a whole key are not looked at."""
    if not set(spec.keys) <= set(frame.columns):
        return Findings()
    keys = frame[list(spec.keys)]
    mask = keys.duplicated().to_numpy(dtype=bool) & keys.notna().all(axis=1).to_numpy(dtype=bool)
    at = np.flatnonzero(mask)
    found = dict(zip(at.tolist(), (", ".join(map(str, key)) for key in keys.iloc[at].to_numpy()), strict=True))
    return _DUPLICATE.find(mask, column=None, found=found, rows=rows)


def _check_grid(frame: pd.DataFrame, local: pd.Series, found: Any, *, spec: TableSpec, rows: Rows) -> Findings:
    """Return the times that are not on the local clock's grid of the sampling period."""
    mask = ~is_on_grid(local, frequency=spec.frequency)
    if not mask.any():
        return Findings()
    action = "correct the time or the use case's frequency"
    if 2 * mask.sum() > len(mask):
        estimate = estimate_frequency(local, series=frame[[name for name in spec.series_keys if name in frame.columns]])
        if estimate.frequency is not None and estimate.frequency != spec.frequency:
            action = f"the data look like {estimate.frequency}: declare frequency: {estimate.frequency}"
    rule = Rule("off_grid", f"times on the grid of {spec.frequency}", action)
    return rule.find(mask, column=spec.timestamp, found=found, rows=rows)


def _check_future(frame: pd.DataFrame, found: Any, *, spec: TableSpec, rows: Rows, now: datetime | None) -> Findings:
    """Return the values of the future in columns that are measured, those of rows to be removed aside."""
    if now is None:
        return Findings()
    latest = (now.astimezone(UTC) + TOLERANCE).replace(tzinfo=None)
    is_future = ((frame[spec.timestamp] > latest) & (frame[OPERATION] != REMOVE)).to_numpy(dtype=bool)
    if not is_future.any():
        return Findings()
    rule = Rule(
        "future_value",
        f"no value of what is measured after {latest:%Y-%m-%d %H:%M}, a day after the update came",
        "correct the time, leave the column out, or declare the predictor known_ahead",
    )
    measured = (variable.name for variable in spec.variables if not variable.known_ahead)
    return join_findings(
        rule.find(is_future & frame[name].notna().to_numpy(dtype=bool), column=name, found=found, rows=rows)
        for name in measured
        if name in frame.columns
    )


def is_on_grid(local: pd.Series, *, frequency: str) -> Mask:
    """Return whether each local time is on the grid of the frequency; NaT counts as on it.

    Args:
        local: naive times on the local clock.
        frequency: pandas offset alias; a multiple of days or longer is checked for its unit alone.
    """
    offset = pd.tseries.frequencies.to_offset(frequency)
    if isinstance(offset, Tick):
        midnight = local.dt.normalize()
        since = (local - midnight).dt.floor(offset) + midnight
        return np.asarray((since == local) | local.isna(), dtype=bool)
    days = local.dt.normalize()
    unique = days.dropna().unique()
    good = pd.Index([day for day in unique if offset is not None and offset.is_on_offset(pd.Timestamp(day))])
    return np.asarray(((days == local) & days.isin(good)) | local.isna(), dtype=bool)


def _check_bounds(frame: pd.DataFrame, spec: TableSpec, rows: Rows) -> Findings:
    """Return the numbers outside their variable's bounds."""
    present = tuple(name for name in spec.variable_names if name in frame.columns)
    try:
        _bounds_schema(spec, present).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        return join_findings(
            _find_outside(cases[cases["column"] == name], str(name), spec, rows) for name in cases["column"].unique()
        )
    return Findings()


@lru_cache(maxsize=32)
def _bounds_schema(spec: TableSpec, present: tuple[str, ...]) -> pa.DataFrameSchema:
    """Return the schema of the bounds of those variables that are present and have any."""
    columns = {}
    for variable in (spec.variable(name) for name in present):
        checks = []
        if variable.minimum is not None:
            checks.append(pa.Check.ge(variable.minimum))
        if variable.maximum is not None:
            checks.append(pa.Check.le(variable.maximum))
        if checks:
            columns[variable.name] = pa.Column(float, checks, nullable=True)
    return pa.DataFrameSchema(columns)


def _find_outside(cases: pd.DataFrame, name: str, spec: TableSpec, rows: Rows) -> Findings:
    """Return pandera's failure cases of one column as violations."""
    variable = spec.variable(name)
    parts = []
    for rule_name, check, bound, side in (
        ("below_minimum", "greater_than_or_equal_to", variable.minimum, "at least"),
        ("above_maximum", "less_than_or_equal_to", variable.maximum, "at most"),
    ):
        failed = cases[cases["check"].str.startswith(check)]
        rule = Rule(rule_name, f"{side} {bound}", "correct the value or the bound in the use case")
        found = failed["failure_case"].array
        parts.append(
            rule.find(
                np.ones(len(failed), dtype=bool), column=name, found=found, rows=rows[failed["index"].astype(int)]
            )
        )
    return join_findings(parts)
