"""Columns of features with unknown values: their means and spreads, and the columns standardised and bounded.

What the columns mean, and what is learned from them, does not belong here.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.learning.moments import SMALLEST_SPREAD


def describe_columns(columns: npt.NDArray[np.float32]) -> tuple[FloatArray, FloatArray]:
    """Return means and standard deviations of the known values of each column; 0 where they hardly vary.

    Args:
        columns: shape (N, K), NaN = unknown.
    """
    known = np.isfinite(columns)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, columns, 0.0).sum(axis=0, dtype=np.float64) / count
    squares = np.where(known, columns - mean, 0.0) ** 2
    spread = np.sqrt(squares.sum(axis=0) / count)
    return mean, np.where(spread > SMALLEST_SPREAD, spread, 0.0)


def standardise(
    columns: npt.NDArray[Any], center: FloatArray, spread: FloatArray, *, farthest: float
) -> npt.NDArray[Any]:
    """Return standardised columns in their own precision; 0 where unknown or constant.

    Args:
        columns: shape (..., K).
        center: shape broadcastable to it.
        spread: likewise, at least 0.
        farthest: largest absolute value.
    """
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 0)
    scaled = np.nan_to_num((columns - center) * inverse, nan=0.0)
    return np.clip(scaled, -farthest, farthest).astype(columns.dtype)
