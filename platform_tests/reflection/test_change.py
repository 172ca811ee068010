"""The change-point test on numbers that a naive implementation, or a hand, can follow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loopcast.reflection.change import (
    FEWEST,
    PRIOR_BLOCKS,
    PRIOR_PAIRS,
    PRIOR_RHO,
    Blocks,
    find_change,
    find_limit,
    inflate,
    to_normal,
)


def to_blocks(numbers):
    return Blocks(np.asarray(numbers, dtype=float), np.ones(len(numbers)))


def noise(n, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.3, n)


def find_naively(before, after, usual):
    """Return the largest normal score over all splits, one split after the other."""
    middle = np.median(before)
    spread = np.sqrt((np.sum((before - middle) ** 2) + PRIOR_BLOCKS * usual**2) / (len(before) + PRIOR_BLOCKS))
    values = np.clip(np.concatenate([before, after]), middle - 2 * spread, middle + 2 * spread)
    scores = []
    for first in range(len(before), len(values) - FEWEST + 1):
        old, new = values[:first], values[first:]
        residuals = np.concatenate([old - old.mean(), new - new.mean()])
        freedom = len(values) - 2 + PRIOR_BLOCKS
        variance = (np.sum(residuals**2) + PRIOR_BLOCKS * usual**2) / freedom
        rho = np.sum(residuals[1:] * residuals[:-1]) / np.mean(residuals**2)
        rho = (rho + PRIOR_PAIRS * PRIOR_RHO) / (len(values) + PRIOR_PAIRS)
        rho = np.clip(rho + (1 + 3 * rho) / len(values), 0, 0.9)
        of_means = [
            sum(rho ** abs(i - j) for i in range(len(part)) for j in range(len(part))) / len(part) ** 2
            for part in (old, new)
        ]
        t = (new.mean() - old.mean()) / np.sqrt(variance * sum(of_means))
        scores.append(float(to_normal(np.array([t]), np.array([freedom * (1 - rho) / (1 + rho)]))[0]))
    return max(scores)


@pytest.mark.parametrize("seed", range(4))
def test_the_score_is_that_of_a_naive_implementation(seed):
    before, after = noise(20, seed), noise(12, seed + 100) + 0.4
    found = find_change(to_blocks(before), to_blocks(after), usual_spread=0.3)
    assert found.score == pytest.approx(find_naively(before, after, 0.3))


def test_a_planted_change_is_placed_where_it_is():
    after = noise(30, 1)
    after[18:] += 1.0
    found = find_change(to_blocks(noise(28)), to_blocks(after), usual_spread=0.3, least=0.1)
    assert found.first == 18
    assert found.size == pytest.approx(1.0, abs=0.2)
    assert found.score > find_limit(1.0 / 365.0)


def test_a_fall_counts_only_where_both_sides_do():
    after = noise(30, 1)
    after[10:] -= 1.0
    assert find_change(to_blocks(noise(28)), to_blocks(after), usual_spread=0.3, least=0.1) is None
    found = find_change(to_blocks(noise(28)), to_blocks(after), usual_spread=0.3, least=0.1, two_sided=True)
    assert (found.first, found.score < -3.0) == (10, True)


def test_too_few_blocks_say_nothing():
    assert find_change(to_blocks(noise(28)), to_blocks([5.0] * (FEWEST - 1)), usual_spread=0.3) is None
    assert find_change(to_blocks([]), to_blocks(noise(2 * FEWEST - 1)), usual_spread=0.3) is None


def test_without_reference_the_sequence_is_its_own():
    after = noise(40, 3)
    after[25:] += 1.0
    assert find_change(to_blocks([]), to_blocks(after), usual_spread=0.3).first == 25


def test_a_larger_part_of_a_block_counts_for_more():
    after = np.array([0.0] * 5 + [0.5] * 5)
    whole = find_change(to_blocks(noise(28)), to_blocks(after), usual_spread=0.3)
    part = Blocks(after, np.array([1.0] * 5 + [0.2] * 5))
    assert find_change(to_blocks(noise(28)), part, usual_spread=0.3).score < whole.score


@given(t=st.floats(-8.0, 8.0), freedom=st.floats(5.0, 200.0))
def test_normal_scores_are_as_improbable_as_the_t_values(t, freedom):
    exact = stats.norm.isf(stats.t.sf(abs(t), freedom)) * np.sign(t)
    assert float(to_normal(np.array([t]), np.array([freedom]))[0]) == pytest.approx(exact, abs=0.02 + 0.01 * abs(exact))


def test_means_of_dependent_neighbours_vary_more():
    rho, n = 0.6, 7
    exact = sum(rho ** abs(i - j) for i in range(n) for j in range(n)) / n
    assert float(inflate(np.array([rho]), np.array([float(n)]))[0]) == pytest.approx(exact)
    assert inflate(np.array([0.0]), np.array([5.0])).tolist() == [1.0]


@given(rate=st.floats(1e-6, 0.9))
def test_rarer_alarms_take_higher_scores(rate):
    assert find_limit(rate) >= find_limit(min(1.0, 1.1 * rate))


def test_limits_hold_in_simulation_where_nothing_changes():
    rng, alarms, n = np.random.default_rng(3), 0, 28 * 60
    values, limit = rng.normal(0.0, 0.3, n), find_limit(1.0 / 365.0)
    for origin in range(28, n - 28, 28):
        before = to_blocks(values[origin - 28 : origin])
        found = [
            find_change(before, to_blocks(values[origin : origin + k]), usual_spread=0.3, least=0.1)
            for k in range(FEWEST, 29)
        ]
        alarms += any(one is not None and one.score > limit for one in found)
    assert alarms <= 2.0 * n / 365.0  # about one a year; `bench_deterioration` measures it
