"""Gradient-boosted trees as values: readable JSON, prediction, and exact additive contributions of the columns.

Learning them is in `loopcast.zoo.learning.boosting`; what the columns mean is known to whoever made them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from loopcast.zoo.arrays import READABLE, BoolArray, FloatArray, IntArray

Json = dict[str, Any]
TYPES = {
    "feature": np.int64,
    "threshold": np.float64,
    "missing_left": np.bool_,
    "left": np.int64,
    "right": np.int64,
    "value": np.float64,
    "cover": np.int64,
}
LARGEST = np.finfo(np.float64).max  # a split into missing and all others has an infinite threshold, which JSON has not


@dataclass(frozen=True, eq=False)
class Tree:
    """One decision tree of n splits and n + 1 leaves; without a split, one leaf.

    A row goes left where its value is at most the threshold, or one of the categories; otherwise right.

    Args:
        feature: column of each split, shape (n,).
        threshold: shape (n,); 0 where the split is by categories.
        categories: codes that go left, in ascending order; None where the split is by a threshold. Length n.
        missing_left: whether a missing value goes left, shape (n,).
        left: split that follows, always a later one, or -1 - leaf; shape (n,).
        right: likewise.
        value: of the leaves, shape (n + 1,).
        cover: training rows that reached each leaf, shape (n + 1,).
    """

    feature: IntArray
    threshold: FloatArray
    categories: tuple[tuple[int, ...] | None, ...]
    missing_left: BoolArray
    left: IntArray
    right: IntArray
    value: FloatArray
    cover: IntArray

    def to_document(self) -> Json:
        """Return the tree as JSON values; `categories` only where there are any."""
        document = {name: getattr(self, name).tolist() for name in TYPES}
        if any(codes is not None for codes in self.categories):
            document["categories"] = [None if codes is None else list(codes) for codes in self.categories]
        return document

    @classmethod
    def from_document(cls, document: Json) -> "Tree":
        """Return the tree that `to_document` wrote."""
        given = document.get("categories") or [None] * len(document["feature"])
        arrays: dict[str, Any] = {name: np.asarray(document[name], dtype=kind) for name, kind in TYPES.items()}
        return cls(**arrays, categories=tuple(None if codes is None else tuple(codes) for codes in given))


@dataclass(frozen=True, eq=False)
class Trees:
    """A sum of trees over K columns. Immutable.

    Args:
        columns: names of the columns, K of them.
        trees: the trees; their leaves are summed.
        gain: what the splits by each column gained in training, shape (K,), at least 0.

    Examples:
        >>> stump = {"feature": [0], "threshold": [2.0], "missing_left": [True], "left": [-1], "right": [-2]}
        >>> document = {"columns": ["x"], "gain": [4.0], "trees": [{**stump, "value": [-1.0, 3.0], "cover": [3, 1]}]}
        >>> trees = Trees.from_document(document)
        >>> rows = np.array([[2.0], [2.5], [np.nan]])
        >>> trees.predict(rows).tolist(), trees.expected, trees.contributions(rows)[:, 0].round(9).tolist()
        ([-1.0, 3.0, -1.0], 0.0, [-1.0, 3.0, -1.0])
    """

    columns: tuple[str, ...]
    trees: tuple[Tree, ...]
    gain: FloatArray

    def predict(self, rows: FloatArray) -> FloatArray:
        """Return the sum of the leaves each row reaches.

        Args:
            rows: shape (R, K), NaN = missing; categories as codes.

        Returns:
            Shape (R,).
        """
        from loopcast.zoo.learning.tree_kernels import add_leaves  # numba takes a moment to load

        out = np.zeros(len(rows))
        add_leaves(np.ascontiguousarray(rows, dtype=np.float64), *self._flat, out)
        return out

    def contributions(self, rows: FloatArray) -> FloatArray:
        """Return each column's Shapley value; with `expected` they sum to what `predict` returns.

        Args:
            rows: shape (R, K), as for `predict`.

        Returns:
            Shape (R, K).

        References:
            See `loopcast.zoo.learning.tree_kernels.add_shapley`.
        """
        from loopcast.zoo.learning.tree_kernels import add_shapley  # numba takes a moment to load

        rows = np.ascontiguousarray(rows, dtype=np.float64)
        out = np.zeros(rows.shape)
        for number, paths in enumerate(self._paths):
            if paths is None:
                continue
            tree, splits = self.trees[number], slice(self._flat[0][number], self._flat[0][number + 1])
            points, weights = find_nodes(paths.n_points)
            add_shapley(
                rows, tree.feature, tree.threshold, tree.missing_left, self._flat[5][splits], self._flat[6],
                paths.parent, paths.is_left, paths.same, paths.share, tree.value, points, weights, out,
            )  # fmt: skip
        return out

    @cached_property
    def expected(self) -> float:
        """Mean prediction over the training rows: what `contributions` start from."""
        return float(sum(np.average(tree.value, weights=tree.cover) for tree in self.trees))

    def importances(self) -> Mapping[str, float]:
        """Return each column's share of the gain in percent; equal shares where no tree has a split."""
        gain = self.gain if self.gain.sum() > 0 else np.ones(len(self.columns))
        return dict(zip(self.columns, (100.0 * gain / gain.sum()).tolist(), strict=True))

    def to_document(self) -> Json:
        """Return the trees, exact to the last bit: as JSON values, or in arrays where they are too many to be read."""
        document = {"columns": list(self.columns), "gain": self.gain.tolist()}
        if len(TYPES) * sum(len(tree.feature) for tree in self.trees) > READABLE:
            return {**document, "packed": pack_trees(self.trees)}
        return {**document, "trees": [tree.to_document() for tree in self.trees]}

    @classmethod
    def from_document(cls, document: Json) -> "Trees":
        """Return the trees that `to_document` wrote."""
        trees = (
            unpack_trees(document["packed"])
            if "packed" in document
            else tuple(Tree.from_document(tree) for tree in document["trees"])
        )
        return cls(tuple(document["columns"]), trees, np.asarray(document["gain"], dtype=np.float64))

    @cached_property
    def _paths(self) -> "tuple[Paths | None, ...]":
        """The branches of each tree; None for one without a split."""
        return tuple(find_paths(tree) if len(tree.feature) else None for tree in self.trees)

    @cached_property
    def _flat(self) -> tuple[Any, ...]:
        """The arrays of all trees in one, in the order of the kernel's arguments."""
        sets = [codes for tree in self.trees for codes in tree.categories if codes is not None]
        table = np.zeros((len(sets), 1 + max((max(codes, default=0) for codes in sets), default=0)), dtype=bool)
        for number, codes in enumerate(sets):
            table[number, list(codes)] = True
        by_set = np.array([codes is not None for tree in self.trees for codes in tree.categories], dtype=bool)
        category = np.where(by_set, np.cumsum(by_set) - 1, -1).astype(np.int64)
        first_node = np.cumsum([0, *(len(tree.feature) for tree in self.trees)], dtype=np.int64)
        first_leaf = np.cumsum([0, *(len(tree.value) for tree in self.trees)], dtype=np.int64)

        def joined(name: str, kind: type) -> Any:
            return np.concatenate([np.zeros(0, dtype=kind), *(getattr(tree, name) for tree in self.trees)])

        tests = (joined("feature", np.int64), joined("threshold", np.float64), joined("missing_left", np.bool_))
        ways = (joined("left", np.int64), joined("right", np.int64), joined("value", np.float64))
        return (first_node, first_leaf, *tests, category, table, *ways)


