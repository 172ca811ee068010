"""Production accuracy: forecasts that were really made, joined with the actuals that came later.

Which version the actuals are taken from is the caller's choice; what follows from the report is the decision's.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.measures import (
    interval_coverage,
    mean_absolute_error,
    mean_error,
    root_mean_squared_error,
)

NAIVE, NAIVE_ERROR = "seasonal_naive", "naive_error"


@dataclass(frozen=True, eq=False)
class AccuracyReport:
    """How good forecasts were.

    Args:
        summary: `n` scored and `n_unscored` forecasts; `mae`, `rmse`, `bias` (forecast minus actual) in the target's
            unit; `coverage_pct`; `mae_<member>` of each seasonal naive on the same cells; `skill_pct`, by how much the
            MAE is below the best of them. A figure that does not exist is left out.
        by_bin: see `loopcast.schemas.accuracy_schema`.
        cells: the forecasts that could be scored, with `actual`, `error` (actual minus forecast) and `naive_error`
            (mean absolute error of the seasonal naives; NaN where none spoke).
    """

    summary: dict[str, float]
    by_bin: pd.DataFrame
    cells: pd.DataFrame


def score_forecasts(
    forecasts: pd.DataFrame,
    members: pd.DataFrame,
    actuals: pd.DataFrame,
    spec: TableSpec,
    *,
    latest_only: bool = False,
) -> AccuracyReport:
    """Return the accuracy of forecasts whose actuals are there.

    Args:
        forecasts: forecast tables, with any further columns (`forecast_version`).
        members: the member forecasts that belong to them; may be empty.
        actuals: a dataset frame: series keys, timestamp and target under the use case's own names.
        spec: the table's specification.
        latest_only: of forecasts for the same series and timestamp, score the one with the newest origin only.
    """
    cells = join_actuals(forecasts, actuals, spec)
    unscored = len(forecasts) - len(cells)
    keys = list(spec.series_keys)
    if latest_only:
        cells = cells.sort_values("origin", kind="stable").drop_duplicates([*keys, "timestamp"], keep="last")
        cells = cells.sort_values([*keys, "timestamp"], kind="stable").reset_index(drop=True)
    cells = cells.assign(**{NAIVE_ERROR: compare_naives(cells, members, keys)})
    summary = {"n": float(len(cells)), "n_unscored": float(unscored)}
    if len(cells):
        summary |= measure_cells(cells) | score_naives(cells, members, keys)
    return AccuracyReport(summary=summary, by_bin=measure_bins(cells), cells=cells)


def join_actuals(forecasts: pd.DataFrame, actuals: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the forecasts that have an actual, with `actual` and `error`."""
    names = {spec.timestamp: "timestamp", spec.target: "actual"}
    known = actuals[[*spec.keys, spec.target]].rename(columns=names).dropna(subset=["actual"])
    cells = forecasts.merge(known, on=[*spec.series_keys, "timestamp"], how="inner", validate="many_to_one")
    return cells.assign(error=cells["actual"] - cells["forecast"])


def measure_cells(cells: pd.DataFrame) -> dict[str, float]:
    """Return the measures of some scored forecasts."""
    y_true, y_pred = cells["actual"].to_numpy(), cells["forecast"].to_numpy()
    return {
        "mae": mean_absolute_error(y_true, y_pred),
        "rmse": root_mean_squared_error(y_true, y_pred),
        "bias": mean_error(y_true, y_pred),
        "coverage_pct": interval_coverage(y_true, cells["lower"].to_numpy(), cells["upper"].to_numpy()),
    }


def measure_bins(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the measures over all and per bin of samples ahead, nearest first."""
    groups = [("all", cells)] if len(cells) else []
    ordered = cells.sort_values("samples_ahead", kind="stable")
    groups += [(str(name), group) for name, group in ordered.groupby("bin", sort=False)]
    rows = [{"bin": name, "n": len(group), **measure_cells(group)} for name, group in groups]
    table = pd.DataFrame(rows, columns=["bin", "n", "mae", "rmse", "bias", "coverage_pct"])
    numbers = dict.fromkeys(["mae", "rmse", "bias", "coverage_pct"], "float64")
    return table.astype({"bin": "str", "n": "int64", **numbers})


def compare_naives(cells: pd.DataFrame, members: pd.DataFrame, keys: list[str]) -> FloatArray:
    """Return the mean absolute error of the seasonal naives on each cell; NaN where none spoke."""
    if members.empty or cells.empty:
        return np.full(len(cells), np.nan)
    naive = members[members["member"].str.startswith(NAIVE)]
    identity = [*keys, "timestamp", "origin"]
    joined = (
        cells[[*identity, "actual"]]
        .assign(row=np.arange(len(cells)))
        .merge(naive[[*identity, "forecast"]], on=identity, how="inner")
    )
    size = (joined["actual"] - joined["forecast"]).abs().groupby(joined["row"]).mean()
    return size.reindex(np.arange(len(cells))).to_numpy(dtype=np.float64)


def score_naives(cells: pd.DataFrame, members: pd.DataFrame, keys: list[str]) -> dict[str, float]:
    """Return the MAE of each seasonal naive and the skill, all on the cells that every one of them spoke on."""
    naive = members[members["member"].str.startswith(NAIVE)] if len(members) else members
    if not len(naive):
        return {}
    identity = [*keys, "timestamp", "origin"]
    wide = naive.pivot_table(index=identity, columns="member", values="forecast", aggfunc="last").dropna()
    joined = cells.merge(wide.reset_index(), on=identity, how="inner")
    if joined.empty:
        return {}
    y_true = joined["actual"].to_numpy()
    found = {f"mae_{name}": mean_absolute_error(y_true, joined[name].to_numpy()) for name in wide.columns}
    best, own = min(found.values()), float(np.mean(np.abs(joined["error"].to_numpy())))
    return found | ({"skill_pct": 100.0 * (1.0 - own / best)} if best > 0 else {})
