"""Many LASSO regressions that share their rows: one Gram matrix, coordinate descent, penalty by information criterion.

What the columns mean does not belong here.
"""

import numpy as np
from numba import njit

from loopcast.zoo.arrays import FloatArray

PENALTIES = np.geomspace(0.3, 0.004, 12)
COST_OF_A_TERM = 2.0
RIDGE = 1e-6
TOLERANCE = 1e-3
SWEEPS = 30
ACTIVE_SWEEPS = 20
PATIENCE = 2  # penalties without a better criterion after which smaller ones are not tried
SMALLEST = 1e-9


@njit(cache=True)
def descend(
    gram: FloatArray, rest: FloatArray, beta: FloatArray, penalty: float, sweeps: int, tolerance: float
) -> None:
    """Minimise beta' G beta / 2 - c' beta + penalty |beta|_1 in place by cyclic coordinate descent.

    Args:
        gram: G, shape (K, K), symmetric.
        rest: c - G beta, shape (K,); kept so.
        beta: start and result, shape (K,).
        penalty: at least 0.
        sweeps: passes over all coordinates at most.
        tolerance: the largest change of a coordinate at which to stop.

    References:
        Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via coordinate
        descent, section 2.2 (covariance updates, active sets).
    """
    for _ in range(sweeps):
        if _sweep(gram, rest, beta, penalty, 1) < tolerance:
            return
        for _ in range(ACTIVE_SWEEPS):
            if _sweep(gram, rest, beta, penalty, 0) < tolerance:
                break


@njit(cache=True, fastmath=True)
def _sweep(gram: FloatArray, rest: FloatArray, beta: FloatArray, penalty: float, everyone: int) -> float:
    largest = 0.0
    for j in range(len(beta)):
        old = beta[j]
        if (everyone == 0 and old == 0.0) or gram[j, j] <= RIDGE:
            continue
        pull = rest[j] + old * gram[j, j]
        new = np.sign(pull) * max(abs(pull) - penalty, 0.0) / gram[j, j]
        change = new - old
        if change != 0.0:
            beta[j] = new
            for k in range(len(beta)):
                rest[k] -= change * gram[j, k]
            largest = max(largest, abs(change))
    return largest


@njit(cache=True)
def choose_penalties(
    gram: FloatArray, cov: FloatArray, counts: FloatArray, penalties: FloatArray, start: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the penalty of each target whose fit has the least n log(RSS / n) + 2 per term, and its coefficients.

    Args:
        gram: of standardised columns, shape (K, K).
        cov: covariances with H standardised targets, shape (H, K).
        counts: equally weighted rows that each target is known in, shape (H,).
        penalties: those that are tried for each target, largest first, shape (H, P).
        start: coefficients to start from, shape (H, K).

    Returns:
        Shapes (H,) and (H, K).
    """
    chosen, out = penalties[:, 0].copy(), np.zeros(cov.shape)
    for h in range(len(cov)):
        beta = start[h].copy()
        rest = cov[h] - gram @ beta
        least, worse = np.inf, 0
        for penalty in penalties[h]:
            descend(gram, rest, beta, penalty, SWEEPS, TOLERANCE)
            terms = np.count_nonzero(beta)
            left = max(1.0 - np.dot(beta, cov[h] + rest), SMALLEST)
            criterion = counts[h] * np.log(left) + COST_OF_A_TERM * terms
            if criterion < least:
                least, chosen[h], out[h], worse = criterion, penalty, beta, 0
            else:
                worse += 1
            if terms > counts[h] / 2 or worse == PATIENCE:
                break
    return chosen, out


@njit(cache=True)
def solve(gram: FloatArray, cov: FloatArray, penalty: FloatArray, start: FloatArray) -> FloatArray:
    """Return the coefficients of H targets, shape (H, K).

    Args:
        gram: shape (K, K).
        cov: shape (H, K).
        penalty: of each target, shape (H,).
        start: coefficients to start from, shape (H, K).
    """
    out = start.copy()
    for h in range(len(cov)):
        rest = cov[h] - gram @ out[h]
        descend(gram, rest, out[h], penalty[h], SWEEPS, TOLERANCE)
    return out


def nearby_penalties(penalty: FloatArray) -> FloatArray:
    """Return each target's penalty between its neighbours on the grid, largest first, shape (H, 3)."""
    place = np.abs(np.log(penalty[:, None]) - np.log(PENALTIES)).argmin(axis=1)
    return np.asarray(PENALTIES[np.clip(place[:, None] + np.array([-1, 0, 1]), 0, len(PENALTIES) - 1)])
