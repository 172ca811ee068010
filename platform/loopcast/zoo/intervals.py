"""Predictive quantiles from out-of-sample errors, at any probability, kept calibrated as new errors arrive.

The errors come from `loopcast.zoo.rolling`; point forecasts and how they are combined do not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.quantile_table import GRID, correct_probabilities, rank_quantiles, read_table

KEPT = 182  # windows whose errors are remembered
HALF_LIFE = 5.0  # windows after which an error's say in the present spread is half
PRIOR_WINDOWS = 4.0  # so many windows' worth the longer mean of the spread counts next to the recent one
PRIOR_HALF_LIFE = 30.0  # of that longer mean
PROFILE_WINDOWS = 8.0  # so many windows' worth the pooled step profile counts next to a series' own
SERIES_WINDOWS = 56.0  # so many windows' worth pooled quantiles count next to a series' own
STEP_WINDOWS = 182.0  # so many windows' worth a series' quantiles count next to those of one step
RATE = 0.02  # of the online correction of the median; of other probabilities by their binomial standard deviation
STEP = RATE * 2.0 * np.sqrt(GRID * (1.0 - GRID))
UNSETTLED = 8  # windows, of at most the first half, whose ratios are wider than those to come
FOLDS = 4  # runs of windows whose ends are replayed from the other ones
FEWEST_WINDOWS = 20.0  # errors of fewer windows in all are taken for as likely above as below


@dataclass(frozen=True, eq=False)
class Intervals:
    """How far the truth lies from a forecast: spread x standardised quantile, at corrected probabilities.

    Args:
        errors: actual minus forecast of the newest windows, oldest first, shape (S, W, H), NaN = unknown; rounded to
            single precision.
        shift: what is added to the probabilities `GRID`, learned online, shape (S, K).
        delay: windows after which a window's errors are known, at least 1.
        spread: size of the next errors, target's unit, shape (S, H), at least 0.
        table: errors in spreads at the probabilities `GRID`, shape (S, 1 or H, K), ascending over K.
    """

    errors: FloatArray
    shift: FloatArray
    delay: int
    spread: FloatArray
    table: FloatArray

    def quantiles(self, forecasts: FloatArray, probabilities: FloatArray) -> FloatArray:
        """Return the quantiles of the truth, never falling with the probability.

        Args:
            forecasts: shape (S, O, H).
            probabilities: in (0, 1), ascending, shape (P,).

        Returns:
            Shape (S, O, H, P), target's unit.
        """
        offsets = read_table(self.table, correct_probabilities(self.shift, probabilities))
        return np.asarray(forecasts[..., None] + (self.spread[..., None] * offsets)[:, None])

    def around(self, forecasts: FloatArray, *, level: float) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper ends, with the forecast between them, for forecasts of shape (S, O, H).

        Args:
            forecasts: point forecasts.
            level: share of truths inside, percent in (0, 100).
        """
        tail = (100.0 - level) / 200.0
        ends = self.quantiles(forecasts, np.array([tail, 1.0 - tail]))
        return np.minimum(ends[..., 0], forecasts), np.maximum(ends[..., 1], forecasts)

    def update(self, errors: FloatArray) -> "Intervals":
        """Return the intervals after newer windows: the oldest are forgotten, missed probabilities are corrected.

        Args:
            errors: actual minus forecast, oldest first, shape (S, V, H), NaN = unknown.

        References:
            Gibbs and Candès (2021), Adaptive conformal inference under distribution shift, eq. 2, at each of `GRID`.
        """
        state = self
        for window in range(errors.shape[1]):
            new = errors[:, window]
            made = state.quantiles(np.zeros_like(new)[:, None], GRID)[:, 0]
            known = np.isfinite(new)
            below = ((new[..., None] <= made) & known[..., None]).sum(axis=1)
            count = known.sum(axis=1)[:, None]
            missed = np.where(count > 0, GRID - below / np.maximum(count, 1), 0.0)
            kept = np.concatenate([state.errors, as_single(new)[:, None]], axis=1)[:, -KEPT:]
            state = restore_intervals(kept, state.shift + STEP * missed, delay=state.delay)
        return state


