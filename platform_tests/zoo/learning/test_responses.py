"""Columns of predictors against loops; what is known too little, or never moves, is left out."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.learning.responses import count_columns, find_response, recent_mean

VALUES = arrays(np.float64, st.integers(0, 12), elements=st.one_of(st.integers(-9, 9), st.just(np.nan)))


@settings(max_examples=60, deadline=None)
@given(VALUES, st.integers(1, 5))
def test_recent_means_are_what_a_loop_gives(values, count):
    expected = [np.mean(values[t - count + 1 : t + 1]) if t >= count - 1 else np.nan for t in range(len(values))]
    assert np.allclose(recent_mean(values, count), expected, equal_nan=True)


def test_a_bent_response_is_a_combination_of_its_columns():
    values = np.random.default_rng(0).uniform(0, 30, 400)
    response = find_response("temperature", values)
    columns = response.columns(values, np.ones((400, 1)), 1)
    assert columns.shape == (400, count_columns(1, 1))
    target = np.maximum(response.knots[2] - values, 0.0)
    known = np.isfinite(columns).all(axis=1)
    design = np.column_stack([np.ones(known.sum()), columns[known]])
    fitted = design @ np.linalg.lstsq(design, target[known], rcond=None)[0]
    assert np.abs(fitted - target[known]).max() < 1e-9


def test_what_is_hardly_known_or_never_moves_has_no_response():
    values = np.arange(100.0)
    assert find_response("x", np.where(values < 20, np.nan, values)) is None
    assert find_response("x", np.full(100, 3.0)) is None
    assert find_response("x", np.full(0, 3.0)) is None
    assert find_response("x", np.where(values < 5, np.nan, values)) is not None
