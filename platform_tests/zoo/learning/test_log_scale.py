"""The scale: there and back, addends in the target's unit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.zoo.learning.log_scale import LogScale, learn_log_scale, median_present

SERIES = arrays(np.float64, (3, 12), elements=st.floats(-1e5, 1e5).map(lambda v: 0.0 if abs(v) < 1e-3 else v))


@given(SERIES)
def test_values_come_back(y):
    scaling = learn_log_scale(y)
    assert np.allclose(scaling.to_y(scaling.to_z(y)), y, rtol=1e-6, atol=1e-6 * (1 + np.abs(y).max()))
    back = LogScale.from_document(scaling.to_document())
    assert np.array_equal(back.to_z(y), scaling.to_z(y))


@given(arrays(np.float64, (3, 4, 5), elements=st.floats(-2, 2)))
def test_addends_in_the_targets_unit_sum_to_the_value(addends):
    scaling = learn_log_scale(np.array([[1.0, 2.0, 5.0], [-3.0, 0.0, 4.0], [7.0, 7.0, 7.0]]))
    split = scaling.split(addends)
    assert split.shape == (3, 4, 6)
    assert np.allclose(split.sum(axis=-1), scaling.to_y(addends.sum(axis=-1)), rtol=1e-9, atol=1e-8)


def test_the_logarithm_is_for_positive_series_that_stay_away_from_zero():
    y = np.array([[1.0, 2.0, 3.0], [0.0, 2.0, 3.0], [1e-5, 2.0, 3.0], [np.nan] * 3])
    scaling = learn_log_scale(y)
    assert scaling.is_log.tolist() == [True, False, False, False]
    assert scaling.never_negative.tolist() == [True, True, True, True]
    assert np.isfinite(scaling.to_z(np.array([[-1.0], [-1.0], [-1.0], [5.0]]))).all()


def test_medians_pass_over_what_is_missing():
    values = np.array([[3.0, np.nan, 1.0], [np.nan, np.nan, np.nan], [1.0, 2.0, 9.0]])
    assert median_present(values) == pytest.approx([2.0, 0.0, 2.0])
    assert median_present(np.zeros((2, 0))).tolist() == [0.0, 0.0]
