"""Seasonal periods of a panel, found in the data: pooled autocorrelation of what is left after trend and level.

What the calendar suggests for a frequency is in `loopcast.dataops.frequency`; what members do with periods is theirs.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray, first_present
from loopcast.zoo.learning.log_scale import median_present

LONGEST = 400  # steps; a year of days, two weeks of hours
CYCLES = 3.0  # of a period that a series must hold to be asked about it
SERIES_ASKED = 500
ROWS_ASKED = 3000
FIRST_PEAK = 0.1  # autocorrelation above its surroundings that a period must have
NEXT_PEAK = 0.04  # likewise of a longer one, once the shorter one is taken out
SIGNIFICANCE = 4.0  # standard errors
EQUAL, PART = 0.8, 0.55  # of the highest peak's height: as good as it; good enough for a period that divides it


def find_periods(y: FloatArray, candidates: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return at most two seasonal periods in steps, shortest first; `(1,)` where the data show none.

    Args:
        y: shape (S, T), NaN = missing; series may start and end anywhere.
        candidates: periods to choose from, for instance the calendar's; empty: every one up to 400 steps.

    References:
        Autocorrelation of the first differences, pooled by the products that each series holds (Box and Jenkins, 1970,
        eq. 2.1.9); a period is a local peak of it.

    Examples:
        >>> week = np.tile([5.0, 1.0, 1.0, 2.0, 1.0, 1.0, 9.0], 12)
        >>> find_periods(week[None]), find_periods(np.arange(40.0)[None])
        ((7,), (1,))
    """
    changes = relative_changes(y)
    correlation, count = pooled_autocorrelation(changes, LONGEST)
    lags = np.arange(2, len(correlation) - 1)
    first = best_period(comb(correlation), count, lags, candidates, FIRST_PEAK)
    if first is None:
        return (1,)
    rest, count = pooled_autocorrelation(without_season(changes, first), LONGEST)
    second = best_period(rest, count, np.arange(2 * first, len(rest), first), candidates, NEXT_PEAK)
    return (first,) if second is None else (first, second)


def relative_changes(y: FloatArray) -> FloatArray:
    """Return each series' first differences in units of their median size, cut off at five; NaN where one is missing.

    Rows are a sample of the series, columns the newest steps.
    """
    picked = y[np.unique(np.linspace(0, len(y) - 1, SERIES_ASKED).astype(np.int64))] if len(y) > SERIES_ASKED else y
    picked = picked[:, -ROWS_ASKED:]
    changes = np.diff(picked, axis=1)
    size = median_present(np.where(changes != 0, np.abs(changes), np.nan))[:, None]
    return np.clip(changes / np.where(size > 0, size, 1.0), -5.0, 5.0)


def pooled_autocorrelation(values: FloatArray, longest: int) -> tuple[FloatArray, IntArray]:
    """Return the autocorrelation at lags 0 .. longest pooled over series, and the number of products of each lag.

    A series takes part in lags of which it holds three cycles.

    Args:
        values: shape (S, T), NaN = missing.
        longest: lag; fewer where the series are shorter.
    """
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    filled = np.where(known, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((filled**2).sum(axis=1, keepdims=True) / count)
    filled /= np.where(spread > 0, spread, 1.0)
    reach = int(min(longest, values.shape[1] / CYCLES))
    size = int(2 ** np.ceil(np.log2(max(2 * values.shape[1], 2))))
    products, pairs = np.zeros(reach + 1), np.zeros(reach + 1)
    lengths = np.where(known.any(axis=1), values.shape[1] - first_present(values), 0)
    for row in range(len(values)):
        stop = min(reach, int(lengths[row] / CYCLES)) + 1
        both = np.fft.rfft(np.stack([filled[row], known[row].astype(np.float64)]), size)
        found = np.fft.irfft(np.abs(both) ** 2, size)
        products[:stop] += found[0, :stop]
        pairs[:stop] += found[1, :stop]
    return products / np.maximum(pairs, 1.0), np.round(pairs).astype(np.int64)


def comb(correlation: FloatArray) -> FloatArray:
    """Return at each lag the mean autocorrelation of its first three multiples, as far as they are there.

    Noise moves the peak of a smooth pattern by a lag or two; its multiples then move by twice and thrice as much.
    """
    lags = np.arange(len(correlation))
    multiples = lags[:, None] * np.arange(1, 4)
    inside = multiples < len(correlation)
    found = np.where(inside, correlation[np.where(inside, multiples, 0)], 0.0)
    return np.asarray(found.sum(axis=1) / inside.sum(axis=1))


def best_period(
    height: FloatArray, count: IntArray, lags: IntArray, candidates: tuple[int, ...], least: float
) -> int | None:
    """Return the shortest lag whose peak is as good as the highest, or half of it and a part of it; None without one.

    Args:
        height: of each lag 0, 1, ...
        count: products of each lag.
        lags: those that peaks are compared among, evenly spaced.
        candidates: lags that may be returned; empty: all.
        least: height that a peak must have, and a fifth of which it must rise above its neighbours.
    """
    if len(lags) < 1:
        return None
    step = int(lags[1] - lags[0]) if len(lags) > 1 else 1
    after = lags + step
    following = np.where(after < len(height), height[np.minimum(after, len(height) - 1)], -1.0)
    rise = height[lags] - np.maximum(height[lags - step], following)
    error = SIGNIFICANCE / np.sqrt(np.maximum(count[lags], 1))
    peak = (rise > (0.0 if step == 1 else least / 5.0)) & (height[lags] > np.maximum(least, error))
    peak &= np.isin(lags, candidates) if candidates else True
    if not peak.any():
        return None
    found = lags[peak]
    highest = int(found[height[found].argmax()])
    share = np.where(highest % found == 0, PART, EQUAL)  # a day's pattern within a week's is a period of its own
    return int(found[height[found] >= share * height[highest]][0])


def without_season(values: FloatArray, period: int) -> FloatArray:
    """Return values minus each series' mean of the same phase."""
    out = values.copy()
    for phase in range(period):
        part = values[:, phase::period]
        known = np.isfinite(part)
        mean = np.where(known, part, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        out[:, phase::period] = part - mean[:, None]
    return out
