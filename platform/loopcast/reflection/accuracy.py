"""Production accuracy: forecasts that were really made, joined with the actuals that came later, as sums and measures.

Which version the actuals are taken from is the caller's choice; what follows from the report is the decision's.
Everything is measured from sums over cells, so that the accuracy of many reports is the sum of theirs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.table import TableSpec
from loopcast.zoo.arrays import FloatArray

NAIVE, NAIVE_ERROR = "seasonal_naive", "naive_error"
ALL = "all"
BESIDE = ("n", "own", "naive")  # per seasonal naive, on the cells that it spoke on
SUMS_BY = ("forecast_version", "bin", "samples_ahead")


@dataclass(frozen=True, eq=False)
class AccuracyReport:
    """How good forecasts were.

    Args:
        summary: `n` scored and `n_unscored` forecasts; the measures of `loopcast.schemas.accuracy_schema`;
            `mae_<member>` of each seasonal naive on the cells that it spoke on; `skill_pct`, by how much the MAE is
            below the best of them. A figure that does not exist is left out.
        by_bin: see `loopcast.schemas.accuracy_schema`; the first row is the whole.
        by_samples_ahead: the same per step, nearest first, without the whole.
        cells: the forecasts that could be scored, with `actual`, `error` (actual minus forecast), a column per
            seasonal naive with what it said, and `naive_error`, the mean of their absolute errors.
        sums: see `sum_cells`, by `SUMS_BY`.
    """

    summary: dict[str, float]
    by_bin: pd.DataFrame
    by_samples_ahead: pd.DataFrame
    cells: pd.DataFrame
    sums: pd.DataFrame


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
        forecasts: forecast tables, with the column `forecast_version`.
        members: the member forecasts that belong to them; may be empty.
        actuals: a dataset frame: series keys, timestamp and target under the use case's own names.
        spec: the table's specification.
        latest_only: of forecasts for the same series and timestamp, score the one with the newest origin only.
    """
    keys = list(spec.series_keys)
    cells = join_naives(join_actuals(forecasts, actuals, spec), members, keys)
    unscored = len(forecasts) - len(cells)
    cells = keep_latest(cells, keys) if latest_only else cells
    sums = sum_cells(cells, SUMS_BY)
    summary = {"n": float(len(cells)), "n_unscored": float(unscored), **summarise(sums)}
    return AccuracyReport(summary, measure_bins(sums), measure(sums, by="samples_ahead"), cells, sums)


