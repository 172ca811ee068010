"""The linear member: one small ridge regression per series and step ahead, all solved at once.

It corrects the seasonal profile by the direct features of `loopcast.zoo.features`; how members are combined does not
belong here.
"""

from collections.abc import Mapping
from copy import copy
from dataclasses import asdict
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, as_floats, from_floats, take_positions
from loopcast.zoo.features import Design, Recipe, build_design, make_recipe
from loopcast.zoo.learning.ridge import RidgeSums, fit_ridge
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

CELLS_AT_ONCE = 8_000_000
FEWEST_ROWS = 12
LEARNED = ("center", "coefficients", "intercept", "weight")
SUMS = ("spread", "offset", "gram", "cross", "penalty", "row_weight")


class Linear(Member):
    """Direct regression of all steps at once.

    `parameters`: `half_life_origins`, origins after which a row counts half; absent: all rows count the same.
    """

    kind = "linear"
    accepts = frozenset({"half_life_origins"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedLinear":
        """Return the regressions of all series and steps, fitted on the origins of the same situation."""
        recipe = make_recipe(panel, situation, ends)
        earliest = recipe.long
        limit = int(np.max(ends, initial=0)) - earliest
        if limit < FEWEST_ROWS * situation.stride:
            found = f"{limit + earliest} steps of history"
            raise ModelError(f"found {found}; a linear member needs {earliest + FEWEST_ROWS * situation.stride}")
        origins = training_origins(ends, situation, limit=limit)
        extended = panel.extend(situation.steps)
        cells = origins.shape[1] * situation.steps * 48
        chunk = max(1, CELLS_AT_ONCE // cells)
        parts = [
            self._fit_chunk(extended, recipe, origins, ends, np.arange(start, min(start + chunk, len(ends))))
            for start in range(0, len(ends), chunk)
        ]
        arrays = {name: np.concatenate([part[name] for _, part in parts]) for name in parts[0][1]}
        return FittedLinear(
            name=self.name,
            recipe=recipe,
            situation=situation,
            decay=0.5 ** (1.0 / self._half_life) if self._half_life else 1.0,
            terms=parts[0][0],
            **arrays,
        )

    @property
    def _half_life(self) -> float:
        """Origins after which a row counts half; 0: never."""
        return float(self.parameters.get("half_life_origins") or 0.0)

    def _fit_chunk(
        self, panel: Panel, recipe: Recipe, origins: IntArray, ends: IntArray, series: IntArray
    ) -> tuple[tuple[Term, ...], dict[str, FloatArray]]:
        part, origins, ends = panel.select(series), origins[series], ends[series]
        design = build_design(part, origins, recipe)
        positions = origins[:, :, None] + np.arange(1, recipe.steps + 1)
        known = (positions <= ends[:, None, None]) & (origins >= recipe.long)[:, :, None]
        target = np.where(known, take_positions(part.y, positions), np.nan) - design.base
        target = np.swapaxes(target, 1, 2)
        enough = np.isfinite(target).sum(axis=2, keepdims=True) >= FEWEST_ROWS
        target = np.where(enough, target, np.nan)
        batch = len(series) * recipe.steps
        weights = self._weights(origins)
        fit = fit_ridge(
            np.swapaxes(design.values, 1, 2).reshape(batch, origins.shape[1], -1),
            target.reshape(batch, -1),
            np.broadcast_to(weights, target.shape).reshape(batch, -1),
            pool=recipe.steps,
        )
        shape = (len(series), recipe.steps)
        return design.terms, {
            "center": fit.center.reshape(*shape, -1),
            "coefficients": fit.coefficients.reshape(*shape, -1),
            "intercept": fit.intercept.reshape(shape),
            "weight": (np.abs(fit.coefficients + design.fixed) * fit.spread).reshape(*shape, -1),
            **{name: _unflatten(getattr(fit.sums, name), shape) for name in SUMS},
        }

    def _weights(self, origins: IntArray) -> FloatArray:
        if not self._half_life:
            return np.ones((1, 1, origins.shape[1]))
        age = np.arange(origins.shape[1], dtype=np.float64)[::-1]
        return np.asarray(0.5 ** (age / self._half_life))[None, None, :]


class FittedLinear(FittedMember):
    """See `Linear`. Arrays have the shape (series, steps, terms), the intercept (series, steps).

    The sums (see `loopcast.zoo.learning.ridge.RidgeSums`) are what `update` adds new rows to.
    """

    kind = "linear"

    def __init__(
        self,
        *,
        name: str,
        recipe: Recipe,
        situation: Situation,
        decay: float,
        terms: tuple[Term, ...],
        center: FloatArray,
        coefficients: FloatArray,
        intercept: FloatArray,
        weight: FloatArray,
        spread: FloatArray,
        offset: FloatArray,
        gram: FloatArray,
        cross: FloatArray,
        penalty: FloatArray,
        row_weight: FloatArray,
    ) -> None:
        """Keep what was learned."""
        self.name, self.recipe, self.terms = name, recipe, terms
        self.situation, self.decay = situation, decay
        self.spread, self.offset, self.gram, self.cross = spread, offset, gram, cross
        self.penalty, self.row_weight = penalty, row_weight
        self.center, self.coefficients, self.intercept, self.weight = center, coefficients, intercept, weight

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the fixed part + intercept + the learned part."""
        design = self._design(panel, origins)
        part = np.einsum("sohk,shk->soh", self._centred(design), self.coefficients)
        return np.asarray(design.base + self.intercept[:, None] + part)

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedLinear":
        """Return the regressions after the rows whose targets came since were added to the sums."""
        steps, stride = self.recipe.steps, self.situation.stride
        newest = int(np.max(ends - since, initial=0))
        back = np.arange(-(-(newest + steps) // stride), 0, -1, dtype=np.int64) * stride
        origins = ends[:, None] - back
        positions = origins[:, :, None] + np.arange(1, steps + 1)
        is_new = (positions > since[:, None, None]) & (positions <= ends[:, None, None])
        is_new &= (origins >= self.recipe.long)[:, :, None]
        if not is_new.any():
            return self
        start = max(0, int(origins[is_new.any(axis=2)].min()) + self.recipe.offsets()[0].first)
        design = self._design(panel.since(start), origins - start)
        target = np.where(is_new, take_positions(panel.y, positions), np.nan) - design.base
        shape = self.intercept.shape
        sums = RidgeSums(**{name: _flatten(getattr(self, name), shape) for name in ("center", *SUMS)})
        for row in range(origins.shape[1]):
            columns = _flatten(design.values[:, row], shape)
            sums = sums.add(columns, target[:, row].ravel(), decay=self.decay)
        coefficients, intercept = sums.solve()
        later = copy(self)
        later.coefficients, later.intercept = _unflatten(coefficients, shape), intercept.reshape(shape)
        later.gram, later.cross = _unflatten(sums.gram, shape), _unflatten(sums.cross, shape)
        later.weight = np.abs(later.coefficients + design.fixed) * self.spread
        return later

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per feature, its fixed and its learned part together, and the constant."""
        design = self._design(panel, origins)
        values = self._centred(design) * self.coefficients[:, None]
        values += np.where(design.fixed != 0, design.values * design.fixed, 0.0)
        constant = np.broadcast_to(self.intercept[:, None, :, None], (*values.shape[:3], 1))
        terms = (*design.terms, Term("constant", ""))
        return Contributions(terms=terms, addends=np.concatenate([values, constant], axis=3))

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the features look at."""
        return self.recipe.offsets()

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the absolute standardised coefficients; the profile's base counts for the target."""
        total: dict[str, float] = {self.recipe.target: 1e-12}
        for term, weight in zip(self.terms, self.weight.sum(axis=(0, 1)), strict=True):
            total[term.variable] = total.get(term.variable, 0.0) + float(weight)
        whole = sum(total.values())
        return {variable: 100.0 * value / whole for variable, value in total.items()}

    def term_importances(self) -> tuple[tuple[Term, ...], FloatArray]:
        """Return the shares of the absolute standardised coefficients, mean over the series."""
        weight = self.weight.mean(axis=0) + 1e-12
        return self.terms, 100.0 * weight / weight.sum(axis=1, keepdims=True)

    def term_coefficients(self, series: int) -> FloatArray:
        """Return the learned part of each feature's coefficient."""
        return np.asarray(self.coefficients[series])

    def to_document(self) -> Json:
        """Return recipe and arrays."""
        arrays: dict[str, Any] = {name: as_floats(getattr(self, name)) for name in (*LEARNED, *SUMS)}
        terms = [[term.name, term.variable] for term in self.terms]
        learned = {"situation": asdict(self.situation), "decay": self.decay}
        return {"name": self.name, "recipe": asdict(self.recipe), **learned, "terms": terms, **arrays}

    @classmethod
    def from_document(cls, document: Json) -> "FittedLinear":
        """Return the member that `to_document` wrote."""
        raw = dict(document["recipe"])
        for field in ("holidays", "known_ahead"):
            raw[field] = tuple(raw[field])
        raw["lagged"] = tuple((name, lead) for name, lead in raw["lagged"])
        arrays = {name: from_floats(document[name]) for name in (*LEARNED, *SUMS)}
        terms = tuple(Term(name, variable) for name, variable in document["terms"])
        situation = situation_from_document(document["situation"])
        return cls(
            name=document["name"],
            recipe=Recipe(**raw),
            situation=situation,
            decay=document["decay"],
            terms=terms,
            **arrays,
        )

    def _design(self, panel: Panel, origins: IntArray) -> Design:
        beyond = int(np.max(origins, initial=0)) + self.recipe.steps + 1 - len(panel.local)
        return build_design(panel.extend(max(0, beyond)), origins, self.recipe)

    def _centred(self, design: Design) -> FloatArray:
        return np.nan_to_num(design.values - self.center[:, None], nan=0.0)


def _flatten(values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return an array of shape (series, steps, ...) as (series * steps, ...)."""
    return values.reshape(shape[0] * shape[1], *values.shape[2:])


def _unflatten(values: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return what `_flatten` made flat."""
    return values.reshape(*shape, *values.shape[1:])
