"""What a stretch of a dataset looks like, variable by variable: reach, values, gaps, constant runs, alignment.

Numbers only; whether they are a reason to worry is judged in `loopcast.dataops.quality.fitness`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.frequency import regular_grid
from loopcast.dataops.quality.signals import count_equal
from loopcast.dataops.table import TableSpec, label_series

Floats = npt.NDArray[np.float64]

NEVER = np.datetime64("NaT", "us")
ALL_SERIES = "(all)"
LARGEST = 1e100  # larger ones count as this: the squares of 1e300 are no numbers any more
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
COLUMNS = (
    "variable", "series", "kind", "n", "first", "last", "minimum", "maximum", "mean", "std",
    "q05", "q25", "q50", "q75", "q95", "missing_pct", "gaps", "longest_gap", "zeros_pct", "longest_run", "ends_at",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layout:
    """Rows laid out on their regular grid: one matrix per variable, series by steps.

    Args:
        timestamps: the grid, shape (t,).
        series: one label per series: its keys, joined by ` / `; one empty label where there are no series keys.
        cells: float64 per variable, shape (series, t), nan where missing; categories as numbers from 0 on.
        n_rows: rows that were laid out.
        n_on_grid: how many of them are on the grid.
    """

    timestamps: pd.DatetimeIndex
    series: tuple[str, ...]
    cells: Mapping[str, Floats]
    n_rows: int
    n_on_grid: int


def lay_out(frame: pd.DataFrame, spec: TableSpec) -> Layout:
    """Return the rows of a dataset frame on their regular grid.

    Args:
        frame: keys and variables, unique by the keys.
        spec: the table's specification.
    """
    times = frame[spec.timestamp]
    grid = pd.DatetimeIndex([], dtype="datetime64[us]")
    if len(frame):
        grid = regular_grid(times.min(), spec.frequency, end=times.max(), time_zone=spec.time_zone)
    places = grid.get_indexer(pd.DatetimeIndex(times))
    rows, labels = _number_series(frame, spec)
    fits = places >= 0
    values = {}
    for variable in spec.variables:
        cells = np.full((len(labels), len(grid)), np.nan)
        cells[rows[fits], places[fits]] = _to_numbers(frame[variable.name], kind=variable.kind)[fits]
        values[variable.name] = cells
    return Layout(grid, labels, values, len(frame), int(fits.sum()))


def profile_layout(layout: Layout, spec: TableSpec, *, most_series: int = 50) -> pd.DataFrame:
    """Return one row per variable over all series, then one per variable and series where there are several.

    Args:
        layout: the rows on their grid.
        spec: the table's specification.
        most_series: series that get rows of their own, those with the most missing target values first.

    Returns:
        `n` values; `first` and `last` timestamp with a value; `minimum` .. `q95` of the values; `missing_pct`,
        `gaps` and `longest_gap` (steps) between first and last; `zeros_pct`; `longest_run` (steps at one value);
        `ends_at`: steps from the last target value to the last value, negative where it ends before.
    """
    series = (ALL_SERIES, *layout.series) if len(layout.series) > 1 else (ALL_SERIES,)
    target_ends = _find_ends(layout.cells[spec.target])[1]
    parts = [_profile_variable(layout.cells[one.name], target_ends, kind=one.kind) for one in spec.variables]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name in ("first", "last"):
        columns[name] = _take_times(layout.timestamps, columns[name])
    columns["variable"] = np.repeat([one.name for one in spec.variables], len(series))
    columns["kind"] = np.repeat([one.kind for one in spec.variables], len(series))
    columns["series"] = np.tile(np.array(series, dtype=object), len(spec.variables))
    table = pd.DataFrame({name: columns[name] for name in COLUMNS})
    table = table.astype(dict.fromkeys(("variable", "series", "kind"), "str"))
    ours = table[(table["variable"] == spec.target) & (table["series"] != ALL_SERIES)]
    if len(ours) <= most_series:
        return table
    chosen = ours.sort_values("missing_pct", ascending=False, kind="stable").head(most_series)["series"]
    return table[table["series"].isin([ALL_SERIES, *chosen])].reset_index(drop=True)


def _profile_variable(cells: Floats, target_ends: npt.NDArray[np.int64], *, kind: str) -> dict[str, Any]:
    """Return a variable's columns: over all series, then where there are several each of them."""
    each = _describe_rows(cells, target_ends, kind=kind)
    if len(cells) == 1:
        return each
    every = _describe_all(cells, each, kind=kind)
    return {name: np.concatenate([[every[name]], column]) for name, column in each.items()}


def _take_times(grid: pd.DatetimeIndex, places: npt.NDArray[np.int64]) -> npt.NDArray[np.datetime64]:
    """Return the timestamps at some places of the grid; none for negative places."""
    stamps = np.append(grid.to_numpy().astype("datetime64[us]"), NEVER)
    return np.asarray(stamps[np.where(places >= 0, places, len(grid))])


