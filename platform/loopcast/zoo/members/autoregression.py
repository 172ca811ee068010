"""The autoregressive members: one small ridge regression per series on its own past, run forward step by step.

Four variants see a series differently, so that their mean is better than each of them. Predictors, and how members
are combined, do not belong here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods
from loopcast.errors import CallerError, ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, first_present, from_floats, take_positions
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.learning.autoregressive_sums import Recipe, Sums, add_rows, limits, no_sums, solve
from loopcast.zoo.learning.log_scale import LogScale, learn_log_scale
from loopcast.zoo.learning.recursion import Course, run, unroll
from loopcast.zoo.learning.seasonal_effects import Effects
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

GAP_PERIODS = 4  # so many short periods before the lags are read, for gaps at their start
CELLS_AT_ONCE = 4_000_000
SEASONS_NEEDED = 1.5
GROWTH = 3
MOST_CYCLES = 8
SHORT_SEASON = 26  # up to here a second cycle is looked at where there is no longer period


@dataclass(frozen=True)
class Variant:
    """How an autoregression sees a series.

    Args:
        many_lags: all cycles up to the long period, else the newest values and one cycle back.
        difference: none, step or season.
        levels: 0: no seasonal effects, 1: of the short period, 2: of both.
        ridge: penalty on lags.
        ridge_effects: penalty on seasonal effects.
        half_life: in longest periods; 0: all rows count the same.
    """

    many_lags: bool
    difference: str
    levels: int
    ridge: float
    ridge_effects: float = 1.0
    half_life: float = 0.0


VARIANTS: Mapping[str, Variant] = {
    "level": Variant(many_lags=True, difference="none", levels=1, ridge=0.1, ridge_effects=3.0),
    "seasonal_difference": Variant(many_lags=True, difference="season", levels=0, ridge=0.1),
    "profile": Variant(many_lags=False, difference="none", levels=2, ridge=0.1, ridge_effects=0.1, half_life=2.0),
    "difference": Variant(many_lags=True, difference="step", levels=0, ridge=10.0),
}


class Autoregression(Member):
    """Recursive ridge regression on lags; `parameters`: `variant`, one of `VARIANTS`.

    References:
        Hoerl and Kennard (1970), Ridge regression, eq. 2.1. Recursive forecasts: Box and Jenkins (1970), chapter 5.
    """

    kind = "autoregression"
    accepts = needs = frozenset({"variant"})

    def default_name(self) -> str:
        """Return `autoregression_level` and the like."""
        return f"{self.kind}_{self.parameters['variant']}"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedAutoregression":
        """Return the regressions of all series."""
        if self.parameters["variant"] not in VARIANTS:
            raise CallerError(f"found the variant {self.parameters['variant']!r}; expected one of {sorted(VARIANTS)}")
        first = first_present(panel.y)
        lengths = (ends + 1 - first)[ends >= first]
        if not len(lengths):
            raise ModelError(f"found no value of {panel.spec.target}; an autoregression needs one")
        recipe = make_recipe(VARIANTS[self.parameters["variant"]], situation.periods, int(np.median(lengths)))
        empty = FittedAutoregression(
            name=self.name,
            recipe=recipe,
            steps=situation.steps,
            target=panel.spec.target,
            anchor=panel.local[0].isoformat(),
            scaling=learn_log_scale(np.zeros((len(ends), 0))),
            state=no_sums(len(ends), recipe),
        )
        return empty.refit(panel, ends, np.arange(len(ends)))


def make_recipe(variant: Variant, periods: tuple[int, ...], length: int) -> Recipe:
    """Return the structure that periods and the length of a typical series allow.

    Args:
        variant: how series are seen.
        periods: seasonal periods in steps, shortest first; (1,) for none.
        length: median number of steps of the series.
    """
    short, long = season_pair(periods)
    lags = many_lags(short, long) if variant.many_lags else few_lags(short)
    difference = {"none": 0, "step": 1, "season": max(1, short)}[variant.difference]
    if length - difference < max(12, SEASONS_NEEDED * difference):
        difference = min(difference, 1)
    kept = tuple(lag for lag in lags if lag <= (length - difference - 8) / 2) or lags[:1]
    rows = length - difference - kept[-1]
    levels = [period for period in (short, long)[: variant.levels] if period > 1 and rows >= SEASONS_NEEDED * period]
    nested = [period for period in levels if levels[-1] % period == 0] or [1]
    effects = Effects(
        nested[0] if len(nested) > 1 or nested[0] == short else 1, nested[-1], *[variant.ridge_effects] * 2
    )
    half_life = variant.half_life * (long if long > 1 else 4 * short if short > 1 else 0)
    return Recipe(kept, difference, effects, variant.ridge, float(half_life), short)


def season_pair(periods: tuple[int, ...]) -> tuple[int, int]:
    """Return the first and the second period; 1 for one that is not there.

    Examples:
        >>> season_pair((24, 168)), season_pair((7,)), season_pair((1,))
        ((24, 168), (7, 1), (1, 1))
    """
    found = [period for period in periods if period > 1]
    return (found[0] if found else 1), (found[1] if len(found) > 1 else 1)


def many_lags(short: int, long: int) -> tuple[int, ...]:
    """Return the newest values, every cycle of the short period up to the long one, and that.

    Examples:
        >>> many_lags(24, 168)
        (1, 2, 3, 4, 23, 24, 25, 48, 72, 96, 120, 144, 167, 168, 169)
        >>> many_lags(1, 1)
        (1, 2, 3, 4)
    """
    cycles = range(2, min(long // short, MOST_CYCLES)) if long > 1 else range(2, 3 if 1 < short <= SHORT_SEASON else 2)
    around = [long - 1, long, long + 1] if long > 1 else []
    return tuple(sorted({*range(1, 5), *few_lags(short), *(cycle * short for cycle in cycles), *around}))


def few_lags(short: int) -> tuple[int, ...]:
    """Return the newest values and those one period back.

    Examples:
        >>> few_lags(24), few_lags(1)
        ((1, 2, 3, 23, 24, 25), (1, 2, 3))
    """
    around = {short - 1, short, short + 1} if short > 1 else set()
    return tuple(sorted({1, 2, 3} | around))


class FittedAutoregression(FittedMember):
    """See `Autoregression`. Its state is additive; coefficients are solved from it."""

    kind = "autoregression"

    def __init__(
        self, *, name: str, recipe: Recipe, steps: int, target: str, anchor: str, scaling: LogScale, state: Sums
    ) -> None:
        """Keep structure, scale and sums."""
        self.name, self.recipe, self.steps, self.target, self.anchor = name, recipe, steps, target, anchor
        self.scaling, self.state = scaling, state

    @cached_property
    def solved(self) -> tuple[FloatArray, FloatArray]:
        """Coefficients, shape (S, p), and effects per phase, shape (S, q, 3)."""
        return solve(self.state, self.recipe)

    def refit(self, panel: Panel, ends: IntArray, series: IntArray) -> "FittedAutoregression":
        """Return the member with scale and sums of some series made from everything the panel has of them."""
        chunk = max(1, CELLS_AT_ONCE // (panel.y.shape[1] * (len(self.recipe.lags) + 1)))
        scaling, state = self.scaling, self.state
        for start in range(0, len(series), chunk):
            some = series[start : start + chunk]
            part, stop = panel.select(some), ends[some]
            known = np.where(np.arange(part.y.shape[1]) <= stop[:, None], part.measured(self.target), np.nan)
            found = learn_log_scale(known)
            scaling = scaling.put(some, found)
            nothing = no_sums(len(some), self.recipe)
            since = np.full(len(some), -1, dtype=np.int64)
            phase = np.full(len(some), self._phase(panel), dtype=np.int64)
            made = self._add(nothing, found, part.y, part.measured(self.target), since=since, ends=stop, phase=phase)
            state = state.put(some, made)
        return self._with(scaling, state)

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedAutoregression":
        """Return the member with the new rows in its sums; one that has grown threefold is refitted."""
        moved = np.flatnonzero(ends > since)
        if not len(moved):
            return self
        new, last = ends[moved] - since[moved], ends[moved]
        length = int(new.max()) + self.recipe.depth + GAP_PERIODS * self.recipe.short
        positions, recent = last[:, None] + np.arange(1 - length, 1), panel.select(moved)
        newest = np.full(len(moved), length - 1, dtype=np.int64)
        state = self._add(
            self.state.select(moved), self.scaling.select(moved), take_positions(recent.y, positions),
            take_positions(recent.measured(self.target), positions),
            since=newest - new, ends=newest, phase=positions[:, 0] + self._phase(panel),
        )  # fmt: skip
        made = self._with(self.scaling, self.state.put(moved, state))
        known = np.isfinite(panel.y) & (np.arange(panel.y.shape[1]) <= ends[:, None])
        count = known.sum(axis=1)
        grown = np.flatnonzero((ends > since) & (count >= GROWTH * self.state.start) & (count >= made.state.count))
        return made.refit(panel, ends, grown) if len(grown) else made

    def _add(
        self, old: Sums, scaling: LogScale, y: FloatArray, measured: FloatArray, *, since: IntArray, ends: IntArray,
        phase: IntArray,
    ) -> Sums:  # fmt: skip
        z = scaling.to_z(fill_seasonal(y, self.recipe.short))
        return add_rows(old, self.recipe, z, np.isfinite(measured), since=since, ends=ends, phase=phase)

    def _phase(self, panel: Panel) -> int:
        """Return the steps from the anchor to the panel's start."""
        return count_periods(pd.Timestamp(self.anchor), panel.local[0], panel.spec.frequency)

    def _with(self, scaling: LogScale, state: Sums) -> "FittedAutoregression":
        return FittedAutoregression(
            name=self.name, recipe=self.recipe, steps=self.steps, target=self.target, anchor=self.anchor,
            scaling=scaling, state=state,
        )  # fmt: skip

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the forecasts, each fed by those before it."""
        course, scaling, known = self._course(panel, origins)
        made = scaling.to_y(run(course))
        return np.where(known[:, None], made, np.nan).reshape(*origins.shape, self.steps)

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return the recursion unrolled: groups of past values, seasonal effects, limits, and the constant."""
        course, scaling, known = self._course(panel, origins)
        group, names = self._groups()
        addends = unroll(course, group, len(names))
        split = scaling.split(addends)
        split[..., len(names)] += split[..., -1]
        short, long = self.recipe.effects.short, self.recipe.effects.long
        terms = [Term(name, self.target) for name in names]
        terms += [Term("constant", ""), Term(f"season_{short}", ""), Term(f"season_{long}", "")]
        terms += [Term("limits", self.target)]
        there = np.ones(len(terms), dtype=bool)
        there[len(names) + 1 : len(names) + 3] = short > 1, long > short
        made = np.where(known[:, None, None], split[..., :-1][..., there], np.nan)
        kept = tuple(term for term, is_there in zip(terms, there, strict=True) if is_there)
        return Contributions(kept, made.reshape(*origins.shape, self.steps, -1))

    def _course(self, panel: Panel, origins: IntArray) -> tuple[Course, LogScale, BoolArray]:
        rows = np.repeat(np.arange(len(origins)), origins.shape[1])
        flat, spare = origins.reshape(-1), GAP_PERIODS * self.recipe.short
        back = np.arange(1 - self.recipe.depth - spare, 1)
        window = take_positions(panel.y, origins[:, :, None] + back).reshape(len(rows), -1)
        y = fill_seasonal(window, self.recipe.short)[:, spare:]
        scaling = self.scaling.select(rows)
        present = np.isfinite(y)
        phases = (flat[:, None] + np.arange(1, self.steps + 1) + self._phase(panel)) % self.recipe.effects.long
        coefficients, effects = self.solved
        zero = np.where(self.scaling.never_negative, self.scaling.to_z(np.zeros(len(origins))), -np.inf)
        course = Course(
            values=np.where(present, scaling.to_z(np.where(present, y, 1.0)), 0.0),
            present=present.astype(np.float64),
            coefficients=coefficients[rows],
            lags=np.array(self.recipe.lags),
            difference=self.recipe.difference,
            effects=effects[rows[:, None], phases],
            limits=limits(self.state, zero)[rows],
        )
        return course, scaling, present.any(axis=1) & (flat >= 0)

    def _groups(self) -> tuple[IntArray, list[str]]:
        """Return which group each past value belongs to, oldest first, and the groups' names."""
        back, short = np.arange(self.recipe.depth)[::-1], self.recipe.short
        group = np.where(back == 0, 0, 1 + back // short) if short > 1 else back
        _, group = np.unique(group, return_inverse=True)
        names = []
        for number in range(int(group.max()) + 1):
            inside = back[group == number]
            old, new = int(inside.max()), int(inside.min())
            text = f"{-new}" if old == new else f"{-old}:{-new}"
            names.append(f"{self.target}[{text}]")
        return group.astype(np.int64), names

    def offsets(self) -> tuple[Offset, ...]:
        """Return the past values it looks at, and those for gaps at their start."""
        return (Offset(self.target, 1 - self.recipe.depth - GAP_PERIODS * self.recipe.short, 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the shares of past values and of the calendar: absolute coefficients, and sizes of the effects."""
        coefficients, effects = self.solved
        past = float(np.abs(coefficients).sum()) + 1e-12
        calendar = float(np.abs(effects[..., 1:]).sum(axis=2).mean(axis=1).sum())
        return {self.target: 100.0 * past / (past + calendar), "": 100.0 * calendar / (past + calendar)}

    def to_document(self) -> Json:
        """Return structure, scale, sums, and the coefficients to be read."""
        coefficients, effects = self.solved
        return {
            "name": self.name,
            "recipe": asdict(self.recipe),
            "steps": self.steps,
            "target": self.target,
            "anchor": self.anchor,
            "scaling": self.scaling.to_document(),
            "state": self.state.to_document(),
            "coefficients": as_floats(coefficients),
            "effects": as_floats(effects),
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedAutoregression":
        """Return the member that `to_document` wrote."""
        raw = document["recipe"]
        recipe = Recipe(**{**raw, "lags": tuple(raw["lags"]), "effects": Effects(**raw["effects"])})
        made = cls(
            name=document["name"],
            recipe=recipe,
            steps=document["steps"],
            target=document["target"],
            anchor=document["anchor"],
            scaling=LogScale.from_document(document["scaling"]),
            state=Sums.from_document(document["state"]),
        )
        made.__dict__["solved"] = (from_floats(document["coefficients"]), from_floats(document["effects"]))
        return made
