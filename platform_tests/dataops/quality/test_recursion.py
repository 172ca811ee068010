"""Recursions over time next to scipy's filter."""

import numpy as np
import pytest
from scipy.signal import lfilter

from loopcast.dataops.quality.recursion import carry_on


@pytest.mark.parametrize("carried", [[], [0.9], [0.5, -0.2, 0.1]])
@pytest.mark.parametrize("shape", [(50,), (3, 50), (4, 2), (2, 0)])
def test_it_is_what_scipy_s_filter_makes_to_the_last_bit(carried: list[float], shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).normal(size=shape)
    expected = lfilter([1.0], [1.0, *(-share for share in carried)], values) if values.size else values
    assert np.array_equal(carry_on(values, np.array(carried)), expected)
