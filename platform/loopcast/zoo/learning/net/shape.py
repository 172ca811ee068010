"""Small networks with two hidden layers and a linear skip, many at once: sizes, start values, forward and backward.

How they learn is in `loopcast.zoo.learning.net.training`, what they explain in `attribution` beside it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]  # single precision while learning, double precision where addends must sum
LAST_LAYER_VARIANCE = 0.2


@dataclass(frozen=True)
class Shape:
    """Sizes of a network.

    Args:
        inputs: number of features P.
        first: units of the first hidden layer.
        second: units of the second hidden layer.
        outputs: number of steps H.
    """

    inputs: int
    first: int
    second: int
    outputs: int

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each parameter: three layers' weights and biases by turns, then the skip."""
        return (
            (self.inputs, self.first),
            (1, self.first),
            (self.first, self.second),
            (1, self.second),
            (self.second, self.outputs),
            (1, self.outputs),
            (self.inputs, self.outputs),
        )

    @property
    def stops(self) -> tuple[int, ...]:
        """Where each parameter ends in the flat vector."""
        return tuple(int(n) for n in np.cumsum([rows * columns for rows, columns in self.sizes]))

    def views(self, flat: Array) -> tuple[Array, ...]:
        """Return the parameters as views of flat vectors, shape (..., D) to (..., rows, columns)."""
        starts = (0, *self.stops[:-1])
        return tuple(
            flat[..., start:stop].reshape(*flat.shape[:-1], *size)
            for start, stop, size in zip(starts, self.stops, self.sizes, strict=True)
        )

    def start(self, count: tuple[int, ...], rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return start values of some networks, shape (*count, D); biases and skip are 0.

        References:
            He, Zhang, Ren and Sun (2015), Delving deep into rectifiers, equation 10.
        """
        flat = np.zeros((*count, self.stops[-1]), dtype=np.float32)
        for number, variance in ((0, 2.0), (2, 2.0), (4, LAST_LAYER_VARIANCE)):
            weights = self.views(flat)[number]
            drawn = rng.standard_normal(weights.shape, dtype=np.float32)
            weights[...] = drawn * np.float32(np.sqrt(variance / self.sizes[number][0]))
        return flat


def forward(parameters: tuple[Array, ...], x: Array, kept: Array | None = None) -> tuple[Array, Array, Array]:
    """Return output, first and second hidden layer.

    Args:
        parameters: `Shape.views`, shapes (..., rows, columns).
        x: shape (..., N, P).
        kept: what dropout multiplies the first hidden layer by, shape (..., N, first).
    """
    weights1, bias1, weights2, bias2, weights3, bias3, skip = parameters
    first = x @ weights1
    first += bias1
    np.maximum(first, 0, out=first)
    if kept is not None:
        first *= kept
    second = first @ weights2
    second += bias2
    np.maximum(second, 0, out=second)
    out = second @ weights3
    out += bias3
    out += x @ skip
    return out, first, second


def backward(
    parameters: tuple[Array, ...],
    gradients: tuple[Array, ...],
    x: Array,
    hidden: tuple[Array, Array],
    slope: Array,
    kept: Array | None = None,
) -> None:
    """Write the gradients of a loss into `gradients`, views like the parameters.

    Args:
        parameters: as in `forward`.
        gradients: written to.
        x: shape (..., N, P).
        hidden: both hidden layers as `forward` returned them.
        slope: derivative of the loss by the output, shape (..., N, H).
        kept: as in `forward`.
    """
    first, second = hidden
    np.matmul(np.swapaxes(second, -1, -2), slope, out=gradients[4])
    np.sum(slope, axis=-2, keepdims=True, out=gradients[5])
    np.matmul(np.swapaxes(x, -1, -2), slope, out=gradients[6])
    back = slope @ np.swapaxes(parameters[4], -1, -2)
    back *= second > 0
    np.matmul(np.swapaxes(first, -1, -2), back, out=gradients[2])
    np.sum(back, axis=-2, keepdims=True, out=gradients[3])
    back = back @ np.swapaxes(parameters[2], -1, -2)
    back *= first > 0
    if kept is not None:
        back *= kept
    np.matmul(np.swapaxes(x, -1, -2), back, out=gradients[0])
    np.sum(back, axis=-2, keepdims=True, out=gradients[1])