def learn_intervals(errors: FloatArray, *, delay: int = 1) -> Intervals:
    """Return the intervals that backtest errors suggest.

    Args:
        errors: actual minus forecast, oldest first, shape (S, W, H), NaN = unknown.
        delay: windows after which a window's errors are known, at least 1.
    """
    return restore_intervals(as_single(errors)[:, -KEPT:], np.zeros((len(errors), len(GRID))), delay=delay)


def restore_intervals(errors: FloatArray, shift: FloatArray, *, delay: int) -> Intervals:
    """Return the intervals of a state: every window's errors are divided by a spread that did not know them.

    Because the ratios hold how badly a spread is known from few windows, their quantiles are wide enough for few
    windows as well; their ranks are those of split conformal prediction.

    Args:
        errors: see `Intervals`.
        shift: see `Intervals`.
        delay: see `Intervals`.

    References:
        Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world, section 4.
    """
    size = np.abs(errors)
    profile, without = step_profile(size)
    level, past = window_levels(size, profile, delay=delay)
    table = tabulate(settled(standardise(errors, past[..., None] * without)))
    return Intervals(errors, shift, delay, level[:, None] * profile, table)


def standardise(errors: FloatArray, spread: FloatArray) -> FloatArray:
    """Return errors in spreads; NaN where the spread is 0."""
    return np.asarray(np.divide(errors, spread, out=np.full(errors.shape, np.nan), where=spread > 0))


