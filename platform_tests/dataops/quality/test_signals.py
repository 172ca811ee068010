"""Signals: limits from the reference's blocks keep quiet, planted faults do not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import gumbel_r

from loopcast.dataops.quality.calibration import draw_blocks, find_block_limit, fit_gumbel_limit
from loopcast.dataops.quality.drift import STATISTICS
from loopcast.dataops.quality.fitness import MEANINGS
from loopcast.dataops.quality.residuals import take_residuals
from loopcast.dataops.quality.signals import count_equal, find_signals, trace_residuals, trace_values

REFERENCE, N = 1000, 1024


def find(values: np.ndarray, *, share: float = 0.02) -> dict[str, tuple[int, float, float]]:
    residuals = take_residuals(values, n_reference=REFERENCE, periods=(24,))
    paths = trace_values(values, n_reference=REFERENCE) | trace_residuals(residuals)
    signals = find_signals(paths, n_reference=REFERENCE, first=REFERENCE, share=share)
    return {signal.rule: (signal.place, signal.value, signal.limit) for signal in signals}


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=N)


def test_the_gumbel_limit_is_the_quantile_of_the_distribution_it_fits() -> None:
    reached = np.random.default_rng(0).gumbel(3.0, 2.0, size=20_000)
    assert fit_gumbel_limit(reached, share=0.01) == pytest.approx(gumbel_r.ppf(0.99, 3.0, 2.0), rel=0.03)


def test_a_block_limit_looks_at_the_largest_value_or_the_sum_of_a_block() -> None:
    path = np.tile([0.0, 1.0, 3.0, 0.0], 25)
    assert find_block_limit(path, length=4, share=0.01) == pytest.approx(3.0)
    assert find_block_limit(path, length=4, share=0.01, adds_up=True) == pytest.approx(4.0)


def test_drawn_windows_are_made_of_whole_blocks_of_the_reference() -> None:
    drawn = draw_blocks(np.arange(100.0), length=30, draws=5, block=10, rng=np.random.default_rng(0))
    assert drawn.shape == (5, 30)
    steps = np.diff(drawn.reshape(5, 3, 10), axis=-1) % 100
    assert (steps == 1).all()


@given(values=st.lists(st.sampled_from([1.0, 2.0, float("nan")]), min_size=1, max_size=30))
def test_equal_values_are_counted_as_one_would_by_hand(values: list[float]) -> None:
    expected, run = [], 0
    for place, value in enumerate(values):
        run = 0 if np.isnan(value) else run + 1 if place and value == values[place - 1] else 1
        expected.append(run)
    assert count_equal(np.array(values)).tolist() == expected


def test_white_noise_rarely_signals() -> None:
    assert sum(bool(find(noise(seed))) for seed in range(100)) <= 6


def test_values_with_many_zeros_and_heavy_tails_rarely_signal() -> None:
    def rain(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return np.where(rng.random(N) < 0.1, rng.exponential(5.0, N), 0.0)

    assert sum(bool(find(rain(seed))) for seed in range(50)) <= 5


def test_a_spike_is_found_where_it_is() -> None:
    values = noise()
    values[REFERENCE + 7] += 12.0
    place, value, limit = find(values)["individuals"]
    assert place == REFERENCE + 7
    assert value > limit >= 3.0


def test_a_small_shift_that_lasts_is_found_by_the_sums() -> None:
    values = noise(1)
    values[REFERENCE:] += 2.5
    assert {"cusum", "ewma"} <= set(find(values))


def test_a_stuck_value_is_found_and_a_usual_run_is_not() -> None:
    stuck, overcast = noise(2), np.repeat(np.random.default_rng(3).normal(size=N // 16), 16)
    stuck[REFERENCE + 2 :] = 0.5
    assert find(stuck)["stuck"][1] == 22
    assert "stuck" not in find(overcast)


def test_missing_values_are_found_and_usual_ones_are_not() -> None:
    gap, leaky = noise(4), noise(5)
    gap[REFERENCE + 3 : REFERENCE + 12] = np.nan
    leaky[::5] = np.nan
    assert find(gap)["missing"][1] == 9
    assert "missing" not in find(leaky)


def test_every_rule_that_may_fire_has_its_words() -> None:
    residuals = take_residuals(noise(), n_reference=REFERENCE)
    rules = {*trace_values(noise(), n_reference=REFERENCE), *trace_residuals(residuals), "ends_early"}
    assert rules | {f"drift_{name}" for name in STATISTICS} == set(MEANINGS)
