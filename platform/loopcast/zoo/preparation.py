"""A panel as the use case asks for it: gaps imputed, periods gathered on a coarser time scale, rows chosen.

What each step does to plain values is in `loopcast.dataops.preprocessing`; reading is the loop's part.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods, regular_grid
from loopcast.dataops.preprocessing import (
    DEFAULT,
    Aggregation,
    Preprocessing,
    RowRange,
    TimeScale,
    aggregate,
    bucket_ends,
    fill_gaps,
    find_buckets,
)
from loopcast.zoo.arrays import BoolArray, FloatArray
from loopcast.zoo.panel import Panel, exists_on_clock

COARSER = "a category: it has no value on a coarser time scale"


def resolve_flags(preprocessing: Preprocessing, panel: Panel) -> Preprocessing:
    """Return the configuration in which 0/1 predictors are aggregated by their maximum, where nothing else is said.

    Done once, when a zoo is built: what a variable is must not depend on the stretch of history at hand.
    """
    scale = preprocessing.time_scale
    if scale is None:
        return preprocessing
    flags = {
        name: "max"
        for name, values in panel.x.items()
        if name not in scale.aggregation and np.isin(values[np.isfinite(values)], (0.0, 1.0)).all()
    }
    chosen: dict[str, Aggregation] = {DEFAULT: scale.how(DEFAULT), **flags, **scale.aggregation}  # type: ignore[dict-item]
    return replace(preprocessing, time_scale=replace(scale, aggregation=MappingProxyType(chosen)))


def prepare_panel(panel: Panel, preprocessing: Preprocessing) -> Panel:
    """Return the panel with gaps imputed, on the time scale that is configured, and marked where it was imputed."""
    panel = impute_panel(panel, preprocessing)
    return panel if preprocessing.time_scale is None else scale_panel(panel, preprocessing.time_scale)


def impute_panel(panel: Panel, preprocessing: Preprocessing) -> Panel:
    """Return the panel with short gaps filled; local times that a clock change skips stay missing."""
    if not preprocessing.max_gap:
        return panel
    exists = exists_on_clock(panel.local, panel.spec)
    values, imputed = {}, {}
    for name, column in {panel.spec.target: panel.y, **panel.x}.items():
        filled, mask = fill_gaps(column, preprocessing.imputation_for(name))
        values[name] = np.where(mask & ~exists, np.nan, filled)
        if (mask & exists).any():
            imputed[name] = mask & exists
    y = values.pop(panel.spec.target)
    return replace(panel, y=y, x=MappingProxyType(values), imputed=MappingProxyType(imputed))


def scale_panel(panel: Panel, scale: TimeScale) -> Panel:
    """Return the panel on a coarser time scale: one value per period that is over."""
    fine = panel.spec.frequency
    grid, _ = find_buckets(panel.local, scale.frequency)
    ends, length = bucket_ends(grid, scale.frequency, fine)
    whole = regular_grid(grid[0], fine, periods=length)
    starts, offset = np.concatenate([[0], ends[:-1]]), count_periods(grid[0], panel.local[0], fine)
    expected = exists_on_clock(whole, panel.spec)

    def gather(values: FloatArray, how: Aggregation) -> FloatArray:
        padded = np.full((len(values), length), np.nan)
        padded[:, offset : offset + values.shape[1]] = values
        return aggregate(padded, starts, how, expected=expected)

    x = {name: gather(values, scale.how(name)) for name, values in panel.x.items()}
    return replace(
        panel,
        spec=replace(panel.spec, frequency=scale.frequency, timestamp_marks="start"),
        local=grid,
        y=gather(panel.y, scale.how(panel.spec.target)),
        x=MappingProxyType(x),
        imputed=MappingProxyType(_gather_imputed(panel, length, offset, starts)),
        ignored=MappingProxyType({**panel.ignored, **dict.fromkeys(panel.codes, COARSER)}),
        codes=MappingProxyType({}),
    )


def _gather_imputed(panel: Panel, length: int, offset: int, starts: np.ndarray) -> Mapping[str, BoolArray]:
    """Return which coarser periods hold nothing but imputed values."""
    found = {}
    for name, mask in panel.imputed.items():
        values = panel.values(name)
        real, made = np.zeros((len(mask), length), dtype=bool), np.zeros((len(mask), length), dtype=bool)
        real[:, offset : offset + mask.shape[1]] = np.isfinite(values) & ~mask
        made[:, offset : offset + mask.shape[1]] = mask
        found[name] = np.logical_or.reduceat(made, starts, axis=1) & ~np.logical_or.reduceat(real, starts, axis=1)
    return found


def describe_imputed(panel: Panel) -> tuple[str, ...]:
    """Return one sentence for each variable with imputed values."""
    counts = {name: int(mask.sum()) for name, mask in panel.imputed.items()}
    return tuple(f"{name}: {count} missing values are imputed" for name, count in counts.items() if count)


def choose_rows(panel: Panel, rows: RowRange | None) -> Panel:
    """Return the stretch of a panel that a build learns from; predictors known ahead stay known after its last target.

    Args:
        panel: everything there is.
        rows: the range, or None for all.
    """
    if rows is None:
        return panel
    newest = int(panel.last.max())
    start = 0 if rows.last is None else max(0, newest + 1 - rows.last)
    stop = newest if rows.first is None else min(newest, rows.first - 1)
    if rows.start is not None:
        start = max(start, int(panel.local.searchsorted(pd.Timestamp(rows.start))))
    if rows.end is not None:
        stop = min(stop, int(panel.local.searchsorted(pd.Timestamp(rows.end), side="right")) - 1)
    return panel.cut(np.minimum(panel.last, stop)).since(start)
