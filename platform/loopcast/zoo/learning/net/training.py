"""How the small networks learn: near-absolute loss, dropout, Adam with decoupled decay and soft threshold.

Which rows they learn from, and how often, is the member's business.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from loopcast.zoo.learning.net.shape import Array, Shape, backward, forward

FIRST_MOMENT, SECOND_MOMENT, EPSILON = 0.9, 0.999, 1e-7
RMS_SCALE = 1024.0  # gradients are small numbers, of which half precision knows few
WEIGHTS, SPARSE = (0, 2, 4, 6), (0, 6)  # parameters that decay; those that are drawn to exact zeros as well


@dataclass(frozen=True)
class Learning:
    """What stays the same over all steps.

    Args:
        dropout: share of the first hidden layer that is left out of a step.
        delta: errors below count squared, on the learning scale.
        decay: share of a weight that is taken off per unit of learning rate.
        threshold: how much every weight into the first layer and of the skip is drawn to 0 per unit of learning rate.
    """

    dropout: float = 0.3
    delta: float = 0.05
    decay: float = 0.5
    threshold: float = 0.1


@dataclass(frozen=True, eq=False)
class Optimiser:
    """Networks and where their optimiser stands.

    Args:
        weights: flat parameters, shape (S, M, D).
        rms: roots of the running mean of the squared gradients, times `RMS_SCALE`, same shape. Half precision keeps
            what is stored every day small; the running mean of the gradients forgets within steps and starts anew.
        step: number of steps taken.
    """

    weights: npt.NDArray[np.float32]
    rms: npt.NDArray[np.float16]
    step: int

    @classmethod
    def start(cls, shape: Shape, count: tuple[int, ...], rng: np.random.Generator) -> "Optimiser":
        """Return networks that have learned nothing."""
        weights = shape.start(count, rng)
        return cls(weights, np.zeros(weights.shape, np.float16), 0)


@dataclass(frozen=True, eq=False)
class _Running:
    """What `train` changes in place: its own arrays, each of shape (S, M, D)."""

    weights: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    square: npt.NDArray[np.float32]
    gradient: npt.NDArray[np.float32]

    @classmethod
    def of(cls, start: Optimiser) -> "_Running":
        square = (start.rms.astype(np.float32) / np.float32(RMS_SCALE)) ** 2
        return cls(start.weights.copy(), np.zeros_like(square), square, np.zeros_like(square))


@dataclass(frozen=True, eq=False)
class Batches:
    """Rows and the order in which they are learned.

    Args:
        x: features, shape (S, N, P).
        targets: shape (S, N, H), NaN = unknown.
        importance: weight of every target, shape (S, N, H).
        order: rows of one step after the other, shape (steps, S, batch).
        rates: learning rate of each step, shape (steps,).
    """

    x: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32]
    importance: npt.NDArray[np.float32]
    order: npt.NDArray[np.int64]
    rates: npt.NDArray[np.float64]


def train(shape: Shape, learning: Learning, start: Optimiser, batches: Batches, rng: np.random.Generator) -> Optimiser:
    """Return the networks after one step per batch.

    References:
        Kingma and Ba (2015), Adam, algorithm 1; Loshchilov and Hutter (2019), Decoupled weight decay regularization,
        algorithm 2; Srivastava et al. (2014), Dropout, section 4.
    """
    state = _Running.of(start)
    parameters, gradients = shape.views(state.weights), shape.views(state.gradient)
    series = np.arange(len(batches.x))[:, None]
    for number, (rows, rate) in enumerate(zip(batches.order, batches.rates, strict=True)):
        x = batches.x[series, rows][:, None]
        kept = draw_kept((*state.weights.shape[:2], rows.shape[1], shape.first), learning.dropout, rng)
        out, *hidden = forward(parameters, x, kept)
        slope = near_absolute_slope(out, batches.targets[series, rows][:, None], learning.delta)
        slope *= batches.importance[series, rows][:, None] / np.float32(rows.shape[1])
        backward(parameters, gradients, x, (hidden[0], hidden[1]), slope, kept)
        corrected = (
            rate * np.sqrt(1.0 - SECOND_MOMENT ** (start.step + number + 1)) / (1.0 - FIRST_MOMENT ** (number + 1))
        )
        _apply_gradient(shape, learning, state, rate, corrected)
    rms = (np.sqrt(state.square) * np.float32(RMS_SCALE)).astype(np.float16)
    return Optimiser(state.weights, rms, start.step + len(batches.order))


def draw_kept(shape: tuple[int, ...], dropout: float, rng: np.random.Generator) -> Array:
    """Return 0 for units left out and 1 / (1 - dropout) for the others, single precision."""
    kept = (rng.random(shape, dtype=np.float32) >= dropout).astype(np.float32)
    kept *= np.float32(1.0 / (1.0 - dropout))
    return kept


def near_absolute_slope(out: Array, targets: Array, delta: float) -> Array:
    """Return the derivative of Huber's loss over delta: the error's sign, falling linearly below delta; 0 if unknown.

    References:
        Huber (1964), Robust estimation of a location parameter, section 2.
    """
    error = out - targets
    error *= np.float32(1.0 / delta)
    np.clip(error, -1.0, 1.0, out=error)
    return np.asarray(np.nan_to_num(error, copy=False, nan=0.0))


def _apply_gradient(shape: Shape, learning: Learning, state: _Running, rate: float, corrected: float) -> None:
    arrays = (state.weights, state.mean, state.square, state.gradient)
    flat = [array.reshape(-1, array.shape[-1]) for array in arrays]
    for number, (start, stop) in enumerate(zip((0, *shape.stops[:-1]), shape.stops, strict=True)):
        shrink = 1.0 - rate * learning.decay if number in WEIGHTS else 1.0
        threshold = rate * learning.threshold if number in SPARSE else 0.0
        _step_adam(*flat, start, stop, np.float32(corrected), np.float32(shrink), np.float32(threshold))


@njit(cache=True, fastmath=True, error_model="numpy")  # without checks for division by zero it is vectorised
def _step_adam(
    weights: Array,
    mean: Array,
    square: Array,
    gradient: Array,
    start: int,
    stop: int,
    rate: np.float32,
    shrink: np.float32,
    threshold: np.float32,
) -> None:
    keep1, keep2 = np.float32(FIRST_MOMENT), np.float32(SECOND_MOMENT)
    new1, new2, tiny = np.float32(1.0 - FIRST_MOMENT), np.float32(1.0 - SECOND_MOMENT), np.float32(EPSILON)
    for row in range(len(weights)):
        w, m, v, g = weights[row, start:stop], mean[row, start:stop], square[row, start:stop], gradient[row, start:stop]
        for k in range(stop - start):
            m[k] = keep1 * m[k] + new1 * g[k]
            v[k] = keep2 * v[k] + new2 * g[k] * g[k]
            moved = shrink * w[k] - rate * m[k] / (np.sqrt(v[k]) + tiny)
            w[k] = moved - min(max(moved, -threshold), threshold)
