"""The scale on which direct members learn: every variable by its median and spread, large values drawn in.

What is learned on that scale does not belong here; `share_out` brings the addends of a forecast back to output units.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray, as_floats, from_floats

NORMAL_MAD = 1.4826  # standard deviations per median absolute deviation of a normal distribution
CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class Scaling:
    """The inverse hyperbolic sine of a robustly standardised variable.

    Args:
        center: medians, shape (S,).
        scale: robust standard deviations, positive, shape (S,).

    References:
        Uniejewski, Weron and Ziel (2018), Variance stabilizing transformations for electricity spot price
        forecasting, section III.
    """

    center: FloatArray
    scale: FloatArray

    def forward(self, values: FloatArray) -> FloatArray:
        """Return values of shape (S, ...) on the learning scale; NaN stays.

        Examples:
            >>> Scaling(np.array([2.0]), np.array([3.0])).forward(np.array([[2.0, 5.0]])).round(4).tolist()
            [[0.0, 0.8814]]
        """
        return np.asarray(np.arcsinh((values - _spread(self.center, values)) / _spread(self.scale, values)))

    def inverse(self, values: FloatArray) -> FloatArray:
        """Return values of shape (S, ...) in the variable's unit."""
        return np.asarray(np.sinh(values) * _spread(self.scale, values) + _spread(self.center, values))

    def slope(self, values: FloatArray) -> FloatArray:
        """Return the derivative of `inverse`, shape (S, ...)."""
        return np.asarray(np.cosh(values) * _spread(self.scale, values))

    def to_document(self) -> dict[str, object]:
        """Return centers and scales as JSON values."""
        return {"center": as_floats(self.center), "scale": as_floats(self.scale)}

    @classmethod
    def from_document(cls, document: dict[str, object]) -> "Scaling":
        """Return the scaling that `to_document` wrote."""
        return cls(from_floats(document["center"]), from_floats(document["scale"]))


def _spread(parameter: FloatArray, values: FloatArray) -> FloatArray:
    return parameter.reshape((-1,) + (1,) * (values.ndim - 1))


def learn_scaling(values: FloatArray) -> Scaling:
    """Return each series' median and median absolute deviation; where that is 0 its standard deviation, else 1.

    Args:
        values: shape (S, T), NaN = missing.

    Examples:
        >>> made = learn_scaling(np.array([[1.0, 2.0, 9.0, np.nan]]))
        >>> made.center.tolist(), made.scale.tolist()
        ([2.0], [1.4826])
    """
    center, scale = np.zeros(len(values)), np.ones(len(values))
    for row, series in enumerate(values):
        known = series[np.isfinite(series)]
        if not len(known):
            continue
        center[row] = np.median(known)
        spread = NORMAL_MAD * float(np.median(np.abs(known - center[row]))) or float(known.std())
        scale[row] = spread or 1.0
    return Scaling(center, scale)


def share_out(scaling: Scaling, constant: FloatArray, addends: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return constant and addends in output units, in proportion to the addends on the learning scale.

    A forecast g(z0 + sum of c) becomes g(z0) plus, for each addend c, c (g(z) - g(z0)) / (z - z0).

    Args:
        scaling: of the target; its inverse is g.
        constant: z0, shape (S, ...).
        addends: c, shape (S, ..., K).

    Returns:
        g(z0), shape (S, ...), and the addends, shape (S, ..., K); together they sum to the forecast.
    """
    total = addends.sum(axis=-1)
    base = scaling.inverse(constant)
    far = np.abs(total) > CLOSE
    secant = (scaling.inverse(constant + total) - base) / np.where(far, total, 1.0)
    return base, addends * np.where(far, secant, scaling.slope(constant))[..., None]
