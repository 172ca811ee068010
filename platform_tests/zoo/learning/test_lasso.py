"""Coordinate descent against scikit-learn, and what the criterion selects."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from loopcast.zoo.learning.lasso import PENALTIES, choose_penalties, nearby_penalties, solve


def correlated(n=300, columns=12, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, columns)) + rng.normal(size=(n, 1))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = np.stack([2 * x[:, 0] - x[:, 3], x[:, 5]]) + rng.normal(0.0, 0.5, (2, n))
    y = (y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True)
    return x, y, x.T @ x / n, y @ x / n


@pytest.mark.parametrize("penalty", [0.3, 0.05, 0.004])
def test_the_solution_is_that_of_scikit_learn(penalty):
    x, y, gram, cov = correlated()
    made = solve(gram, cov, np.full(2, penalty), np.zeros((2, 12)))
    for h in range(2):
        expected = Lasso(alpha=penalty, fit_intercept=False, tol=1e-8).fit(x, y[h]).coef_
        assert made[h] == pytest.approx(expected, abs=5e-3)


def test_another_start_leads_to_the_same_solution():
    _, _, gram, cov = correlated()
    start = np.random.default_rng(1).normal(size=(2, 12))
    cold = solve(gram, cov, np.full(2, 0.02), np.zeros((2, 12)))
    assert solve(gram, cov, np.full(2, 0.02), start) == pytest.approx(cold, abs=1e-2)


def test_the_criterion_keeps_what_matters_and_leaves_noise_out():
    _, _, gram, cov = correlated()
    penalty, beta = choose_penalties(gram, cov, np.full(2, 300.0), np.tile(PENALTIES, (2, 1)), np.zeros((2, 12)))
    assert np.isin(penalty, PENALTIES).all()
    assert beta[0, 0] > 0.3 > 0 > beta[0, 3]
    assert beta[1, 5] > 0.5
    noise = np.delete(beta, [0, 3, 5], axis=1)
    assert np.abs(noise).max() < 0.1
    assert np.count_nonzero(noise) < noise.size / 2


def test_the_criterion_is_least_among_the_penalties_tried():
    x, y, gram, cov = correlated()
    criteria = []
    for penalty in PENALTIES:
        beta = Lasso(alpha=penalty, fit_intercept=False, tol=1e-6).fit(x, y[0]).coef_
        left = ((y[0] - x @ beta) ** 2).mean()
        criteria.append(300 * np.log(left) + 3 * np.count_nonzero(beta))
    penalty, _ = choose_penalties(gram, cov, np.full(2, 300.0), np.tile(PENALTIES, (2, 1)), np.zeros((2, 12)))
    assert criteria[list(PENALTIES).index(penalty[0])] <= min(criteria) + 3.0


def test_neighbours_on_the_grid_are_tried_again_and_lead_to_the_same_choice():
    _, _, gram, cov = correlated()
    counts = np.full(2, 300.0)
    penalty, beta = choose_penalties(gram, cov, counts, np.tile(PENALTIES, (2, 1)), np.zeros((2, 12)))
    tried = nearby_penalties(penalty)
    assert (np.diff(tried, axis=1) <= 0).all()
    assert np.array_equal(tried[:, 1], penalty)
    again, warm = choose_penalties(gram, cov, counts, tried, beta)
    assert np.array_equal(again, penalty)
    assert warm == pytest.approx(beta, abs=1e-2)
    assert nearby_penalties(PENALTIES[[0, -1]])[:, 0].tolist() == [PENALTIES[0], PENALTIES[-2]]