def join_actuals(forecasts: pd.DataFrame, actuals: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return the forecasts that have an actual, with `actual` and `error`."""
    names = {spec.timestamp: "timestamp", spec.target: "actual"}
    known = actuals[[*spec.keys, spec.target]].rename(columns=names).dropna(subset=["actual"])
    cells = forecasts.merge(known, on=[*spec.series_keys, "timestamp"], how="inner", validate="many_to_one")
    return cells.assign(error=cells["actual"] - cells["forecast"])


def join_naives(cells: pd.DataFrame, members: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return scored forecasts with what each seasonal naive said from the same origin, and their mean absolute error.

    All of that is missing where they were silent.
    """
    naive = members[members["member"].str.startswith(NAIVE)] if len(members) else members
    if not len(naive):
        return cells.assign(**{NAIVE_ERROR: np.nan})
    identity = [*keys, "timestamp", "origin", *(["forecast_version"] if "forecast_version" in naive.columns else [])]
    wide = naive.pivot_table(index=identity, columns="member", values="forecast", aggfunc="last")
    joined = cells.merge(wide.reset_index(), on=identity, how="left")
    return joined.assign(**{NAIVE_ERROR: joined[wide.columns].sub(joined["actual"], axis=0).abs().mean(axis=1)})


def keep_latest(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return of the forecasts for the same series and timestamp the one with the newest origin."""
    newest = cells.sort_values(["origin", "forecast_version"], kind="stable")
    latest = newest.drop_duplicates([*keys, "timestamp"], keep="last")
    return latest.sort_values([*keys, "timestamp"], kind="stable").reset_index(drop=True)


def sum_cells(cells: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return what the measures are made of, summed over the cells of each group; sums of disjoint cells may be added.

    Args:
        cells: scored forecasts.
        by: columns that make the groups, at least one.

    Returns:
        The columns `by`; `n`, `abs_error`, `squared_error`, `excess` (forecast minus actual), `n_zero` (actual 0),
        `abs_share` (error over actual, where that is not 0), `n_inside`, `width`; the pinball losses of the interval's
        ends; and per seasonal naive `n:`, `own:` and `naive:<member>`, on the cells that it spoke on.
    """
    y_true, y_pred = cells["actual"].to_numpy(dtype="float64"), cells["forecast"].to_numpy(dtype="float64")
    lower, upper = cells["lower"].to_numpy(dtype="float64"), cells["upper"].to_numpy(dtype="float64")
    size, is_zero = np.abs(y_true - y_pred), y_true == 0.0
    tail = 0.5 - cells["level"].to_numpy(dtype="float64") / 200.0
    addends = {
        "n": np.ones(len(cells)),
        "abs_error": size,
        "squared_error": size**2,
        "excess": y_pred - y_true,
        "n_zero": is_zero.astype("float64"),
        "abs_share": np.where(is_zero, 0.0, size / np.abs(np.where(is_zero, 1.0, y_true))),
        "n_inside": ((lower <= y_true) & (y_true <= upper)).astype("float64"),
        "width": upper - lower,
        "pinball_lower": np.maximum(tail * (y_true - lower), (tail - 1.0) * (y_true - lower)),
        "pinball_upper": np.maximum((1.0 - tail) * (y_true - upper), -tail * (y_true - upper)),
    }
    for name in list_naives(cells):
        said = cells[name].to_numpy(dtype="float64")
        spoke = np.isfinite(said)
        parts = (spoke, np.where(spoke, size, 0.0), np.where(spoke, np.abs(y_true - said), 0.0))
        addends |= {f"{part}:{name}": np.asarray(values, "float64") for part, values in zip(BESIDE, parts, strict=True)}
    values = pd.DataFrame(np.column_stack(list(addends.values())), cells.index, list(addends))
    return values.groupby([cells[name] for name in by], sort=False).sum().reset_index()


def add_sums(sums: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Return sums added up within groups; what one of them does not have counts as nothing."""
    names = _list_values(sums)
    values = pd.DataFrame(sums[names].to_numpy(dtype="float64"), sums.index, names).fillna(0.0)
    return values.groupby([sums[name] for name in by], sort=False).sum().reset_index()


def subtract_sums(sums: pd.DataFrame, former: pd.DataFrame) -> pd.DataFrame:
    """Return sums less those of former scores of the same cells."""
    less = former.assign(**{name: -former[name] for name in _list_values(former)})
    return add_sums(pd.concat([part for part in (sums, less) if len(part)], ignore_index=True), SUMS_BY)


def measure(sums: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """Return the measures per group, in ascending order of the groups.

    `mape_pct` leaves out the `n_zero` cells whose actual is 0. `mase` is the MAE over that of the seasonal naive with
    the shortest season on the same cells and from the same origins: not its in-sample error of one step, which would
    tell nothing of the hours that are forecast. The point forecast is judged as the median.

    Args:
        sums: see `sum_cells`; groups without cells are left out.
        by: the column that makes the groups.

    References:
        Hyndman and Koehler (2006), Another look at measures of forecast accuracy, sections 2.1 to 2.4.
        Koenker and Bassett (1978), Regression quantiles, eq. 1.1.

    Examples:
        >>> cells = pd.DataFrame({"bin": ["near"] * 2, "actual": [2.0, 0.0], "forecast": [1.0, 3.0],
        ...     "lower": [0.0, 1.0], "upper": [2.0, 4.0], "level": [80.0] * 2, "seasonal_naive_24": [6.0, 0.0]})
        >>> found = measure(sum_cells(cells, ["bin"]), by="bin")
        >>> found[["mae", "mape_pct", "n_zero", "mase", "bias"]].to_dict("records")
        [{'mae': 2.0, 'mape_pct': 50.0, 'n_zero': 1, 'mase': 1.0, 'bias': 1.0}]
    """
    groups = add_sums(sums, [by])
    groups = groups[groups["n"] > 0.5].sort_values(by, kind="stable", ignore_index=True)
    total = {name: groups[name].to_numpy(dtype="float64") for name in _list_values(groups)}
    n, scaled = total["n"], np.full(len(groups), np.nan)
    for name in list_naives(groups):
        scaled = np.where(np.isnan(scaled), _ratio(total[f"own:{name}"], total[f"naive:{name}"]), scaled)
    told = {
        by: groups[by],
        "n": n.round().astype("int64"),
        "mae": total["abs_error"] / n,
        "rmse": np.sqrt(total["squared_error"].clip(min=0.0) / n),
        "mape_pct": 100.0 * _ratio(total["abs_share"], n - total["n_zero"]),
        "n_zero": total["n_zero"].round().astype("int64"),
        "mase": scaled,
        "bias": total["excess"] / n,
        "pinball_lower": total["pinball_lower"] / n,
        "pinball_median": total["abs_error"] / n / 2.0,
        "pinball_upper": total["pinball_upper"] / n,
        "coverage_pct": (100.0 * total["n_inside"] / n).clip(0.0, 100.0),
        "width": total["width"] / n,
    }
    return pd.DataFrame(told)


def measure_bins(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the measures over all and per bin of samples ahead, nearest first."""
    nearest = sums.groupby("bin")["samples_ahead"].min()
    bins = measure(sums, by="bin").sort_values("bin", key=lambda names: names.map(nearest), kind="stable")
    return pd.concat([measure_all(sums), bins], ignore_index=True) if len(bins) else bins


def measure_all(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the measures over all cells as the one row of the bin `all`; no row where there is no cell."""
    return measure(sums[_list_values(sums)].assign(bin=pd.Series(ALL, sums.index, "str")), by="bin")


def summarise(sums: pd.DataFrame) -> dict[str, float]:
    """Return the measures over all, the MAE of each seasonal naive, and the skill against the best of them."""
    whole = measure_all(sums)
    if whole.empty:
        return {}
    told = {str(name): float(value) for name, value in whole.iloc[0].drop("bin").items() if np.isfinite(value)}
    total = sums[_list_values(sums)].sum()
    spoke = [name for name in list_naives(sums) if total[f"n:{name}"] > 0.5]
    told |= {f"mae_{name}": float(total[f"naive:{name}"] / total[f"n:{name}"]) for name in spoke}
    ratios = [total[f"own:{name}"] / total[f"naive:{name}"] for name in spoke if total[f"naive:{name}"] > 0.0]
    return told | ({"skill_pct": float(100.0 * (1.0 - max(ratios)))} if ratios else {})


def measure_cells(cells: pd.DataFrame) -> dict[str, float]:
    """Return the same of scored forecasts, which hold what the seasonal naives said."""
    return summarise(sum_cells(cells, ["bin"]))


def list_naives(table: pd.DataFrame) -> list[str]:
    """Return the seasonal naives that cells or sums tell of, the shortest season first.

    Examples:
        >>> list_naives(pd.DataFrame(columns=["seasonal_naive_168", "own:seasonal_naive_24", "mae"]))
        ['seasonal_naive_24', 'seasonal_naive_168']
    """
    names = {str(name).rsplit(":", 1)[-1] for name in table.columns}
    found = sorted(name for name in names if name.startswith(NAIVE))
    return sorted(found, key=lambda name: [int(part) for part in re.findall(r"\d+", name)])


def _list_values(sums: pd.DataFrame) -> list[str]:
    """Return the columns of sums that are summed."""
    return [str(name) for name in sums.columns if name not in (*SUMS_BY, "series")]


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Return the ratio, NaN where the denominator is not positive."""
    return np.where(below > 0.0, above / np.where(below > 0.0, below, 1.0), np.nan)
