"""Direct features for trees, pooled over series and steps: columns that mean the same at every level and every step.

A row belongs to one series, origin and step ahead, and knows the target up to the origin only. Learning from rows is in
`loopcast.zoo.learning.boosting`; features for linear models, which need other shapes, are in `loopcast.zoo.features`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import is_sub_daily, regular_grid, step_ns
from loopcast.zoo.arrays import FloatArray, IntArray, last_present
from loopcast.zoo.fill import fill_forward
from loopcast.zoo.holiday import holiday_of_days
from loopcast.zoo.members.base import Offset, Situation, Term
from loopcast.zoo.panel import Panel

LEVEL_PERIODS = 7
SCALE_WINDOWS = 4
FLOOR_SHARE = 0.1
MOST_LEVELS = 50
NEWEST_PERIODS = (1, 2, 3, 7)
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class TreeRecipe:
    """Which columns there are, fixed when trees are learned.

    Args:
        target: name of the target.
        period: first seasonal period in steps.
        others: further seasonal periods that the window below holds.
        window: steps up to the origin that are looked at, and whose mean is the level: whole periods.
        steps: samples ahead.
        calendar: whether times are real ones.
        sub_daily: whether there is a time of day.
        place: where public holidays are taken from, or None.
        known_ahead: predictors known at the target's time.
        measured: predictors known up to the origin only, with the steps by which they end before it (at most 0).
        categories: category predictors, which of their levels are told apart, and the steps by which they end before
            the origin, None where they are known at the target's time.
    """

    target: str
    period: int
    others: tuple[int, ...]
    window: int
    steps: int
    calendar: bool
    sub_daily: bool
    place: str | None
    known_ahead: tuple[str, ...]
    measured: tuple[tuple[str, int], ...]
    categories: tuple[tuple[str, tuple[str, ...], int | None], ...] = ()

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "TreeRecipe":
        """Return the recipe whose fields, as JSON values, are given."""
        names = {name: tuple(document[name]) for name in ("others", "known_ahead")}
        measured = tuple((name, lead) for name, lead in document["measured"])
        categories = tuple((name, tuple(levels), lead) for name, levels, lead in document["categories"])
        return cls(**{**document, **names, "measured": measured, "categories": categories})

    @property
    def periods_back(self) -> tuple[int, ...]:
        """Which of the newest values of the same season are columns of their own, 1 = the newest."""
        return tuple(back for back in NEWEST_PERIODS if back * self.period <= self.window)

    def offsets(self) -> tuple[Offset, ...]:
        """Return the values that the columns look at, relative to the origin."""
        target = Offset(self.target, 1 - SCALE_WINDOWS * self.window, 0)
        ahead = [Offset(name, 1 - self.window, self.steps) for name in self.known_ahead]
        measured = (Offset(name, lead + 1 - self.window, lead) for name, lead in self.measured)
        return (target, *ahead, *measured, *(self._category_offset(name, lead) for name, _, lead in self.categories))

    def _category_offset(self, name: str, lead: int | None) -> Offset:
        return Offset(name, 0, self.steps) if lead is None else Offset(name, lead + 1 - self.period, lead)


def make_tree_recipe(panel: Panel, situation: Situation, ends: IntArray) -> TreeRecipe:
    """Return the columns that suit a panel's frequency, length and predictors.

    Args:
        panel: what is known.
        situation: what is forecast.
        ends: position of each series' origin, shape (S,).
    """
    period, length = situation.periods[0], int(np.max(ends, initial=0)) + 1
    window = period * max(1, min(LEVEL_PERIODS, length // (4 * period)))
    there = {v.name: v for v in panel.spec.predictors if np.isfinite(panel.values(v.name)).any()}
    numbers = [v for name, v in there.items() if name in panel.x]
    texts = [v for name, v in there.items() if name in panel.codes]
    return TreeRecipe(
        target=panel.spec.target,
        period=period,
        others=tuple(other for other in situation.periods[1:] if other <= window and other != LEVEL_PERIODS * period),
        window=window,
        steps=situation.steps,
        calendar=situation.calendar,
        sub_daily=is_sub_daily(panel.spec.frequency),
        place=situation.holidays if situation.calendar else None,
        known_ahead=tuple(v.name for v in numbers if v.known_ahead),
        measured=tuple((v.name, find_lead(panel, v.name, ends)) for v in numbers if not v.known_ahead),
        categories=tuple(
            (v.name, find_levels(panel, v.name, ends), None if v.known_ahead else find_lead(panel, v.name, ends))
            for v in texts
        ),
    )


def find_lead(panel: Panel, name: str, ends: IntArray) -> int:
    """Return the steps, at most 0, from the origins to a predictor's last value, of the series where it ends first."""
    newest = last_present(panel.values(name))
    return int(np.min((newest - ends)[newest >= 0], initial=0))


