"""Drift: each statistic against a second implementation, few false alarms on dependent data, planted shifts found."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from loopcast.dataops.quality.drift import (
    DriftOptions,
    DriftResult,
    detect_drift,
    find_step,
    measure_ks,
    measure_wasserstein,
    stability_index,
)
from loopcast.dataops.quality.residuals import take_residuals

REFERENCE, WINDOW = 600, 84


def make(phi: float, *, seed: int = 0, shape: object = None) -> np.ndarray:
    """Return an autoregression of standard deviation one, its noise multiplied by a shape."""
    noise = np.random.default_rng(seed).normal(size=REFERENCE + WINDOW + 300) * np.sqrt(1 - phi**2)
    if shape is not None:
        noise[300 + REFERENCE :] *= shape
    return lfilter([1.0], [1.0, -phi], noise)[300:]


def judge(values: np.ndarray, *, false_alarms: float = 0.01, draws: int = 199) -> DriftResult:
    residuals = take_residuals(values, n_reference=REFERENCE, periods=(24,))
    return detect_drift(residuals, window=WINDOW, options=DriftOptions(false_alarms, draws=draws))


def test_the_distances_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    reference, windows = np.sort(rng.normal(size=500)), np.sort(rng.normal(0.3, 1.2, size=(5, 80)), axis=-1)
    for window, ks, distance in zip(
        windows, measure_ks(reference, windows), measure_wasserstein(reference, windows), strict=True
    ):
        assert ks == pytest.approx(stats.ks_2samp(reference, window).statistic)
        assert distance == pytest.approx(stats.wasserstein_distance(reference, window), rel=0.05)


@pytest.mark.parametrize("phi", [[], [0.9], [0.5, 0.2, -0.1]])
def test_the_step_is_the_best_least_squares_fit_over_all_onsets(phi: list[float]) -> None:
    innovations = np.random.default_rng(1).normal(size=40)
    innovations[20] += 6.0
    found = []
    for onset in range(39):
        step, spike = np.zeros(40), np.zeros(40)
        step[onset:], spike[onset] = 1.0, 1.0
        fits = []
        for pattern in (step, spike):
            seen = lfilter([1.0, *(-value for value in phi)], [1.0], pattern)
            fits.append(abs(seen @ innovations) / np.sqrt(seen @ seen))
        found.append(fits[0] if fits[0] >= fits[1] else 0.0)
    assert find_step(innovations[None, :], np.array(phi))[0] == pytest.approx(max(found))


def test_the_stability_index_is_the_sum_of_its_bins() -> None:
    reference, newest = np.arange(100.0), np.arange(50.0)
    p, q = np.array([10.5] * 5 + [0.5] * 5), np.full(10, 10.5)
    p, q = p / p.sum(), q / q.sum()
    assert stability_index(reference, newest) == pytest.approx(np.sum((p - q) * np.log(p / q)))


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, 0.97])
def test_without_drift_few_windows_are_named_however_dependent_the_values_are(phi: float) -> None:
    named = [judge(make(phi, seed=seed), false_alarms=0.05).is_drift for seed in range(60)]
    assert np.mean(named) <= 0.10


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_a_planted_step_of_two_deviations_is_found(phi: float) -> None:
    values = make(phi, seed=3)
    values[REFERENCE + WINDOW // 2 :] += 2.5
    assert judge(values).is_drift


def test_a_step_in_a_slowly_wandering_variable_is_found_by_its_pulse() -> None:
    values = make(0.97, seed=4)
    values[REFERENCE + WINDOW // 2 :] += 2.0
    result = judge(values)
    assert result.is_drift
    assert result.statistic == "jump"


def test_a_single_outlier_is_no_step() -> None:
    values = make(0.5, seed=5)
    values[REFERENCE + 40] += 8.0
    result = judge(values)
    assert result.reached["jump"] < result.limits["jump"]


@pytest.mark.parametrize(("factor", "statistic"), [(3.0, "scale"), (0.1, "scale")])
def test_noise_that_grows_or_dies_is_found(factor: float, statistic: str) -> None:
    result = judge(make(0.5, seed=6, shape=factor))
    assert result.is_drift
    assert result.reached[statistic] > result.limits[statistic]


def test_a_variable_that_stops_moving_is_found() -> None:
    values = make(0.5, seed=7)
    values[REFERENCE:] = values[REFERENCE - 1]
    assert judge(values).is_drift


def test_a_change_of_the_dependence_is_found() -> None:
    values = np.concatenate([make(0.0, seed=8)[:REFERENCE], make(0.9, seed=9)[:WINDOW]])
    result = judge(values)
    assert result.is_drift
    assert result.reached["dependence"] > result.limits["dependence"]


def test_the_same_values_are_judged_the_same_in_any_unit() -> None:
    values = make(0.5, seed=10)
    plain, scaled = judge(values), judge(1000 * values + 5)
    assert scaled.score == pytest.approx(plain.score)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(REFERENCE + WINDOW), "constant in the reference"),
        (np.full(REFERENCE + WINDOW, np.nan), "too short: 0 values to refer to and 0 to judge"),
        (np.r_[make(0.5)[:REFERENCE], np.full(WINDOW, np.nan)], "too short: 597 values to refer to and 0 to judge"),
    ],
)
def test_what_cannot_be_judged_is_said(values: np.ndarray, reason: str) -> None:
    result = judge(values)
    assert (result.is_drift, result.reason) == (False, reason)
