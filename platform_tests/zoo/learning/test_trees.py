"""Boosted trees as values: the same numbers as LightGBM, Shapley values against their definition, exact JSON."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.errors import ModelError
from loopcast.zoo.learning import boosting
from loopcast.zoo.learning.boosting import BoostOptions, fit_trees
from loopcast.zoo.learning.trees import TYPES, Tree, Trees, trees_from_lightgbm

NAMES = ("level", "hour", "kind", "noise")
SMALL = BoostOptions(n_trees=12, leaves=9, min_leaf=5, learning_rate=0.2, columns=1.0)


def make_rows(n: int, seed: int) -> np.ndarray:
    """Return rows with gaps in the first column, and categories, some of them missing, in the third."""
    rng = np.random.default_rng(seed)
    rows = np.stack([rng.normal(size=n), rng.integers(0, 24, n), rng.integers(0, 6, n), rng.normal(size=n)], axis=1)
    rows[rng.random(n) < 0.1, 0] = np.nan
    rows[rng.random(n) < 0.1, 2] = np.nan
    return rows


def make_target(rows: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.1, len(rows))
    return np.nan_to_num(rows[:, 0]) * rows[:, 1] + 3 * np.sin(np.nan_to_num(rows[:, 2])) + noise


def unusual(rows: np.ndarray) -> np.ndarray:
    """Return rows with what training never saw: values missing everywhere, unknown and negative categories."""
    rows = rows.copy()
    rows[:10], rows[10:20, 2], rows[20:30, 2], rows[30:40, 1] = np.nan, 99, -1, np.nan
    return rows


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), leaves=st.integers(2, 20), n=st.integers(60, 400))
def test_predictions_and_contributions_are_those_of_lightgbm(seed, leaves, n):
    rows = make_rows(n, seed)
    options = BoostOptions(n_trees=8, leaves=leaves, min_leaf=5, seed=seed)
    data = lightgbm.Dataset(
        rows, make_target(rows, seed), categorical_feature=[2], params={"verbosity": -1, "min_data_per_group": 5}
    )
    booster = lightgbm.train(options.to_lightgbm(), data, num_boost_round=8)
    trees = trees_from_lightgbm(booster.model_to_string(), NAMES)
    asked = unusual(make_rows(100, seed + 1))
    assert np.abs(trees.predict(asked) - booster.predict(asked)).max() <= 1e-12
    theirs = booster.predict(asked, pred_contrib=True)
    assert np.abs(trees.contributions(asked) - theirs[:, :-1]).max() < 1e-9
    assert trees.expected == pytest.approx(theirs[0, -1], abs=1e-9)
    assert np.allclose(list(trees.importances().values()), gain_shares(booster), atol=1e-3)


def gain_shares(booster: lightgbm.Booster) -> np.ndarray:
    gain = booster.feature_importance("gain")
    return 100 * gain / gain.sum() if gain.sum() else np.full(len(gain), 100 / len(gain))


def naive_shapley(tree: Tree, row: np.ndarray, n_columns: int) -> np.ndarray:
    """Return Shapley values by their definition: the mean over all orders in which columns become known."""

    def split_rows(node: int) -> float:
        if node < 0:
            return float(tree.cover[-1 - node])
        return split_rows(int(tree.left[node])) + split_rows(int(tree.right[node]))

    def expect(node: int, known: frozenset) -> float:
        if node < 0:
            return float(tree.value[-1 - node])
        left, right = int(tree.left[node]), int(tree.right[node])
        if tree.feature[node] in known:
            return expect(left if row[tree.feature[node]] <= tree.threshold[node] else right, known)
        a, b = split_rows(left), split_rows(right)
        return (a * expect(left, known) + b * expect(right, known)) / (a + b)

    total = np.zeros(n_columns)
    orders = list(itertools.permutations(range(n_columns)))
    for order in orders:
        for place, column in enumerate(order):
            before = frozenset(order[:place])
            total[column] += expect(0, before | {column}) - expect(0, before)
    return total / len(orders)


def test_contributions_are_shapley_values_by_their_definition():
    rows = np.nan_to_num(make_rows(300, 5))
    trees = fit_trees(rows, make_target(rows, 5), columns=NAMES, options=SMALL)
    for row in rows[:10]:
        expected = sum(naive_shapley(tree, row, 4) for tree in trees.trees)
        assert trees.contributions(row[None])[0] == pytest.approx(expected, abs=1e-9)


def test_contributions_and_the_mean_sum_to_the_prediction():
    rows = make_rows(500, 1)
    trees = fit_trees(rows, 1e3 * make_target(rows, 1), columns=NAMES, options=SMALL, categories=[2])
    asked = unusual(rows)
    assert np.abs(trees.contributions(asked).sum(axis=1) + trees.expected - trees.predict(asked)).max() < 1e-9


def test_the_document_is_readable_json_and_exact():
    rows = make_rows(500, 2)
    trees = fit_trees(rows, make_target(rows, 2), columns=NAMES, options=SMALL, categories=[2])
    text = json.dumps(trees.to_document(), allow_nan=False)
    back = Trees.from_document(json.loads(text))
    assert json.dumps(back.to_document()) == text
    assert np.array_equal(back.predict(rows), trees.predict(rows))
    assert any("categories" in tree for tree in json.loads(text)["trees"])
    assert set(json.loads(text)["trees"][0]) >= {"feature", "threshold", "left", "right", "missing_left", "value"}


def test_more_trees_than_anybody_reads_are_kept_in_arrays_and_exact():
    rows = make_rows(500, 2)
    options = BoostOptions(n_trees=80, min_leaf=5, seed=1)
    trees = fit_trees(rows, make_target(rows, 2), columns=NAMES, options=options, categories=[2])
    document = trees.to_document()
    assert all(isinstance(document["packed"][name], np.ndarray) for name in ("splits", *TYPES))
    back = Trees.from_document(document)
    assert [tree.to_document() for tree in back.trees] == [tree.to_document() for tree in trees.trees]
    assert np.array_equal(back.contributions(rows), trees.contributions(rows))


def test_the_same_seed_gives_the_same_trees_and_another_does_not():
    rows = make_rows(500, 3)
    target = make_target(rows, 3)
    made = [
        fit_trees(rows, target, columns=NAMES, options=BoostOptions(n_trees=5, min_leaf=5, seed=seed))
        for seed in (1, 1, 2)
    ]
    first, again, other = (json.dumps(trees.to_document()) for trees in made)
    assert first == again != other


def test_a_quantile_is_below_the_target_in_its_share_of_the_rows():
    rows = make_rows(2000, 4)
    target = np.random.default_rng(4).normal(size=2000)
    options = BoostOptions(n_trees=100, leaves=4, quantile=0.1, rows=1.0)
    trees = fit_trees(rows, target, columns=NAMES, options=options)
    assert (target < trees.predict(rows)).mean() == pytest.approx(0.1, abs=0.03)


def test_a_constant_target_makes_trees_without_a_split():
    rows = make_rows(100, 6)
    trees = fit_trees(rows, np.full(100, 7.0), columns=NAMES, options=SMALL)
    assert np.allclose(trees.predict(rows), 7.0)
    assert trees.expected == pytest.approx(7.0)
    assert not trees.contributions(rows).any()
    assert sum(trees.importances().values()) == pytest.approx(100.0)
    assert np.array_equal(Trees.from_document(trees.to_document()).predict(rows), trees.predict(rows))


def test_a_split_into_missing_and_all_others_is_json_as_well():
    rng = np.random.default_rng(8)
    rows = np.where(rng.random((400, 1)) < 0.5, np.nan, rng.normal(size=(400, 1)))
    target = np.isnan(rows[:, 0]).astype(np.float64)
    trees = fit_trees(rows, target, columns=("x",), options=BoostOptions(n_trees=3, leaves=2, rows=1.0))
    assert max(tree.threshold.max() for tree in trees.trees) > 1e300
    back = Trees.from_document(json.loads(json.dumps(trees.to_document(), allow_nan=False)))
    assert np.array_equal(back.predict(rows), trees.predict(rows))
    assert back.predict(np.array([[np.nan]])) > back.predict(np.array([[1e200]]))


def test_no_trees_predict_nothing():
    trees = Trees(NAMES, (), np.zeros(4))
    assert trees.predict(np.zeros((3, 4))).tolist() == [0.0, 0.0, 0.0]
    assert trees.expected == 0.0


def test_too_few_rows_are_refused():
    with pytest.raises(ModelError, match="found 9 rows to learn from; expected 10"):
        fit_trees(np.zeros((9, 1)), np.zeros(9), columns=("a",), options=SMALL)


def test_a_missing_system_library_is_named_with_what_to_install(monkeypatch):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "lightgbm":
                raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.delitem(sys.modules, "lightgbm")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(ModelError, match=r"libgomp\.so\.1.*install libgomp1"):
        boosting.load_lightgbm()


def test_predicting_and_explaining_load_no_lightgbm():
    rows = make_rows(100, 7)
    trees = fit_trees(rows, make_target(rows, 7), columns=NAMES, options=SMALL)
    code = (
        "import json, sys; from loopcast.zoo.learning.trees import TYPES, Trees; "
        "trees = Trees.from_document(json.load(sys.stdin)); "
        "import numpy as np; trees.contributions(np.zeros((1, 4))); print('lightgbm' in sys.modules)"
    )
    root = Path(boosting.__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(trees.to_document()), env={"PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