def settled(ratio: FloatArray) -> FloatArray:
    """Return the ratios without those of the first windows, whose spread came from fewer windows than it does now.

    Args:
        ratio: errors in spreads, oldest first, shape (S, W, H).
    """
    first = min(UNSETTLED, ratio.shape[1] // 2)
    return np.where((np.arange(ratio.shape[1]) >= first)[:, None], ratio, np.nan)


def replay_ends(errors: FloatArray, *, level: float, delay: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return the ends that windows would have had, each from intervals that did not learn its errors.

    Args:
        errors: actual minus forecast, oldest first, shape (S, W, H), NaN = unknown.
        level: percent in (0, 100).
        delay: windows after which a window's errors are known, at least 1.

    Returns:
        Lower and upper error, each of shape (S, W, H): at most and at least 0.
    """
    size, tail = np.abs(errors), (100.0 - level) / 200.0
    profile, without = step_profile(size)
    spread = window_levels(size, profile, delay=delay)[1][..., None] * without
    ratio = standardise(errors, spread)
    ends = np.zeros((2, *errors.shape))
    for fold in np.array_split(np.arange(errors.shape[1]), min(FOLDS, max(1, errors.shape[1]))):
        rest = np.delete(ratio, fold, axis=1)
        table = tabulate(rest if rest.shape[1] else ratio)
        made = read_table(table, np.tile([tail, 1.0 - tail], (len(errors), 1)))
        ends[:, :, fold] = np.moveaxis(made, 2, 0)[:, :, None] * spread[:, fold]
    return np.minimum(ends[0], 0.0), np.maximum(ends[1], 0.0)


def as_single(values: FloatArray) -> FloatArray:
    """Return values rounded to single precision, so that half the room keeps them exactly."""
    return values.astype(np.float32).astype(np.float64)


def step_profile(size: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return how the size of errors depends on the step, and the same without each window's own part.

    Args:
        size: absolute errors, shape (S, W, H), NaN = unknown.

    Returns:
        Shapes (S, H) and (S, W, H); about 1 on average over steps: a series' own means, drawn to those of all series.
    """
    known = np.isfinite(size)
    values = np.where(known, size, 0.0)
    total, count = values.sum(axis=1), known.sum(axis=1).astype(np.float64)
    return draw_profile(total, count), draw_profile(total[:, None] - values, count[:, None] - known)


def draw_profile(total: FloatArray, count: FloatArray) -> FloatArray:
    """Return mean sizes per step in those of all steps, drawn to the mean of all series; axes: series first, step last.

    Args:
        total: sum of absolute errors.
        count: how many they are.
    """
    usual = total.sum(axis=-1, keepdims=True) / np.maximum(count.sum(axis=-1, keepdims=True), 1.0)
    relative = np.divide(total, usual, out=count.copy(), where=usual > 0)
    flat = PROFILE_WINDOWS / max(1, len(total))
    pooled = (relative.mean(axis=0) + flat) / (count.mean(axis=0) + flat)
    return np.asarray(smooth_steps(relative + PROFILE_WINDOWS * pooled) / smooth_steps(count + PROFILE_WINDOWS))


def smooth_steps(values: FloatArray) -> FloatArray:
    """Return the means of each step and its neighbours, along the last axis."""
    padded = np.concatenate([values[..., :1], values, values[..., -1:]], axis=-1)
    return np.asarray((padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]) / 3.0)


def window_levels(size: FloatArray, profile: FloatArray, *, delay: int) -> tuple[FloatArray, FloatArray]:
    """Return the level of the errors after all windows, and that which each window could expect.

    Recent windows count more; a longer mean, around a window but without itself, stands in for what they do not tell.

    Args:
        size: absolute errors, shape (S, W, H), NaN = unknown.
        profile: shape (S, H).
        delay: windows after which a window's errors are known.

    Returns:
        Shapes (S,) and (S, W), target's unit.
    """
    known = np.isfinite(size)
    weight = (known * profile[:, None]).sum(axis=2) / np.maximum(profile.sum(axis=1), 1e-300)[:, None]
    both = np.stack([np.where(known, size, 0.0).sum(axis=2) / size.shape[2], weight])
    recent, slow = decayed_sums(both, HALF_LIFE), decayed_sums(both, PRIOR_HALF_LIFE)
    around = slow[..., :-1] + decayed_sums(both[..., ::-1], PRIOR_HALF_LIFE)[..., -2::-1]
    alone = around[1] <= 1e-9
    others = np.where(alone, both[0], around[0]) / np.where(alone, np.maximum(both[1], 1e-9), around[1])
    reach = np.maximum(np.arange(size.shape[1]) - delay + 1, 0)
    past = (recent[0][:, reach] + PRIOR_WINDOWS * others) / (recent[1][:, reach] + PRIOR_WINDOWS)
    mean = slow[0, :, -1] / np.maximum(slow[1, :, -1], 1e-9)
    return (recent[0, :, -1] + PRIOR_WINDOWS * mean) / (recent[1, :, -1] + PRIOR_WINDOWS), past


def decayed_sums(values: FloatArray, half_life: float) -> FloatArray:
    """Return sums along the last axis in which older values count less; the one before any value is 0.

    Args:
        values: shape (..., W).
        half_life: positions after which a value counts half.

    Returns:
        Shape (..., W + 1): at w those of the values before w.
    """
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    decay = 0.5 ** (1.0 / half_life)
    for position in range(values.shape[-1]):
        sums[..., position + 1] = decay * (sums[..., position] + values[..., position])
    return sums


def tabulate(ratio: FloatArray) -> FloatArray:
    """Return quantiles of standardised errors: all series, each series and each step, by how much is known of each.

    Args:
        ratio: errors in spreads, shape (S, W, H), NaN = unknown.

    Returns:
        Shape (S, 1 or H, K).
    """
    n_series, n_windows, n_steps = ratio.shape
    count = np.isfinite(ratio).any(axis=2).sum(axis=1).astype(np.float64)
    everyone, total = ratio.reshape(1, -1), count.sum(keepdims=True)
    if total[0] < FEWEST_WINDOWS:
        everyone, total = np.concatenate([everyone, -everyone], axis=1), 2.0 * total
    table = rank_quantiles(everyone, total)[:, None]
    if n_series > 1:
        own = rank_quantiles(ratio.reshape(n_series, -1), count)
        share = (count / (count + SERIES_WINDOWS))[:, None]
        table = (share * own + (1.0 - share) * table[:, 0])[:, None]
    if n_windows * 4 >= STEP_WINDOWS:
        each = np.swapaxes(ratio, 1, 2).reshape(n_series * n_steps, n_windows)
        number = np.isfinite(each).sum(axis=1).astype(np.float64)
        step = rank_quantiles(each, number).reshape(n_series, n_steps, -1)
        part = (number / (number + STEP_WINDOWS)).reshape(n_series, n_steps, 1)
        table = part * step + (1.0 - part) * table
    return table
