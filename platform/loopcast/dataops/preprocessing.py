"""Preprocessing as configuration: imputation, time scale, rows, columns and filter, and what they do to plain values.

Series on a grid are prepared in `loopcast.zoo.preparation`; reading versions does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.frequencies import to_offset

from loopcast.dataops.frequency import DAY_NS, count_periods, regular_grid, shift_time, step_ns
from loopcast.dataops.table import TableSpec
from loopcast.errors import CallerError

Method = Literal["linear", "locf", "none"]
Aggregation = Literal["mean", "sum", "min", "max", "first", "last"]
Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]
DEFAULT = "default"
REDUCTIONS = {"mean": np.add, "sum": np.add, "min": np.minimum, "max": np.maximum}


@dataclass(frozen=True)
class Imputation:
    """How gaps between two values of a variable are filled.

    Args:
        method: `linear` between both, `locf` with the earlier one, or `none`.
        max_gap: longest gap that is filled, in sampling periods; a longer one stays whole.
    """

    method: Method = "none"
    max_gap: int = 6


@dataclass(frozen=True)
class TimeScale:
    """A coarser sampling period and how values become one.

    Args:
        frequency: pandas offset alias.
        aggregation: per variable; `default` for the others.
    """

    frequency: str
    aggregation: Mapping[str, Aggregation] = field(default_factory=lambda: MappingProxyType({}))

    def how(self, variable: str) -> Aggregation:
        """Return how a variable is aggregated."""
        return self.aggregation.get(variable, self.aggregation.get(DEFAULT, "mean"))


@dataclass(frozen=True)
class RowRange:
    """Which periods a build learns from; all that are given must hold.

    Args:
        first: so many from the start.
        last: so many before the last target.
        start: local time of the first one, ISO 8601.
        end: local time of the last one, ISO 8601.
    """

    first: int | None = None
    last: int | None = None
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Preprocessing:
    """What is done to a version before a job sees it, in this order: filter, columns, imputation, time scale, rows.

    Args:
        imputation: of all number variables.
        imputation_of: of single ones.
        time_scale: coarser periods, or None.
        rows: what a build learns from, or None for all.
        columns: the predictors used, or None for all.
        filter: values to keep per series key or category; rows with others are left out.
    """

    imputation: Imputation = Imputation()
    imputation_of: Mapping[str, Imputation] = field(default_factory=lambda: MappingProxyType({}))
    time_scale: TimeScale | None = None
    rows: RowRange | None = None
    columns: tuple[str, ...] | None = None
    filter: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def imputation_for(self, variable: str) -> Imputation:
        """Return how gaps of a variable are filled."""
        return self.imputation_of.get(variable, self.imputation)

    @property
    def max_gap(self) -> int:
        """Longest gap that is filled in any variable; 0 where none is."""
        kinds = (self.imputation, *self.imputation_of.values())
        return max([0, *(kind.max_gap for kind in kinds if kind.method != "none")])

    def raw_spec(self, spec: TableSpec) -> TableSpec:
        """Return the table with the predictors used alone."""
        if self.columns is None:
            return spec
        kept = tuple(v for v in spec.variables if v.name == spec.target or v.name in self.columns)
        return replace(spec, variables=kept)

    def job_spec(self, spec: TableSpec) -> TableSpec:
        """Return the table as jobs see it; on another time scale timestamps mark the start of the period."""
        spec = self.raw_spec(spec)
        if self.time_scale is None:
            return spec
        return replace(spec, frequency=self.time_scale.frequency, timestamp_marks="start")

    def to_document(self) -> dict[str, Any]:
        """Return the configuration as JSON values."""
        scale, rows = self.time_scale, self.rows
        kinds = {name: {"method": kind.method, "max_gap": kind.max_gap} for name, kind in self.imputation_of.items()}
        own = {"method": self.imputation.method, "max_gap": self.imputation.max_gap}
        return {
            "imputation": {**own, "variables": kinds},
            "time_scale": {"frequency": scale.frequency, "aggregation": dict(scale.aggregation)} if scale else None,
            "rows": {"first": rows.first, "last": rows.last, "from": rows.start, "to": rows.end} if rows else None,
            "columns": None if self.columns is None else list(self.columns),
            "filter": {name: list(values) for name, values in self.filter.items()},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Preprocessing":
        """Return the configuration that `to_document` wrote."""
        own, scale, rows = dict(document["imputation"]), document["time_scale"], document["rows"]
        kinds = {name: Imputation(**kind) for name, kind in own.pop("variables").items()}
        columns = document["columns"]
        return cls(
            imputation=Imputation(**own),
            imputation_of=MappingProxyType(kinds),
            time_scale=TimeScale(scale["frequency"], MappingProxyType(dict(scale["aggregation"]))) if scale else None,
            rows=RowRange(rows["first"], rows["last"], rows["from"], rows["to"]) if rows else None,
            columns=None if columns is None else tuple(columns),
            filter=MappingProxyType({name: tuple(values) for name, values in document["filter"].items()}),
        )


AS_IT_IS = Preprocessing()


def filter_rows(frame: pd.DataFrame, wanted: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Return the rows whose keys and categories have one of the values wanted."""
    for name, values in wanted.items():
        frame = frame[frame[name].isin(values)]
    return frame


