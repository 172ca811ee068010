"""Batched ridge against the textbook's single problem."""

import numpy as np

from loopcast.zoo.ridge import PENALTIES, fit_ridge


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