def find_levels(panel: Panel, name: str, ends: IntArray) -> tuple[str, ...]:
    """Return the most frequent levels of a category predictor up to the origins, in alphabetical order."""
    codes = panel.known_until(name, ends)
    counts = np.bincount(codes[np.isfinite(codes)].astype(np.int64), minlength=len(panel.levels[name]))
    kept = np.flatnonzero(counts)[np.argsort(-counts[counts > 0], kind="stable")][:MOST_LEVELS]
    return tuple(sorted(panel.levels[name][code] for code in kept))


@dataclass(frozen=True, eq=False)
class TreeRows:
    """Rows for trees, P pairs of series and origin by h steps by K columns.

    Args:
        terms: the columns.
        values: shape (P, h, K), NaN = unknown.
        level: mean of the target over the window, in its unit, shape (P,); NaN where there is none.
        scale: how far it usually is from its mean, by the last four windows, in its unit, shape (P,).
    """

    terms: tuple[Term, ...]
    values: FloatArray
    level: FloatArray
    scale: FloatArray


Column = tuple[Term, FloatArray]


def build_tree_rows(
    panel: Panel,
    series: IntArray,
    origins: IntArray,
    recipe: TreeRecipe,
    *,
    floor: FloatArray,
    steps: IntArray | None = None,
) -> TreeRows:
    """Return the columns of a recipe.

    Args:
        panel: the data.
        series: number of each pair's series, shape (P,).
        origins: position of each pair's origin, shape (P,).
        recipe: which columns.
        floor: least scale of each pair's series, in the target's unit, above 0, shape (P,).
        steps: steps ahead wanted for each pair, shape (P, h); None: all, 1 .. H.
    """
    pairs = Pairs(panel, series, origins, recipe)
    long = pairs.take(panel.y, 1 - SCALE_WINDOWS * recipe.window, 0)
    past = long[:, -recipe.window :]
    level, scale = mean_present(past), np.fmax(mean_distance(long), floor)
    relative = (past - level[:, None]) / scale[:, None]
    target = target_columns(relative, level / scale, recipe)
    predictors = (*ahead_columns(pairs), *measured_columns(pairs), *category_columns(pairs))
    columns = [*calendar_columns(pairs), *target, *predictors]
    shape = (len(series), recipe.steps)
    chosen = None if steps is None else steps - 1
    values = np.empty((*(shape if chosen is None else chosen.shape), len(columns)))
    for number, (_, column) in enumerate(columns):
        whole = np.broadcast_to(column, shape)
        values[..., number] = whole if chosen is None else np.take_along_axis(whole, chosen, axis=1)
    return TreeRows(tuple(term for term, _ in columns), values, level, scale)


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of a series and an origin.

    Args:
        panel: the data.
        series: shape (P,).
        origins: shape (P,).
        recipe: which columns.
    """

    panel: Panel
    series: IntArray
    origins: IntArray
    recipe: TreeRecipe

    def take(self, values: FloatArray, first: int, last: int) -> FloatArray:
        """Return values of shape (S, T) from the first to the last step relative to each origin, oldest first."""
        positions = self.origins[:, None] + np.arange(first, last + 1)
        inside = (positions >= 0) & (positions < values.shape[1])
        return np.where(inside, values[self.series[:, None], np.clip(positions, 0, values.shape[1] - 1)], np.nan)

    def times(self) -> np.ndarray:
        """Return the local times of all steps ahead, shape (P, H); the grid may end before them."""
        positions = self.origins[:, None] + np.arange(1, self.recipe.steps + 1)
        beyond = int(positions.max(initial=0)) + 1 - len(self.panel.local)
        after = regular_grid(self.panel.local[-1], self.panel.spec.frequency, periods=max(0, beyond) + 1)[1:]
        grid = np.concatenate([self.panel.local.to_numpy(), after.to_numpy()])
        return np.asarray(grid[np.maximum(positions, 0)])


def mean_present(values: FloatArray) -> FloatArray:
    """Return the mean of the values that are there along the last axis; NaN where there is none."""
    present = np.isfinite(values)
    total, count = np.where(present, values, 0.0).sum(axis=-1), present.sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def mean_distance(values: FloatArray) -> FloatArray:
    """Return the mean distance from the mean of the values that are there along the last axis."""
    return mean_present(np.abs(values - mean_present(values)[..., None]))


def find_floor(panel: Panel, ends: IntArray) -> FloatArray:
    """Return the least scale that rows of a series have, shape (S,): a tenth of that of its whole history.

    Without it a window in which nothing happens would make everything that follows enormous.

    Args:
        panel: what is known.
        ends: position of each series' origin, shape (S,).
    """
    time = np.arange(len(panel.local))
    known = np.where(time <= ends[:, None], panel.y, np.nan)
    whole = np.nan_to_num(mean_distance(known))
    tiny = 1e-9 * np.maximum(1.0, np.abs(np.nan_to_num(mean_present(known))))
    return np.where(whole > tiny, FLOOR_SHARE * whole, 1.0)


def same_season(window: FloatArray, period: int, steps: int, back: int) -> FloatArray:
    """Return for each step the `back`-th newest value of its season; 1 = the newest known at the origin.

    Args:
        window: values up to the origin, oldest first, shape (P, W).
        period: in steps.
        steps: samples ahead.
        back: at least 1; `back` periods must lie inside of the window.

    Examples:
        >>> same_season(np.array([[1.0, 2.0, 3.0, 4.0]]), 2, 3, 2).tolist()
        [[1.0, 2.0, 1.0]]
    """
    ahead = np.arange(1, steps + 1)
    place = window.shape[1] - 1 + ahead - period * (-(-ahead // period) + back - 1)
    return window[:, place]


def target_columns(past: FloatArray, level: FloatArray, recipe: TreeRecipe) -> Iterator[Column]:
    """Yield the target's recent seasons and their neighbours, its last period and last values, and the level.

    Args:
        past: the window relative to the level, scaled, shape (P, W).
        level: scaled, shape (P,).
        recipe: which columns.
    """
    name, period, steps = recipe.target, recipe.period, recipe.steps
    for back in recipe.periods_back:
        yield Term(f"{name}[-{back * period}]", name), same_season(past, period, steps, back)
    for other in recipe.others:
        yield Term(f"{name}[-{other}]", name), same_season(past, other, steps, 1)
    if period > 1:
        newest = past[:, -period:]
        following = np.concatenate([newest[:, 1:], newest[:, -1:]], axis=1)
        yield Term(f"{name}[-{period - 1}]", name), same_season(following, period, steps, 1)
        yield Term(f"{name}:season_mean", name), season_mean(past, period, steps)
        for word, values in (("min", least(newest)), ("max", -least(-newest)), ("mean", mean_present(newest))):
            yield Term(f"{name}:last_{period}_{word}", name), values[:, None]
    for lag in sorted({0, 1, 2, max(3, period // 6)}):
        if lag < recipe.window:
            yield Term(f"{name}:last[-{lag}]", name), past[:, -1 - lag, None]
    if recipe.window > 3:
        yield Term(f"{name}:last_3_mean", name), mean_present(past[:, -3:])[:, None]
    yield Term(f"{name}:level_{recipe.window}", name), level[:, None]


def season_mean(window: FloatArray, period: int, steps: int) -> FloatArray:
    """Return for each step the mean of its season over the window, shape (P, steps)."""
    seasons = mean_present(np.swapaxes(window.reshape(len(window), -1, period), 1, 2))
    return seasons[:, np.arange(steps) % period]


def least(values: FloatArray) -> FloatArray:
    """Return the least of the values that are there along the last axis; NaN where there is none."""
    low = np.where(np.isfinite(values), values, np.inf).min(axis=-1)
    return np.where(np.isfinite(low), low, np.nan)


def calendar_columns(pairs: Pairs) -> Iterator[Column]:
    """Yield the step ahead, and what the calendar says of the target's time; without one, its phase in each period."""
    recipe = pairs.recipe
    yield Term("samples_ahead", ""), np.arange(1.0, recipe.steps + 1)[None]
    times = pairs.times()
    days = times.astype("datetime64[D]")
    if not recipe.calendar:
        for period in (recipe.period, *recipe.others):
            if period > 1:
                yield Term(f"phase_{period}", ""), find_phase(pairs, times, period)
        return
    if recipe.sub_daily:
        yield Term("minute_of_day", ""), (times - days) / np.timedelta64(1, "m")
    yield Term("weekday", ""), ((days.astype(np.int64) + 3) % 7).astype(np.float64)
    yield Term("day_of_year", ""), (days - times.astype("datetime64[Y]").astype("datetime64[D]")) / DAY
    if recipe.place is not None:
        yield from holiday_columns(days, recipe.place)


