"""What blocks of features look at: values with short gaps closed, each origin's on its own scale.

Which features there are does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.learning.scaling import Scaling


@dataclass(frozen=True, eq=False)
class View:
    """Variables of S series as seen from O origins each.

    Args:
        values: variables by name in their own units, each of shape (S, T), NaN = missing.
        scalings: of every variable, one pair of numbers per origin, shape (S, O).
        local: local wall-clock times of the grid, length T; reaches as far ahead as anything that is looked at.
        number: running number of the grid's first step since 1970, so that phases do not depend on where it starts.
        origins: positions on the grid, shape (S, O); negative ones lie before its start.
    """

    values: Mapping[str, FloatArray]
    scalings: Mapping[str, Scaling]
    local: pd.DatetimeIndex
    number: int
    origins: IntArray

    def window(self, variable: str, first: int, last: int) -> FloatArray:
        """Return the scaled values at the offsets first .. last from each origin, shape (S, O, last - first + 1)."""
        return self.scalings[variable].forward(take_window(self.values[variable], self.origins, first, last))

    def period_means(self, variable: str, period: int, depth: int, *, until: int = 0) -> FloatArray:
        """Return the means of the last periods up to an offset, newest first, shape (S, O, depth)."""
        window = self.window(variable, until + 1 - depth * period, until)
        return mean_present(window.reshape(*window.shape[:2], depth, period))[..., ::-1]

    def times(self, offset: int) -> pd.DatetimeIndex:
        """Return the local times at an offset from each origin, flat over (S, O)."""
        positions = np.clip(self.origins + offset, 0, len(self.local) - 1)
        return self.local[positions.ravel()]


def take_window(values: FloatArray, origins: IntArray, first: int, last: int, every: int = 1) -> FloatArray:
    """Return the values at the offsets first, first + every .. last from each origin, shape (S, O, offsets)."""
    offsets = np.arange(first, last + 1, every, dtype=np.int64)
    return take_positions(values, origins[:, :, None] + offsets)


def mean_present(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Return the mean of the present values along the last axis; NaN where there are none.

    Args:
        values: shape (..., N), NaN = missing.
        weights: shape (N,), at least 0; None: all alike.

    Examples:
        >>> mean_present(np.array([[1.0, np.nan, 3.0], [np.nan] * 3])).tolist()
        [2.0, nan]
    """
    share = np.ones(values.shape[-1]) if weights is None else weights
    present = np.isfinite(values)
    total = np.where(present, values, 0.0) @ share
    weight = present @ share
    return np.asarray(np.divide(total, weight, out=np.full(total.shape, np.nan), where=weight > 0))


def close_gaps(values: FloatArray, period: int, reach: int) -> FloatArray:
    """Return values whose gaps hold the newest earlier value of the same season that is at most `reach` steps older.

    Args:
        values: shape (S, T), NaN = missing.
        period: seasonal period in steps.
        reach: steps, a multiple of the period.

    Examples:
        >>> close_gaps(np.array([[1.0, 2.0, np.nan, 4.0, np.nan]]), 2, 2).tolist()
        [[1.0, 2.0, 1.0, 4.0, nan]]
    """
    filled = values.copy()
    row, column = np.nonzero(~np.isfinite(values))
    for back in range(period, reach + 1, period):
        earlier = np.where(column >= back, values[row, column - np.minimum(back, column)], np.nan)
        found = np.isfinite(earlier)
        filled[row[found], column[found]] = earlier[found]
        row, column = row[~found], column[~found]
    return filled
