"""The scale on which direct members learn: every row by its own recent median and spread, large values drawn in.

What is learned on that scale does not belong here; `share_out` brings the addends of a forecast back to output units.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray

NORMAL_MAD = 1.4826  # standard deviations per median absolute deviation of a normal distribution
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Scaling:
    """The inverse hyperbolic sine of a robustly standardised variable, one pair of numbers per row.

    Args:
        center: medians, any shape.
        scale: robust standard deviations, positive, same shape.

    References:
        Uniejewski, Weron and Ziel (2018), Variance stabilizing transformations for electricity spot price
        forecasting, section III.
    """

    center: FloatArray
    scale: FloatArray

    def forward(self, values: FloatArray) -> FloatArray:
        """Return values, whose first axes are those of the medians, on the learning scale; NaN stays.

        Examples:
            >>> Scaling(np.array([2.0]), np.array([3.0])).forward(np.array([[2.0, 5.0]])).round(4).tolist()
            [[0.0, 0.8814]]
        """
        return np.asarray(np.arcsinh((values - _widen(self.center, values)) / _widen(self.scale, values)))

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return values on the learning scale in the variable's unit."""
        return np.asarray(np.sinh(values) * _widen(self.scale, values) + _widen(self.center, values))

    def slope(self, values: FloatArray) -> FloatArray:
        """Return the derivative of `inverse`."""
        return np.asarray(np.cosh(values) * _widen(self.scale, values))


def _widen(parameter: FloatArray, values: FloatArray) -> FloatArray:
    return parameter.reshape(parameter.shape + (1,) * (values.ndim - parameter.ndim))


def spread_of(values: FloatArray) -> FloatArray:
    """Return the robust standard deviation along the last axis: from the median absolute deviation.

    Where that is 0 it is the plain standard deviation, and 1 where that is 0 as well or nothing is known.

    Args:
        values: shape (..., N), NaN = missing.

    Examples:
        >>> spread_of(np.array([[1.0, 2.0, 9.0, np.nan], [4.0] * 4, [0.0, 0.0, 0.0, 4.0]])).round(4).tolist()
        [1.4826, 1.0, 1.7321]
    """
    center = median_of(values)[..., None]
    spread = NORMAL_MAD * median_of(np.abs(values - center))
    flat = ~(spread > 0)
    if flat.any():
        rows = values[flat]
        present = np.isfinite(rows)
        count = np.maximum(present.sum(axis=-1), 1)
        mean = np.where(present, rows, 0.0).sum(axis=-1) / count
        spread[flat] = np.sqrt((np.where(present, rows - mean[:, None], 0.0) ** 2).sum(axis=-1) / count)
    return np.where(spread > 0, spread, 1.0)


def median_of(values: FloatArray) -> FloatArray:
    """Return the median of the present values along the last axis; 0 where there are none."""
    if np.isfinite(values).all():
        return np.asarray(np.median(values, axis=-1))
    count = np.isfinite(values).sum(axis=-1)
    ordered = np.sort(np.where(np.isfinite(values), values, np.inf), axis=-1)
    middle = np.stack([np.maximum(count - 1, 0) // 2, np.minimum(count // 2, values.shape[-1] - 1)], axis=-1)
    pair = np.take_along_axis(ordered, middle, axis=-1)
    return np.where(count > 0, np.where(np.isfinite(pair), pair, 0.0).mean(axis=-1), 0.0)


def share_out(scaling: Scaling, constant: FloatArray, addends: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return constant and addends in output units, in proportion to the addends on the learning scale.

    A forecast g(z0 + sum of c) becomes g(z0) plus, for each addend c, c (g(z) - g(z0)) / (z - z0).

    Args:
        scaling: of the target; its inverse is g.
        constant: z0, shape (...).
        addends: c, shape (..., K).

    Returns:
        g(z0) and the addends, shapes as given; together they sum to the forecast.
    """
    total = addends.sum(axis=-1)
    base = scaling.inverse(constant)
    far = np.abs(total) > CLOSE
    secant = (scaling.inverse(constant + total) - base) / np.where(far, total, 1.0)
    return base, addends * np.where(far, secant, scaling.slope(constant))[..., None]
