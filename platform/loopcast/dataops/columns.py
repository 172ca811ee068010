"""From one column of a file to typed values, each cell that cannot be one named with its row.

Here belong conversions of single columns, all vectorised. Not here: rules that need several columns, or the file.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from loopcast.dataops.files.number_format import PLAIN, NumberFormat, rewrite_numbers
from loopcast.dataops.table import TableSpec
from loopcast.dataops.violations import FOUND_LIMIT, VIOLATION_LIMIT, Findings, Violation, join_findings
from loopcast.errors import bound_text

Mask = npt.NDArray[np.bool_]
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NOT_FINITE = r"(?i)^[+-]?(inf|infinity|nan)$"
_TIME = r"^[0-9]{4}[0-9\-]*([T ].*)?$"
_WITH_OFFSET = r"[T ][0-9].*(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)$"


@dataclass(frozen=True)
class Rule:
    """A rule's words: its name, what it expects of a cell and what to do when it is broken."""

    name: str
    expected: str
    action: str

    def find(self, mask: Mask, *, column: str | None, found: Any, rows: npt.NDArray[np.int64]) -> Findings:
        """Return a violation for each row where the mask is true, the first 1,000 in full.

        Args:
            mask: where the rule is broken; shape (rows,).
            column: the column's name.
            found: what the cells hold; anything that can be indexed by position.
            rows: the rows' numbers in the file.
        """
        positions = np.flatnonzero(mask)
        first = positions[:VIOLATION_LIMIT]
        violations = tuple(
            Violation(self.name, _quote(found[int(at)]), self.expected, int(rows[at]), column, self.action)
            for at in first
        )
        return Findings(violations, len(positions))


NOT_A_NUMBER = Rule("not_a_number", "a number such as 12.5, or an empty cell", "write a number with a decimal point")
NOT_FINITE = Rule(
    "not_finite", "a finite number, or an empty cell for missing", "leave the cell empty where it is missing"
)
LARGEST = 1e150
OUT_OF_RANGE = Rule(
    "out_of_range_number",
    f"a number between -{LARGEST:g} and {LARGEST:g}: the square of a larger one is none",
    "correct the number, or choose a larger unit",
)
EMPTY_KEY = Rule("empty_key", "a value in every key column", "fill in the key or leave the row out")
FIRST_TIME, LAST_TIME = pd.Timestamp("1700-01-01"), pd.Timestamp("2200-01-01")
BAD_TIMESTAMP = Rule(
    "bad_timestamp",
    "an ISO 8601 time such as 2026-03-01 14:00:00, between the years 1700 and 2200",
    "write the time in ISO 8601, or declare how it is written, as in format: {timestamp_format: '%d.%m.%Y %H:%M'}",
)
OFFSET_REFUSED = Rule(
    "bad_timestamp", "wall-clock time without an offset: the use case has no time zone", "leave the offset out"
)


