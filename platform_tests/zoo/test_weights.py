"""Combination weights and intervals."""

import numpy as np

from loopcast.zoo.intervals import learn_intervals, rank_quantiles
from loopcast.zoo.weights import combine, learn_weights


def planted(noises, windows=20, steps=24, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.normal(0, 10, (1, windows, steps))
    forecasts = np.stack([targets + rng.normal(0, noise, targets.shape) for noise in noises], axis=3)
    return forecasts, targets


def test_weights_are_a_simplex_and_prefer_the_better_member():
    forecasts, targets = planted([1.0, 3.0, 10.0])
    weights, past = learn_weights(forecasts, targets, delay=1)
    assert np.allclose(weights.sum(axis=1), 1.0)
    assert np.allclose(past.sum(axis=2), 1.0)
    assert weights[0, 0] > weights[0, 1] > weights[0, 2]
    error = np.abs(combine(forecasts, weights[:, None, None]) - targets).mean()
    assert error < np.abs(forecasts[..., 0] - targets).mean() * 1.01


def test_a_windows_weights_do_not_know_its_own_targets_nor_later_ones():
    forecasts, targets = planted([1.0, 2.0])
    changed = targets.copy()
    changed[:, 10:] = 1e6
    _, past = learn_weights(forecasts, targets, delay=2)
    _, other = learn_weights(forecasts, changed, delay=2)
    assert np.array_equal(past[:, :12], other[:, :12])
    assert not np.array_equal(past[:, 12:], other[:, 12:])
    assert np.allclose(past[:, :2], 0.5)


def test_silent_members_leave_their_share_to_the_others():
    forecasts = np.array([[[[1.0, np.nan], [np.nan, np.nan]]]])
    made = combine(forecasts, np.array([0.2, 0.8]))
    assert made[0, 0, 0] == 1.0
    assert np.isnan(made[0, 0, 1])


def test_a_perfect_member_takes_all():
    forecasts, targets = planted([0.0, 1.0])
    weights, _ = learn_weights(forecasts, targets, delay=1)
    assert weights[0, 0] > 0.99


def test_scaling_a_series_does_not_change_its_weights():
    forecasts, targets = planted([1.0, 2.0])
    one, _ = learn_weights(forecasts, targets, delay=1)
    two, _ = learn_weights(1000 * forecasts, 1000 * targets, delay=1)
    assert np.allclose(one, two)


def test_intervals_cover_new_errors_at_their_level_and_are_asymmetric():
    rng = np.random.default_rng(1)
    errors = rng.exponential(1.0, (1, 400, 24)) * np.linspace(1, 3, 24)
    made = learn_intervals(errors[:, :28], level=90.0)
    lower, upper = made.around(np.zeros_like(errors))
    inside = ((errors >= lower) & (errors <= upper))[:, 28:].mean()
    assert 0.86 < inside < 0.96
    assert -made.quantiles[0, 0] < made.quantiles[0, 1]
    assert made.spread[0, -1] > made.spread[0, 0]


def test_no_errors_give_an_interval_without_width():
    made = learn_intervals(np.full((2, 3, 4), np.nan), level=90.0)
    assert made.spread.tolist() == np.zeros((2, 4)).tolist()
    assert rank_quantiles(np.full((1, 0), np.nan), 0.05).tolist() == [[0.0, 0.0]]