def fill_gaps(values: Values, imputation: Imputation) -> tuple[Values, Mask]:
    """Return values with short gaps between two of them filled, and which ones were.

    Args:
        values: shape (series, time), NaN = missing. Before the first and after the last value nothing is filled.
        imputation: method and longest gap.

    Examples:
        >>> fill_gaps(np.array([[1.0, np.nan, 3.0, np.nan]]), Imputation("linear"))[0].tolist()
        [[1.0, 2.0, 3.0, nan]]
    """
    present = np.isfinite(values)
    if imputation.method == "none" or not values.shape[1]:
        return values, np.zeros(values.shape, dtype=bool)
    time = np.arange(values.shape[1])
    before = np.maximum.accumulate(np.where(present, time, -1), axis=1)
    after = np.minimum.accumulate(np.where(present, time, len(time))[:, ::-1], axis=1)[:, ::-1]
    imputed = ~present & (before >= 0) & (after < len(time)) & (after - before - 1 <= imputation.max_gap)
    row, column = np.nonzero(imputed)
    left, right = before[row, column], after[row, column]
    old, new = values[row, left], values[row, right]
    share = (column - left) / (right - left) if imputation.method == "linear" else 0.0
    filled = values.copy()
    filled[row, column] = old + share * (new - old)
    return filled, imputed


def check_scale(frequency: str, scaled: str) -> None:
    """Raise where values of one sampling period cannot be gathered in another one.

    Raises:
        CallerError: neither a whole number of periods that make a day, nor a day, week, month, quarter or year.
    """
    fine, coarse, offset = step_ns(frequency), step_ns(scaled), to_offset(scaled)
    is_calendar = offset.n == 1 and (coarse is None or coarse >= DAY_NS) and scaled[0] in "DWMQY"
    is_part_of_day = coarse is not None and coarse < DAY_NS and DAY_NS % coarse == 0
    starts = coarse is not None or scaled.split("-", maxsplit=1)[0] in {"MS", "QS", "YS"}
    fits = fine is not None and (coarse is None or (coarse > fine and coarse % fine == 0))
    if not (fits and starts and (is_calendar or is_part_of_day)):
        raise CallerError(
            f"found the time scale {scaled!r} over {frequency!r}; expected a coarser one: a part of a day such as 6h, "
            "or D, W-MON, MS, QS, YS"
        )


def find_buckets(local: pd.DatetimeIndex, frequency: str) -> tuple[pd.DatetimeIndex, Positions]:
    """Return the grid of coarser periods that covers local times, and the period that each of them lies in.

    Examples:
        >>> hours = pd.date_range("2026-01-01 22:00", periods=3, freq="h")
        >>> find_buckets(hours, "D")[1].tolist()
        [0, 0, 1]
    """
    length, offset = step_ns(frequency), to_offset(frequency)
    if length is not None and length < DAY_NS:
        first = local[0].floor(frequency)
    else:
        first = local[0].normalize() if length == DAY_NS else offset.rollback(local[0].normalize())
    grid = regular_grid(first, frequency, end=local[-1])
    return grid, np.asarray(grid.searchsorted(local, side="right") - 1, dtype=np.int64)


def bucket_ends(grid: pd.DatetimeIndex, frequency: str, step: str) -> tuple[Positions, int]:
    """Return the position on the fine grid, from the first period's start, at which each coarser period ends; and all.

    Args:
        grid: starts of the coarser periods.
        frequency: their length.
        step: sampling period of the fine grid.
    """
    edges = [*grid[1:], shift_time(grid[-1], frequency, 1)]
    ends = np.array([count_periods(grid[0], edge, step) for edge in edges], dtype=np.int64)
    return ends, int(ends[-1])


def aggregate(values: Values, starts: Positions, how: Aggregation, *, expected: Mask) -> Values:
    """Return one value per coarser period; missing where it is not over, has not begun, or lacks values of a sum.

    Args:
        values: shape (series, time), all periods whole: the grid begins and ends with one.
        starts: position at which each coarser period begins, shape (B,), the first 0.
        how: what becomes of the values present.
        expected: which times exist at all (a clock change skips some), shape (time,).

    Returns:
        Shape (series, B).

    Examples:
        >>> halves = np.array([[1.0, 3.0, 5.0, np.nan]])
        >>> aggregate(halves, np.array([0, 2]), "mean", expected=np.ones(4, dtype=bool)).tolist()
        [[2.0, nan]]
    """
    present = np.isfinite(values)
    count = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
    times = np.where(expected, np.arange(values.shape[1]), -1)
    newest = np.maximum.reduceat(times, starts)
    oldest = np.minimum.reduceat(np.where(expected, times, values.shape[1]), starts)
    seen = np.where(present, np.arange(values.shape[1]), -1)
    first = np.where(present, np.arange(values.shape[1]), values.shape[1]).min(axis=1, initial=values.shape[1])
    usable = (count > 0) & (first[:, None] <= oldest) & (seen.max(axis=1, initial=-1)[:, None] >= newest)
    if how == "sum":
        usable &= count >= np.add.reduceat(expected, starts, dtype=np.int64)
    made = _reduce(values, present, starts, how)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(usable, made / count if how == "mean" else made, np.nan))


def _reduce(values: Values, present: Mask, starts: Positions, how: Aggregation) -> Values:
    """Return sums for `mean` and `sum`, else the value asked for; anything where a period has none."""
    if how in REDUCTIONS:
        neutral = {"min": np.inf, "max": -np.inf}.get(how, 0.0)
        return np.asarray(REDUCTIONS[how].reduceat(np.where(present, values, neutral), starts, axis=1))
    time, length = np.arange(values.shape[1]), values.shape[1]
    if how == "first":
        place = np.minimum.reduceat(np.where(present, time, length), starts, axis=1)
    else:
        place = np.maximum.reduceat(np.where(present, time, -1), starts, axis=1)
    return np.take_along_axis(values, np.clip(place, 0, length - 1), axis=1)
