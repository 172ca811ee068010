"""Residuals of the small reference model: what it learns, from what, and how large its errors look."""

import numpy as np
import pytest
from scipy.signal import lfilter

from loopcast.dataops.quality.residuals import take_residuals

N = 1200


def autoregression(phi: list[float], n: int, *, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=n + 300)
    return lfilter([1.0], [1.0, *(-value for value in phi)], noise)[300:]


@pytest.mark.parametrize("phi", [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0], [0.6, 0.2, 0.1], [0.97, 0.0, 0.0]])
def test_the_autoregression_is_found(phi: list[float]) -> None:
    made = take_residuals(autoregression(phi, 4000), n_reference=4000).model
    assert made.phi == pytest.approx(phi, abs=0.06)
    assert made.sigma == pytest.approx(1.0, abs=0.05)


def test_the_residuals_are_what_the_formula_says() -> None:
    y = np.random.default_rng(1).normal(size=300) + np.tile([5.0, 0.0, -5.0], 100)
    made = take_residuals(y, n_reference=240, periods=(3,))
    s, phi = made.model.seasonal, made.model.phi
    for t in range(250, 300):
        expected = s[t % 3] + sum(phi[k - 1] * (y[t - k] - s[(t - k) % 3]) for k in (1, 2, 3))
        assert made.innovations[t] == pytest.approx(y[t] - expected)


def test_nothing_after_the_reference_changes_the_model() -> None:
    y = autoregression([0.5], N)
    changed = y.copy()
    changed[1000:] += 50.0
    before, after = (take_residuals(x, n_reference=1000, periods=(24,)) for x in (y, changed))
    assert before.model.phi.tolist() == after.model.phi.tolist()
    assert before.model.seasonal.tolist() == after.model.seasonal.tolist()
    assert before.innovations[:1000] == pytest.approx(after.innovations[:1000], nan_ok=True)


def test_residuals_in_the_reference_are_as_large_as_those_after_it() -> None:
    season = 10 * np.sin(2 * np.pi * np.arange(N) / 168)
    ratios = []
    for seed in range(30):
        y = season + np.random.default_rng(seed).normal(size=N)
        made = take_residuals(y, n_reference=6 * 168, periods=(24, 168))
        assert len(made.model.seasonal) == 168
        ratios.append(np.nanstd(made.innovations[6 * 168 :]) / np.nanstd(made.innovations[: 6 * 168]))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)


def test_a_season_is_used_only_where_it_says_something() -> None:
    noise = np.random.default_rng(2).normal(size=N)
    daily = noise + 5 * np.sin(2 * np.pi * np.arange(N) / 24)
    assert len(take_residuals(noise, n_reference=N, periods=(24, 168)).model.seasonal) == 1
    assert len(take_residuals(daily, n_reference=N, periods=(24, 168)).model.seasonal) == 24
    assert len(take_residuals(daily[:80], n_reference=80, periods=(24, 168)).model.seasonal) == 1


def test_one_spike_bends_no_place_of_the_season() -> None:
    y = np.tile([10.0, 0.0, -10.0, 3.0], 50) + np.random.default_rng(3).normal(0, 0.1, 200)
    spiked = y.copy()
    spiked[41] = 1e6
    clean, bent = (take_residuals(x, n_reference=200, periods=(4,)).model.seasonal for x in (y, spiked))
    assert bent == pytest.approx(clean, abs=0.1) or len(bent) == 1


@pytest.mark.parametrize("values", [np.full(100, 7.0), np.full(100, np.nan), np.array([1.0, 2.0]), np.zeros(0)])
def test_odd_values_give_a_model_without_spread_or_none_at_all(values: np.ndarray) -> None:
    made = take_residuals(values, n_reference=len(values), periods=(7,))
    assert made.model.sigma >= 0
    assert len(made.innovations) == len(values)
    assert len(np.unique(values[np.isfinite(values)])) > 1 or made.model.sigma == 0


def test_gaps_leave_gaps_and_nothing_else() -> None:
    y = autoregression([0.5], N)
    y[100] = np.nan
    made = take_residuals(y, n_reference=1000)
    missing = np.flatnonzero(np.isnan(made.innovations)).tolist()
    assert missing == [0, 1, 2, 100, 101, 102, 103]
