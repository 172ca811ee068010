"""What an autoregression knows of its series: additive sums of products, per series, and coefficients solved from them.

Rows are added, never refitted. Which lags and effects there are, and running forecasts, does not belong here.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, first_present, from_floats
from loopcast.zoo.learning.recursion import differences
from loopcast.zoo.learning.seasonal_effects import Effects, eliminate, recover

MARGIN = 0.1  # of the range seen, by which differences may leave it


@dataclass(frozen=True)
class Recipe:
    """Structure of an autoregression, fixed when it is fitted.

    Args:
        lags: in steps, ascending.
        difference: in steps; 0: of the values themselves.
        effects: seasonal effects and their penalties.
        ridge: penalty on the squared coefficients of the lags.
        half_life: steps after which a row counts half; 0: all rows count the same.
        short: shortest period, for gaps.
    """

    lags: tuple[int, ...]
    difference: int
    effects: Effects
    ridge: float
    half_life: float
    short: int

    @property
    def depth(self) -> int:
        """Number of values that a forecast looks at."""
        return self.lags[-1] + self.difference


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the rows of S series; columns are p lags and the target, q phases those of the longest effects.

    Args:
        gram: weighted products of the columns, shape (S, p + 1, p + 1).
        sums: weighted columns per phase, shape (S, q, p + 1).
        weights: of the rows per phase, shape (S, q).
        ranges: lowest and highest difference, lowest and highest z, shape (S, 4); 0 where nothing was seen.
        count: targets seen, shape (S,).
        start: targets seen when scaling and sums were last made from scratch, shape (S,).
    """

    gram: FloatArray
    sums: FloatArray
    weights: FloatArray
    ranges: FloatArray
    count: FloatArray
    start: FloatArray

    def select(self, series: IntArray) -> "Sums":
        """Return the sums of some series."""
        return Sums(*(getattr(self, item.name)[series] for item in fields(self)))

    def put(self, series: IntArray, other: "Sums") -> "Sums":
        """Return the sums with those of some series replaced."""
        parts = {item.name: getattr(self, item.name).copy() for item in fields(self)}
        for name, values in parts.items():
            values[series] = getattr(other, name)
        return Sums(**parts)

    def to_document(self) -> dict[str, Any]:
        """Return the sums as arrays or JSON values, and their shape."""
        shape = [*self.sums.shape[:2], self.gram.shape[2]]
        return {"shape": shape} | {item.name: as_floats(getattr(self, item.name).ravel()) for item in fields(self)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Sums":
        """Return what `to_document` wrote."""
        n_series, n_phases, n_columns = document["shape"]
        shapes = {
            "gram": (n_series, n_columns, n_columns), "sums": (n_series, n_phases, n_columns),
            "weights": (n_series, n_phases), "ranges": (n_series, 4), "count": (n_series,), "start": (n_series,),
        }  # fmt: skip
        return cls(**{name: from_floats(document[name]).reshape(shape) for name, shape in shapes.items()})


def no_sums(n_series: int, recipe: Recipe) -> Sums:
    """Return the sums of no rows."""
    n_columns, n_phases = len(recipe.lags) + 1, recipe.effects.long
    shapes = ((n_columns, n_columns), (n_phases, n_columns), (n_phases,), (4,), (), ())
    return Sums(*(np.zeros((n_series, *shape)) for shape in shapes))


def add_rows(
    old: Sums,
    recipe: Recipe,
    z: FloatArray,
    measured: BoolArray,
    *,
    since: IntArray,
    ends: IntArray,
    phase: IntArray,
) -> Sums:
    """Return the sums with the rows after `since` up to `ends`.

    A row with a missing target does not count; lags before a series' start count as its mean, but rows with such lags
    are left out as far as half of the first rows remain.

    Args:
        old: sums so far.
        recipe: which columns.
        z: standardised series with gaps filled from earlier values, shape (S, T), NaN = unknown.
        measured: which of them are targets, shape (S, T).
        since: position up to which rows are in the sums, shape (S,).
        ends: position of the newest row, shape (S,).
        phase: of position 0 in the longest period, shape (S,).
    """
    low, high = max(0, int(since.min()) + 1), int(ends.max()) + 1
    if high <= low:
        return old
    present = np.isfinite(z)
    values = np.where(present, z, 0.0)
    changes = differences(values, present.astype(np.float64), recipe.difference)
    time, fresh = np.arange(low, high), old.count == 0
    new = (time > since[:, None]) & (time <= ends[:, None]) & measured[:, low:high]
    told = new & shift(present, recipe.difference)[:, low:high]
    warm = np.minimum(recipe.depth, new.sum(axis=1) // 2)
    first = np.where(fresh, np.minimum(first_present(z), high) + warm, 0)
    weight = fade(recipe, ends[:, None] - time) * (told & (time >= first[:, None]))
    decay = np.where(fresh, 1.0, fade(recipe, ends - since))
    rows = lagged_columns(changes, recipe.lags, low, high)
    weighted = rows * weight[..., None]
    sums, weights = old.sums * decay[:, None, None], old.weights * decay[:, None]
    period, series = recipe.effects.long, np.arange(len(z))[:, None]
    for start in range(0, high - low, period):  # a phase is there once in each part: no sum is lost
        part = slice(start, start + period)
        places = (time[part] + phase[:, None]) % period
        sums[series, places] += weighted[:, part]
        weights[series, places] += weight[:, part]
    seen = old.count + new.sum(axis=1)
    return Sums(
        gram=old.gram * decay[:, None, None] + np.matmul(np.swapaxes(weighted, 1, 2), rows),
        sums=sums,
        weights=weights,
        ranges=widen(old.ranges, changes[:, low:high], values[:, low:high], told, new, fresh),
        count=seen,
        start=np.where(fresh, seen, old.start),
    )


def fade(recipe: Recipe, age: IntArray) -> FloatArray:
    """Return the weight of rows so many steps old."""
    return np.asarray(0.5 ** (np.maximum(age, 0) / recipe.half_life)) if recipe.half_life else np.ones(age.shape)


def shift(values: BoolArray, steps: int) -> BoolArray:
    """Return values so many steps later; False before the start."""
    return np.pad(values, ((0, 0), (steps, 0)))[:, : values.shape[1]]


def lagged_columns(changes: FloatArray, lags: tuple[int, ...], low: int, high: int) -> FloatArray:
    """Return lags and target of the rows low .. high - 1, shape (S, R, p + 1); 0 before the start."""
    before = max(0, lags[-1] - low)
    padded = np.pad(changes[:, max(0, low - lags[-1]) : high], ((0, 0), (before, 0)))
    out = np.empty((len(changes), high - low, len(lags) + 1))
    for column, lag in enumerate((*lags, 0)):
        out[..., column] = padded[:, lags[-1] - lag : padded.shape[1] - lag]
    return out


def widen(
    ranges: FloatArray, changes: FloatArray, values: FloatArray, changed: BoolArray, there: BoolArray, fresh: BoolArray
) -> FloatArray:
    """Return the ranges after more differences and values were seen."""
    found = ranges.copy()
    for column, part, known in ((0, changes, changed), (2, values, there)):
        some = known.any(axis=1)
        low = np.where(known, part, np.inf).min(axis=1, initial=np.inf)
        high = np.where(known, part, -np.inf).max(axis=1, initial=-np.inf)
        new = fresh | (ranges[:, column] > ranges[:, column + 1])
        found[:, column] = np.where(some, np.where(new, low, np.minimum(low, ranges[:, column])), ranges[:, column])
        found[:, column + 1] = np.where(
            some, np.where(new, high, np.maximum(high, ranges[:, column + 1])), ranges[:, column + 1]
        )
    return found


def solve(state: Sums, recipe: Recipe) -> tuple[FloatArray, FloatArray]:
    """Return the coefficients of the lags, shape (S, p), and constant, short and long effects, shape (S, q, 3).

    The penalty grows where there are few rows.
    """
    p = len(recipe.lags)
    rest, levels = eliminate(state.gram, state.sums, state.weights, recipe.effects)
    ridge = recipe.ridge + p / (state.weights.sum(axis=1) + 1.0)
    system = rest[:, :p, :p] + ridge[:, None, None] * np.eye(p)
    coefficients = np.linalg.solve(system, rest[:, :p, p:])[..., 0]
    return coefficients, recover(levels, coefficients, recipe.effects)


def limits(state: Sums, zero: FloatArray) -> FloatArray:
    """Return lowest and highest difference, and z, that a forecast may take, shape (S, 4).

    Args:
        state: the ranges seen.
        zero: z of 0 for series that were never negative, else -inf; shape (S,).
    """
    low, high, bottom, top = state.ranges.T
    span, whole = high - low, top - bottom
    floor = np.minimum(np.maximum(bottom - whole, zero), bottom)
    return np.stack([low - MARGIN * span, high + MARGIN * span, floor, top + whole], axis=1)
