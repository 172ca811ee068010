"""How members are combined: weights per series on the simplex, learned window by window from backtest errors.

Fitting members and intervals do not belong here.
"""

from dataclasses import dataclass, replace

import numpy as np

from loopcast.zoo.arrays import FloatArray

POOL_WINDOWS = 7.0
PRIOR_POWER = 6.0
ROUNDS = 20
RATE = 0.25


@dataclass(frozen=True, eq=False)
class WeightState:
    """What is known of M members' errors on S series; immutable.

    Args:
        gram: sums over windows of products of the members' errors, shape (S, M, M).
        windows: how many windows they hold, shape (S,).
        scale: sum of the members' mean errors, shape (S,).
        cells: how many cells it holds, shape (S,).
        prior: weight of each member before anything is known, shape (M,), summing to 1.
    """

    gram: FloatArray
    windows: FloatArray
    scale: FloatArray
    cells: FloatArray
    prior: FloatArray

    @property
    def weights(self) -> FloatArray:
        """The weights as they are now, shape (S, 1, M), summing to 1 over members."""
        return solve_weights(self.gram, self.windows, self.prior)[:, None]

    def learn(self, forecasts: FloatArray, targets: FloatArray) -> "WeightState":
        """Return the state after one more window.

        Args:
            forecasts: shape (S, H, M), NaN = nothing to say.
            targets: shape (S, H), NaN = unknown.

        References:
            Kivinen and Warmuth (1997), exponentiated gradient; robust weights as in iteratively reweighted least
            squares.
        """
        errors = targets[..., None] - forecasts
        silent = np.isnan(errors) & np.isfinite(targets)[..., None]
        size = np.nan_to_num(np.abs(errors)).max(axis=2, keepdims=True)
        errors = np.nan_to_num(np.where(silent, 3.0 * size, errors))
        counted = np.isfinite(targets) & ~silent.all(axis=2)
        mean = np.abs(errors).mean(axis=2) * counted
        total, cells = self.scale + mean.sum(axis=1), self.cells + counted.sum(axis=1)
        scale = total / np.maximum(cells, 1.0)
        scale = np.where(scale > 0, scale, 1.0)[:, None]
        robust = counted / (mean + 0.3 * scale) / scale
        gram = np.einsum("shm,shn,sh->smn", errors, errors, robust, optimize=True)
        number = counted.sum(axis=1)
        gram /= np.maximum(number, 1)[:, None, None]
        windows = self.windows + (number > 0)
        return replace(self, gram=self.gram + gram, windows=windows, scale=total, cells=cells)


def start_weights(n_series: int, prior: FloatArray) -> WeightState:
    """Return the state before any window.

    Args:
        n_series: S.
        prior: shape (M,), at least 0, not all 0.
    """
    share = np.asarray(prior, dtype=np.float64)
    nothing = np.zeros(n_series)
    gram = np.zeros((n_series, len(share), len(share)))
    return WeightState(gram, nothing, nothing, nothing, share / share.sum())


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


def solve_weights(total: FloatArray, windows: FloatArray, start: FloatArray) -> FloatArray:
    """Return simplex weights that make the combined error small, drawn to the pool of all series.

    Args:
        total: sums of error products, shape (S, M, M).
        windows: how many windows they hold, shape (S,).
        start: weights where nothing is known, shape (M,).

    Returns:
        Shape (S, M).
    """
    pooled = total.sum(axis=0) / max(float(windows.sum()), 1.0)
    gram = (total + POOL_WINDOWS * pooled) / (windows + POOL_WINDOWS)[:, None, None]
    own = np.diagonal(gram, axis1=1, axis2=2)
    best = own.min(axis=1, keepdims=True)
    prior = np.maximum(own / np.where(best > 0, best, 1.0), 1e-12) ** -PRIOR_POWER
    prior = np.where(best > 0, prior, (own <= 0).astype(np.float64))
    weights = prior / prior.sum(axis=1, keepdims=True)
    for _ in range(ROUNDS):
        slope = np.einsum("smn,sn->sm", gram, weights)
        level = np.maximum(np.einsum("sm,sm->s", slope, weights), 1e-300)[:, None]
        weights = weights * np.exp(-RATE * np.clip(slope / level - 1.0, -4.0, 4.0))
        weights = weights / weights.sum(axis=1, keepdims=True)
    return np.asarray(np.where((windows > 0)[:, None], weights, start))
