"""How members are combined: weights per series and step on the simplex, learned window by window from past errors.

Fitting members and intervals do not belong here.
"""

from dataclasses import dataclass, replace

import numpy as np

from loopcast.zoo.arrays import FloatArray

POWER = 4.0  # of the relative error
OWN = 0.8  # share of a series' own errors in it; the rest is the median of all series
RATE = 1.0
RAMP_WINDOWS = 14.0  # windows after which regrets count half
KEPT = 0.995  # of older windows, at each new one
STEP_SHARE = 0.5  # of a step's own loss; the rest is the mean of all steps
STEP_CELLS = 50_000  # series x steps x members up to which steps have weights of their own


@dataclass(frozen=True, eq=False)
class WeightState:
    """What is known of M members' errors on S series; immutable.

    Args:
        regret: how much better than the combination each member was, summed over windows, shape (S, 1 or H, M).
        variance: sum of the squares of the same, shape (S, 1 or H, M).
        extent: largest of the same, shape (S, 1 or H, 1).
        error: sum of the members' mean absolute errors, shape (S, M).
        windows: how many windows they hold, shape (S,).
        prior: weight of each member before anything is known, shape (M,), summing to 1.
    """

    regret: FloatArray
    variance: FloatArray
    extent: FloatArray
    error: FloatArray
    windows: FloatArray
    prior: FloatArray

    @property
    def weights(self) -> FloatArray:
        """The weights as they are now, shape (S, 1 or H, M), summing to 1 over members.

        The prior, times a power of the relative error, times the exponential of the regret at a rate that follows its
        size: a member that is good on average counts at once, one that is good beside the others with time.

        References:
            Wintenberger (2017), Optimal learning with Bernstein online aggregation; relative errors as weights go back
            to Bates and Granger (1969).
        """
        size = self.error + 1e-6 * self.error.mean(axis=1, keepdims=True) + 1e-300
        relative = np.log(size) - np.log(size).mean(axis=1, keepdims=True)
        known = self.windows > 0
        pool = np.median(relative[known], axis=0) if known.any() else np.zeros(relative.shape[1])
        relative = np.where(known[:, None], OWN * relative + (1.0 - OWN) * pool, pool)
        ramp = (self.windows / (self.windows + RAMP_WINDOWS))[:, None, None]
        n_members = max(2, relative.shape[1])
        rate = np.minimum(0.5 / (self.extent + 1e-300), np.sqrt(np.log(n_members) / (self.variance + 1e-300)))
        score = np.log(self.prior) - POWER * relative[:, None] + RATE * ramp * rate * self.regret
        share = np.exp(score - score.max(axis=2, keepdims=True))
        return np.asarray(share / share.sum(axis=2, keepdims=True))

    def learn(self, forecasts: FloatArray, targets: FloatArray) -> "WeightState":
        """Return the state after one more window. A silent member is charged three times the others' largest error.

        Args:
            forecasts: shape (S, H, M), NaN = nothing to say.
            targets: shape (S, H), NaN = unknown.
        """
        errors = targets[..., None] - forecasts
        silent = np.isnan(errors) & np.isfinite(targets)[..., None]
        counted = np.isfinite(targets) & ~silent.all(axis=2)
        size = np.nan_to_num(np.abs(errors)).max(axis=2, keepdims=True)
        errors = np.where(counted[..., None], np.where(silent, 3.0 * size, errors), 0.0)
        errors = np.nan_to_num(errors)
        mixed = (errors * self.weights).sum(axis=2, keepdims=True)
        loss = np.sign(mixed) * (errors - mixed)
        number = counted.sum(axis=1)
        mean = (loss.sum(axis=1) / np.maximum(number, 1)[:, None])[:, None]
        if self.regret.shape[1] > 1:
            mean = np.where(counted[..., None], STEP_SHARE * loss + (1.0 - STEP_SHARE) * mean, 0.0)
        told = number > 0
        kept = np.where(told, KEPT, 1.0)
        error = np.abs(errors).sum(axis=1) / np.maximum(number, 1)[:, None]
        return replace(
            self,
            regret=self.regret * kept[:, None, None] - mean,
            variance=self.variance * kept[:, None, None] + mean**2,
            extent=np.maximum(self.extent * kept[:, None, None], np.abs(mean).max(axis=2, keepdims=True)),
            error=self.error * kept[:, None] + error,
            windows=self.windows + told,
        )


def start_weights(n_series: int, steps: int, prior: FloatArray) -> WeightState:
    """Return the state before any window.

    Args:
        n_series: S.
        steps: H.
        prior: shape (M,), positive.
    """
    share = np.asarray(prior, dtype=np.float64)
    own_steps = steps if n_series * steps * len(share) <= STEP_CELLS else 1
    nothing = np.zeros((n_series, own_steps, len(share)))
    error = np.zeros((n_series, len(share)))
    return WeightState(nothing, nothing, nothing[..., :1], error, np.zeros(n_series), share / share.sum())


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
