"""What may stand in for a value that is not there, from earlier values only: seasonal fill and seasonal profile.

Neither looks ahead: a value at time t depends on times up to t. Imputation that the use case asks for is preprocessing.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray


def fill_seasonal(values: FloatArray, period: int) -> FloatArray:
    """Return values whose gaps hold the latest earlier value of the same season, else the latest earlier value.

    Args:
        values: shape (series, time), NaN = missing.
        period: seasonal period in steps, at least 1.

    Returns:
        Same shape; NaN only before a series' first value.

    Examples:
        >>> fill_seasonal(np.array([[1.0, 2.0, np.nan, np.nan]]), 2).tolist()
        [[1.0, 2.0, 1.0, 2.0]]
    """
    if not np.isnan(values).any():
        return values
    n_series, length = values.shape
    n_blocks = -(-length // period)
    padded = np.pad(values, ((0, 0), (0, n_blocks * period - length)), constant_values=np.nan)
    seasons = padded.reshape(n_series, n_blocks, period).transpose(0, 2, 1)
    filled = fill_forward(seasons).transpose(0, 2, 1).reshape(n_series, -1)[:, :length]
    return fill_forward(filled)


def fill_forward(values: FloatArray) -> FloatArray:
    """Return values whose gaps along the last axis hold the latest earlier value."""
    length = values.shape[-1]
    if length == 0:
        return values
    positions = np.where(np.isnan(values), 0, np.arange(length))
    return np.take_along_axis(values, np.maximum.accumulate(positions, axis=-1), axis=-1)


def seasonal_profile(values: FloatArray, period: int, *, alpha: float, depth: int) -> FloatArray:
    """Return the exponentially weighted mean of each season's last `depth` values, the current one among them.

    A missing value is passed over and the weights of the others are kept in proportion.

    Args:
        values: shape (series, time), NaN = missing or no example of its season (a holiday).
        period: seasonal period in steps.
        alpha: share by which weights fall from one period to the one before, in (0, 1].
        depth: number of periods looked at, at least 1.

    Returns:
        Shape (series, time); NaN where all looked at are missing. The value at t knows times up to t.

    Examples:
        >>> seasonal_profile(np.array([[1.0, 3.0]]), 1, alpha=0.5, depth=2).round(3).tolist()
        [[1.0, 2.333]]
    """
    present = np.isfinite(values)
    known = np.where(present, values, 0.0)
    total, weight = np.zeros(values.shape), np.zeros(values.shape)
    for back in range(min(depth, -(-values.shape[1] // period))):
        shift, share = back * period, (1.0 - alpha) ** back
        stop = values.shape[1] - shift
        total[:, shift:] += share * known[:, :stop]
        weight[:, shift:] += share * present[:, :stop]
    return np.asarray(np.divide(total, weight, out=np.full(values.shape, np.nan), where=weight > 0))


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the present values in the last `window` steps, the current one among them.

    Args:
        values: shape (series, time), NaN = missing.
        window: steps, at least 1.

    Returns:
        Same shape; NaN where the window holds no value.

    Examples:
        >>> rolling_mean(np.array([[1.0, np.nan, 5.0]]), 2).tolist()
        [[1.0, 1.0, 5.0]]
    """
    present = ~np.isnan(values)
    total = np.cumsum(np.where(present, values, 0.0), axis=1)
    count = np.cumsum(present, axis=1).astype(np.float64)
    total[:, window:] -= total[:, :-window].copy() if window < values.shape[1] else 0.0
    count[:, window:] -= count[:, :-window].copy() if window < values.shape[1] else 0.0
    return np.asarray(np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0.5))
