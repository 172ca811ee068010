"""Names of array types and the few indexing operations that every part of the zoo shares.

Anything that knows what a value means (a target, a lag, a forecast) does not belong here.
"""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]

READABLE = 4096


def take_positions(values: FloatArray, positions: IntArray) -> FloatArray:
    """Return the values at positions on the grid; NaN where a position lies outside.

    Args:
        values: shape (series, time).
        positions: shape (series, ...), positions on the time axis.

    Returns:
        Shape of `positions`.

    Examples:
        >>> take_positions(np.array([[1.0, 2.0]]), np.array([[-1, 1, 5]])).tolist()
        [[nan, 2.0, nan]]
    """
    length = values.shape[1]
    if length == 0:
        return np.full(positions.shape, np.nan)
    rows = np.arange(values.shape[0]).reshape((-1,) + (1,) * (positions.ndim - 1))
    inside = (positions >= 0) & (positions < length)
    return np.where(inside, values[rows, np.clip(positions, 0, length - 1)], np.nan)


def last_present(values: FloatArray) -> IntArray:
    """Return the position of each series' last present value; -1 where there is none.

    Args:
        values: shape (series, time), NaN = missing.

    Examples:
        >>> last_present(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist()
        [0, -1]
    """
    positions = np.where(np.isfinite(values), np.arange(values.shape[1]), -1)
    return np.asarray(positions.max(axis=1, initial=-1), dtype=np.int64)


def first_present(values: FloatArray) -> IntArray:
    """Return the position of each series' first present value; the number of positions where there is none.

    Args:
        values: shape (series, time), NaN = missing.

    Examples:
        >>> first_present(np.array([[np.nan, 1.0], [np.nan, np.nan]])).tolist()
        [1, 2]
    """
    length = values.shape[1]
    positions = np.where(np.isfinite(values), np.arange(length), length)
    return np.asarray(positions.min(axis=1, initial=length), dtype=np.int64)


def as_floats(values: FloatArray) -> object:
    """Return nested lists of floats for JSON, None for NaN; bit-exact both ways.

    More than 4,096 numbers, as panels have, are nothing to read: they stay an array, which the store keeps in a `.npz`.
    """
    if values.size > READABLE:
        return values
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    nested: list[object] = cells.tolist()
    return nested


def from_floats(values: object) -> FloatArray:
    """Return the array that `as_floats` wrote."""
    return np.asarray(values, dtype=np.float64)


def as_times(values: TimeArray) -> list[object]:
    """Return a flat list of ISO 8601 times for JSON, None for NaT.

    Examples:
        >>> as_times(np.array(["2026-01-05T10:00", "NaT"], dtype="datetime64[us]"))
        ['2026-01-05T10:00:00.000000', None]
    """
    return [None if text == "NaT" else text for text in np.datetime_as_string(values.ravel(), unit="us").tolist()]


def from_times(values: object) -> TimeArray:
    """Return the times that `as_times` wrote, flat."""
    return np.array(["NaT" if value is None else value for value in values], dtype="datetime64[us]")  # type: ignore[attr-defined]
