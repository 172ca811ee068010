"""The boosted member: one ensemble of gradient-boosted trees over all series and steps, on direct features.

It learns how far the target lies from its recent level; the features are in `loopcast.zoo.tree_features`.
"""

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import asdict
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, as_floats, from_floats
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
from loopcast.zoo.panel import Panel
from loopcast.zoo.tree_features import TreeRecipe, TreeRows, build_tree_rows, find_floor, make_tree_recipe

REFIT_ORIGINS = 28
MOST_ORIGINS = 1456
MOST_ROWS = 40_000
MOST_STEPS = 48
FEWEST_ROWS = 200
CELLS_AT_ONCE = 8_000_000


class Boosted(Member):
    """Gradient boosting, pooled over series and steps.

    `parameters`: `seed` of all random choices; `trees`, `learning_rate`, `leaves` of the boosting; `most_rows` that are
    learned from; `refit_origins`, after how many new origins it is fitted anew.
    """

    kind = "boosted"
    accepts = frozenset({"seed", "trees", "learning_rate", "leaves", "most_rows", "refit_origins"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedBoosted":
        """Return the trees fitted on the origins of the same situation, a random choice of them where they are many."""
        recipe = make_tree_recipe(panel, situation, ends)
        floor = find_floor(panel, ends)
        rng = np.random.default_rng(int(self.parameters.get("seed", 0)))
        pairs = find_pairs(situation, ends, recipe)
        series, origins, steps = self._choose_rows(situation, *pairs, rng)
        made = build_tree_rows(panel, series, origins, recipe, floor=floor[series], steps=steps)
        positions = np.minimum(origins[:, None] + steps, panel.y.shape[1] - 1)
        is_known = origins[:, None] + steps <= ends[series][:, None]
        known = np.where(is_known, panel.y[series[:, None], positions], np.nan)
        target = (known - made.level[:, None]) / made.scale[:, None]
        usable = np.isfinite(target)
        if usable.sum() < FEWEST_ROWS:
            raise ModelError(f"found {int(usable.sum())} rows to learn from; boosted trees need {FEWEST_ROWS}")
        trees = fit_trees(
            made.values[usable],
            target[usable],
            columns=[term.name for term in made.terms],
            options=self._options(int(usable.sum())),
            categories=range(len(made.terms) - len(recipe.categories), len(made.terms)),
        )
        return FittedBoosted(
            name=self.name, recipe=recipe, situation=situation, parameters=self.parameters, age=0,
            n_pairs=len(pairs[0]), terms=made.terms, floor=floor, trees=trees,
        )  # fmt: skip

    def _options(self, n_rows: int) -> BoostOptions:
        given = self.parameters
        return BoostOptions(
            n_trees=int(given.get("trees", 300)),
            learning_rate=float(given.get("learning_rate", 0.05)),
            leaves=int(given.get("leaves", 31)),
            min_leaf=int(np.clip(n_rows // 50, 5, 40)),
            seed=int(given.get("seed", 0)),
        )

    def _choose_rows(
        self, situation: Situation, series: IntArray, origins: IntArray, rng: np.random.Generator
    ) -> tuple[IntArray, IntArray, IntArray]:
        """Return series and origin of some pairs, shape (P,), and steps of each, shape (P, h): bounded in number."""
        n_steps = min(situation.steps, MOST_STEPS)
        most = max(1, int(self.parameters.get("most_rows", MOST_ROWS)) // n_steps)
        if len(series) > most:
            kept = np.sort(rng.choice(len(series), most, replace=False))
            series, origins = series[kept], origins[kept]
        every = np.broadcast_to(np.arange(1, situation.steps + 1), (len(series), situation.steps))
        return series, origins, every if n_steps == situation.steps else rng.permuted(every, axis=1)[:, :n_steps]


def find_pairs(situation: Situation, ends: IntArray, recipe: TreeRecipe) -> tuple[IntArray, IntArray]:
    """Return series and position of all origins that can be learned from, each of shape (P,).

    Args:
        situation: gives the stride.
        ends: position of each series' origin, shape (S,).
        recipe: says how much has to lie before an origin.
    """
    limit = min(int(np.max(ends, initial=0)) + 1, MOST_ORIGINS * situation.stride)
    origins = training_origins(ends, situation, limit=limit)
    has_past = origins >= min(recipe.window, 2 * recipe.period) - 1
    series, place = np.nonzero(has_past & (origins < ends[:, None]))
    return series, origins[series, place]


class FittedBoosted(FittedMember):
    """See `Boosted`. `floor` is the least scale of each series, in the target's unit, shape (series,)."""

    kind = "boosted"

    def __init__(
        self,
        *,
        name: str,
        recipe: TreeRecipe,
        situation: Situation,
        parameters: Mapping[str, Any],
        age: int,
        n_pairs: int,
        terms: tuple[Term, ...],
        floor: FloatArray,
        trees: Trees,
    ) -> None:
        """Keep what was learned, how many origins ago, and from how many pairs of series and origin."""
        self.name, self.recipe, self.situation, self.parameters = name, recipe, situation, dict(parameters)
        self.age, self.n_pairs = age, n_pairs
        self.terms, self.floor, self.trees = terms, floor, trees

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the level plus what the trees say, scaled back."""
        out = np.full((*origins.shape, self.recipe.steps), np.nan)
        for pairs, rows in self._rows(panel, origins):
            made = self.trees.predict(rows.values.reshape(-1, len(rows.terms))).reshape(rows.values.shape[:2])
            out[pairs] = rows.level[:, None] + rows.scale[:, None] * made
        return out

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per column, the level, and the trees' mean as the constant."""
        terms = (*self.terms, Term(f"{self.recipe.target}:level", self.recipe.target), Term("constant", ""))
        out = np.full((*origins.shape, self.recipe.steps, len(terms)), np.nan)
        for pairs, rows in self._rows(panel, origins):
            made = self.trees.contributions(rows.values.reshape(-1, len(rows.terms))).reshape(rows.values.shape)
            scale = rows.scale[:, None]
            addends = np.empty((*rows.values.shape[:2], len(terms)))
            addends[..., :-2] = made * scale[..., None]
            addends[..., -2] = rows.level[:, None]
            addends[..., -1] = scale * self.trees.expected
            out[pairs] = np.where(np.isfinite(rows.level)[:, None, None], addends, np.nan)
        return Contributions(terms=terms, addends=out)

    def _rows(self, panel: Panel, origins: IntArray) -> Iterator[tuple[tuple[IntArray, IntArray], TreeRows]]:
        """Yield the rows of the origins that there are, some at a time, with their places among the origins."""
        series, place = np.nonzero(origins >= 0)
        at_once = max(1, CELLS_AT_ONCE // (self.recipe.steps * max(len(self.terms), self.recipe.window)))
        for start in range(0, len(series), at_once):
            here = (series[start : start + at_once], place[start : start + at_once])
            yield here, build_tree_rows(panel, here[0], origins[here], self.recipe, floor=self.floor[here[0]])

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedBoosted":
        """Return the trees, fitted anew after enough new origins where the panel holds as many as they were made of."""
        age = self.age + int(np.max(ends - since, initial=0)) // self.situation.stride
        if age == self.age:
            return self
        enough = len(find_pairs(self.situation, ends, self.recipe)[0]) >= self.n_pairs
        if enough and age >= int(self.parameters.get("refit_origins", REFIT_ORIGINS)):
            return Boosted(self.parameters, label=self.name).fit(panel, self.situation, ends)
        aged = copy(self)
        aged.age = age
        return aged

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the columns look at."""
        return self.recipe.offsets()

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the gain of all splits; the calendar is the empty name."""
        total = {self.recipe.target: 0.0}
        for term, share in zip(self.terms, self.trees.importances().values(), strict=True):
            total[term.variable] = total.get(term.variable, 0.0) + share
        return total

    def term_importances(self) -> tuple[tuple[Term, ...], FloatArray]:
        """Return the same by column, alike at all steps."""
        return self.terms, np.array([list(self.trees.importances().values())]).reshape(1, -1)

    def to_document(self) -> Json:
        """Return recipe, floor and trees."""
        return {
            "name": self.name,
            "recipe": asdict(self.recipe),
            "situation": asdict(self.situation),
            "parameters": self.parameters,
            "age": self.age,
            "n_pairs": self.n_pairs,
            "terms": [[term.name, term.variable] for term in self.terms],
            "floor": as_floats(self.floor),
            "trees": self.trees.to_document(),
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedBoosted":
        """Return the member that `to_document` wrote."""
        learned = {
            "recipe": TreeRecipe.from_document(document["recipe"]),
            "situation": situation_from_document(document["situation"]),
            "terms": tuple(Term(name, variable) for name, variable in document["terms"]),
            "floor": from_floats(document["floor"]),
            "trees": Trees.from_document(document["trees"]),
        }
        return cls(**{**document, **learned})
