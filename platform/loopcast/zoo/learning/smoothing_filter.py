"""Double seasonal exponential smoothing with an autocorrelated error: state, filter and grid search for many series.

How forecasts become members of a zoo does not belong here.
"""

from dataclasses import dataclass, fields
from itertools import product
from typing import Any

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray, as_floats, first_present, from_floats, last_present

SHRINK = 0.25  # observations of a phase that the start counts as zero
MEMORY = 3.0  # longest periods after which an error counts half in the choice of constants
Place = Any  # an integer, or one per row with the row's number


@dataclass(frozen=True, eq=False)
class Smoothed:
    """State of R rows; the phases of a seasonal effect come first, so that all rows of one time lie together.

    Args:
        level: shape (R,).
        short: effects of the short period, shape (short, R); one phase that stays 0 without it.
        long: likewise of the long period, shape (long, R).
        error: newest deviation from the state, shape (R,).
        constants: gains of level, short and long effects, and autocorrelation of the error, shape (4, R).
    """

    level: FloatArray
    short: FloatArray
    long: FloatArray
    error: FloatArray
    constants: FloatArray

    def select(self, rows: IntArray) -> "Smoothed":
        """Return the state of some rows."""
        return Smoothed(*(getattr(self, item.name)[..., rows] for item in fields(self)))

    def put(self, rows: IntArray, other: "Smoothed") -> "Smoothed":
        """Return the state with that of some rows replaced."""
        parts = {item.name: getattr(self, item.name).copy() for item in fields(self)}
        for name, values in parts.items():
            values[..., rows] = getattr(other, name)
        return Smoothed(**parts)

    def to_document(self) -> dict[str, Any]:
        """Return the state as arrays or JSON values."""
        return {item.name: as_floats(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Smoothed":
        """Return what `to_document` wrote."""
        return cls(**{name: from_floats(values) for name, values in document.items()})


def blank(n_rows: int, periods: tuple[int, int]) -> Smoothed:
    """Return the state of rows of which nothing is known."""
    nothing = np.zeros(n_rows)
    short, long = (np.zeros((period, n_rows)) for period in periods)
    return Smoothed(nothing, short, long, nothing, np.zeros((4, n_rows)))


def smooth(
    state: Smoothed, z: FloatArray, places: list[tuple[Place, Place]], *, first: IntArray, last: IntArray
) -> tuple[Smoothed, FloatArray]:
    """Return the state after more values, and the error of each one-step forecast.

    Args:
        state: of R rows.
        z: shape (T, R), NaN = missing: then only the error fades.
        places: for each time the place of its phases in the short and in the long effects.
        first: time at which each row starts, shape (R,); before it nothing happens.
        last: time of each row's end; after it nothing happens.

    Returns:
        The state, and errors of shape (T, R), NaN where there was no value.

    References:
        Taylor (2003), Short-term electricity demand forecasting using double seasonal exponential smoothing, additive,
        without trend, with first-order autocorrelation adjustment.
    """
    level, short, long, error = state.level.copy(), state.short.copy(), state.long.copy(), state.error.copy()
    gain, gain_short, gain_long, decay = state.constants
    has_short, has_long = len(short) > 1, len(long) > 1
    errors = np.empty_like(z)
    for time, (at_short, at_long) in enumerate(places):
        found = z[time] - level
        if has_short:
            found -= short[at_short]
        if has_long:
            found -= long[at_long]
        faded = decay * error
        errors[time] = found - faded
        known = np.isfinite(found)
        new = np.where(known, found, 0.0)
        level += gain * new
        if has_short:
            short[at_short] += gain_short * new
        if has_long:
            long[at_long] += gain_long * new
        error = new if known.all() else np.where(known, new, np.where((time >= first) & (time <= last), faded, error))
    return Smoothed(level, short, long, error, state.constants), errors


def grid(periods: tuple[int, int]) -> FloatArray:
    """Return the constants that are tried, shape (4, K)."""
    if periods == (1, 1):
        found = [(level, 0.0, 0.0, decay) for level, decay in product((0.05, 0.15, 0.4, 0.8), (0.0, 0.5, 0.9))]
    else:
        long = (0.1, 0.3) if periods[1] > 1 else (0.0,)
        short = (0.05, 0.15, 0.3) if periods[0] > 1 else (0.0,)
        found = list(product((0.01, 0.05), short, long, (0.7, 0.9, 0.97)))
    return np.array(found).T


def fit_smoothing(z: FloatArray, periods: tuple[int, int], phase: IntArray) -> Smoothed:
    """Return the state after all values, with the constants whose one-step forecasts were best.

    Args:
        z: shape (S, T), NaN = missing, also after a series' end.
        periods: short and long, 1 for none.
        phase: of each position in the short and in the long period, shape (2, T).
    """
    n_series = len(z)
    choices = grid(periods)
    start = initial(z, periods, phase)
    n_choices = choices.shape[1]
    rows = np.tile(np.arange(n_series), n_choices)
    tried = start.select(rows)
    tried = Smoothed(tried.level, tried.short, tried.long, tried.error, np.repeat(choices, n_series, axis=1))
    first, last = np.zeros(n_series, dtype=np.int64), last_present(z)
    after, errors = smooth(tried, z.T[:, rows], list(zip(*phase, strict=True)), first=first[rows], last=last[rows])
    age = np.arange(z.shape[1])[::-1]
    weight = 0.5 ** (age / (MEMORY * max(*periods, 24)))
    present = np.isfinite(z)
    first = np.where(present.any(axis=1), first_present(z), 0)
    skipped = first + np.minimum(2 * max(periods), present.sum(axis=1) // 2)
    counted = weight[:, None] * (np.arange(z.shape[1])[:, None] >= skipped)
    squared = np.where(np.isfinite(errors), errors, 0.0) ** 2 * counted[:, rows]
    best = squared.sum(axis=0).reshape(n_choices, n_series).argmin(axis=0)
    return after.select(best * n_series + np.arange(n_series))


def initial(z: FloatArray, periods: tuple[int, int], phase: IntArray) -> Smoothed:
    """Return level and effects of each series' first two longest periods; those of a phase never seen are 0."""
    present = np.isfinite(z)
    first = np.where(present.any(axis=1), first_present(z), 0)
    early = present & (np.arange(z.shape[1]) < first[:, None] + max(2 * max(periods), 4))
    level = np.where(early, z, 0.0).sum(axis=1) / np.maximum(early.sum(axis=1), 1)
    rest = np.where(early, z - level[:, None], 0.0)
    state = blank(len(z), periods)
    effects = []
    for period, places in zip(periods, phase, strict=True):
        found = np.zeros((period, len(z)))
        if period > 1:
            count = np.zeros((period, len(z)))
            np.add.at(found, places, rest.T)
            np.add.at(count, places, early.T)
            found = found / (count + SHRINK)
            rest = np.where(early, rest - found[places].T, 0.0)
        effects.append(found)
    return Smoothed(level, effects[0], effects[1], state.error, state.constants)
