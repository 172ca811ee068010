"""Compiled loops over decision trees: the sum of the leaves a row reaches, and each column's Shapley value in it.

Arrays only. What the columns mean, and how trees are learned or written down, belongs in `loopcast.zoo.learning.trees`.
"""

import numpy as np
from numba import njit

from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray


@njit(cache=True)
def goes_left(value: float, threshold: float, missing_left: bool, category: int, sets: BoolArray) -> bool:  # noqa: FBT001
    """Return whether a value takes the left branch: at most the threshold, or a category of the set."""
    if np.isnan(value):
        return missing_left
    if category < 0:
        return value <= threshold
    code = int(value)
    return bool(0 <= code < sets.shape[1] and sets[category, code])


@njit(cache=True)
def add_leaves(
    rows: FloatArray,
    first_node: IntArray,
    first_leaf: IntArray,
    feature: IntArray,
    threshold: FloatArray,
    missing_left: BoolArray,
    category: IntArray,
    sets: BoolArray,
    left: IntArray,
    right: IntArray,
    value: FloatArray,
    out: FloatArray,
) -> None:
    """Add to `out`, shape (R,), the value of the leaf that each row of shape (R, K) reaches in each tree.

    A child at least 0 is a split of the same tree, counted from `first_node`; a negative one is the leaf `-1 - child`.
    """
    for tree in range(len(first_node) - 1):
        start, leaves = first_node[tree], first_leaf[tree]
        if start == first_node[tree + 1]:
            out += value[leaves]
            continue
        for row in range(rows.shape[0]):
            child = 0
            while child >= 0:
                node = start + child
                there = goes_left(rows[row, feature[node]], threshold[node], missing_left[node], category[node], sets)
                child = left[node] if there else right[node]
            out[row] += value[leaves - 1 - child]


@njit(cache=True)
def add_shapley(
    rows: FloatArray,
    feature: IntArray,
    threshold: FloatArray,
    missing_left: BoolArray,
    category: IntArray,
    sets: BoolArray,
    parent: IntArray,
    is_left: BoolArray,
    same: IntArray,
    share: FloatArray,
    value: FloatArray,
    points: FloatArray,
    weights: FloatArray,
    out: FloatArray,
) -> None:
    """Add to `out`, shape (R, K), each column's Shapley value in one tree's prediction.

    The tree's n splits and n + 1 leaves are numbered 0 .. 2n, splits before leaves and parents before children.

    Args:
        rows: shape (R, K).
        feature: column of each split, shape (n,); so are `threshold`, `missing_left` and `category`.
        threshold: see `goes_left`.
        missing_left: see `goes_left`.
        category: number of a split's set, -1 for a threshold.
        sets: which codes are in which set.
        parent: split above each split or leaf, shape (2n + 1,).
        is_left: whether it is that split's left branch.
        same: nearest one on the way to the root whose parent splits by the same column, -1 for none.
        share: part of the training rows that all branches on the way split by that column let through.
        value: of the leaves, shape (n + 1,).
        points: nodes of the quadrature on [0, 1], shape (Q,).
        weights: of the nodes.
        out: is added to.

    References:
        Lundberg et al. (2020), "From local explanations to global understanding", path-dependent tree values;
        Owen (1972), "Multilinear extensions of games": the Shapley value of column i is the integral over t of
        d/dx_i of the extension at (t, .., t). A leaf's extension is a product of one factor per column,
        o t + z (1 - t) with o = whether the row passes and z = `share`: a polynomial, so that Gauss-Legendre is exact.
    """
    factor = make_factors(share, points)
    product = np.empty((len(parent), len(points)))
    passes = np.zeros(len(parent), dtype=np.int64)
    left = np.zeros(len(feature), dtype=np.bool_)
    for row in range(rows.shape[0]):
        for split in range(len(feature)):
            given = rows[row, feature[split]]
            left[split] = goes_left(given, threshold[split], missing_left[split], category[split], sets)
        for q in range(len(points)):
            product[0, q] = weights[q]
        go_down(left, parent, is_left, same, factor, passes, product)
        go_up(feature, parent, same, share, value, factor, passes, product, out[row])


@njit(cache=True)
def make_factors(share: FloatArray, points: FloatArray) -> FloatArray:
    """Return each branch's factor at the nodes, where the row does not pass and where it does, and their inverses.

    Returns:
        Shape (branches, 2, 2, Q): does not pass / passes; factor / inverse.
    """
    factor = np.empty((len(share), 2, 2, len(points)))
    for item in range(len(share)):
        for passed in range(2):
            for q in range(len(points)):
                made = passed * points[q] + share[item] * (1.0 - points[q])
                factor[item, passed, 0, q], factor[item, passed, 1, q] = made, 1.0 / made
    return factor


@njit(cache=True)
def go_down(
    left: BoolArray,
    parent: IntArray,
    is_left: BoolArray,
    same: IntArray,
    factor: FloatArray,
    passes: IntArray,
    product: FloatArray,
) -> None:
    """Write into `passes` and `product` whether the row passes each branch, and the product of all factors there."""
    for item in range(1, len(parent)):
        above, before = parent[item], same[item]
        passed = 1 if left[above] == is_left[item] else 0
        if before >= 0:
            passed *= passes[before]
        passes[item] = passed
        for q in range(product.shape[1]):
            made = product[above, q] * factor[item, passed, 0, q]
            product[item, q] = made if before < 0 else made * factor[before, passes[before], 1, q]


@njit(cache=True)
def go_up(
    feature: IntArray,
    parent: IntArray,
    same: IntArray,
    share: FloatArray,
    value: FloatArray,
    factor: FloatArray,
    passes: IntArray,
    product: FloatArray,
    out: FloatArray,
) -> None:
    """Add to `out`, shape (K,), what each branch's column is worth, from the leaves up to the root.

    `product` holds what `go_down` wrote; it is written over.
    """
    n_points = product.shape[1]
    for item in range(len(parent)):
        for q in range(n_points):
            product[item, q] = product[item, q] * value[item - len(feature)] if item >= len(feature) else 0.0
    for item in range(len(parent) - 1, 0, -1):
        above, before, passed = parent[item], same[item], passes[item]
        slope, slope_before = 0.0, 0.0
        for q in range(n_points):
            product[above, q] += product[item, q]
            slope += product[item, q] * factor[item, passed, 1, q]
        gained = (passed - share[item]) * slope
        if before >= 0:  # the branch above by the same column counted these leaves with its own factor
            for q in range(n_points):
                slope_before += product[item, q] * factor[before, passes[before], 1, q]
            gained -= (passes[before] - share[before]) * slope_before
        out[feature[above]] += gained
