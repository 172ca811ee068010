"""Champion against challenger: whether one zoo's forecasts are better than another's, beyond chance.

Here belong the test and the rule on its outcome. Which forecasts the two are compared on is said by the caller, who
sees to it that neither had learned from what it is judged on (`loopcast.loop.zoos.challenge`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.rebuild import Scope

FEWEST = 5
NO_LOSSES = pd.DataFrame(
    {
        "cutoff": pd.Series(dtype="datetime64[us]"),
        "cells": pd.Series(dtype="int64"),
        "champion": pd.Series(dtype="float64"),
        "challenger": pd.Series(dtype="float64"),
    }
)
Ruling = Literal["better", "not_better", "not_worse", "worse", "no_comparison"]


@dataclass(frozen=True, eq=False)
class Duel:
    """Two zoos' forecasts from the same origins, of the same cells, beside the same actuals.

    Args:
        n: forecasts: origins from which both spoke.
        champion_mae: mean absolute error, every forecast counting the same, target's unit.
        challenger_mae: the same of the new zoo.
        p_better: probability of so large an advantage of the new one if it had none; best 0.
        p_worse: the same of a disadvantage.
        losses: one row per forecast, oldest first: `cutoff`, `cells`, and the mean absolute errors `champion` and
            `challenger`.
    """

    n: int
    champion_mae: float
    challenger_mae: float
    p_better: float
    p_worse: float
    losses: pd.DataFrame


def compare(champion: pd.DataFrame, challenger: pd.DataFrame, *, series_keys: Sequence[str]) -> Duel:
    """Return the duel of two tables of forecasts on the cells that are in both.

    Args:
        champion: series keys, `timestamp`, `cutoff`, `forecast`; any further columns.
        challenger: the same, with `target`.
        series_keys: names of the series keys.
    """
    identity = [*series_keys, "timestamp", "cutoff"]
    both = challenger[[*identity, "forecast", "target"]].merge(
        champion[[*identity, "forecast"]], on=identity, suffixes=("_challenger", "_champion"), validate="one_to_one"
    )
    both = both.dropna(subset=["target", "forecast_challenger", "forecast_champion"])
    errors = {name: (both["target"] - both[f"forecast_{name}"]).abs() for name in ("champion", "challenger")}
    per_origin = both.assign(**errors).groupby("cutoff", sort=True)
    losses = per_origin[["champion", "challenger"]].mean().reset_index()
    losses.insert(1, "cells", per_origin.size().to_numpy())
    overlap = count_overlap(losses["cutoff"], per_origin["timestamp"].max())
    difference = (losses["champion"] - losses["challenger"]).to_numpy()
    means = losses[["champion", "challenger"]].mean()
    return Duel(
        n=len(losses),
        champion_mae=float(means["champion"]),
        challenger_mae=float(means["challenger"]),
        p_better=diebold_mariano(difference, overlap=overlap),
        p_worse=diebold_mariano(-difference, overlap=overlap),
        losses=losses,
    )


def count_overlap(origins: pd.Series, ends: pd.Series) -> int:
    """Return how many forecasts at most are under way at once: the horizon, counted in forecasts; at least 1.

    Args:
        origins: of each forecast, ascending, shape (n,).
        ends: its last timestamp, shape (n,).

    Examples:
        >>> days = pd.Series(pd.date_range("2024-01-01", periods=5))
        >>> count_overlap(days, days + pd.Timedelta("1D")), count_overlap(days, days + pd.Timedelta("3D"))
        (1, 3)
    """
    if not len(origins):
        return 1
    later = np.searchsorted(origins.to_numpy(), ends.to_numpy(), side="left")
    return max(1, int((later - np.arange(len(origins))).max()))


def diebold_mariano(difference: FloatArray, *, overlap: int = 1) -> float:
    """Return the one-sided p-value that the mean loss difference is above 0; nan with fewer than two forecasts.

    The variance of the mean counts the autocorrelation of the differences by Bartlett weights, over as many forecasts
    as overlap, but over a quarter of them at least: errors of days in a row are alike even where their horizons do not
    overlap, and without that an autocorrelation of 0.3 makes 11 % of the tests at 5 % a false alarm (with it, 6 %).

    Args:
        difference: loss of the one minus loss of the other, one number per forecast, oldest first, shape (n,).
        overlap: forecasts under way at once: the horizon, counted in forecasts.

    References:
        Diebold and Mariano (1995), Comparing predictive accuracy, eq. 3; Newey and West (1987), eq. 5, for the weights;
        Harvey, Leybourne and Newbold (1997), Testing the equality of prediction mean squared errors, eq. 9, for the
        small-sample factor and Student's t with n - 1 degrees of freedom.

    Examples:
        >>> round(diebold_mariano(np.array([1.0, 3.0, 1.0])), 4)
        0.0648
    """
    n = len(difference)
    if n < 2:
        return float("nan")
    mean = float(difference.mean())
    lags = min(n - 1, max(overlap - 1, n // 4))
    variance = long_run_variance(difference - mean, lags=lags)
    if variance <= (1e-12 * abs(mean)) ** 2:  # the same advantage each time, or none at all
        return 0.0 if mean > 0 else 1.0
    horizon = lags + 1
    factor = (n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n
    statistic = mean / np.sqrt(variance / n) * np.sqrt(factor)
    return float(stdtr(n - 1, -statistic))


def long_run_variance(centred: FloatArray, *, lags: int) -> float:
    """Return the variance of a mean, times its number of values, with Bartlett weights; never negative.

    Args:
        centred: values minus their mean, shape (n,).
        lags: autocovariances that count.
    """
    n = len(centred)
    covariances = [float(centred[lag:] @ centred[: n - lag]) / n for lag in range(lags + 1)]
    return covariances[0] + 2.0 * sum((1.0 - lag / (lags + 1)) * covariances[lag] for lag in range(1, lags + 1))


def rule_on(duel: Duel, *, scope: Scope, significance: float) -> Ruling:
    """Return the rule that a duel falls under: the challenger has to be better.

    One that only adds situations which the champion lacks must not be worse; where the two cannot be compared, its
    addition is wanted and any other challenger waits.

    Args:
        duel: the comparison.
        scope: which situations the challenger was built for.
        significance: level of the test, in (0, 1).
    """
    if duel.n < FEWEST:
        return "not_worse" if scope == "new_situations" else "no_comparison"
    if duel.p_better < significance:
        return "better"
    if scope == "new_situations":
        return "worse" if duel.p_worse < significance else "not_worse"
    return "not_better"
