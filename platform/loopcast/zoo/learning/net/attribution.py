"""Integrated gradients: how much of a network's output each input accounts for, against all inputs at their mean.

Scaling back to the target's unit does not belong here.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.learning.net.shape import Array, forward

NODES = 24
SMALL = 1e-12


def integrated_gradients(parameters: tuple[Array, ...], x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the output at x = 0 and the addends of x, which together sum to the output at x.

    The integral along the line from 0 to x is taken at Gauss-Legendre nodes; what it lacks of the whole difference
    is shared out in proportion to the addends' sizes.

    Args:
        parameters: double precision, shapes (..., rows, columns).
        x: shape (..., N, P).

    Returns:
        Shapes (..., N, H) and (..., N, H, P).

    References:
        Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks, equation 1.
    """
    base, _, _ = forward(parameters, np.zeros_like(x))
    out, _, _ = forward(parameters, x)
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    slope = np.zeros((*out.shape, x.shape[-1]))
    for node, share in zip((nodes + 1.0) / 2.0, shares / 2.0, strict=True):
        slope += share * jacobian(parameters, x * node)
    addends = slope * x[..., None, :]
    lacking = out - base - addends.sum(axis=-1)
    size = np.abs(addends) + SMALL * (x[..., None, :] != 0) + SMALL * SMALL
    addends += size * (lacking / size.sum(axis=-1))[..., None]
    return base, addends


def jacobian(parameters: tuple[Array, ...], x: FloatArray) -> FloatArray:
    """Return the derivatives of the outputs by the inputs, shape (..., N, H, P)."""
    weights1, _, weights2, _, weights3, _, skip = parameters
    _, first, second = forward(parameters, x)
    last = np.swapaxes(weights3, -1, -2)[..., None, :, :] * (second > 0)[..., None, :]
    middle = (last @ np.swapaxes(weights2, -1, -2)[..., None, :, :]) * (first > 0)[..., None, :]
    through = middle @ np.swapaxes(weights1, -1, -2)[..., None, :, :]
    return np.asarray(through + np.swapaxes(skip, -1, -2)[..., None, :, :])


def mean_slope(parameters: tuple[Array, ...], x: FloatArray) -> FloatArray:
    """Return the mean absolute derivative by each input over networks, rows and outputs, shape (P,)."""
    slope = np.abs(jacobian(parameters, x))
    return np.asarray(slope.reshape(-1, x.shape[-1]).mean(axis=0))
