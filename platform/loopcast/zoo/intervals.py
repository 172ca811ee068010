"""Prediction intervals from out-of-sample errors: a spread per series and step, and asymmetric quantiles.

The errors themselves come from `loopcast.zoo.rolling`.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Intervals:
    """How far the truth lies from a forecast.

    Args:
        spread: size of the errors, target's unit, shape (S, H), at least 0.
        quantiles: lower and upper error in spreads, shape (S, 2); first at most 0, second at least 0.
    """

    spread: FloatArray
    quantiles: FloatArray

    def around(self, forecasts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper ends for forecasts of shape (S, O, H)."""
        lower = forecasts + self.spread[:, None] * self.quantiles[:, None, None, 0]
        return lower, forecasts + self.spread[:, None] * self.quantiles[:, None, None, 1]

    def update(self, errors: FloatArray) -> "Intervals":
        """Return the intervals after the errors of more windows, shape (S, W, H), became known."""
        del errors
        return self


def learn_intervals(errors: FloatArray, *, level: float) -> Intervals:
    """Return the intervals that errors suggest: half of each step's own spread, half of the pooled one.

    Args:
        errors: actual minus forecast, shape (S, W, H), NaN = unknown.
        level: percent in (0, 100).

    References:
        Quantiles take the finite-sample rank of split conformal prediction (Vovk et al., 2005).
    """
    n_series, n_windows, n_steps = errors.shape
    own, count = mean_absolute(errors)
    pooled = (own * count).sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1.0)
    kernel = np.pad(own, ((0, 0), (1, 1)), mode="edge")
    smooth = (kernel[:, :-2] + kernel[:, 1:-1] + kernel[:, 2:]) / 3.0
    spread = np.where(count > 0, 0.5 * smooth + 0.5 * pooled, pooled)
    safe = np.where(spread > 0, spread, 1.0)[:, None]
    ratio = (errors / safe).reshape(n_series, n_windows * n_steps)
    tail = (100.0 - level) / 200.0 * n_windows / (n_windows + 1.0)
    everyone = rank_quantiles(ratio.reshape(1, -1), tail)
    has_errors = (count.sum(axis=1) > 0)[:, None]
    each = np.where(has_errors, rank_quantiles(ratio, tail), everyone)
    quantiles = 0.5 * each + 0.5 * everyone
    return Intervals(spread, np.stack([np.minimum(quantiles[:, 0], 0.0), np.maximum(quantiles[:, 1], 0.0)], axis=1))


def mean_absolute(errors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean absolute error over windows and how many windows it holds, each of shape (S, H)."""
    count = np.isfinite(errors).sum(axis=1).astype(np.float64)
    return np.nansum(np.abs(errors), axis=1) / np.maximum(count, 1.0), count


def rank_quantiles(values: FloatArray, tail: float) -> FloatArray:
    """Return the lower and upper quantile of each row's present values, shape (rows, 2); 0 where there is none.

    Args:
        values: shape (rows, n), NaN = not there.
        tail: share of values outside on either side, in (0, 0.5).
    """
    ordered = np.sort(values, axis=1)
    count: IntArray = np.isfinite(values).sum(axis=1, dtype=np.int64)
    if not ordered.shape[1]:
        return np.zeros((len(values), 2))
    low = np.floor(tail * np.maximum(count - 1, 0)).astype(np.int64)
    high = np.ceil((1.0 - tail) * np.maximum(count - 1, 0)).astype(np.int64)
    rows = np.arange(len(values))
    found = np.stack([ordered[rows, low], ordered[rows, high]], axis=1)
    return np.where((count > 0)[:, None], found, 0.0)
