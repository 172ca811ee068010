"""Quantile functions as tables over a fixed grid of probabilities: made from samples, corrected, read anywhere.

Where the samples come from, and what they are multiplied with, does not belong here.
"""

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray

GRID = np.concatenate([[0.005, 0.01, 0.025], np.arange(1, 20) / 20.0, [0.975, 0.99, 0.995]])
FURTHEST = 4.0  # a tail probability is corrected to a quarter of it at most


def rank_quantiles(values: FloatArray, blocks: FloatArray) -> FloatArray:
    """Return the quantiles of each row's present values at `GRID`; 0 where there is none.

    The probability p is read at p + (p - 1/2) / n, the finite-sample rank; outside of the data the tail is
    exponential, with the mean excess of the outer tenth.

    Args:
        values: shape (rows, N), NaN = not there.
        blocks: number n of independent values among them, shape (rows,).

    Returns:
        Shape (rows, K), ascending.
    """
    ordered = np.sort(values, axis=1)
    count: IntArray = np.isfinite(values).sum(axis=1, dtype=np.int64)[:, None]
    if not ordered.shape[1] or not count.any():
        return np.zeros((len(values), len(GRID)))
    n = np.maximum(np.minimum(blocks[:, None], count), 1.0)
    position = (GRID + (GRID - 0.5) / n) * count - 0.5
    inside = np.clip(position, 0, np.maximum(count - 1, 0))
    low = np.floor(inside).astype(np.int64)
    rows = np.arange(len(values))[:, None]
    first = np.nan_to_num(ordered[rows, low])
    second = np.nan_to_num(ordered[rows, np.minimum(low + 1, np.maximum(count - 1, 0))])
    found = first + (inside - low) * (second - first)
    edge = (0.5 + 0.5 * n / np.maximum(count, 1)) / (n + 1.0)
    return found + beyond(ordered, count, edge, position)


def beyond(ordered: FloatArray, count: IntArray, edge: FloatArray, position: FloatArray) -> FloatArray:
    """Return how far quantiles lie outside of the data, shape (rows, K); 0 inside.

    Args:
        ordered: sorted values, shape (rows, N), NaN last.
        count: how many are there, shape (rows, 1).
        edge: probability below the smallest one, shape (rows, 1).
        position: where each probability is read, in ranks from 0, shape (rows, K).
    """
    rows, tenth = np.arange(len(ordered))[:, None], np.maximum(count // 10, 1)
    column = np.arange(ordered.shape[1])
    last = np.maximum(count - 1, 0)
    values = np.nan_to_num(ordered)
    lower, upper = column < tenth, (column >= count - tenth) & (column < count)
    low = (values[rows, np.minimum(tenth, last)] * lower - values * lower).sum(axis=1, keepdims=True) / tenth
    high = (values * upper - values[rows, np.maximum(last - tenth, 0)] * upper).sum(axis=1, keepdims=True) / tenth
    below = np.where(position < 0, np.log(np.maximum(edge / GRID, 1.0)), 0.0)
    above = np.where(position > last, np.log(np.maximum(edge / (1.0 - GRID), 1.0)), 0.0)
    return np.asarray(high * above - low * below)


def correct_probabilities(shift: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return the probabilities to read instead of those asked for, never falling, shape (S, P).

    Args:
        shift: see `Intervals`.
        probabilities: in (0, 1), ascending, shape (P,).
    """
    tail = np.minimum(probabilities, 1.0 - probabilities)
    column = np.clip(np.searchsorted(GRID, probabilities) - 1, 0, len(GRID) - 2)
    part = np.clip((probabilities - GRID[column]) / (GRID[column + 1] - GRID[column]), 0.0, 1.0)
    corrected = probabilities + shift[:, column] * (1.0 - part) + shift[:, column + 1] * part
    low = np.where(probabilities < 0.5, tail / FURTHEST, 0.0)
    high = np.where(probabilities > 0.5, 1.0 - tail / FURTHEST, 1.0)
    corrected = np.clip(corrected, np.maximum(low, 1e-6), np.minimum(high, 1.0 - 1e-6))
    return np.asarray(np.maximum.accumulate(corrected, axis=1))


def read_table(table: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Return a table's values at probabilities, linear between those of `GRID`, exponential tails outside.

    Args:
        table: shape (S, H, K).
        probabilities: in (0, 1), shape (S, P).

    Returns:
        Shape (S, H, P).
    """
    column = np.clip(np.searchsorted(GRID, probabilities) - 1, 0, len(GRID) - 2)
    part = (probabilities - GRID[column]) / (GRID[column + 1] - GRID[column])
    lower: BoolArray = probabilities < GRID[0]
    upper: BoolArray = probabilities > GRID[-1]
    part = np.where(lower, np.log(probabilities / GRID[0]) / np.log(GRID[1] / GRID[0]), part)
    ratio = np.log((1.0 - GRID[-2]) / (1.0 - GRID[-1]))
    part = np.where(upper, 1.0 + np.log((1.0 - GRID[-1]) / (1.0 - probabilities)) / ratio, part)
    index = np.broadcast_to(column[:, None], (len(table), table.shape[1], probabilities.shape[1]))
    first = np.take_along_axis(table, index, axis=2)
    return np.asarray(first + part[:, None] * (np.take_along_axis(table, index + 1, axis=2) - first))
