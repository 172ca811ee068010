"""Quantiles of errors: coverage, asymmetry, steps, drift, few windows, and what they may never do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.intervals import KEPT, learn_intervals, replay_ends, restore_intervals
from loopcast.zoo.quantile_table import GRID, rank_quantiles, read_table

LEVELS = (50.0, 80.0, 90.0, 95.0)
ERRORS = arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(1, 4)),
    elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan)),
)


def coverage(made, errors, level):
    lower, upper = made.around(np.zeros_like(errors), level=level)
    return 100.0 * ((lower <= errors) & (errors <= upper)).mean()


def follow(errors, *, start, level):
    """Return which of the errors after `start` windows were inside, the intervals updated window by window."""
    made, inside = learn_intervals(errors[:, :start]), []
    for window in range(start, errors.shape[1]):
        new = errors[:, window : window + 1]
        lower, upper = made.around(np.zeros_like(new), level=level)
        inside.append((lower <= new) & (new <= upper))
        made = made.update(new)
    return np.concatenate(inside, axis=1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("windows", [8, 28, 100])
def test_exchangeable_errors_are_covered_within_binomial_limits(windows, level):
    rng = np.random.default_rng(windows)
    errors = rng.normal(size=(300, windows + 1, 1))
    inside = np.mean([coverage(learn_intervals(e[None, :-1]), e[None, -1:], level) for e in errors])
    limit = 3.3 * 100.0 * np.sqrt(level / 100.0 * (1.0 - level / 100.0) / len(errors))
    assert abs(inside - level) < limit


@pytest.mark.parametrize("windows", [2, 4, 16])
def test_a_panel_with_few_windows_is_covered_because_series_share_their_quantiles(windows):
    rng = np.random.default_rng(windows)
    size = rng.lognormal(0.0, 2.0, (200, 1, 1))
    errors = size * (rng.normal(size=(200, windows + 1, 12)) + rng.normal(size=(200, windows + 1, 1)))
    made = learn_intervals(errors[:, :-1])
    for level, tolerance in zip(LEVELS, (6.0, 6.0, 5.0, 4.0), strict=True):
        assert abs(coverage(made, errors[:, -1:], level) - level) < tolerance


def test_one_window_of_one_step_gives_a_wide_interval_around_the_forecast():
    lower, upper = learn_intervals(np.array([[[2.0]]])).around(np.zeros((1, 1, 1)), level=90.0)
    assert lower[0, 0, 0] == pytest.approx(-upper[0, 0, 0])
    assert upper[0, 0, 0] > 4.0


def test_skewed_errors_give_a_longer_arm_above():
    errors = np.random.default_rng(1).exponential(1.0, (1, 428, 24)) - 0.7
    made = learn_intervals(errors[:, :28])
    lower, upper = made.around(np.zeros((1, 1, 24)), level=90.0)
    assert (upper > -3.0 * lower).all()
    assert abs(coverage(made, errors[:, 28:], 90.0) - 90.0) < 4.0


def test_each_step_has_its_own_width():
    errors = np.random.default_rng(2).normal(size=(1, 156, 24)) * np.linspace(1.0, 4.0, 24)
    made = learn_intervals(errors[:, :56])
    lower, upper = made.around(np.zeros((1, 1, 24)), level=80.0)
    width = (upper - lower)[0, 0]
    assert 2.5 < width[-4:].mean() / width[:4].mean() < 4.5
    for part in (slice(0, 8), slice(16, 24)):
        ends = made.around(np.zeros_like(errors[:, 56:]), level=80.0)
        inside = ((ends[0] <= errors[:, 56:]) & (errors[:, 56:] <= ends[1]))[..., part].mean()
        assert 0.74 < inside < 0.86


def test_a_variance_that_doubles_is_followed():
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(1, 300, 24)) * np.where(np.arange(300) < 120, 1.0, 2.0)[None, :, None]
    inside = follow(errors, start=60, level=90.0)
    assert abs(inside[:, :60].mean() - 0.9) < 0.02
    assert inside[:, 60:64].mean() < 0.85
    assert abs(inside[:, 80:].mean() - 0.9) < 0.025
    assert KEPT < 240  # so that the old variance is forgotten within the test


def test_what_is_wrong_for_long_is_corrected_online():
    rng = np.random.default_rng(4)
    size = np.exp(np.cumsum(rng.normal(0.0, 0.08, (1, 500, 1)), axis=1))
    errors = size * rng.standard_t(3, size=(1, 500, 6))
    assert abs(follow(errors, start=30, level=80.0)[:, 100:].mean() - 0.8) < 0.02


@settings(max_examples=40, deadline=None)
@given(ERRORS, st.lists(st.floats(1e-5, 1.0 - 1e-5), min_size=1, max_size=6))
def test_quantiles_never_fall_with_the_probability_and_are_finite(errors, probabilities):
    made = learn_intervals(errors).update(errors)
    asked = np.sort(np.array(probabilities))
    table = made.quantiles(np.zeros((len(errors), 1, errors.shape[2])), asked)
    assert np.isfinite(table).all()
    assert (np.diff(table, axis=3) >= 0).all()
    lower, upper = made.around(np.zeros((len(errors), 1, errors.shape[2])), level=80.0)
    assert ((lower <= 0) & (upper >= 0)).all()


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (2, 6, 3), elements=st.integers(-50, 50)), st.sampled_from([0.25, 4.0, 1024.0]))
def test_scaled_errors_scale_the_quantiles(errors, scale):
    forecasts = np.zeros((2, 1, 3))
    one = learn_intervals(errors).quantiles(forecasts, GRID)
    assert np.allclose(learn_intervals(scale * errors).quantiles(forecasts, GRID), scale * one)


def test_updating_window_by_window_is_the_same_as_all_at_once_and_changes_nothing_else():
    errors = np.random.default_rng(5).normal(size=(2, 40, 3))
    start = learn_intervals(errors[:, :30])
    before = start.quantiles(np.zeros((2, 1, 3)), GRID)
    one, two = start.update(errors[:, 30:]), start
    for window in range(30, 40):
        two = two.update(errors[:, window : window + 1])
    assert np.array_equal(one.spread, two.spread)
    assert np.array_equal(one.shift, two.shift)
    assert np.array_equal(start.quantiles(np.zeros((2, 1, 3)), GRID), before)


def test_a_state_that_was_written_down_goes_on_as_if_it_had_not_been():
    errors = np.random.default_rng(6).normal(size=(2, 50, 3))
    made = learn_intervals(errors[:, :40], delay=2).update(errors[:, 40:45])
    back = restore_intervals(made.errors.astype(np.float32).astype(np.float64), made.shift, delay=made.delay)
    forecasts = np.zeros((2, 1, 3))
    for one, two in ((made, back), (made.update(errors[:, 45:]), back.update(errors[:, 45:]))):
        assert np.array_equal(one.quantiles(forecasts, GRID), two.quantiles(forecasts, GRID))


def test_unknown_errors_change_no_probability_and_a_constant_series_has_no_width():
    errors = np.zeros((2, 12, 3))
    errors[0] = np.random.default_rng(7).normal(size=(12, 3))
    made = learn_intervals(errors)
    assert made.spread[1].tolist() == [0.0, 0.0, 0.0]
    silent = made.update(np.full((2, 2, 3), np.nan))
    assert np.array_equal(silent.shift, made.shift)
    nothing = learn_intervals(np.full((2, 3, 4), np.nan))
    assert nothing.quantiles(np.ones((2, 1, 4)), GRID).tolist() == np.ones((2, 1, 4, len(GRID))).tolist()
    assert learn_intervals(np.zeros((1, 0, 4))).spread.tolist() == [[0.0] * 4]


def test_replayed_ends_cover_as_the_intervals_will_and_do_not_know_their_own_window():
    rng = np.random.default_rng(8)
    errors = rng.normal(size=(5, 28, 24))
    lower, upper = replay_ends(errors, level=90.0)
    assert 0.87 < ((lower <= errors) & (errors <= upper)).mean() < 0.94
    shock = errors.copy()
    shock[:, 14] *= 50.0
    ends = replay_ends(shock, level=90.0)
    assert (ends[1][:, 14] < 2.0 * upper[:, 14]).all()
    assert ends[1][:, 15].mean() > 2.0 * upper[:, 15].mean()


def test_ranks_are_those_of_split_conformal_prediction():
    values = np.arange(1.0, 20.0)[None]
    found = rank_quantiles(values, np.array([19.0]))[0]
    for probability, rank in ((0.05, 1), (0.1, 2), (0.5, 10), (0.9, 18), (0.95, 19)):
        assert found[np.argmin(np.abs(GRID - probability))] == pytest.approx(rank)
    assert rank_quantiles(np.full((1, 0), np.nan), np.array([0.0])).tolist() == [[0.0] * len(GRID)]


def test_tails_beyond_the_table_are_exponential():
    table = np.log(GRID)[None, None]
    read = read_table(table, np.array([[0.0001, 0.001, 0.005]]))[0, 0]
    assert np.allclose(read, np.log([0.0001, 0.001, 0.005]))