def _describe_rows(cells: Floats, target_ends: npt.NDArray[np.int64], *, kind: str) -> dict[str, Any]:
    """Return the columns of a variable's series, one entry each."""
    present = np.isfinite(cells)
    first, last = _find_ends(cells)
    steps = np.arange(cells.shape[1])
    inside = (steps >= first[:, None]) & (steps <= last[:, None])
    holes = inside & ~present
    runs = count_equal(np.where(holes, 1.0, np.nan))
    spans = np.maximum(inside.sum(axis=1), 1)
    n = present.sum(axis=1)
    known = (last >= 0) & (target_ends >= 0)
    return {
        "n": n, "first": first, "last": last, **_summarize(cells, kind=kind),
        "missing_pct": np.where(n > 0, 100.0 * holes.sum(axis=1) / spans, 100.0),
        "gaps": (runs == 1).sum(axis=1),
        "longest_gap": runs.max(axis=1, initial=0),
        "zeros_pct": _share_zeros(cells, n, kind=kind),
        "longest_run": count_equal(cells).max(axis=1, initial=0),
        "ends_at": np.where(known, (last - target_ends).astype(np.float64), np.nan),
    }  # fmt: skip


def _describe_all(cells: Floats, each: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """Return the same columns over all series: the values together, the worst of the runs and of the ends."""
    n, firsts = each["n"].sum(), each["first"][each["first"] >= 0]
    inside = np.maximum(each["last"] - each["first"] + 1, 0) * (each["n"] > 0)
    ends = each["ends_at"][np.isfinite(each["ends_at"])]
    summary = {name: column[0] for name, column in _summarize(cells.reshape(1, -1), kind=kind).items()}
    return {
        "n": n, "first": firsts.min(initial=cells.shape[1]) if len(firsts) else np.int64(-1),
        "last": each["last"].max(initial=-1), **summary,
        "missing_pct": np.float64(100.0 * (1.0 - n / inside.sum()) if n else 100.0),
        "gaps": each["gaps"].sum(), "longest_gap": each["longest_gap"].max(initial=0),
        "zeros_pct": _share_zeros(cells.reshape(1, -1), np.array([n]), kind=kind)[0],
        "longest_run": each["longest_run"].max(initial=0),
        "ends_at": ends.min() if len(ends) else np.float64("nan"),
    }  # fmt: skip


def _summarize(cells: Floats, *, kind: str) -> dict[str, Floats]:
    """Return minimum, maximum, mean, std and quantiles of each row's values; nan for categories and where none are."""
    names = ["minimum", "maximum", "mean", "std", *(f"q{round(100 * q):02d}" for q in QUANTILES)]
    table = np.full((len(names), len(cells)), np.nan)
    for row, values in enumerate(cells if kind == "number" else []):
        here = values[np.isfinite(values)]
        if len(here):
            numbers = [here.min(), here.max(), here.mean(), here.std(), *np.quantile(here, QUANTILES)]
            table[:, row] = numbers
    return dict(zip(names, table, strict=True))


def _share_zeros(cells: Floats, n: npt.NDArray[np.int64], *, kind: str) -> Floats:
    zeros = (cells == 0).sum(axis=1) if kind == "number" else np.full(len(cells), np.nan)
    return np.asarray(np.where(n > 0, 100.0 * zeros / np.maximum(n, 1), np.nan))


def _find_ends(cells: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first and the last step of each row that has a value; -1 where none has."""
    present = np.isfinite(cells)
    there = present.any(axis=1)
    if not cells.shape[1]:
        return np.full(len(cells), -1), np.full(len(cells), -1)
    last = cells.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
    return np.where(there, present.argmax(axis=1), -1), np.where(there, last, -1)


def _number_series(frame: pd.DataFrame, spec: TableSpec) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Return each row's series number, and the label of each series."""
    if not spec.series_keys:
        return np.zeros(len(frame), dtype=np.int64), ("",)
    numbers = np.asarray(frame.groupby(list(spec.series_keys), sort=True).ngroup(), dtype=np.int64)
    firsts = frame[list(spec.series_keys)].iloc[np.unique(numbers, return_index=True)[1]]
    return numbers, tuple(label_series(row) for row in firsts.itertuples(index=False, name=None))


def _to_numbers(column: pd.Series, *, kind: str) -> Floats:
    if kind == "number":
        return np.asarray(np.clip(column.to_numpy(dtype=np.float64, na_value=np.nan), -LARGEST, LARGEST))
    codes = pd.factorize(column)[0].astype(np.float64)
    return np.where(codes < 0, np.nan, codes)
