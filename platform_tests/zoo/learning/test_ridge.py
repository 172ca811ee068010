"""Batched ridge against the textbook's single problem."""

import numpy as np
import pytest

from loopcast.zoo.learning.ridge import PENALTIES, fit_ridge


def problem(seed=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3, 40, 4)) * [1.0, 10.0, 0.1, 1.0] + 5.0
    y = x[..., 0] * 2.0 - 0.1 * x[..., 1] + rng.normal(0, 0.3, (3, 40))
    return x, y


def textbook(x, y, penalty):
    z = (x - x.mean(0)) / x.std(0)
    beta = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return y.mean() + z @ beta


def test_a_batch_gives_what_each_problem_alone_gives():
    x, y = problem()
    fit = fit_ridge(x, y, np.ones_like(y), pool=1)
    for b in range(3):
        mine = fit.intercept[b] + (x[b] - fit.center[b]) @ fit.coefficients[b]
        assert np.allclose(mine, textbook(x[b], y[b], fit.penalty[b]))


def test_the_penalty_has_the_smallest_leave_one_out_error():
    x, y = problem(seed=4)
    fit = fit_ridge(x[:1], y[:1], np.ones_like(y[:1]), pool=1)
    z = (x[0] - x[0].mean(0)) / x[0].std(0)
    errors = []
    for penalty in PENALTIES:
        hat = z @ np.linalg.inv(z.T @ z + penalty * np.eye(4)) @ z.T + 1 / 40
        residual = (y[0] - textbook(x[0], y[0], penalty)) / (1 - np.diag(hat))
        errors.append((residual**2).mean())
    assert fit.penalty[0] == PENALTIES[int(np.argmin(errors))]


def test_rows_without_weight_or_target_do_not_count():
    x, y = problem()
    weights = np.ones_like(y)
    weights[:, :5] = 0
    hidden = y.copy()
    hidden[:, 5:8] = np.nan
    made = fit_ridge(x, hidden, weights, pool=3)
    alone = fit_ridge(x[:, 8:], y[:, 8:], weights[:, 8:], pool=3)
    assert np.allclose(made.coefficients, alone.coefficients)


def test_a_constant_column_and_a_constant_target_give_finite_zeros():
    x, y = problem()
    x[..., 2] = 7.0
    fit = fit_ridge(x, np.full_like(y, 3.0), np.ones_like(y), pool=3)
    assert np.allclose(fit.coefficients, 0.0)
    assert np.allclose(fit.intercept, 3.0)


def test_adding_a_row_is_the_same_as_having_fitted_with_it():
    x, y = problem()
    fit = fit_ridge(x[:, :30], y[:, :30], np.ones_like(y[:, :30]), pool=1)
    sums = fit.sums
    for row in range(30, 40):
        sums = sums.add(x[:, row], y[:, row])
    coefficients, intercept = sums.solve()
    for b in range(3):
        z = np.concatenate([np.ones((40, 1)), (x[b] - fit.center[b]) / fit.spread[b]], axis=1)
        ridge = np.diag([1e-9, *[fit.penalty[b]] * 4])
        beta = np.linalg.solve(z.T @ z + ridge, z.T @ (y[b] - fit.intercept[b]))
        assert np.allclose(coefficients[b], beta[1:] / fit.spread[b])
        assert intercept[b] == pytest.approx(fit.intercept[b] + beta[0])


def test_the_sums_alone_give_the_fit_back():
    x, y = problem()
    fit = fit_ridge(x, y, 0.9 ** np.arange(40.0)[::-1] * np.ones_like(y), pool=3)
    coefficients, intercept = fit.sums.solve()
    assert np.allclose(coefficients, fit.coefficients)
    assert np.allclose(intercept, fit.intercept)


def test_with_decay_old_rows_are_forgotten_and_a_missing_target_teaches_nothing():
    x, y = problem()
    sums = fit_ridge(x, y, np.ones_like(y), pool=1).sums
    for row in range(40):
        sums = sums.add(x[:, row], y[:, row] + 100.0, decay=0.5)
    assert np.allclose(sums.solve()[1], fit_ridge(x, y, np.ones_like(y), pool=1).intercept + 100.0, atol=1.0)
    same = sums.add(x[:, 0], np.full(3, np.nan), decay=0.5)
    assert np.array_equal(same.gram, sums.gram)
