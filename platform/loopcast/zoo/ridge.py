"""Batched ridge regression: many small problems of equal shape at once, one penalty chosen by leave-one-out.

What the columns mean does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray

PENALTIES = np.geomspace(0.03, 3000.0, 11)


@dataclass(frozen=True, eq=False)
class RidgeFit:
    """Coefficients of a batch of B regressions on K columns.

    Args:
        center: means of the columns, shape (B, K).
        coefficients: in units of target per unit of column, shape (B, K).
        intercept: value at the means, shape (B,).
        penalty: chosen penalty, shape (B,).
        spread: standard deviation of the columns, shape (B, K).
    """

    center: FloatArray
    coefficients: FloatArray
    intercept: FloatArray
    penalty: FloatArray
    spread: FloatArray


def fit_ridge(columns: FloatArray, target: FloatArray, weights: FloatArray, *, pool: int) -> RidgeFit:
    """Return weighted ridge regressions whose penalty minimises the pooled leave-one-out error.

    Args:
        columns: shape (B, N, K); NaN counts as the column's mean.
        target: shape (B, N); NaN rows are left out.
        weights: shape (B, N), at least 0.
        pool: number of neighbouring problems that share one penalty; divides B.

    References:
        Golub, Heath and Wahba (1979), generalised cross-validation; the leave-one-out form is exact for ridge.
    """
    used = np.isfinite(target) & (weights > 0)
    w = np.where(used, weights, 0.0)
    w = w / np.maximum(w.sum(axis=1, keepdims=True), 1e-300)
    center, spread, z = standardise(columns, w)
    mean = (w * np.where(used, target, 0.0)).sum(axis=1)
    centred = np.where(used, target - mean[:, None], 0.0)
    root = np.sqrt(w * used.sum(axis=1, keepdims=True))
    weighted = z * root[..., None]
    gram = np.swapaxes(weighted, 1, 2) @ weighted
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    rotated = weighted @ vectors
    projected = np.einsum("bnk,bn->bk", rotated, centred * root)
    errors = leave_one_out(rotated, values, projected, centred * root, root)
    shared = errors.reshape(len(PENALTIES), -1, pool).mean(axis=2)
    penalty = np.repeat(PENALTIES[shared.argmin(axis=0)], pool)
    solution = np.einsum("bkj,bj->bk", vectors, projected / (values + penalty[:, None]))
    coefficients = np.divide(solution, spread, out=np.zeros_like(solution), where=spread > 0)
    return RidgeFit(center=center, coefficients=coefficients, intercept=mean, penalty=penalty, spread=spread)


def standardise(columns: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weighted means, standard deviations (0 for a constant column) and standardised columns."""
    present: BoolArray = np.isfinite(columns)
    known = np.where(present, columns, 0.0)
    share = np.einsum("bn,bnk->bk", weights, present.astype(np.float64))
    center = np.einsum("bn,bnk->bk", weights, known) / np.maximum(share, 1e-300)
    centred = np.where(present, columns - center[:, None], 0.0)
    spread = np.sqrt(np.einsum("bn,bnk->bk", weights, centred**2))
    spread[spread <= 1e-9 * np.maximum(1.0, np.abs(center))] = 0.0
    z = np.divide(centred, spread[:, None], out=np.zeros_like(centred), where=spread[:, None] > 0)
    return center, spread, z


def leave_one_out(
    rotated: FloatArray, values: FloatArray, projected: FloatArray, target: FloatArray, root: FloatArray
) -> FloatArray:
    """Return the mean squared leave-one-out error per penalty and problem, shape (penalties, B), relative.

    Args:
        rotated: weighted columns in the basis of the Gram matrix, shape (B, N, K).
        values: its eigenvalues, shape (B, K).
        projected: rotated' target, shape (B, K).
        target: weighted centred target, shape (B, N).
        root: square roots of the weights (mean square 1 over used rows), shape (B, N).
    """
    scale = np.maximum((target**2).sum(axis=1), 1e-300)
    count = np.maximum((root > 0).sum(axis=1), 1)
    squared = rotated**2
    out = np.empty((len(PENALTIES), len(values)))
    for row, penalty in enumerate(PENALTIES):
        shrink = 1.0 / (values + penalty)
        fitted = np.einsum("bnk,bk->bn", rotated, projected * shrink)
        leverage = np.einsum("bnk,bk->bn", squared, shrink) + root**2 / count[:, None]
        out[row] = (((target - fitted) / np.maximum(1.0 - leverage, 0.05)) ** 2).sum(axis=1) / scale
    return out
