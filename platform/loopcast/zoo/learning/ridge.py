"""Batched ridge regression: many small problems of equal shape at once, one penalty chosen by leave-one-out.

What the columns mean does not belong here.
"""

from dataclasses import dataclass, replace

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
        sums: what later rows are added to.
    """

    center: FloatArray
    coefficients: FloatArray
    intercept: FloatArray
    penalty: FloatArray
    spread: FloatArray
    sums: "RidgeSums"


@dataclass(frozen=True, eq=False)
class RidgeSums:
    """Everything a batch of regressions knows of its rows, so that more can be added; immutable.

    Columns are standardised as they were at the fit, and one constant column stands before them.

    Args:
        center: shape (B, K).
        spread: shape (B, K), 0 for a column that was constant.
        offset: mean of the target at the fit, shape (B,).
        gram: weighted products of the columns, shape (B, K + 1, K + 1).
        cross: weighted products of columns and target, shape (B, K + 1).
        penalty: shape (B,).
        row_weight: weight of a new row, shape (B,).
    """

    center: FloatArray
    spread: FloatArray
    offset: FloatArray
    gram: FloatArray
    cross: FloatArray
    penalty: FloatArray
    row_weight: FloatArray

    def add(self, columns: FloatArray, target: FloatArray, *, decay: float = 1.0) -> "RidgeSums":
        """Return the sums after one more row each.

        Args:
            columns: shape (B, K); NaN counts as the column's mean.
            target: shape (B,); a problem whose target is NaN learns nothing.
            decay: share that older rows keep of their weight, in (0, 1].
        """
        known = np.isfinite(target)
        scaled = np.divide(columns - self.center, self.spread, out=np.zeros_like(columns), where=self.spread > 0)
        row = np.concatenate([np.ones((len(target), 1)), np.nan_to_num(scaled, nan=0.0)], axis=1)
        weight = np.where(known, self.row_weight, 0.0)
        keep = np.where(known, decay, 1.0)
        error = np.where(known, target - self.offset, 0.0)
        gram = self.gram * keep[:, None, None] + (row * weight[:, None])[:, :, None] * row[:, None, :]
        cross = self.cross * keep[:, None] + row * (weight * error)[:, None]
        return replace(self, gram=gram, cross=cross)

    def solve(self) -> tuple[FloatArray, FloatArray]:
        """Return coefficients in units of target per unit of column, shape (B, K), and the values at the centers."""
        n_columns = self.gram.shape[1]
        ridge = np.broadcast_to(self.penalty[:, None], (len(self.penalty), n_columns)).copy()
        ridge[:, 0] = 1e-9
        found = np.linalg.solve(self.gram + ridge[:, :, None] * np.eye(n_columns), self.cross[..., None])[..., 0]
        scaled = np.divide(found[:, 1:], self.spread, out=np.zeros_like(self.spread), where=self.spread > 0)
        return scaled, self.offset + found[:, 0]


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
    constant = np.concatenate([root[..., None], weighted], axis=2)
    sums = RidgeSums(
        center=center,
        spread=spread,
        offset=mean,
        gram=np.swapaxes(constant, 1, 2) @ constant,
        cross=np.einsum("bnk,bn->bk", constant, centred * root),
        penalty=penalty,
        row_weight=used.sum(axis=1) / np.maximum(np.where(used, weights, 0.0).sum(axis=1), 1e-300),
    )
    return RidgeFit(center, coefficients, mean, penalty, spread, sums)


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
