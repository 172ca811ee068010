"""How members are combined: weights per series on the simplex, learned from backtest errors.

Fitting members and intervals do not belong here.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray

POOL_WINDOWS = 7.0
PRIOR_POWER = 6.0
ROUNDS = 20
RATE = 0.25


def combine(forecasts: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of the members that say anything; NaN where none does.

    Args:
        forecasts: shape (S, O, H, M), NaN = nothing to say.
        weights: at least 0, broadcastable to `forecasts`.

    Returns:
        Shape (S, O, H).
    """
    return np.asarray(np.nansum(forecasts * effective_weights(forecasts, weights), axis=3)) + nothing(forecasts)


def nothing(forecasts: FloatArray) -> FloatArray:
    """Return NaN where no member says anything, else 0."""
    return np.where(np.isfinite(forecasts).any(axis=3), 0.0, np.nan)


def effective_weights(forecasts: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weights of each forecast after those of silent members went to the others; they sum to 1."""
    present = np.isfinite(forecasts)
    share = np.where(present, np.maximum(weights, 1e-12), 0.0)
    return np.asarray(share / np.maximum(share.sum(axis=3, keepdims=True), 1e-300))


def learn_weights(forecasts: FloatArray, targets: FloatArray, *, delay: int) -> tuple[FloatArray, FloatArray]:
    """Return the weights after all windows, and those each window could have used.

    Args:
        forecasts: shape (S, W, H, M).
        targets: shape (S, W, H), NaN = unknown.
        delay: windows after which a window's targets are known, at least 1.

    Returns:
        Weights of shape (S, M), and of shape (S, W, M): window w learned from windows up to w - delay.

    References:
        Kivinen and Warmuth (1997), exponentiated gradient; robust weights as in iteratively reweighted least squares.
    """
    n_series, n_windows, _, n_members = forecasts.shape
    gram, count = error_gram(forecasts, targets)
    total = np.concatenate([np.zeros((n_series, 1, n_members, n_members)), np.cumsum(gram, axis=1)], axis=1)
    windows = np.concatenate([np.zeros((n_series, 1)), np.cumsum(count, axis=1)], axis=1)
    known = np.maximum(np.arange(n_windows) - delay + 1, 0)
    past = solve_weights(total[:, known], windows[:, known])
    return solve_weights(total[:, -1:], windows[:, -1:])[:, 0], past


def error_gram(forecasts: FloatArray, targets: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return products of the members' errors per series and window, and whether the window counted.

    Each cell is divided by the size of its mean error, so that sums behave like absolute errors, and by the series'
    scale up to that window, so that series can be pooled. A silent member is charged three times the others' largest
    error.
    """
    errors = targets[..., None] - forecasts
    silent = np.isnan(errors) & np.isfinite(targets)[..., None]
    size = np.nan_to_num(np.abs(errors)).max(axis=3, keepdims=True)
    errors = np.nan_to_num(np.where(silent, 3.0 * size, errors))
    counted = np.isfinite(targets) & ~silent.all(axis=3)
    mean = np.abs(errors).mean(axis=3) * counted
    number = np.cumsum(counted.sum(axis=2), axis=1)
    scale = np.cumsum(mean.sum(axis=2), axis=1) / np.maximum(number, 1)
    scale = np.where(scale > 0, scale, 1.0)[..., None]
    robust = counted / (mean + 0.3 * scale) / scale
    gram = np.einsum("swhm,swhn,swh->swmn", errors, errors, robust)
    cells = np.maximum(counted.sum(axis=2), 1)[..., None, None]
    return gram / cells, (counted.sum(axis=2) > 0).astype(np.float64)


def solve_weights(total: FloatArray, windows: FloatArray) -> FloatArray:
    """Return simplex weights that make the combined error small, drawn to the pool of all series.

    Args:
        total: sums of error products, shape (S, W, M, M).
        windows: how many windows they hold, shape (S, W).

    Returns:
        Shape (S, W, M); equal weights where nothing is known.
    """
    n_members = total.shape[-1]
    pooled = total.sum(axis=0, keepdims=True) / np.maximum(windows.sum(axis=0, keepdims=True), 1.0)[..., None, None]
    gram = (total + POOL_WINDOWS * pooled) / (windows + POOL_WINDOWS)[..., None, None]
    own = np.diagonal(gram, axis1=2, axis2=3)
    best = own.min(axis=2, keepdims=True)
    prior = np.maximum(own / np.where(best > 0, best, 1.0), 1e-12) ** -PRIOR_POWER
    prior = np.where(best > 0, prior, (own <= 0).astype(np.float64))
    weights = prior / prior.sum(axis=2, keepdims=True)
    for _ in range(ROUNDS):
        slope = np.einsum("swmn,swn->swm", gram, weights)
        level = np.maximum(np.einsum("swm,swm->sw", slope, weights), 1e-300)[..., None]
        weights = weights * np.exp(-RATE * np.clip(slope / level - 1.0, -4.0, 4.0))
        weights = weights / weights.sum(axis=2, keepdims=True)
    return np.asarray(np.where((windows > 0)[..., None], weights, 1.0 / n_members))