def find_phase(pairs: Pairs, times: np.ndarray, period: int) -> FloatArray:
    """Return where in a period each time stands, by the time itself: the same wherever a panel begins."""
    length = step_ns(pairs.panel.spec.frequency)
    count = times.astype("datetime64[M]") if length is None else times.astype("datetime64[ns]")
    return np.asarray(count.astype(np.int64) // (length or 1) % period, dtype=np.float64)


def holiday_columns(days: np.ndarray, place: str) -> Iterator[Column]:
    """Yield whether the target's day, the one before and the one after are holidays."""
    for word, shift in (("", 0), (":day_after", -1), (":day_before", 1)):
        unique, inverse = np.unique(days + shift * DAY, return_inverse=True)
        is_holiday = np.array([bool(name) for name in holiday_of_days(pd.DatetimeIndex(unique), place)])
        yield Term(f"holiday{word}", ""), is_holiday[inverse.reshape(days.shape)].astype(np.float64)


def ahead_columns(pairs: Pairs) -> Iterator[Column]:
    """Yield predictors at the target's time, in its neighbourhood, and compared with their own recent past."""
    recipe, steps = pairs.recipe, pairs.recipe.steps
    period = recipe.period
    for name in recipe.known_ahead:
        past = pairs.take(pairs.panel.x[name], 1 - recipe.window, 0)
        now = pairs.take(pairs.panel.x[name], 1, steps)
        yield Term(name, name), now
        yield Term(f"{name}:before", name), np.concatenate([past[:, -1:], now[:, :-1]], axis=1)
        yield Term(f"{name}:after", name), np.concatenate([now[:, 1:], now[:, -1:]], axis=1)
        for back in {1, max(recipe.periods_back)}:
            change = now - same_season(past, period, steps, back)
            yield Term(f"{name}:change_{back * period}", name), change
        if period == 1:
            continue
        yield Term(f"{name}:above_season", name), now - season_mean(past, period, steps)
        around = blocks_of(np.concatenate([past, now], axis=1), period, steps)
        mean = mean_present(around)
        yield Term(f"{name}:{period}_mean", name), mean
        yield Term(f"{name}:{period}_min", name), least(around)
        yield Term(f"{name}:{period}_max", name), -least(-around)
        yield Term(f"{name}:{period}_mean_change", name), mean - mean_present(past[:, -period:])[:, None]
        yield Term(f"{name}:{period}_mean_above_level", name), mean - mean_present(past)[:, None]


def blocks_of(values: FloatArray, period: int, steps: int) -> FloatArray:
    """Return for each step the values of the period of the horizon it lies in; the last one ends with the horizon.

    Args:
        values: up to and with the horizon, oldest first, shape (P, W + steps).
        period: in steps; at most W.
        steps: samples ahead.

    Returns:
        Shape (P, steps, period).

    Examples:
        >>> blocks_of(np.arange(5.0)[None], 2, 3).tolist()
        [[[2.0, 3.0], [2.0, 3.0], [3.0, 4.0]]]
    """
    ends = np.minimum((np.arange(steps) // period + 1) * period, steps)
    places = values.shape[1] - steps + ends[:, None] - np.arange(period, 0, -1)
    return values[:, places]


def measured_columns(pairs: Pairs) -> Iterator[Column]:
    """Yield the last values of predictors that are known up to the origin, their season, and how they moved."""
    recipe = pairs.recipe
    for name, lead in recipe.measured:
        past = pairs.take(pairs.panel.x[name], lead + 1 - recipe.window, lead)
        level, recent = mean_present(past), mean_present(past[:, -recipe.period :])
        yield Term(f"{name}[last]", name), past[:, -1:]
        yield Term(f"{name}:level_{recipe.window}", name), level[:, None]
        if recipe.period > 1:
            yield Term(f"{name}:last_{recipe.period}_mean_above_level", name), (recent - level)[:, None]
            newest = same_season(past, recipe.period, recipe.steps - lead, 1)[:, -recipe.steps :]
            yield Term(f"{name}:same_season", name), newest


def category_columns(pairs: Pairs) -> Iterator[Column]:
    """Yield the numbers of categories at the target's time, or the last known ones; levels not told apart are missing.

    They come last, in the recipe's order.
    """
    panel, recipe = pairs.panel, pairs.recipe
    for name, levels, lead in recipe.categories:
        number = {level: float(place) for place, level in enumerate(levels)}
        told = np.array([number.get(level, np.nan) for level in panel.levels.get(name, ())] + [np.nan])
        if lead is None:
            codes, word = pairs.take(panel.values(name), 1, recipe.steps), name
        else:
            past = pairs.take(panel.values(name), lead + 1 - recipe.period, lead)
            codes, word = fill_forward(past)[:, -1:], f"{name}[last]"
        yield Term(word, name), told[np.where(np.isfinite(codes), codes, len(told) - 1).astype(np.int64)]
