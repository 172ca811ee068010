"""The stacked member: gradient-boosted trees on what LASSO regressions of its own get wrong.

The regressions are replayed over the history, so that the trees learn from honest errors. Trees on the target itself
are the member `boosted`; how members are combined does not belong here.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, TimeArray, as_floats, as_times, from_floats, from_times
from loopcast.zoo.arrays import take_positions as take
from loopcast.zoo.dictionary.rows import waiting
from loopcast.zoo.learning.boosting import BoostOptions, fit_trees
from loopcast.zoo.learning.trees import Trees
from loopcast.zoo.members.base import (
    Contributions,
    FittedMember,
    Json,
    Member,
    Offset,
    Situation,
    Term,
    situation_from_document,
    training_origins,
)
from loopcast.zoo.members.lear import FittedLear, Lear
from loopcast.zoo.members.lear_replay import replay_lear
from loopcast.zoo.panel import Panel, find_positions
from loopcast.zoo.tree_features import TreeRecipe, build_tree_rows, find_floor, make_tree_recipe

BASES = ((28, 364, 1.0), (364, 364, 2.0))  # level, spread and factor of the scales, see `Memory`
HALF_LIVES = (1000,)
SHORTEST_WARM_UP, WARM_UP = 30, 200  # origins the regressions have seen before the first error counts; half between
MOST_ORIGINS = 1456
REFIT_ORIGINS = 28
FEWEST_ROWS = 100
LONG_AGO = 7  # strides


class Stacked(Member):
    """Trees on the errors of LASSO regressions.

    `parameters`: `seed` of all random choices; `trees`; `half_lives` of the regressions, in rows; `refit_origins`,
    after how many new origins the trees are fitted anew.

    References:
        Wolpert (1992), Stacked generalization: the second stage learns from out-of-sample forecasts of the first.
    """

    kind = "stacked"
    accepts = frozenset({"seed", "trees", "half_lives", "refit_origins"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedStacked":
        """Return regressions after the last origin, and trees on what they got wrong over the history."""
        panel = cut_at(panel, ends, situation.steps)
        history = int(np.max(ends, initial=0)) + 1
        most = min(MOST_ORIGINS + WARM_UP, history // situation.stride)
        warm = min(WARM_UP, max(SHORTEST_WARM_UP, most // 2))
        origins = training_origins(ends, situation, limit=(most - warm) * situation.stride)
        first = origins[:, 0]
        half_lives = list(self.parameters.get("half_lives", HALF_LIVES))
        made, bases = [], []
        for level, spread, factor in BASES:
            scales = {"half_lives": half_lives, "level": level, "spread": spread, "factor": factor}
            start = Lear(scales).fit(panel.cut(first, ahead=situation.steps), situation, first)
            fitted, said = replay_lear(start, panel, situation, origins)
            bases.append(fitted)
            made.append(said)
        state = StackState(
            bases=tuple(bases),
            # What is said at the last origin counts when its targets are there, with the predictors of its horizon.
            past=np.ascontiguousarray(np.stack(made, axis=3)[:, :-1]),
            until=panel.times(ends - situation.stride),
            age=0,
            n_rows=0,
            share=0.0,
        )
        recipe, floor = make_tree_recipe(panel, situation, ends), find_floor(panel, ends)
        stump = FittedStacked(self.name, situation, self.parameters, recipe, floor, state, (), None)
        return stump.fit_trees(panel, ends)


@dataclass(frozen=True, eq=False)
class StackState:
    """What is learned, but for the trees.

    Args:
        bases: the B regressions.
        past: what they said at the last N origins before the newest, one stride apart, newest last, (S, N, H, B).
        until: local time of the last of these origins, shape (S,).
        age: origins since the trees were fitted.
        n_rows: rows that the trees were fitted on.
        share: size of the trees' part beside that of the regressions, in [0, 1].
    """

    bases: tuple[FittedLear, ...]
    past: FloatArray
    until: TimeArray
    age: int
    n_rows: int
    share: float


@dataclass(frozen=True, eq=False)
class StackRows:
    """Rows for trees, P pairs of series and origin by H steps by K columns, and what they correct.

    Args:
        terms: the columns.
        values: shape (P, H, K), NaN = unknown.
        base: mean of what the regressions say, in the target's unit, shape (P, H).
        scale: that errors are divided by, in the target's unit, shape (P,).
        categories: numbers of the columns that hold categories.
    """

    terms: tuple[Term, ...]
    values: FloatArray
    base: FloatArray
    scale: FloatArray
    categories: range


class FittedStacked(FittedMember):
    """See `Stacked`. `floor` is the least scale of each series, in the target's unit, shape (series,)."""

    kind = "stacked"

    def __init__(
        self,
        name: str,
        situation: Situation,
        parameters: Mapping[str, Any],
        recipe: TreeRecipe,
        floor: FloatArray,
        state: StackState,
        terms: tuple[Term, ...],
        trees: Trees | None,
    ) -> None:
        """Keep what was learned."""
        self.name, self.situation, self.parameters = name, situation, MappingProxyType(dict(parameters))
        self.recipe, self.floor, self.state = recipe, floor, state
        self.terms, self.trees = terms, trees

    def fit_trees(self, panel: Panel, ends: IntArray) -> "FittedStacked":
        """Return the member with trees fitted on all errors that are known at the ends.

        Raises:
            ModelError: too few of them.
        """
        n_past = self.state.past.shape[1]
        origins = ends[:, None] - np.arange(n_past, 0, -1, dtype=np.int64) * self.situation.stride
        known = cut_at(panel, ends, self.situation.steps)
        series, place = np.nonzero(origins >= 0)
        if not len(series):
            raise ModelError("found no origin whose error is known; stacked trees need some")
        rows = self._rows(known, series, origins[series, place], self.state.past[series, place])
        positions = origins[series, place][:, None] + np.arange(1, self.situation.steps + 1)
        actual = take(known.measured(self.recipe.target)[series], positions)
        target = (actual - rows.base) / rows.scale[:, None]
        usable = np.isfinite(target)
        n_rows = int(usable.sum())
        if n_rows < FEWEST_ROWS:
            raise ModelError(f"found {n_rows} errors to learn from; stacked trees need {FEWEST_ROWS}")
        weights = np.sqrt(np.broadcast_to(rows.scale[:, None] / rows.scale.mean(), target.shape))
        options = BoostOptions(
            n_trees=int(self.parameters.get("trees", 150)),
            learning_rate=0.1,
            min_leaf=int(np.clip(n_rows // 50, 5, 40)),
            seed=int(self.parameters.get("seed", 0)),
        )
        trees = fit_trees(
            rows.values[usable],
            target[usable],
            columns=[term.name for term in rows.terms],
            options=options,
            categories=rows.categories,
            weights=weights[usable],
        )
        made = np.abs(trees.predict(rows.values[usable]) * np.broadcast_to(rows.scale[:, None], target.shape)[usable])
        size = np.abs(rows.base[usable] - np.mean(rows.base[usable]))
        share = float(made.sum() / max(made.sum() + size.sum(), 1e-300))
        state = replace(self.state, age=0, n_rows=n_rows, share=share)
        return FittedStacked(
            self.name, self.situation, self.parameters, self.recipe, self.floor, state, rows.terms, trees
        )

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the mean of the regressions and what the trees add to it."""
        said = np.stack([base.predict(panel, origins) for base in self.state.bases], axis=3)
        out = np.full(said.shape[:3], np.nan)
        series, place = np.nonzero(origins >= 0)
        if not len(series):
            return out
        rows = self._rows(panel, series, origins[series, place], said[series, place])
        out[series, place] = rows.base + rows.scale[:, None] * self._ask_trees(rows)
        return out

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return the terms of the regressions, one per column of the trees, and the trees' mean as the constant."""
        parts = [base.contributions(panel, origins) for base in self.state.bases]
        said = np.stack([part.addends.sum(axis=3) for part in parts], axis=3)
        series, place = np.nonzero(origins >= 0)
        learned = np.full((*said.shape[:3], len(self.terms) + 1), np.nan)
        assert self.trees is not None  # noqa: S101 - a member without trees never leaves `fit`
        if len(series):
            rows = self._rows(panel, series, origins[series, place], said[series, place])
            made = self.trees.contributions(rows.values.reshape(-1, len(rows.terms))).reshape(rows.values.shape)
            addends = np.concatenate([made, np.full((*made.shape[:2], 1), self.trees.expected)], axis=2)
            learned[series, place] = addends * rows.scale[:, None, None]
        terms = tuple(Term(f"trees:{term.name}", term.variable) for term in self.terms)
        shared = tuple(dict.fromkeys(term for part in parts for term in part.terms))
        place_of = {term: number for number, term in enumerate(shared)}
        mean = np.zeros((*said.shape[:3], len(shared)))
        for part in parts:
            places = [place_of[term] for term in part.terms]  # the terms of one regression are all different
            mean[..., places] += part.addends / len(parts)
        return Contributions(
            terms=(*shared, *terms, Term("trees:constant", "")), addends=np.concatenate([mean, learned], axis=3)
        )

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedStacked":
        """Return the member after every new origin; the trees are fitted anew where the panel holds the history."""
        stride, later = self.situation.stride, copy(self)
        for count in range(int(np.max(ends - since, initial=0)) // stride - 1, -1, -1):
            now = np.maximum(ends - count * stride, since)
            later = later.go_on(panel, now, np.maximum(now - stride, since))
        origins_held = (ends.max(initial=0) + 1) // stride >= later.state.past.shape[1]
        if later.state.age >= int(self.parameters.get("refit_origins", REFIT_ORIGINS)) and origins_held:
            return later.fit_trees(panel, ends)
        return later

    def go_on(self, panel: Panel, ends: IntArray, since: IntArray) -> "FittedStacked":
        """Return the member one origin later; what it says at the former one is kept, before it learns from it."""
        view = cut_at(panel, ends, self.situation.steps)
        deepest = min(offset.first for base in self.state.bases for offset in base.offsets())
        start = max(0, int(since.min(initial=0)) + deepest)
        near, asked = view.since(start), np.where(since >= start, since - start, -1)[:, None]
        said = np.stack([base.predict(near, asked) for base in self.state.bases], axis=3)
        bases = tuple(base.update(view, ends, since=since) for base in self.state.bases)
        past = np.ascontiguousarray(np.concatenate([self.state.past, said], axis=1)[:, -MOST_ORIGINS:])
        later = copy(self)
        later.state = replace(self.state, bases=bases, past=past, until=view.times(since), age=self.state.age + 1)
        return later

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the regressions and the columns look at."""
        parts = [*(o for base in self.state.bases for o in base.offsets()), *self.recipe.offsets()]
        names = dict.fromkeys(part.variable for part in parts)
        return tuple(
            Offset(
                name,
                min(part.first for part in parts if part.variable == name),
                max(part.last for part in parts if part.variable == name),
            )
            for name in names
        )

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the regressions and of the gain of all splits, by the size of their parts."""
        assert self.trees is not None  # noqa: S101
        total: dict[str, float] = {}
        for base in self.state.bases:
            for name, value in base.importances().items():
                total[name] = total.get(name, 0.0) + (1.0 - self.state.share) * value / len(self.state.bases)
        for term, gain in zip(self.terms, self.trees.importances().values(), strict=True):
            total[term.variable] = total.get(term.variable, 0.0) + self.state.share * gain
        whole = sum(total.values())
        return {name: 100.0 * value / whole for name, value in total.items()}

    def to_document(self) -> Json:
        """Return regressions, recipe and trees as JSON values; what the regressions said as an array."""
        assert self.trees is not None  # noqa: S101
        state = self.state
        return {
            "name": self.name,
            "situation": asdict(self.situation),
            "parameters": dict(self.parameters),
            "recipe": asdict(self.recipe),
            "floor": as_floats(self.floor),
            "terms": [[term.name, term.variable] for term in self.terms],
            "trees": self.trees.to_document(),
            "bases": [base.to_document() for base in state.bases],
            "past": state.past,
            "until": as_times(state.until),
            "age": state.age,
            "n_rows": state.n_rows,
            "share": state.share,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedStacked":
        """Return the member that `to_document` wrote."""
        state = StackState(
            bases=tuple(FittedLear.from_document(base) for base in document["bases"]),
            past=np.asarray(document["past"], dtype=np.float64),
            until=from_times(document["until"]),
            age=document["age"],
            n_rows=document["n_rows"],
            share=document["share"],
        )
        return cls(
            document["name"],
            situation_from_document(document["situation"]),
            document["parameters"],
            TreeRecipe.from_document(document["recipe"]),
            from_floats(document["floor"]),
            state,
            tuple(Term(name, variable) for name, variable in document["terms"]),
            Trees.from_document(document["trees"]),
        )

    def _ask_trees(self, rows: StackRows) -> FloatArray:
        if self.trees is None or not rows.values.size:
            return np.zeros(rows.base.shape)
        return self.trees.predict(rows.values.reshape(-1, len(rows.terms))).reshape(rows.base.shape)

    def _rows(self, panel: Panel, series: IntArray, origins: IntArray, said: FloatArray) -> StackRows:
        """Return the rows of P pairs of series and origin.

        Args:
            panel: the data.
            series: shape (P,).
            origins: shape (P,).
            said: what the regressions say there, shape (P, H, B).
        """
        made = build_tree_rows(panel, series, origins, self.recipe, floor=self.floor[series])
        level, scale = np.nan_to_num(made.level)[:, None], made.scale[:, None]
        name, base = self.recipe.target, said.mean(axis=2)
        heard = (said - level[..., None]) / scale[..., None]
        own = (base - level) / scale
        columns = [(Term(f"lear_{number + 1}", name), heard[..., number]) for number in range(said.shape[2])]
        columns += [(Term("lear", name), own), (Term("lear:mean", name), own.mean(axis=1, keepdims=True))]
        recent = self._past_errors(panel, series, origins, waiting(self.situation)) / scale
        older = self._past_errors(panel, series, origins, max(LONG_AGO, waiting(self.situation))) / scale
        columns += [
            (Term("lear:last_error", name), recent),
            (Term("lear:last_error_mean", name), recent.mean(axis=1, keepdims=True)),
            (Term("lear:last_error_end", name), recent[:, -max(1, recent.shape[1] // 6) :].mean(axis=1, keepdims=True)),
            (Term("lear:older_error", name), older),
        ]
        added = np.stack([np.broadcast_to(values, base.shape) for _, values in columns], axis=2)
        terms = (*made.terms, *(term for term, _ in columns))
        categories = range(len(made.terms) - len(self.recipe.categories), len(made.terms))
        return StackRows(terms, np.concatenate([made.values, added], axis=2), base, made.scale, categories)

    def _past_errors(self, panel: Panel, series: IntArray, origins: IntArray, back: int) -> FloatArray:
        """Return the regressions' errors, actual minus forecast, some strides before each origin, shape (P, H).

        NaN where what they said then is not kept.
        """
        stride, n_past = self.situation.stride, self.state.past.shape[1]
        newest = find_positions(panel, self.state.until)[series]
        behind, rest = np.divmod(newest - (origins - back * stride), stride)
        there = (behind >= 0) & (behind < n_past) & (rest == 0) & ~np.isnat(self.state.until)[series]
        said = self.state.past[series, np.where(there, n_past - 1 - behind, 0)].mean(axis=2)
        positions = (origins - back * stride)[:, None] + np.arange(1, self.situation.steps + 1)
        actual = take(panel.measured(self.recipe.target)[series], positions)
        return np.where(there[:, None] & (positions <= origins[:, None]), actual - said, np.nan)


def cut_at(panel: Panel, ends: IntArray, steps: int) -> Panel:
    """Return the panel as it was at the ends, whatever targets it holds after them."""
    return replace(panel, y=panel.known_until(panel.spec.target, ends)).cut(ends, ahead=steps)
