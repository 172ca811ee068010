"""Combination weights."""

import numpy as np

from loopcast.zoo.rolling import combine_online
from loopcast.zoo.weights import combine, start_weights


def planted(noises, windows=20, steps=24, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.normal(0, 10, (1, windows, steps))
    forecasts = np.stack([targets + rng.normal(0, noise, targets.shape) for noise in noises], axis=3)
    return forecasts, targets


def learn(forecasts, targets):
    state = start_weights(len(forecasts), forecasts.shape[2], np.ones(forecasts.shape[3]))
    for window in range(forecasts.shape[1]):
        state = state.learn(forecasts[:, window], targets[:, window])
    return state.weights


def test_weights_are_a_simplex_and_prefer_the_better_member():
    forecasts, targets = planted([1.0, 3.0, 10.0])
    weights = learn(forecasts, targets)
    assert np.allclose(weights.sum(axis=2), 1.0)
    assert (np.diff(weights[0].mean(axis=0)) < 0).all()
    error = np.abs(combine(forecasts, weights[:, None]) - targets).mean()
    assert error < np.abs(forecasts[..., 0] - targets).mean() * 1.01


def test_before_any_window_the_prior_decides():
    state = start_weights(2, 1, np.array([3.0, 1.0]))
    assert np.allclose(state.weights, [0.75, 0.25])


def test_a_windows_combination_does_not_know_its_own_targets_nor_later_ones():
    forecasts, targets = planted([1.0, 2.0])
    changed = targets.copy()
    changed[:, 10:] = 1e6
    base, _ = combine_online(forecasts, targets, np.ones(2), delay=2)
    other, _ = combine_online(forecasts, changed, np.ones(2), delay=2)
    assert np.array_equal(base[:, :12], other[:, :12])
    assert not np.array_equal(base[:, 12:], other[:, 12:])
    assert np.allclose(base[:, :2], forecasts[:, :2].mean(axis=3))


def test_silent_members_leave_their_share_to_the_others():
    forecasts = np.array([[[[1.0, np.nan], [np.nan, np.nan]]]])
    made = combine(forecasts, np.array([0.2, 0.8]))
    assert made[0, 0, 0] == 1.0
    assert np.isnan(made[0, 0, 1])


def test_a_perfect_member_takes_all():
    forecasts, targets = planted([0.0, 1.0])
    weights = learn(forecasts, targets)
    assert (weights[0, :, 0] > 0.99).all()


def test_scaling_a_series_does_not_change_its_weights():
    forecasts, targets = planted([1.0, 2.0])
    one, two = learn(forecasts, targets), learn(1000 * forecasts, 1000 * targets)
    assert np.allclose(one, two)


def test_a_member_that_is_good_at_some_steps_gets_its_weight_there():
    rng = np.random.default_rng(5)
    targets = rng.normal(0, 10, (1, 120, 24))
    noise = np.where(np.arange(24) < 12, 1.0, 4.0)
    made = [targets + rng.normal(0, 1, targets.shape) * size for size in (noise, noise[::-1])]
    weights = learn(np.stack(made, axis=3), targets)
    assert weights[0, :12, 0].mean() > 0.7
    assert weights[0, 12:, 1].mean() > 0.7


def test_a_series_without_a_window_takes_what_all_others_found():
    forecasts, targets = planted([1.0, 5.0])
    many = np.repeat(forecasts, 5, axis=0), np.repeat(targets, 5, axis=0)
    many[1][4] = np.nan
    weights = learn(*many).mean(axis=1)
    assert weights[4, 0] > 0.9
