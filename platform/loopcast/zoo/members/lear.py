"""The LASSO member: one sparse regression per series, step ahead and training window on the origin-level dictionary.

All steps of a window share one Gram matrix; an update adds rows and starts from the former coefficients. How members
are combined does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, as_floats, from_floats
from loopcast.zoo.columns import describe_columns, standardise
from loopcast.zoo.dictionary.choice import choose_dictionary
from loopcast.zoo.dictionary.examples import (
    Examples,
    collect_examples,
    examples_from_document,
    extend_examples,
)
from loopcast.zoo.lasso import PENALTIES, RIDGE, choose_penalties, solve
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel
from loopcast.zoo.scaling import share_out

WINDOWS = (56, 84, 182, 364, 728, 1456)
FEWEST_ROWS = 40
CHOOSE_EVERY = 7  # rows after which penalties are chosen again
BEYOND = 1.5  # how far a forecast may lie outside of the window's targets, on the learning scale
FARTHEST = 10.0  # standard deviations from the mean that a feature counts at most


class Lear(Member):
    """LASSO-estimated autoregression with predictors, averaged over training windows.

    `parameters`: `windows`, rows in each training window; absent: 56 to 1456.

    References:
        Lago, Marcjasz, De Schutter and Weron (2021), Forecasting day-ahead electricity prices, section 4.1.
    """

    kind = "lear"
    accepts = frozenset({"windows"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedLear":
        """Return the regressions of all series, windows and steps."""
        windows = tuple(int(n) for n in self.parameters.get("windows", WINDOWS))
        dictionary = choose_dictionary(panel, situation, ends)
        examples = collect_examples(panel, situation, ends, dictionary, limit=max(windows))
        most = int(examples.usable.sum(axis=1).max(initial=0))
        if most < FEWEST_ROWS:
            raise ModelError(f"found {most} origins to learn from; a lear member needs {FEWEST_ROWS}")
        shorter = [n for n in windows if n < most]
        windows = tuple(windows[: len(shorter) + 1])
        return FittedLear(self.name, examples, windows, learn(examples, windows, None, choose=True), 0)


@dataclass(frozen=True, eq=False)
class Regressions:
    """Regressions of S series, W windows, H steps on K features.

    Args:
        center: means of the features, shape (S, W, K).
        spread: their standard deviations, 0 for a feature that is constant, shape (S, W, K).
        coefficients: per standard deviation of the feature, on the learning scale, shape (S, W, H, K).
        intercept: shape (S, W, H); NaN where there was too little to learn from.
        deviation: standard deviations of the targets, shape (S, W, H).
        penalty: chosen penalties, shape (S, W, H).
        bounds: lowest and highest forecast on the learning scale, shape (S, W, 2).
    """

    center: FloatArray
    spread: FloatArray
    coefficients: FloatArray
    intercept: FloatArray
    deviation: FloatArray
    penalty: FloatArray
    bounds: FloatArray


def learn(examples: Examples, windows: tuple[int, ...], before: Regressions | None, *, choose: bool) -> Regressions:
    """Return the regressions on the newest rows.

    Args:
        examples: rows.
        windows: rows in each window.
        before: where coefficients start and, unless they are chosen, where penalties come from.
        choose: whether penalties are chosen anew.
    """
    usable = examples.usable
    parts = [
        [
            _learn_window(examples, series, usable[series], window, _part(before, series, number), choose=choose)
            for number, window in enumerate(windows)
        ]
        for series in range(len(usable))
    ]
    names = Regressions.__dataclass_fields__
    return Regressions(**{n: np.stack([np.stack([getattr(p, n) for p in row]) for row in parts]) for n in names})


def _part(regressions: Regressions | None, series: int, window: int) -> Regressions | None:
    if regressions is None:
        return None
    names = Regressions.__dataclass_fields__
    return Regressions(**{name: getattr(regressions, name)[series, window] for name in names})


def _learn_window(
    examples: Examples, series: int, usable: BoolArray, window: int, before: Regressions | None, *, choose: bool
) -> Regressions:
    rows = slice(max(0, len(usable) - window), None)
    chosen = usable[rows]
    features, targets = examples.features[series, rows][chosen], examples.targets[series, rows][chosen]
    center, spread = describe_columns(features)
    x = standardise(features, center, spread, farthest=FARTHEST)
    mean, deviation = describe_columns(targets, smallest=0.0)
    known = np.isfinite(targets)
    counts = known.sum(axis=0)
    enough = counts >= min(FEWEST_ROWS, window // 2)
    scale = np.where(enough & (deviation > 0), deviation, 1.0)
    y = np.where(known & enough, (targets - mean) / scale, 0.0).astype(np.float32)
    gram = (x.T @ x).astype(np.float64) / max(1, len(x))
    gram[np.diag_indices_from(gram)] += RIDGE
    cov = (y.T @ x).astype(np.float64) / np.maximum(counts, 1)[:, None]
    if choose or before is None:
        penalty, beta = choose_penalties(gram, cov, counts, PENALTIES)
    else:
        penalty = before.penalty
        beta = solve(gram, cov, penalty, before.coefficients / before.deviation[:, None])
    low, high = (np.min(targets, initial=0.0, where=known), np.max(targets, initial=0.0, where=known))
    return Regressions(
        center=center,
        spread=spread,
        coefficients=beta * scale[:, None],
        intercept=np.where(enough, mean, np.nan),
        deviation=scale,
        penalty=penalty,
        bounds=np.array([low - BEYOND, high + BEYOND]),
    )


class FittedLear(FittedMember):
    """See `Lear`."""

    kind = "lear"

    def __init__(
        self, name: str, examples: Examples, windows: tuple[int, ...], regressions: Regressions, learned: int
    ) -> None:
        """Keep rows, regressions, and how many rows were learned since the fit."""
        self.name, self.examples, self.windows = name, examples, windows
        self.regressions, self.learned = regressions, learned

    def update(self, panel: Panel, ends: IntArray) -> "FittedLear":
        """Return the member with the rows up to the ends; penalties are chosen again every `CHOOSE_EVERY` rows."""
        examples, fresh = extend_examples(self.examples, panel, ends, limit=max(self.windows))
        if not fresh:
            return self
        learned = self.learned + fresh
        choose = learned // CHOOSE_EVERY > self.learned // CHOOSE_EVERY
        regressions = learn(examples, self.windows, self.regressions, choose=choose)
        return FittedLear(self.name, examples, self.windows, regressions, learned)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the mean of the windows' forecasts."""
        constant, addends = self._addends(panel, origins)
        total = np.stack([c + a.sum(axis=3) for c, a in zip(constant, addends, strict=True)])
        made = [self._invert(self._bound(z, number)) for number, z in enumerate(total)]
        return np.asarray(np.mean(made, axis=0))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per feature, the constant, and what the bounds took away."""
        features = self.examples.dictionary.features
        terms = (*(Term(f.name, f.variable) for f in features), Term("constant", ""), Term("bound", ""))
        parts = []
        for number, (constant, addends) in enumerate(zip(*self._addends(panel, origins), strict=True)):
            base, shared = share_out(self._scaling, constant, addends)
            z = constant + addends.sum(axis=3)
            cut = self._invert(self._bound(z, number)) - self._invert(z)
            parts.append(np.concatenate([shared, base[..., None], cut[..., None]], axis=3))
        return Contributions(terms=terms, addends=np.asarray(np.mean(parts, axis=0)))

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the features look at."""
        return self.examples.dictionary.offsets()

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the absolute standardised coefficients."""
        weight = np.abs(self.regressions.coefficients).sum(axis=(0, 1, 2))
        total = {self.examples.dictionary.target: 1e-12}
        for feature, value in zip(self.examples.dictionary.features, weight, strict=True):
            total[feature.variable] = total.get(feature.variable, 0.0) + float(value)
        whole = sum(total.values())
        return {variable: 100.0 * value / whole for variable, value in total.items()}

    def to_document(self) -> Json:
        """Return coefficients by name as JSON values, and rows as arrays."""
        arrays = {
            name: as_floats(getattr(self.regressions, name))
            for name in Regressions.__dataclass_fields__
            if name != "coefficients"
        }
        return {
            "name": self.name,
            "windows": list(self.windows),
            "learned": self.learned,
            "examples": self.examples.to_document(),
            "coefficients": self._name_coefficients(),
            **arrays,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedLear":
        """Return the member that `to_document` wrote."""
        examples = examples_from_document(document["examples"])
        column = {feature.name: number for number, feature in enumerate(examples.dictionary.features)}
        arrays = {
            name: from_floats(document[name]) for name in Regressions.__dataclass_fields__ if name != "coefficients"
        }
        coefficients = np.zeros((*arrays["intercept"].shape, len(column)))
        for series, windows in enumerate(document["coefficients"]):
            for window, steps in enumerate(windows):
                for step, terms in enumerate(steps):
                    for name, value in terms.items():
                        coefficients[series, window, step, column[name]] = value
        regressions = Regressions(coefficients=coefficients, **arrays)
        return cls(document["name"], examples, tuple(document["windows"]), regressions, document["learned"])

    @property
    def _scaling(self) -> Any:
        return self.examples.scalings[self.examples.dictionary.target]

    def _addends(self, panel: Panel, origins: IntArray) -> tuple[list[FloatArray], list[FloatArray]]:
        """Return each window's constants, shape (S, O, H), and addends, shape (S, O, H, K), on the learning scale."""
        learned = self.regressions
        values = self.examples.dictionary.values(panel, origins, self.examples.scalings)
        constants, addends = [], []
        for number in range(len(self.windows)):
            x = standardise(values, learned.center[:, number, None], learned.spread[:, number, None], farthest=FARTHEST)
            addends.append(x[:, :, None] * learned.coefficients[:, number, None])
            constants.append(np.broadcast_to(learned.intercept[:, number, None], addends[-1].shape[:3]))
        return constants, addends

    def _bound(self, z: FloatArray, window: int) -> FloatArray:
        low, high = np.moveaxis(self.regressions.bounds[:, window], 1, 0)[:, :, None, None]
        return np.clip(z, low, high)

    def _invert(self, z: FloatArray) -> FloatArray:
        return np.asarray(self._scaling.inverse(z))

    def _name_coefficients(self) -> list[list[list[dict[str, float]]]]:
        names = [feature.name for feature in self.examples.dictionary.features]
        return [
            [[{names[k]: float(beta[k]) for k in np.flatnonzero(beta)} for beta in steps] for steps in windows]
            for windows in self.regressions.coefficients
        ]
