"""Accuracy measures of point forecasts and intervals, each with its reference. Lower is better unless said.

Which forecasts are compared, and in which groups, does not belong here.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray


def mean_absolute_error(y_true: FloatArray, y_pred: FloatArray) -> float:
    """Return the mean absolute error in the target's unit; best 0.

    Examples:
        >>> mean_absolute_error(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
        1.5
    """
    return float(np.mean(np.abs(y_true - y_pred)))


def root_mean_squared_error(y_true: FloatArray, y_pred: FloatArray) -> float:
    """Return the root of the mean squared error in the target's unit; best 0.

    Examples:
        >>> root_mean_squared_error(np.array([0.0, 0.0]), np.array([3.0, 3.0]))
        3.0
    """
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


def mean_error(y_true: FloatArray, y_pred: FloatArray) -> float:
    """Return the bias, mean of forecast minus actual; best 0, positive: forecasts are too high.

    Examples:
        >>> mean_error(np.array([1.0, 2.0]), np.array([2.0, 4.0]))
        1.5
    """
    return float(np.mean(y_pred - y_true))


def interval_coverage(y_true: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return the percentage of actuals inside of their interval, ends included; best the level.

    Examples:
        >>> interval_coverage(np.array([1.0, 5.0]), np.array([0.0, 0.0]), np.array([2.0, 2.0]))
        50.0
    """
    return float(100.0 * np.mean((lower <= y_true) & (y_true <= upper)))


def pinball_loss(y_true: FloatArray, quantiles: FloatArray, probabilities: FloatArray) -> float:
    """Return the mean pinball loss of quantile forecasts in the target's unit; best 0.

    Args:
        y_true: shape (n,).
        quantiles: shape (n, P).
        probabilities: in (0, 1), shape (P,).

    References:
        Koenker and Bassett (1978), Regression quantiles, eq. 1.1.

    Examples:
        >>> pinball_loss(np.array([3.0]), np.array([[1.0, 5.0]]), np.array([0.25, 0.75]))
        0.5
    """
    above = y_true[:, None] - quantiles
    return float(np.mean(np.maximum(probabilities * above, (probabilities - 1.0) * above)))


def interval_score(y_true: FloatArray, lower: FloatArray, upper: FloatArray, *, level: float) -> FloatArray:
    """Return width plus penalty for truths outside, in the target's unit; best 0.

    Divided by the seasonal naive scale and averaged, it is the mean scaled interval score (MSIS) of the M4 competition.

    Args:
        y_true: any shape.
        lower: same shape.
        upper: same shape.
        level: percent in (0, 100).

    References:
        Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation, eq. 43.

    Examples:
        >>> interval_score(np.array([1.0, 5.0]), np.zeros(2), np.full(2, 4.0), level=90.0).round(9).tolist()
        [4.0, 24.0]
    """
    rate = 2.0 / (1.0 - level / 100.0)
    outside = np.maximum(lower - y_true, 0.0) + np.maximum(y_true - upper, 0.0)
    return np.asarray(upper - lower + rate * outside)


def seasonal_naive_scale(y: FloatArray, seasonal_period: int) -> FloatArray:
    """Return each series' in-sample mean absolute seasonal change, the divisor of the scaled error.

    Args:
        y: shape (series, time), NaN = missing.
        seasonal_period: in steps, at least 1.

    Returns:
        Shape (series,), NaN where it is 0 or unknown.

    References:
        Hyndman and Koehler (2006), Another look at measures of forecast accuracy, eq. for q_t.

    Examples:
        >>> seasonal_naive_scale(np.array([[1.0, 2.0, 4.0]]), 1).tolist()
        [1.5]
    """
    change = np.abs(y[:, seasonal_period:] - y[:, :-seasonal_period])
    count = np.isfinite(change).sum(axis=1)
    scale = np.nansum(change, axis=1) / np.maximum(count, 1)
    return np.where((count > 0) & (scale > 0), scale, np.nan)
