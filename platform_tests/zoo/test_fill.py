"""Seasonal fill, profile and rolling mean against naive second implementations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.fill import fill_seasonal, rolling_mean, seasonal_profile

VALUES = arrays(np.float64, (2, 17), elements=st.one_of(st.floats(-100, 100), st.just(np.nan)))


def naive_fill(row, period):
    seasonal = row.copy()
    for t in range(len(row)):
        if np.isnan(seasonal[t]) and t >= period:
            seasonal[t] = seasonal[t - period]
    for t in range(1, len(row)):
        if np.isnan(seasonal[t]):
            seasonal[t] = seasonal[t - 1]
    return seasonal


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(1, 6))
def test_seasonal_fill_is_the_naive_one(values, period):
    expected = np.array([naive_fill(row, period) for row in values])
    assert np.array_equal(fill_seasonal(values, period), expected, equal_nan=True)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(1, 6), st.integers(1, 4))
def test_the_profile_is_the_weighted_mean_of_the_season(values, period, depth):
    made = seasonal_profile(values, period, alpha=0.3, depth=depth)
    for series, t in np.ndindex(values.shape):
        found = [(0.7**k, values[series, t - k * period]) for k in range(depth) if t - k * period >= 0]
        found = [(w, v) for w, v in found if np.isfinite(v)]
        expected = np.average([v for _, v in found], weights=[w for w, _ in found]) if found else np.nan
        assert np.isclose(made[series, t], expected, equal_nan=True, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(VALUES, st.integers(1, 20))
def test_the_rolling_mean_is_the_mean_of_what_is_there(values, window):
    made = rolling_mean(values, window)
    for series, t in np.ndindex(values.shape):
        part = values[series, max(0, t + 1 - window) : t + 1]
        expected = np.mean(part[np.isfinite(part)]) if np.isfinite(part).any() else np.nan
        assert np.isclose(made[series, t], expected, equal_nan=True, atol=1e-8)
