"""Learning gradient-boosted trees with LightGBM, one thread, reproducible to the last bit.

What comes out are values, `loopcast.zoo.learning.trees.Trees`: predicting does not need LightGBM.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.learning.trees import Trees, trees_from_lightgbm


@dataclass(frozen=True, kw_only=True)
class BoostOptions:
    """How trees are learned.

    Args:
        n_trees: number of trees.
        learning_rate: share of each tree that counts.
        leaves: most leaves of a tree.
        min_leaf: fewest rows in a leaf.
        max_bin: most distinct values told apart in a column.
        rows: share of the rows that each tree sees, in (0, 1].
        columns: share of the columns that each tree sees, in (0, 1].
        quantile: which quantile is learned; None: the median, as the mean absolute error asks for.
        seed: of the choice of rows and columns.
    """

    n_trees: int = 300
    learning_rate: float = 0.05
    leaves: int = 31
    min_leaf: int = 40
    max_bin: int = 127
    rows: float = 0.7
    columns: float = 0.5
    quantile: float | None = None
    seed: int = 0

    def to_lightgbm(self) -> dict[str, Any]:
        """Return LightGBM's parameters."""
        loss = {"objective": "regression_l1"} if self.quantile is None else {"objective": "quantile"}
        return {
            **loss,
            "alpha": 0.5 if self.quantile is None else self.quantile,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_leaf,
            "max_bin": self.max_bin,
            "bagging_fraction": self.rows,
            "bagging_freq": 1 if self.rows < 1 else 0,
            "feature_fraction": self.columns,
            "seed": self.seed,
            "num_threads": 1,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }


def load_lightgbm() -> Any:
    """Return the library, loaded only when a fit needs it: that takes a second.

    Raises:
        ModelError: the system's OpenMP library, which it is linked against, is not there.
    """
    try:
        import lightgbm
    except OSError as error:
        found = f"found LightGBM without a library of the system it needs ({error})"
        remedy = "install libgomp1 (Debian, Ubuntu), libgomp (Fedora, Alpine) or libomp (macOS)"
        raise ModelError(f"{found}; expected the OpenMP runtime: {remedy}, then build again") from error
    return lightgbm


def fit_trees(
    rows: FloatArray,
    target: FloatArray,
    *,
    columns: Sequence[str],
    options: BoostOptions,
    categories: Sequence[int] = (),
    weights: FloatArray | None = None,
) -> Trees:
    """Return the trees that predict the target from the rows.

    Args:
        rows: shape (R, K), NaN = missing; categories as codes, 0, 1, ...
        target: shape (R,), nothing missing.
        columns: names of the K columns.
        options: how.
        categories: numbers of the columns that hold categories.
        weights: shape (R,), above 0; None: all rows count the same.

    Raises:
        ModelError: too few rows for one split, or LightGBM cannot be loaded.
    """
    if len(rows) < 2 * options.min_leaf:
        raise ModelError(f"found {len(rows)} rows to learn from; expected {2 * options.min_leaf}: two leaves' worth")
    lightgbm = load_lightgbm()
    data = lightgbm.Dataset(
        np.ascontiguousarray(rows, dtype=np.float64),
        np.asarray(target, dtype=np.float64),
        weight=weights,
        categorical_feature=list(categories),
        params={"max_bin": options.max_bin, "verbosity": -1, "num_threads": 1},
    )
    booster = lightgbm.train(options.to_lightgbm(), data, num_boost_round=options.n_trees)
    return trees_from_lightgbm(booster.model_to_string(num_iteration=-1), columns)