def convert_numbers(
    column: Any, *, name: str, rows: npt.NDArray[np.int64], number_format: NumberFormat = PLAIN
) -> tuple[pd.Series, Findings]:
    """Return a column as float64, NaN where the cell is empty, and the cells that are no finite number in range.

    Args:
        column: text, or Arrow numbers.
        name: the column's name.
        rows: the rows' numbers in the file.
        number_format: how text writes numbers.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = pc.cast(column, pa.float64(), safe=False).to_numpy()
        bad = np.zeros(len(values), dtype=bool)
        infinite = ~np.isfinite(values) & ~(column.is_null().to_numpy() | np.isnan(values))
    else:
        values, bad, infinite = _parse_numbers(to_text(column), number_format)
    far = ~infinite & (np.abs(values) > LARGEST)
    findings = [
        rule.find(mask, column=name, found=column, rows=rows)
        for rule, mask in ((NOT_A_NUMBER, bad), (NOT_FINITE, infinite), (OUT_OF_RANGE, far))
        if mask.any()
    ]
    return pd.Series(np.where(infinite, np.nan, values), name=name), join_findings(findings)


def _parse_numbers(column: Any, number_format: NumberFormat) -> tuple[npt.NDArray[np.float64], Mask, Mask]:
    """Return text as numbers, where it is none, and where it is none that is finite."""
    text = pc.fill_null(column, "")
    text = pc.utf8_trim_whitespace(text) if number_format == PLAIN else rewrite_numbers(text, number_format)
    text = pc.if_else(pc.equal(text, ""), None, text)
    try:  # most columns are right, and are read in one go
        values, bad = pc.cast(text, pa.float64()).to_numpy(), np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        is_number = pc.match_substring_regex(text, f"{_NUMBER}|{_NOT_FINITE}")
        values = pc.cast(pc.if_else(is_number, text, None), pa.float64()).to_numpy()
        bad = ~pc.fill_null(is_number, True).to_numpy()  # noqa: FBT003
    infinite = ~np.isfinite(values) & ~bad & ~text.is_null().to_numpy()
    return values, bad, infinite


def convert_texts(column: Any, *, name: str) -> pd.Series:
    """Return a column as text, NaN where the cell is empty."""
    text = to_text(column)
    text = pc.if_else(pc.equal(text, ""), None, text)
    return pd.Series(text.to_pandas(), dtype="str", name=name)


def convert_timestamps(
    column: Any,
    *,
    spec: TableSpec,
    rows: npt.NDArray[np.int64],
) -> tuple[pd.Series, pd.Series, Findings]:
    """Return stored times (UTC, or wall-clock without a zone), the same on the local clock, and what is wrong.

    Args:
        column: text in ISO 8601, with or without an offset, or Arrow timestamps or dates.
        spec: the timestamp column's name and the time zone.
        rows: the rows' numbers in the file.
    """
    declared = spec.file_format.timestamp_format
    naive, aware, bad = _parse_times(column) if declared is None else _parse_declared_times(column, declared)
    empty = find_empty(column)
    findings = [
        EMPTY_KEY.find(empty, column=spec.timestamp, found=column, rows=rows),
        BAD_TIMESTAMP.find(bad & ~empty, column=spec.timestamp, found=column, rows=rows),
    ]
    if spec.time_zone is None:
        has_offset = aware.notna().to_numpy(dtype=bool)
        findings.append(OFFSET_REFUSED.find(has_offset, column=spec.timestamp, found=column, rows=rows))
        return naive, naive, join_findings(findings)
    stored, trouble = _localise(naive, spec=spec, found=column, rows=rows)
    stored = stored.fillna(aware)
    local = stored.dt.tz_localize("UTC").dt.tz_convert(ZoneInfo(spec.time_zone)).dt.tz_localize(None)
    return stored, local, join_findings([*findings, trouble])


def _localise(
    naive: pd.Series,
    *,
    spec: TableSpec,
    found: Any,
    rows: npt.NDArray[np.int64],
) -> tuple[pd.Series, Findings]:
    """Return local times in UTC; those that do not exist or exist twice when clocks change are findings."""
    zone = ZoneInfo(str(spec.time_zone))
    times = naive.dt
    either = times.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
    exact = times.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    overlap = (either.isna() & naive.notna()).to_numpy(dtype=bool)
    gap = (exact.isna() & either.notna()).to_numpy(dtype=bool)
    in_gap = Rule(
        "dst_gap",
        f"a time that exists in {zone.key}: clocks go forward here",
        "correct the time or write its UTC offset",
    )
    in_overlap = Rule(
        "dst_overlap",
        f"one time: in {zone.key} clocks go back here and it exists twice",
        "write its UTC offset, as in +01:00",
    )
    findings = (
        in_gap.find(gap, column=spec.timestamp, found=found, rows=rows),
        in_overlap.find(overlap, column=spec.timestamp, found=found, rows=rows),
    )
    return exact.dt.tz_convert("UTC").dt.tz_localize(None), join_findings(findings)


def _parse_times(column: Any) -> tuple[pd.Series, pd.Series, Mask]:
    """Return times without an offset, times with one (in UTC), and where there is neither."""
    if _is_time(column.type):
        is_aware = pa.types.is_timestamp(column.type) and column.type.tz is not None
        times = _drop_far_times(pd.Series(pc.cast(column, pa.timestamp("us"), safe=False).to_numpy()))
        nothing = pd.Series(np.full(len(times), np.datetime64("NaT"), dtype="datetime64[us]"))
        bad = times.isna().to_numpy(dtype=bool)
        return (nothing, times, bad) if is_aware else (times, nothing, bad)
    text = pc.utf8_trim_whitespace(pc.fill_null(to_text(column), ""))
    is_time = pc.match_substring_regex(text, _TIME)
    has_offset = pc.match_substring_regex(text, _WITH_OFFSET)
    aware = _to_datetimes(pc.if_else(pc.and_(is_time, has_offset), text, None))
    naive = _to_datetimes(pc.if_else(pc.and_(is_time, pc.invert(has_offset)), text, None))
    return naive, aware, (naive.isna() & aware.isna()).to_numpy(dtype=bool)


def _parse_declared_times(column: Any, form: str) -> tuple[pd.Series, pd.Series, Mask]:
    """Return what `_parse_times` does, of text in a form as for `strptime`; real times need no form."""
    if _is_time(column.type):
        return _parse_times(column)
    text = pd.Series(pc.utf8_trim_whitespace(pc.fill_null(to_text(column), "")).to_pandas(), dtype="str")
    times = pd.to_datetime(text, format=form, errors="coerce", utc=True, exact=True)
    times = _drop_far_times(times.dt.tz_localize(None).astype("datetime64[us]"))
    nothing = pd.Series(np.full(len(times), np.datetime64("NaT"), dtype="datetime64[us]"))
    bad = times.isna().to_numpy(dtype=bool)
    return (nothing, times, bad) if "%z" in form else (times, nothing, bad)


def _drop_far_times(times: pd.Series) -> pd.Series:
    """Return the times, NaT where they are so far off that conversions between time zones overflow."""
    return times.where((times >= FIRST_TIME) & (times < LAST_TIME))


def _to_datetimes(text: Any) -> pd.Series:
    """Return ISO 8601 texts as naive UTC times, NaT where there is none."""
    times = pd.to_datetime(pd.Series(text.to_pandas(), dtype="str"), format="ISO8601", errors="coerce", utc=True)
    return _drop_far_times(times.dt.tz_localize(None).astype("datetime64[us]"))


def _is_text(column: Any) -> bool:
    """Return whether an Arrow column holds plain text."""
    return bool(pa.types.is_string(column.type))


def to_text(column: Any) -> Any:
    """Return any Arrow column as text."""
    if _is_text(column):
        return column
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowException:
        return pa.chunked_array(
            [pa.array([None if cell is None else str(cell) for cell in column.to_pylist()], pa.string())]
        )


def find_empty(column: Any) -> Mask:
    """Return where a column's cells are missing or hold nothing but blanks."""
    missing = column.is_null().to_numpy()
    if _is_text(column):
        missing = missing | pc.equal(pc.utf8_trim_whitespace(pc.fill_null(column, "")), "").to_numpy()
    return np.asarray(missing, dtype=bool)


def _is_time(kind: Any) -> bool:
    """Return whether an Arrow type is a timestamp or a date."""
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind))


def _quote(cell: Any) -> str:
    """Return a cell as it stands in the file, in quotes and bounded."""
    value = cell
    if isinstance(cell, pa.Scalar):
        is_time = _is_time(cell.type) and cell.is_valid
        value = pc.cast(pc.cast(cell, pa.timestamp("us"), safe=False), pa.string()).as_py() if is_time else cell.as_py()
    if value is None or value == "":
        return "an empty cell"
    return bound_text(repr(value) if isinstance(value, str) else str(value), limit=FOUND_LIMIT)
