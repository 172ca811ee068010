"""The LASSO member: one sparse regression per series, step ahead and half-life on the origin-level dictionary.

All steps of a half-life share one Gram matrix; an update adds rows to its sums and starts from the former
coefficients. How members are combined does not belong here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, as_floats, from_floats
from loopcast.zoo.dictionary.choice import Memory, choose_dictionary
from loopcast.zoo.dictionary.dictionary import Dictionary
from loopcast.zoo.dictionary.rows import Rows, new_rows, past_rows, waiting
from loopcast.zoo.learning.columns import standardise
from loopcast.zoo.learning.lasso import PENALTIES, RIDGE, choose_penalties, nearby_penalties, solve
from loopcast.zoo.learning.moments import Moments
from loopcast.zoo.learning.scaling import Scaling, share_out
from loopcast.zoo.members.base import (
    Contributions,
    FittedMember,
    Json,
    Member,
    Offset,
    Situation,
    Term,
    situation_from_document,
)
from loopcast.zoo.panel import Panel

HALF_LIVES = (250.0, 2000.0)
LIMIT = 2912  # rows a fit goes back at most
FEWEST_ROWS = 20
CHOOSE_EVERY = 28  # rows after which penalties are chosen again
BEYOND = 1.5  # how far a forecast may lie outside of the targets seen, on the learning scale
FARTHEST = 10.0  # standard deviations from the mean that a feature counts at most


class Lear(Member):
    """LASSO-estimated autoregression with predictors, averaged over half-lives.

    `parameters`: `half_lives` in rows; `level`, `spread`, `factor` of the scales, see
    `loopcast.zoo.dictionary.choice.Memory`.

    References:
        Lago, Marcjasz, De Schutter and Weron (2021), Forecasting day-ahead electricity prices, section 4.1.
    """

    kind = "lear"
    accepts = frozenset({"half_lives", "level", "spread", "factor"})

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedLear":
        """Return the regressions of all series, half-lives and steps."""
        options = dict(self.parameters)
        half_lives = tuple(float(n) for n in options.pop("half_lives", HALF_LIVES))
        dictionary = choose_dictionary(panel, situation, ends, Memory(**options))
        rows = past_rows(panel, situation, ends, dictionary, limit=LIMIT)
        most = int(rows.usable.sum(axis=1).max(initial=0))
        if most < FEWEST_ROWS:
            raise ModelError(f"found {most} origins to learn from; a lear member needs {FEWEST_ROWS}")
        shape = (len(ends), len(half_lives), situation.steps, len(dictionary.features))
        empty = Moments.start(shape[3], shape[2])
        start = LearState(
            moments=tuple((empty,) * shape[1] for _ in ends),
            regressions=Regressions.start(shape),
            bounds=np.full((shape[0], 2), np.nan),
            learned=0,
        )
        state = learn(start, rows, half_lives, choose=True)
        return FittedLear(self.name, situation, dictionary, half_lives, state)


@dataclass(frozen=True, eq=False)
class Regressions:
    """Regressions of S series, L half-lives, H steps on K features.

    Args:
        center: means of the features, shape (S, L, K).
        spread: their standard deviations, 0 for a feature that is constant, shape (S, L, K).
        coefficients: per standard deviation of feature and target, shape (S, L, H, K).
        mean: of the targets on the learning scale, shape (S, L, H); NaN where there was too little to learn from.
        deviation: standard deviations of the targets, shape (S, L, H).
        penalty: chosen penalties, shape (S, L, H).
    """

    center: FloatArray
    spread: FloatArray
    coefficients: FloatArray
    mean: FloatArray
    deviation: FloatArray
    penalty: FloatArray

    @classmethod
    def start(cls, shape: tuple[int, int, int, int]) -> "Regressions":
        """Return regressions that have learned nothing, of S series, L half-lives, H steps, K features."""
        series, lives, steps, features = shape
        column, target = np.zeros((series, lives, features)), np.zeros((series, lives, steps))
        return cls(column, column, np.zeros(shape), np.full(target.shape, np.nan), target, target)


@dataclass(frozen=True, eq=False)
class LearState:
    """What is learned.

    Args:
        moments: sums over the rows, per series and half-life.
        regressions: their solution.
        bounds: lowest and highest target seen on the learning scale, shape (S, 2); NaN where none was.
        learned: rows learned since the fit.
    """

    moments: tuple[tuple[Moments, ...], ...]
    regressions: Regressions
    bounds: FloatArray
    learned: int


def learn(state: LearState, rows: Rows, half_lives: tuple[float, ...], *, choose: bool) -> LearState:
    """Return the state after some more rows.

    Args:
        state: what was learned before.
        rows: new ones; those that know too little are passed over.
        half_lives: in rows.
        choose: whether penalties are chosen anew: the first time among all, then among their neighbours.
    """
    usable = rows.usable
    moments = tuple(
        tuple(m.add(x[ok], y[ok], h) for m, h in zip(series, half_lives, strict=True))
        for series, x, y, ok in zip(state.moments, rows.features, rows.targets, usable, strict=True)
    )
    seen = np.where(usable[..., None], rows.targets, np.nan).reshape(len(usable), -1)
    low = np.fmin(state.bounds[:, 0], np.fmin.reduce(seen, axis=1, initial=np.nan))
    high = np.fmax(state.bounds[:, 1], np.fmax.reduce(seen, axis=1, initial=np.nan))
    regressions = solve_all(moments, state.regressions, choose=choose)
    return LearState(moments, regressions, np.stack([low, high], axis=1), state.learned)


def solve_all(moments: tuple[tuple[Moments, ...], ...], before: Regressions, *, choose: bool) -> Regressions:
    """Return the regressions of some sums, starting from those before."""
    solved = [
        [_solve_one(m, before.coefficients[s, n], before.penalty[s, n], choose=choose) for n, m in enumerate(lives)]
        for s, lives in enumerate(moments)
    ]
    names = [field.name for field in fields(Regressions)]
    return Regressions(**{n: np.stack([np.stack([part[n] for part in row]) for row in solved]) for n in names})


def _solve_one(moments: Moments, start: FloatArray, penalty: FloatArray, *, choose: bool) -> dict[str, FloatArray]:
    gram, cov = moments.correlations()
    gram[np.diag_indices_from(gram)] += RIDGE
    center, spread, mean, deviation = moments.describe()
    if choose:
        rows = moments.rows * moments.known / max(moments.weight, 1e-300)
        tried = nearby_penalties(penalty) if penalty.all() else np.tile(PENALTIES, (len(cov), 1))
        penalty, coefficients = choose_penalties(gram, cov, rows, tried, start)
    else:
        coefficients = solve(gram, cov, penalty, start)
    return {
        "center": center,
        "spread": spread,
        "coefficients": coefficients,
        "mean": np.where(moments.known > 0, mean, np.nan),
        "deviation": deviation,
        "penalty": penalty,
    }


class FittedLear(FittedMember):
    """See `Lear`."""

    kind = "lear"

    def __init__(
        self,
        name: str,
        situation: Situation,
        dictionary: Dictionary,
        half_lives: tuple[float, ...],
        state: LearState,
    ) -> None:
        """Keep what was learned."""
        self.name, self.situation, self.dictionary = name, situation, dictionary
        self.half_lives, self.state = half_lives, state

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedLear":
        """Return the member with the new rows in its sums; penalties are chosen again every `CHOOSE_EVERY` rows."""
        rows = new_rows(panel, self.situation, self.dictionary, ends, since)
        if not rows.usable.any():
            return self
        before = self.state
        learned = before.learned + rows.targets.shape[1]
        choose = learned // CHOOSE_EVERY > before.learned // CHOOSE_EVERY
        later = learn(before, rows, self.half_lives, choose=choose)
        state = LearState(later.moments, later.regressions, later.bounds, learned)
        return FittedLear(self.name, self.situation, self.dictionary, self.half_lives, state)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the mean of the half-lives' forecasts."""
        return self.predict_rows(*self.dictionary.values(panel, origins))

    def predict_rows(self, features: FloatArray, scaling: Scaling) -> FloatArray:
        """Return the forecasts of origins whose features, shape (S, O, K), are known already."""
        made = [scaling.inverse(self._bound(constant + x @ beta)) for x, beta, constant in self._parts(features)]
        return np.asarray(np.mean(made, axis=0))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return one term per feature, the constant, and what the bounds took away."""
        features, scaling = self.dictionary.values(panel, origins)
        terms = (*(Term(f.name, f.variable) for f in self.dictionary.features), Term("constant", ""), Term("bound", ""))
        parts = []
        for x, beta, intercept in self._parts(features):
            addends = x[:, :, None] * np.swapaxes(beta, 1, 2)[:, None]
            constant = np.broadcast_to(intercept, addends.shape[:3])
            base, shared = share_out(scaling, constant, addends)
            cut = scaling.inverse(self._bound(constant + x @ beta)) - base - shared.sum(axis=3)
            parts.append(np.concatenate([shared, base[..., None], cut[..., None]], axis=3))
        return Contributions(terms=terms, addends=np.asarray(np.mean(parts, axis=0)))

    def offsets(self) -> tuple[Offset, ...]:
        """Return what the features look at, from the row that an update learns."""
        return self.dictionary.offsets(waiting(self.situation) * self.situation.stride)

    def importances(self) -> Mapping[str, float]:
        """Return the shares of the absolute standardised coefficients."""
        weight = np.abs(self.state.regressions.coefficients).sum(axis=(0, 1, 2))
        return self.dictionary.share_importance(weight)

    def term_importances(self) -> tuple[tuple[Term, ...], FloatArray]:
        """Return the shares of the absolute standardised coefficients, mean over series and half-lives."""
        weight = np.abs(self.state.regressions.coefficients).sum(axis=(0, 1)) + 1e-12
        terms = tuple(Term(feature.name, feature.variable) for feature in self.dictionary.features)
        return terms, 100.0 * weight / weight.sum(axis=1, keepdims=True)

    def to_document(self) -> Json:
        """Return coefficients by name and other small values as JSON values, and the sums as arrays."""
        state = self.state
        small = {n: as_floats(getattr(state.regressions, n)) for n in ("mean", "deviation", "penalty")}
        large = {n: getattr(state.regressions, n) for n in ("center", "spread")}
        return {
            "name": self.name,
            "situation": asdict(self.situation) | {"periods": list(self.situation.periods)},
            "dictionary": self.dictionary.to_document(),
            "half_lives": list(self.half_lives),
            "learned": state.learned,
            "bounds": as_floats(state.bounds),
            "coefficients": self._name_coefficients(),
            **small,
            **large,
            "moments": _stack([[m.pack() for m in lives] for lives in state.moments]),
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedLear":
        """Return the member that `to_document` wrote."""
        dictionary = Dictionary.from_document(document["dictionary"])
        arrays = {n: from_floats(document[n]) for n in ("mean", "deviation", "penalty", "center", "spread")}
        shape = (*arrays["mean"].shape, len(dictionary.features))
        coefficients = _read_coefficients(document["coefficients"], dictionary, shape)
        sums = {name: np.asarray(values) for name, values in document["moments"].items()}
        moments = tuple(
            tuple(Moments.unpack({name: values[s, n] for name, values in sums.items()}) for n in range(shape[1]))
            for s in range(shape[0])
        )
        state = LearState(
            moments,
            Regressions(coefficients=coefficients, **arrays),
            from_floats(document["bounds"]),
            document["learned"],
        )
        situation = situation_from_document(document["situation"])
        return cls(document["name"], situation, dictionary, tuple(document["half_lives"]), state)

    def _parts(self, features: FloatArray) -> Iterator[tuple[FloatArray, FloatArray, FloatArray]]:
        """Yield, per half-life, inputs (S, O, K), their coefficients (S, K, H) and the constant (S, 1, H)."""
        learned = self.state.regressions
        for number in range(len(self.half_lives)):
            x = standardise(
                features, learned.center[:, number, None], learned.spread[:, number, None], farthest=FARTHEST
            )
            beta = learned.coefficients[:, number] * learned.deviation[:, number, :, None]
            yield x, np.swapaxes(beta, 1, 2), learned.mean[:, number, None]

    def _bound(self, z: FloatArray) -> FloatArray:
        low, high = self.state.bounds.T[:, :, None, None]
        return np.clip(z, low - BEYOND, high + BEYOND)

    def _name_coefficients(self) -> list[list[list[dict[str, float]]]]:
        names = [feature.name for feature in self.dictionary.features]
        return [
            [[{names[k]: float(beta[k]) for k in np.flatnonzero(beta)} for beta in steps] for steps in lives]
            for lives in self.state.regressions.coefficients
        ]


def _read_coefficients(
    named: list[list[list[dict[str, float]]]], dictionary: Dictionary, shape: tuple[int, ...]
) -> FloatArray:
    column = {feature.name: number for number, feature in enumerate(dictionary.features)}
    out = np.zeros(shape)
    for index in np.ndindex(*shape[:3]):
        series, life, step = index
        for name, value in named[series][life][step].items():
            out[(*index, column[name])] = value
    return out


def _stack(parts: list[list[dict[str, Any]]]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.array([[part[name] for part in lives] for lives in parts]) for name in parts[0][0]}
