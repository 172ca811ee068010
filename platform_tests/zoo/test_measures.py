"""Each measure against a loop."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.measures import (
    interval_coverage,
    interval_score,
    mean_absolute_error,
    mean_error,
    pinball_loss,
    root_mean_squared_error,
    seasonal_naive_scale,
)

SERIES = arrays(np.float64, 12, elements=st.floats(-1e3, 1e3))


@settings(max_examples=50, deadline=None)
@given(SERIES, SERIES)
def test_measures_are_what_a_loop_gives(y_true, y_pred):
    errors = [p - t for t, p in zip(y_true, y_pred, strict=True)]
    assert math.isclose(mean_absolute_error(y_true, y_pred), sum(abs(e) for e in errors) / 12, abs_tol=1e-9)
    assert math.isclose(
        root_mean_squared_error(y_true, y_pred), math.sqrt(sum(e * e for e in errors) / 12), abs_tol=1e-9
    )
    assert math.isclose(mean_error(y_true, y_pred), sum(errors) / 12, abs_tol=1e-9)


@settings(max_examples=50, deadline=None)
@given(SERIES, SERIES, SERIES)
def test_coverage_counts_the_ends(y, one, two):
    lower, upper = np.minimum(one, two), np.maximum(one, two)
    inside = sum(low <= v <= up for low, v, up in zip(lower, y, upper, strict=True))
    assert math.isclose(interval_coverage(y, lower, upper), 100 * inside / 12)
    assert interval_coverage(y, y, y) == 100.0


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (1, 12), elements=st.one_of(st.integers(-50, 50), st.just(np.nan))), st.integers(1, 5))
def test_the_scale_is_the_mean_seasonal_change(y, period):
    changes = [abs(y[0, t] - y[0, t - period]) for t in range(period, 12)]
    changes = [c for c in changes if not math.isnan(c)]
    expected = sum(changes) / len(changes) if changes and sum(changes) else math.nan
    assert np.isclose(seasonal_naive_scale(y, period)[0], expected, equal_nan=True)


@settings(max_examples=50, deadline=None)
@given(SERIES, arrays(np.float64, (12, 3), elements=st.floats(-1e3, 1e3)))
def test_pinball_is_what_a_loop_gives_and_half_the_absolute_error_at_the_median(y_true, quantiles):
    total = 0.0
    for t, row in zip(y_true, quantiles, strict=True):
        for p, q in zip((0.1, 0.5, 0.9), row, strict=True):
            total += p * (t - q) if t >= q else (1 - p) * (q - t)
    assert math.isclose(pinball_loss(y_true, quantiles, np.array([0.1, 0.5, 0.9])), total / 36, abs_tol=1e-9)
    median = pinball_loss(y_true, quantiles[:, 1:2], np.array([0.5]))
    assert math.isclose(median, mean_absolute_error(y_true, quantiles[:, 1]) / 2, abs_tol=1e-9)


@settings(max_examples=50, deadline=None)
@given(SERIES, SERIES, SERIES)
def test_the_interval_score_is_what_a_loop_gives(y_true, one, two):
    lower, upper = np.minimum(one, two), np.maximum(one, two)
    for t, low, up, found in zip(y_true, lower, upper, interval_score(y_true, lower, upper, level=80.0), strict=True):
        penalty = 10.0 * (low - t) if t < low else 10.0 * (t - up) if t > up else 0.0
        assert math.isclose(found, up - low + penalty, rel_tol=1e-9, abs_tol=1e-9)
