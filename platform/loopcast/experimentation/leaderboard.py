"""The ranking of a backtest, and the gate a zoo must pass before it may go into force.

Production errors do not belong here, see `loopcast.reflection`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.experimentation.backtest import COMBINATION, Backtest, member_names
from loopcast.zoo.measures import mean_absolute_error, mean_error, root_mean_squared_error

NAIVE = "seasonal_naive"


@dataclass(frozen=True)
class GateResult:
    """Whether a zoo may go into force.

    Args:
        passed: yes or no.
        reason: one sentence with the figures.
        champion: name of the row that was judged.
    """

    passed: bool
    reason: str
    champion: str


def rank_members(backtest: Backtest) -> pd.DataFrame:
    """Return the leaderboard, best mean absolute error first; all members on the same cells.

    `mase` scales each series by its seasonal naive change before the first cutoff (first seasonal period);
    `relative_mae` is 1 for the best seasonal naive; `bias` is forecast minus actual; `weight_pct` is the mean weight
    in the combination.

    Args:
        backtest: its cells; cells that a member is silent on are left out for all.

    Returns:
        See `loopcast.schemas.leaderboard_schema`; no rows where there is no cell.
    """
    cells, names = common_cells(backtest), member_names(backtest.cells)
    weights = mean_weights(backtest)
    rows = [{"member": name, **measure_cells(cells[cells["member"] == name])} for name in names]
    table = pd.DataFrame(rows, columns=["member", "n", "mae", "rmse", "mase", "bias"])
    table = table[table["n"] > 0].sort_values(["mae", "member"], kind="stable").reset_index(drop=True)
    naive = table.loc[table["member"].str.startswith(NAIVE), "mae"].min() if len(table) else np.nan
    table["relative_mae"] = (table["mae"] / naive if naive > 0 else np.nan) if len(table) else table["mae"]
    table["weight_pct"] = table["member"].map(weights).astype("float64")
    table.insert(0, "rank", np.arange(1, len(table) + 1, dtype=np.int64))
    numbers = dict.fromkeys(["mae", "rmse", "mase", "bias", "relative_mae", "weight_pct"], "float64")
    return table.astype({"n": "int64", "member": "str", **numbers})


def common_cells(backtest: Backtest) -> pd.DataFrame:
    """Return the cells that every member spoke on, with the series' scale."""
    cells = backtest.cells
    identity = [*backtest.series_keys, "timestamp", "cutoff"]
    spoke = cells.groupby(identity)["member"].transform("size")
    common = cells[spoke == len(member_names(cells))]
    if not backtest.series_keys:
        return common.assign(scale=backtest.scale[0])
    return common.merge(backtest.keys.assign(scale=backtest.scale), on=list(backtest.series_keys), how="left")


def measure_cells(cells: pd.DataFrame) -> dict[str, float]:
    """Return the measures of one member's cells."""
    if cells.empty:
        return {"n": 0, "mae": np.nan, "rmse": np.nan, "mase": np.nan, "bias": np.nan}
    y_true, y_pred = cells["target"].to_numpy(), cells["forecast"].to_numpy()
    scaled = np.abs(y_true - y_pred) / cells["scale"].to_numpy()
    return {
        "n": len(cells),
        "mae": mean_absolute_error(y_true, y_pred),
        "rmse": root_mean_squared_error(y_true, y_pred),
        "mase": float(np.nanmean(scaled)) if np.isfinite(scaled).any() else np.nan,
        "bias": mean_error(y_true, y_pred),
    }


def mean_weights(backtest: Backtest) -> dict[str, float]:
    """Return each member's mean weight over series after all windows, percent."""
    total: dict[str, float] = {}
    n_series = sum(len(part.series) for part in backtest.rolling)
    for part in backtest.rolling:
        weights = part.weights.weights.mean(axis=1)
        for name, share in zip(part.members, weights.sum(axis=0), strict=True):
            total[name] = total.get(name, 0.0) + 100.0 * float(share) / n_series
    return total


def passes_gate(leaderboard: pd.DataFrame) -> GateResult:
    """Return whether the combination is better than the best seasonal naive out of sample.

    Where seasonal naives were the only members that could be fitted (a very short history), the zoo passes, because
    nothing better exists and a forecast is wanted; the reason says so.

    Args:
        leaderboard: what `rank_members` returned.
    """
    names = leaderboard["member"]
    others = names[~names.str.startswith(NAIVE) & (names != COMBINATION)]
    if others.empty:
        return GateResult(
            passed=True, reason="only seasonal naives could be fitted; nothing to compare", champion=COMBINATION
        )
    champion = float(leaderboard.loc[names == COMBINATION, "mae"].min())
    naives = leaderboard[names.str.startswith(NAIVE)]
    if naives.empty:
        return GateResult(
            passed=False, reason="found no seasonal naive to compare with; add one as a member", champion=COMBINATION
        )
    best = naives.iloc[0]
    word = "better" if champion < best["mae"] else "not better"
    reason = f"combination has MAE {champion:.6g}, {word} than {best['member']} with {best['mae']:.6g}"
    return GateResult(passed=bool(champion < best["mae"]), reason=reason, champion=COMBINATION)
