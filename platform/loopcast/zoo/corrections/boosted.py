"""The boosted correction: trees over all series of a panel that learn from the combination's own backtest errors.

What they look at is in `loopcast.zoo.corrections.boosted_features`; members that use trees do not belong here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray
from loopcast.zoo.boosting import BoostOptions, fit_trees
from loopcast.zoo.corrections.base import Correction, FittedCorrection, Json, Made
from loopcast.zoo.corrections.boosted_features import Cycles, Table, build_table, find_cycles
from loopcast.zoo.log_scale import LogScale, learn_log_scale
from loopcast.zoo.members.base import Contributions, Offset, Situation, Term
from loopcast.zoo.trees import Trees

FEWEST_SERIES = 20
FEWEST_ROWS = 5_000
MOST_ROWS = 250_000
FARTHEST = 6.0  # errors beyond so many usual changes teach no more
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CELLS_AT_ONCE = 8_000_000
OPTIONS = BoostOptions(n_trees=100, learning_rate=0.12, leaves=31, min_leaf=200, max_bin=63, rows=0.6, columns=0.6)


@dataclass(frozen=True, eq=False)
class Rows:
    """Training rows.

    Args:
        values: shape (R, K).
        target: error in usual changes, shape (R,).
        series: shape (R,).
    """

    values: FloatArray
    target: FloatArray
    series: IntArray


class Boosted(Correction):
    """Trees for the median of the scaled errors; two folds over series say honestly how much of them to add.

    References:
        Friedman (2001), Greedy function approximation, algorithm 3 (least absolute deviation); out-of-fold shares as
        in stacked generalisation (Wolpert, 1992).
    """

    kind = "boosted"

    def fit(
        self, made: Made, targets: FloatArray, situation: Situation, *, delay: int, seed: int
    ) -> tuple["FittedBoosted", FloatArray] | None:
        """Return the correction and what each fold's trees add to the other's series; None for few series or rows."""
        n_series, n_windows, _ = targets.shape
        usable = np.isfinite(targets) & np.isfinite(made.base)
        usable[:, : delay if n_windows > 2 * delay else 0] = False  # the first windows had no weights yet
        if n_series < FEWEST_SERIES or usable.sum() < FEWEST_ROWS:
            return None
        cycles = find_cycles(situation.periods, situation.steps)
        known = np.arange(made.panel.y.shape[1]) <= made.origins[:, :1]
        transform = plain(learn_log_scale(np.where(known, made.panel.y, np.nan)))
        rng = np.random.default_rng(seed)
        fold = rng.permutation(n_series) % 2
        table = build_table(made, transform, cycles)
        error = np.where(usable, (transform.to_z(targets) - table.base) / table.scale[:, :, None], np.nan)
        folds = tuple(
            learn(table, np.where((fold != number)[:, None, None], error, np.nan), rng, seed) for number in (0, 1)
        )
        parts = np.zeros(error.shape)
        for number in (0, 1):
            parts[fold == number] = apply(folds[number], table.values[fold == number])
        share = choose_share(error, parts, usable)
        if share == 0.0:
            return None
        target = made.panel.spec.target
        fitted = FittedBoosted(transform=transform, cycles=cycles, folds=folds, share=share, target=target)
        return fitted, fitted.added(table, share * parts, made.base)


def plain(transform: LogScale) -> LogScale:
    """Return the transform without standardisation: differences of logarithms are the same in all series."""
    return replace(transform, center=np.zeros_like(transform.center), spread=np.ones_like(transform.spread))


def learn(table: Table, error: FloatArray, rng: np.random.Generator, seed: int) -> Trees:
    """Return trees for the errors of shape (S, W, H) that are there, of at most so many rows drawn at random."""
    rows = np.flatnonzero(np.isfinite(error))
    if len(rows) > MOST_ROWS // 2:
        rows = np.sort(rng.choice(rows, MOST_ROWS // 2, replace=False))
    values = table.values.reshape(-1, len(table.names))[rows]
    target = np.clip(error.ravel()[rows], -FARTHEST, FARTHEST)
    return fit_trees(values, target, columns=table.names, options=replace(OPTIONS, seed=seed))


def apply(trees: Trees, values: FloatArray) -> FloatArray:
    """Return what trees say of columns of shape (S, W, H, K)."""
    return trees.predict(values.reshape(-1, values.shape[-1])).reshape(values.shape[:-1])


def choose_share(error: FloatArray, parts: FloatArray, usable: BoolArray) -> float:
    """Return which share of the out-of-fold predictions makes the mean absolute error least."""
    found = [float(np.abs(error[usable] - share * parts[usable]).mean()) for share in SHARES]
    return SHARES[int(np.argmin(found))]


class FittedBoosted(FittedCorrection):
    """See `Boosted`: the mean of both folds' trees, times a share, on the scale of logarithms."""

    kind = "boosted"

    def __init__(
        self, *, transform: LogScale, cycles: Cycles, folds: tuple[Trees, ...], share: float, target: str
    ) -> None:
        """Keep what was learned."""
        self.transform, self.cycles, self.folds, self.share, self.target = transform, cycles, folds, share, target

    def predict(self, made: Made) -> FloatArray:
        """Return what the trees add."""
        table = build_table(made, self.transform, self.cycles)
        parts = sum((apply(trees, table.values) for trees in self.folds), np.zeros(table.base.shape))
        return self.added(table, self.share * parts / len(self.folds), made.base)

    def added(self, table: Table, parts: FloatArray, base: FloatArray) -> FloatArray:
        """Return in the target's unit what parts, in usual changes, add; 0 where there is nothing to correct."""
        end = self.transform.to_y(table.base + parts * table.scale[:, :, None])
        found = np.where(np.isfinite(base), end - self.transform.to_y(table.base), 0.0)
        return np.asarray(np.nan_to_num(found))

    def contributions(self, made: Made) -> Contributions:
        """Return each column's share of what is added, and what the trees say on average."""
        table = build_table(made, self.transform, self.cycles)
        rows = table.values.reshape(-1, len(table.names))
        parts = [np.column_stack([trees.contributions(rows), np.full(len(rows), trees.expected)]) for trees in self.folds]
        addends = self.share * np.mean(parts, axis=0).reshape(*table.base.shape, -1)
        total = addends.sum(axis=-1)
        unit = np.divide(self.added(table, total, made.base), total, out=np.zeros(total.shape), where=total != 0)
        terms = tuple(Term(f"boosted:{name}", self.target) for name in (*table.names, "constant"))
        return Contributions(terms=terms, addends=addends * unit[..., None])

    def offsets(self) -> tuple[Offset, ...]:
        """Return the past values that columns are made of."""
        return (Offset(self.target, 1 - self.cycles.depth, 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the target alone: every column is made of it."""
        return {self.target: 100.0}

    def to_document(self) -> Json:
        """Return trees, transform and share."""
        return {
            "transform": self.transform.to_document(),
            "cycles": asdict(self.cycles),
            "folds": [trees.to_document() for trees in self.folds],
            "share": self.share,
            "target": self.target,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedBoosted":
        """Return the correction that `to_document` wrote."""
        return cls(
            transform=LogScale.from_document(document["transform"]),
            cycles=Cycles(**document["cycles"]),
            folds=tuple(Trees.from_document(trees) for trees in document["folds"]),
            share=document["share"],
            target=document["target"],
        )
