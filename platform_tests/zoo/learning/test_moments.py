"""Sums that forget against weighted correlations computed at once."""

import numpy as np
import pytest

from loopcast.zoo.learning.moments import Moments


def draw(n, columns=4, targets=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(2.0, 1.0, (n, columns)), rng.normal(-1.0, 3.0, (n, targets))


def test_correlations_are_those_of_all_rows_weighted():
    x, y = draw(60)
    made = Moments.start(4, 2).add(x, y, 20.0)
    weights = 0.5 ** (np.arange(60)[::-1] / 20.0)
    both = np.cov(np.hstack([x, y]).T, aweights=weights, ddof=0)
    expected = both / np.sqrt(np.outer(np.diag(both), np.diag(both)))
    gram, cov = made.correlations()
    assert gram == pytest.approx(expected[:4, :4], abs=1e-5)
    assert cov == pytest.approx(expected[4:, :4], abs=1e-5)
    assert made.rows == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_rows_one_by_one_give_the_same_as_all_at_once():
    x, y = draw(30)
    y[4, 1] = np.nan
    step = whole = Moments.start(4, 2)
    whole = whole.add(x, y, 10.0)
    for row in range(30):
        step = step.add(x[row : row + 1], y[row : row + 1], 10.0)
    for name in ("weight", "squared", "known", "x", "y", "xx", "xy", "yy"):
        assert getattr(step, name) == pytest.approx(getattr(whole, name), rel=1e-5)


def test_an_unknown_column_counts_as_its_mean_and_an_unknown_target_as_no_row():
    x, y = draw(200)
    gaps = np.random.default_rng(3).random((200, 2)) < 0.3
    missing = x.copy()
    missing[5, 2] = np.nan
    made = Moments.start(4, 2).add(missing, np.where(gaps, np.nan, y), 1e9)
    center, _, mean, _ = made.describe()
    assert center[2] == pytest.approx(np.delete(x[:, 2], 5).mean())
    assert mean == pytest.approx([y[~gaps[:, h], h].mean() for h in range(2)])
    assert made.known == pytest.approx((~gaps).sum(axis=0), rel=1e-6)


def test_a_target_with_gaps_keeps_its_correlation():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(4000, 1))
    y = np.where(rng.random((4000, 1)) < 0.5, np.nan, x)
    _, cov = Moments.start(1, 1).add(x, y, 1e9).correlations()
    assert cov[0, 0] == pytest.approx(1.0, abs=0.03)


def test_constant_columns_and_targets_have_no_correlation():
    x, y = draw(20)
    x[:, 1], y[:, 0] = 7.0, 1.0  # in single precision its spread is not exactly 0
    gram, cov = Moments.start(4, 2).add(x, y, 50.0).correlations()
    assert not gram[1].any()
    assert not cov[0].any()
    assert not cov[:, 1].any()
    assert not Moments.start(4, 2).correlations()[0].any()


def test_sums_are_packed_and_unpacked_without_loss():
    x, y = draw(20)
    made = Moments.start(4, 2).add(x, y, 5.0)
    packed = made.pack()
    assert packed["xx"].shape == (10,)
    back = Moments.unpack(packed)
    for name in ("weight", "squared", "known", "x", "y", "xx", "xy", "yy"):
        assert np.array_equal(getattr(back, name), getattr(made, name))
        assert np.asarray(getattr(back, name)).dtype == np.asarray(getattr(made, name)).dtype
