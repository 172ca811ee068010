"""Planted periods are found, and none where there are none."""

import numpy as np
import pytest

from loopcast.zoo.periods import find_periods


def planted(periods, length, *, n_series=4, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(length)
    y = noise * rng.normal(size=(n_series, length)) + 0.01 * time
    for size, period in zip((1.0, 0.7), periods, strict=False):
        pattern = rng.normal(size=(n_series, period))
        y += size * pattern[:, time % period]
    return y


@pytest.mark.parametrize(("periods", "length"), [((7,), 80), ((12,), 120), ((24, 168), 900), ((4,), 40)])
def test_planted_periods_are_found(periods, length):
    assert find_periods(planted(periods, length)) == periods


def test_gaps_trends_and_ragged_series_do_not_hide_a_period():
    y = planted((24,), 400) + np.linspace(0, 30, 400) ** 1.5
    y[:, np.random.default_rng(1).choice(400, 60, replace=False)] = np.nan
    y[0, :150] = y[1, 320:] = np.nan
    y[2] = np.nan
    y[3, 100] = 1e6
    assert find_periods(y) == (24,)


@pytest.mark.parametrize("seed", range(5))
def test_noise_walks_trends_and_short_series_have_none(seed):
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(20, 60))
    assert find_periods(noise) == find_periods(noise.cumsum(axis=1)) == (1,)
    assert find_periods(noise[:1, :10]) == find_periods(noise[:0]) == find_periods(np.zeros((2, 50))) == (1,)


def test_only_candidates_are_returned():
    y = planted((24, 168), 900)
    assert find_periods(y, (7,)) == (1,)
    assert find_periods(y, (24,)) == (24,)