def pack_trees(trees: Sequence[Tree]) -> Json:
    """Return trees as one array per field, tree after tree, and how many splits each has.

    The few splits by categories stand beside them: number of the split among all, and its codes.
    """
    sets = [codes for tree in trees for codes in tree.categories]
    return {
        "splits": np.array([len(tree.feature) for tree in trees], dtype=np.int64),
        **{name: np.concatenate([getattr(tree, name) for tree in trees]) for name in TYPES},
        "categories": [[number, list(codes)] for number, codes in enumerate(sets) if codes is not None],
    }


def unpack_trees(packed: Json) -> tuple[Tree, ...]:
    """Return the trees that `pack_trees` packed."""
    ends = np.cumsum(packed["splits"])
    sets: list[tuple[int, ...] | None] = [None] * int(ends[-1])
    for number, codes in packed["categories"]:
        sets[number] = tuple(codes)
    leaves = np.cumsum(packed["splits"] + 1)[:-1]
    parts = {name: np.split(packed[name], leaves if name in {"value", "cover"} else ends[:-1]) for name in TYPES}
    starts = ends - packed["splits"]
    return tuple(
        Tree(
            **{name: parts[name][number] for name in TYPES},
            categories=tuple(sets[starts[number] : ends[number]]),
        )
        for number in range(len(ends))
    )


