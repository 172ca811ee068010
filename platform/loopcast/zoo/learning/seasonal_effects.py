"""Nested seasonal effects in ridge regressions: eliminated from the normal equations of many series, and recovered.

A constant, effects of the phases of a short period, and effects of the phases of a long one that is a multiple of it:
their normal equations are a tree, so they leave phase by phase. What the other regressors are does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray

CONSTANT_RIDGE = 1e-3


@dataclass(frozen=True)
class Effects:
    """Which seasonal effects a regression has.

    Args:
        short: short period in steps; 1: no effects of it.
        long: long period in steps, a multiple of the short one; equal to it: no effects of its own.
        ridge_short: penalty on the squared effects of the short period, above 0.
        ridge_long: likewise of the long period.
    """

    short: int
    long: int
    ridge_short: float
    ridge_long: float


@dataclass(frozen=True, eq=False)
class Levels:
    """Sums per phase on every level of the tree, after the levels below have left.

    Args:
        long: sums of the K columns, shape (S, long, K), and row weights, shape (S, long).
        short: likewise of the short period.
        whole: likewise, shapes (S, K) and (S,).
    """

    long: tuple[FloatArray, FloatArray]
    short: tuple[FloatArray, FloatArray]
    whole: tuple[FloatArray, FloatArray]


def eliminate(gram: FloatArray, sums: FloatArray, weights: FloatArray, effects: Effects) -> tuple[FloatArray, Levels]:
    """Return the products of the columns once constant and effects have left, shape (S, K, K).

    Args:
        gram: weighted products of K columns, shape (S, K, K).
        sums: their weighted sums per phase of the long period, shape (S, long, K).
        weights: sums of row weights per phase, shape (S, long).
        effects: periods and penalties.

    References:
        Robinson (1991), That BLUP is a good thing, eq. 1.1 (Henderson's mixed model equations); effects leave by
        Schur complements.
    """
    n_series, _, n_columns = sums.shape
    level, rest = (sums, weights), gram
    if effects.long > effects.short:
        rest, level = leave(rest, *level, effects.ridge_long)
        tree = (n_series, effects.long // effects.short, effects.short)
        level = (level[0].reshape(*tree, n_columns).sum(axis=1), level[1].reshape(tree).sum(axis=1))
    short = level
    if effects.short > 1:
        rest, level = leave(rest, *level, effects.ridge_short)
    whole = (level[0].sum(axis=1), level[1].sum(axis=1))
    rest = rest - whole[0][:, :, None] * (whole[0] / (whole[1] + CONSTANT_RIDGE)[:, None])[:, None, :]
    return rest, Levels((sums, weights), short, whole)


def leave(
    gram: FloatArray, sums: FloatArray, weights: FloatArray, ridge: float
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Return products, and sums and weights per phase, once the effects of one level have left."""
    kept = ridge / (weights + ridge)
    scaled = sums / (weights + ridge)[..., None]
    return gram - np.matmul(np.swapaxes(sums, 1, 2), scaled), (sums * kept[..., None], weights * kept)


def recover(levels: Levels, coefficients: FloatArray, effects: Effects) -> FloatArray:
    """Return constant, short and long effects of each phase of the long period, shape (S, long, 3).

    Args:
        levels: what `eliminate` returned; the last column is what is explained.
        coefficients: of the other columns, shape (S, K - 1).
        effects: as for `eliminate`.
    """

    def left(level: tuple[FloatArray, FloatArray]) -> FloatArray:
        return np.asarray(level[0][..., -1] - (level[0][..., :-1] @ coefficients[:, :, None])[..., 0])

    n_series, times = len(coefficients), effects.long // effects.short
    whole = levels.whole[0][:, -1] - np.einsum("sk,sk->s", levels.whole[0][:, :-1], coefficients)
    constant = (whole / (levels.whole[1] + CONSTANT_RIDGE))[:, None]
    short = np.zeros((n_series, effects.short))
    if effects.short > 1:
        short = (left(levels.short) - levels.short[1] * constant) / (levels.short[1] + effects.ridge_short)
    out = np.empty((n_series, effects.long, 3))
    out[..., 0], out[..., 1], out[..., 2] = constant, np.tile(short, times), 0.0
    if effects.long > effects.short:
        sums, weights = left(levels.long), levels.long[1]
        out[..., 2] = (sums - weights * (out[..., 0] + out[..., 1])) / (weights + effects.ridge_long)
    return out
