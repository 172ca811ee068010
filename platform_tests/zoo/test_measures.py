"""Each measure against a loop."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.measures import (
    interval_coverage,
    mean_absolute_error,
    mean_error,
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
