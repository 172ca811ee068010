"""Medians, spreads and addends against plain formulae."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.learning.scaling import Scaling, median_of, share_out, spread_of


def naive_spread(row):
    known = [v for v in row if np.isfinite(v)]
    if not known:
        return 1.0
    deviations = np.abs(np.array(known) - np.median(known))
    return 1.4826 * np.median(deviations) or np.std(known) or 1.0


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (4, 7), elements=st.one_of(st.just(np.nan), st.integers(-3, 3).map(float))))
def test_medians_and_spreads_are_those_of_the_known_values(values):
    rows = [row[np.isfinite(row)] for row in values]
    assert median_of(values) == pytest.approx([np.median(row) if len(row) else 0.0 for row in rows])
    assert spread_of(values) == pytest.approx([naive_spread(row) for row in values])


def test_the_scale_is_left_as_it_was_entered():
    rng = np.random.default_rng(0)
    scaling = Scaling(rng.normal(size=(2, 3)), rng.uniform(0.5, 2.0, (2, 3)))
    values = rng.normal(0.0, 50.0, (2, 3, 4))
    assert scaling.inverse(scaling.forward(values)) == pytest.approx(values)


def test_addends_in_output_units_sum_to_the_forecast_and_keep_their_signs():
    rng = np.random.default_rng(1)
    scaling = Scaling(rng.normal(size=(2, 3)), rng.uniform(0.5, 2.0, (2, 3)))
    constant, addends = rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4, 5))
    addends[0, 0, 0] = 0.0
    base, shared = share_out(scaling, constant, addends)
    assert base + shared.sum(axis=-1) == pytest.approx(scaling.inverse(constant + addends.sum(axis=-1)))
    assert np.array_equal(np.sign(shared), np.sign(addends))


def test_a_sum_of_zero_is_shared_by_the_slope():
    scaling = Scaling(np.zeros(1), np.full(1, 3.0))
    _, shared = share_out(scaling, np.zeros((1, 1)), np.array([[[1.0, -1.0]]]))
    assert shared.tolist() == [[[3.0, -3.0]]]
