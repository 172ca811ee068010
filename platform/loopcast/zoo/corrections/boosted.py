"""The boosted correction: trees over all series of a panel that learn from the combination's own backtest errors.

What they look at is in `loopcast.zoo.corrections.boosted_features`; members that use trees do not belong here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache

import numpy as np

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray
from loopcast.zoo.corrections.base import Correction, FittedCorrection, Json, Made
from loopcast.zoo.corrections.boosted_features import Cycles, Table, build_table, find_cycles
from loopcast.zoo.learning.boosting import BoostOptions, fit_trees
from loopcast.zoo.learning.log_scale import LogScale, learn_log_scale
from loopcast.zoo.learning.trees import Trees
from loopcast.zoo.members.base import Contributions, Offset, Situation, Term

FEWEST_SERIES = 20
FEWEST_ROWS = 5_000
MOST_ROWS = 120_000
FARTHEST = 6.0  # errors beyond so many usual changes teach no more
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
CELLS_AT_ONCE = 20_000_000
OPTIONS = BoostOptions(n_trees=70, learning_rate=0.17, leaves=31, min_leaf=200, max_bin=63, rows=0.6, columns=0.6)


class Tables:
    """Columns of a panel, made some series at a time; the newest are kept."""

    def __init__(self, made: Made, transform: LogScale, cycles: Cycles) -> None:
        """Divide the series."""
        self.made, self.transform, self.cycles = made, transform, cycles
        columns = len(made.members) + 20
        n_parts = -(-made.base.size * columns // CELLS_AT_ONCE)
        self.series = np.array_split(np.arange(len(made.base)), n_parts)
        self.take = lru_cache(maxsize=1)(self._take)

    def _take(self, number: int) -> Table:
        some = self.series[number]
        made = self.made
        part = Made(made.panel.select(some), made.origins[some], made.members, made.forecasts[some], made.base[some])
        return build_table(part, self.transform.select(some), self.cycles)


@dataclass(frozen=True, eq=False)
class Said:
    """What trees say of a panel, in usual changes.

    Args:
        parts: shape (S, W, H).
        base: the combination on the scale, shape (S, W, H).
        scale: usual change, shape (S, W).
    """

    parts: FloatArray
    base: FloatArray
    scale: FloatArray


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
        usable = np.isfinite(targets) & np.isfinite(made.base)
        usable[:, : delay if targets.shape[1] > 2 * delay else 0] = False  # the first windows had no weights yet
        if len(targets) < FEWEST_SERIES or usable.sum() < FEWEST_ROWS:
            return None
        cycles = find_cycles(situation.periods, situation.steps)
        known = np.arange(made.panel.y.shape[1]) <= made.origins[:, :1]
        transform = plain(learn_log_scale(np.where(known, made.panel.y, np.nan)))
        rng = np.random.default_rng(seed)
        fold = rng.permutation(len(targets)) % 2
        tables = Tables(made, transform, cycles)
        z = transform.to_z(targets)
        folds = learn(tables, z, fold, usable & (rng.random(targets.shape) < MOST_ROWS / usable.sum()), seed)
        said = say(tables, folds, fold, usable)
        error = ((z - said.base) / said.scale[:, :, None])[usable]
        share = choose_share(error, said.parts[usable])
        if share == 0.0:
            return None
        fitted = FittedBoosted(
            transform=transform, cycles=cycles, folds=folds, share=share, target=made.panel.spec.target
        )
        return fitted, fitted.added(said, made.base)


def plain(transform: LogScale) -> LogScale:
    """Return the transform without standardisation: differences of logarithms are the same in all series."""
    return replace(transform, center=np.zeros_like(transform.center), spread=np.ones_like(transform.spread))


def learn(tables: Tables, z: FloatArray, fold: IntArray, picked: BoolArray, seed: int) -> tuple[Trees, ...]:
    """Return the trees of each fold, learned from the picked cells, shape (S, W, H), of the other fold's series."""
    values, errors, folds = [], [], []
    for number, some in enumerate(tables.series):
        table, here = tables.take(number), picked[some]
        error = (z[some] - table.base) / table.scale[:, :, None]
        values.append(table.cells[here])
        errors.append(np.clip(error[here], -FARTHEST, FARTHEST))
        folds.append(np.broadcast_to(fold[some, None, None], here.shape)[here])
    rows, target, of_fold = np.concatenate(values), np.concatenate(errors), np.concatenate(folds)
    options = replace(OPTIONS, seed=seed)
    return tuple(
        fit_trees(rows[of_fold != k], target[of_fold != k], columns=tables.take(0).names, options=options)
        for k in (0, 1)
    )


def say(tables: Tables, folds: tuple[Trees, ...], fold: IntArray, usable: BoolArray) -> Said:
    """Return what the trees that did not see a series say of its usable cells; 0 elsewhere."""
    made = []
    for number, some in enumerate(tables.series):
        table, parts = tables.take(number), np.zeros(usable[some].shape)
        for k, trees in enumerate(folds):
            here = usable[some] & (fold[some] == k)[:, None, None]
            parts[here] = trees.predict(table.cells[here])
        made.append(Said(parts, table.base, table.scale))
    return Said(*(np.concatenate([getattr(part, item.name) for part in made]) for item in fields(Said)))


def choose_share(error: FloatArray, parts: FloatArray) -> float:
    """Return which share of the out-of-fold predictions makes the mean absolute error least.

    Examples:
        >>> choose_share(np.array([1.0, -2.0]), np.array([2.0, -4.0]))
        0.5
    """
    return SHARES[int(np.argmin([np.abs(error - share * parts).mean() for share in SHARES]))]


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
        rows = table.cells.reshape(-1, len(table.names))
        parts = np.mean([trees.predict(rows) for trees in self.folds], axis=0)
        return self.added(Said(parts.reshape(table.base.shape), table.base, table.scale), made.base)

    def added(self, said: Said, base: FloatArray) -> FloatArray:
        """Return in the target's unit what a share of the trees adds; 0 where there is nothing to correct."""
        end = self.transform.to_y(said.base + self.share * said.parts * said.scale[:, :, None])
        return np.nan_to_num(np.where(np.isfinite(base), end - self.transform.to_y(said.base), 0.0))

    def contributions(self, made: Made) -> Contributions:
        """Return each column's share of what is added, and what the trees say on average."""
        table = build_table(made, self.transform, self.cycles)
        rows = table.cells.reshape(-1, len(table.names))
        split = [
            np.column_stack([trees.contributions(rows), np.full(len(rows), trees.expected)]) for trees in self.folds
        ]
        addends = np.mean(split, axis=0).reshape(*table.base.shape, -1)
        total = addends.sum(axis=-1)
        added = self.added(Said(total, table.base, table.scale), made.base)
        unit = np.divide(added, total, out=np.zeros(total.shape), where=total != 0)
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
