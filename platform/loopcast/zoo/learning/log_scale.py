"""The scale that members without predictors work on: log or asinh, standardised per series, and the way back.

Which member works on it, and what it does there, does not belong here.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, from_floats

WIDEST_LOG = 1000.0  # a series that falls below this share of its median is not multiplicative down there
FLOOR = 0.1  # values that come later count as at least this share of the lowest one seen, where the log needs it
FARTHEST = 200.0  # standard deviations; only keeps exponentials finite


@dataclass(frozen=True, eq=False)
class LogScale:
    """A monotone transform per series: z = (f(y) - center) / spread, f the logarithm or asinh(y / unit).

    Args:
        is_log: which of the two, shape (S,).
        unit: of asinh: the median of the absolute values; of the logarithm: the least value it takes. Shape (S,).
        center: mean of f, shape (S,).
        spread: standard deviation of f, shape (S,), above 0.
        never_negative: whether no value was below 0, shape (S,).
    """

    is_log: BoolArray
    unit: FloatArray
    center: FloatArray
    spread: FloatArray
    never_negative: BoolArray

    def select(self, series: IntArray) -> "LogScale":
        """Return the transforms of some series; numbers may repeat."""
        return LogScale(*(getattr(self, item.name)[series] for item in fields(self)))

    def put(self, series: IntArray, other: "LogScale") -> "LogScale":
        """Return the transforms with those of some series replaced."""
        parts = {item.name: getattr(self, item.name).copy() for item in fields(self)}
        for name, values in parts.items():
            values[series] = getattr(other, name)
        return LogScale(**parts)

    def to_z(self, y: FloatArray) -> FloatArray:
        """Return values, shape (S, ...), on the scale."""
        is_log, unit, center, spread = (like(part, y) for part in (self.is_log, self.unit, self.center, self.spread))
        f = np.where(is_log, np.log(np.maximum(y, unit)), np.arcsinh(y / unit))
        return np.asarray((f - center) / spread)

    def to_y(self, z: FloatArray) -> FloatArray:
        """Return values on the scale, shape (S, ...), in the target's unit."""
        is_log, unit, center, spread = (like(part, z) for part in (self.is_log, self.unit, self.center, self.spread))
        f = np.clip(z, -FARTHEST, FARTHEST) * spread + center
        return np.where(is_log, np.exp(np.where(is_log, f, 0.0)), np.sinh(np.where(is_log, 0.0, f)) * unit)

    def split(self, addends: FloatArray) -> FloatArray:
        """Return addends of z, shape (S, ..., K), in the target's unit, shape (S, ..., K + 1): the last is constant.

        Each keeps its share of z; what z = 0 stands for is the constant. They sum to `to_y` of the sum.
        """
        z = addends.sum(axis=-1)
        start = self.to_y(np.zeros(z.shape))
        gain = self.to_y(z) - start
        slope = np.divide(gain, z, out=np.zeros(z.shape), where=np.abs(z) > 1e-9)
        return np.concatenate([addends * slope[..., None], start[..., None]], axis=-1)

    def to_document(self) -> dict[str, Any]:
        """Return the transforms as JSON values."""
        return {item.name: as_floats(np.asarray(getattr(self, item.name), dtype=np.float64)) for item in fields(self)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "LogScale":
        """Return what `to_document` wrote."""
        parts = {name: from_floats(values) for name, values in document.items()}
        is_log, never_negative = parts.pop("is_log") > 0, parts.pop("never_negative") > 0
        return cls(is_log=is_log, never_negative=never_negative, **parts)


def like(values: Any, other: FloatArray) -> Any:
    """Return values of shape (S,) with as many axes as another array whose first axis is S."""
    return values.reshape((-1,) + (1,) * (other.ndim - 1))


def learn_log_scale(y: FloatArray) -> LogScale:
    """Return the transforms that suit series: the logarithm where a series is positive and does not come near 0.

    Args:
        y: shape (S, T), NaN = missing.

    Examples:
        >>> scaling = learn_log_scale(np.array([[1.0, np.e, np.e**2], [-1.0, 0.0, 3.0], [5.0, 5.0, 5.0]]))
        >>> scaling.is_log.tolist(), scaling.to_z(np.array([[np.e], [0.0], [5.0]])).round(3).ravel().tolist()
        ([True, False, True], [0.0, -0.338, 0.0])
    """
    present = np.isfinite(y)
    seen = present.any(axis=1)
    low = np.where(seen, np.where(present, y, np.inf).min(axis=1, initial=np.inf), 0.0)
    middle = median_present(np.where(y != 0, np.abs(y), np.nan))
    is_log = (low > 0) & (middle < WIDEST_LOG * low)
    unit = np.where(is_log, FLOOR * low, np.where(middle > 0, middle, 1.0))
    plain = LogScale(is_log, unit, np.zeros(len(y)), np.ones(len(y)), low >= 0)
    f = np.where(present, plain.to_z(np.where(present, y, 1.0)), 0.0)
    count = np.maximum(present.sum(axis=1), 1)
    center = f.sum(axis=1) / count
    spread = np.sqrt((np.where(present, f - center[:, None], 0.0) ** 2).sum(axis=1) / count)
    safe = np.where(spread > 1e-9 * np.maximum(1.0, np.abs(center)), spread, 1.0)
    return LogScale(is_log, unit, center, safe, low >= 0)


def median_present(values: FloatArray) -> FloatArray:
    """Return the median of each row's present values, shape (S,); 0 where there is none."""
    ordered = np.sort(values, axis=1)  # NaN stand last
    count = np.isfinite(values).sum(axis=1)
    if not ordered.shape[1]:
        return np.zeros(len(values))
    rows = np.arange(len(values))
    low, high = (
        ordered[rows, np.maximum(count - 1, 0) // 2],
        ordered[rows, np.minimum(count // 2, ordered.shape[1] - 1)],
    )
    return np.where(count > 0, (low + np.where(np.isfinite(high), high, low)) / 2.0, 0.0)