@dataclass(frozen=True, eq=False)
class Paths:
    """What Shapley values need to know of a tree's branches; see `add_shapley` for the arrays.

    Args:
        parent: split above each split or leaf.
        is_left: on which side of it.
        same: nearest branch above, by the same column.
        share: part of the training rows that all branches of that column let through.
        n_points: nodes that make the quadrature exact: half the columns on the longest way, rounded up.
    """

    parent: IntArray
    is_left: BoolArray
    same: IntArray
    share: FloatArray
    n_points: int


@cache
def find_nodes(n_points: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of the Gauss-Legendre quadrature on the interval from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(n_points)
    return (points + 1) / 2, weights / 2


def find_paths(tree: Tree) -> Paths:
    """Return the branches of a tree that has a split."""
    n_splits = len(tree.feature)
    children = np.stack([tree.left, tree.right], axis=1)
    children = np.where(children >= 0, children, n_splits - 1 - children)
    parent = np.zeros(2 * n_splits + 1, dtype=np.int64)
    parent[children] = np.arange(n_splits)[:, None]
    is_left = np.zeros(len(parent), dtype=bool)
    is_left[children[:, 0]] = True
    cover = np.concatenate([np.zeros(n_splits), tree.cover])
    for split in range(n_splits - 1, -1, -1):
        cover[split] = cover[children[split]].sum()
    same, share = np.full(len(parent), -1, dtype=np.int64), np.ones(len(parent))
    above: list[dict[int, int]] = [{} for _ in parent]  # newest branch per column on the way to each split or leaf
    for item in range(1, len(parent)):
        column = int(tree.feature[parent[item]])
        before = above[parent[item]].get(column, -1)
        above[item] = {**above[parent[item]], column: item}
        same[item] = before
        share[item] = cover[item] / cover[parent[item]] * (share[before] if before >= 0 else 1.0)
    longest = max(len(columns) for columns in above)
    return Paths(parent, is_left, same, share, -(-longest // 2))


def trees_from_lightgbm(text: str, columns: Sequence[str]) -> Trees:
    """Return the trees of a LightGBM model, as `Booster.model_to_string` writes it.

    Args:
        text: a model of numbers and categories, one tree per iteration, without linear leaves.
        columns: names of the columns it was trained on, in order.
    """
    sections = [_read_section(part) for part in text.partition("\nend of trees")[0].split("\nTree=")[1:]]
    gain = np.zeros(len(columns))
    for section in sections:
        np.add.at(gain, _whole(section, "split_feature"), np.maximum(_real(section, "split_gain"), 0.0))
    return Trees(tuple(columns), tuple(_tree_from_lightgbm(section) for section in sections), gain)


def _read_section(text: str) -> dict[str, list[str]]:
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name: values.split() for name, _, values in pairs}


def _whole(section: Mapping[str, list[str]], name: str) -> IntArray:
    return np.array(section.get(name, []), dtype=np.int64)


def _real(section: Mapping[str, list[str]], name: str) -> FloatArray:
    return np.array(section.get(name, []), dtype=np.float64)


def _tree_from_lightgbm(section: Mapping[str, list[str]]) -> Tree:
    """Return one tree; bit 0 of a decision says categories, bit 1 missing goes left, bit 3 missing is NaN."""
    decision = _whole(section, "decision_type")
    threshold = np.minimum(_real(section, "threshold"), LARGEST)
    by_set = (decision & 1).astype(bool)
    sets = list(_read_sets(section))
    categories = tuple(sets[int(at)] if is_set else None for at, is_set in zip(threshold, by_set, strict=True))
    # A column that had nothing missing in training takes a missing value for zero.
    missing_left = np.where(decision & 8, (decision & 2) > 0, threshold >= 0) & ~by_set
    value = _real(section, "leaf_value")
    return Tree(
        feature=_whole(section, "split_feature"),
        threshold=np.where(by_set, 0.0, threshold),
        categories=categories,
        missing_left=missing_left,
        left=_whole(section, "left_child"),
        right=_whole(section, "right_child"),
        value=value,
        cover=_whole(section, "leaf_count") if len(decision) else np.ones(1, dtype=np.int64),
    )


def _read_sets(section: Mapping[str, list[str]]) -> Iterator[tuple[int, ...]]:
    """Yield the codes of each set, written as words of 32 bits."""
    bounds, words = _whole(section, "cat_boundaries"), _whole(section, "cat_threshold")
    for start, stop in pairwise(bounds):
        bits = (words[start:stop, None] >> np.arange(32)) & 1
        yield tuple(np.flatnonzero(bits.ravel()).tolist())
