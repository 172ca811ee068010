"""Control charts: the run rules against a naive reading of their definitions, and their average run lengths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.quality.control_charts import (
    NELSON,
    WESTERN_ELECTRIC,
    Cusum,
    Ewma,
    any_rule,
    chart_cusum,
    chart_ewma,
    chart_individuals,
    chart_moving_ranges,
    trace_cusum,
)

ROWS, LENGTH = 3000, 700


def beyond(z: list[float], sigmas: float, wanted: int, window: int) -> bool:
    last = z[-window:]
    above, below = sum(x > sigmas for x in last), sum(x < -sigmas for x in last)
    return (z[-1] > sigmas and above >= wanted) or (z[-1] < -sigmas and below >= wanted)


def steadily(z: list[float], count: int) -> bool:
    steps = np.diff(z[-count:])
    return len(z) >= count and bool((steps > 0).all() or (steps < 0).all())


def up_and_down(z: list[float], count: int) -> bool:
    steps = np.diff(z[-count:])
    return len(z) >= count and all(a * b < 0 for a, b in itertools.pairwise(steps))


# Each rule as its author words it, looking at the points up to the newest.
DEFINITIONS = {
    "western_electric_1": lambda z: beyond(z, 3, 1, 1),
    "western_electric_2": lambda z: beyond(z, 2, 2, 3),
    "western_electric_3": lambda z: beyond(z, 1, 4, 5),
    "western_electric_4": lambda z: beyond(z, 0, 8, 8),
    "nelson_1": lambda z: beyond(z, 3, 1, 1),
    "nelson_2": lambda z: beyond(z, 0, 9, 9),
    "nelson_3": lambda z: steadily(z, 6),
    "nelson_4": lambda z: up_and_down(z, 14),
    "nelson_5": lambda z: beyond(z, 2, 2, 3),
    "nelson_6": lambda z: beyond(z, 1, 4, 5),
    "nelson_7": lambda z: len(z) >= 15 and all(abs(x) < 1 for x in z[-15:]),
    "nelson_8": lambda z: len(z) >= 8 and all(abs(x) > 1 for x in z[-8:]),
}
POINTS = st.lists(st.sampled_from([-3.5, -2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.5]), min_size=1, max_size=40)


def run_length(signals: np.ndarray) -> float:
    """Return points per first signal; rows without one count as watched so long."""
    found = signals.any(axis=-1)
    watched = np.where(found, signals.argmax(axis=-1) + 1, signals.shape[-1])
    return float(watched.sum() / found.sum())


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, LENGTH))


@pytest.mark.parametrize("name", DEFINITIONS)
@settings(max_examples=60, deadline=None)
@given(points=POINTS)
def test_a_rule_signals_where_its_definition_says(name: str, points: list[float]) -> None:
    found = {**WESTERN_ELECTRIC, **NELSON}[name](np.array(points))
    assert found.tolist() == [DEFINITIONS[name](points[: end + 1]) for end in range(len(points))]


@pytest.mark.parametrize("name", ["nelson_3", "nelson_4", "nelson_7"])
def test_the_rules_on_patterns_are_met_on_their_patterns(name: str) -> None:
    patterns = {"nelson_3": np.arange(6.0), "nelson_4": np.tile([0.5, -0.5], 7), "nelson_7": np.full(15, 0.1)}
    assert NELSON[name](patterns[name]).tolist() == [False] * (len(patterns[name]) - 1) + [True]


def test_a_missing_point_signals_nothing_and_breaks_a_run() -> None:
    points = np.array([0.5] * 7 + [np.nan] + [0.5] * 7)
    assert not any_rule(points, {**WESTERN_ELECTRIC, **NELSON}).any()


def test_in_control_the_first_rule_runs_370_points(noise: np.ndarray) -> None:
    assert run_length(WESTERN_ELECTRIC["western_electric_1"](noise)) == pytest.approx(370.4, rel=0.10)


def test_in_control_the_western_electric_rules_together_run_91_75_points(noise: np.ndarray) -> None:
    assert run_length(any_rule(noise)) == pytest.approx(91.75, rel=0.10)


def test_after_a_shift_of_one_sigma_the_rules_run_as_tabulated(noise: np.ndarray) -> None:
    assert run_length(any_rule(noise + 1)) == pytest.approx(9.22, rel=0.05)
    assert run_length(WESTERN_ELECTRIC["western_electric_1"](noise + 1)) == pytest.approx(43.9, rel=0.05)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 465.0), (0.5, 38.0), (1.0, 10.4), (2.0, 4.01)])
def test_the_cusum_runs_as_tabulated(noise: np.ndarray, shift: float, expected: float) -> None:
    sums = np.maximum(*trace_cusum(noise + shift, slack=0.5))
    assert run_length(sums > 5) == pytest.approx(expected, rel=0.10 if shift == 0 else 0.05)


def test_the_cusum_is_the_recursion_of_the_textbook() -> None:
    z = np.random.default_rng(1).normal(0.3, 1, 200)
    z[50] = np.nan
    chart = chart_cusum(z * 2 + 10, center=10.0, sigma=2.0, options=Cusum(slack=0.5, limit=4))
    above, below = 0.0, 0.0
    for row, x in zip(chart.itertuples(), z, strict=True):
        if not np.isnan(x):
            above, below = max(0.0, above + x - 0.5), max(0.0, below - x - 0.5)
        assert (row.above, row.below) == pytest.approx((above, below))
        assert row.signal == (max(above, below) > 4)


def test_the_ewma_is_the_recursion_of_the_textbook_and_its_limits_widen_to_the_steady_ones() -> None:
    x = np.random.default_rng(2).normal(5, 2, 300)
    chart = chart_ewma(x, center=5.0, sigma=2.0, options=Ewma(weight=0.2, width=3.0))
    average = 5.0
    for value, mean in zip(x, chart["value"], strict=True):
        average += 0.2 * (value - average)
        assert mean == pytest.approx(average)
    half = chart["upper"] - chart["center"]
    assert half.iloc[0] == pytest.approx(3.0 * 2.0 * 0.2)
    assert half.iloc[-1] == pytest.approx(3.0 * 2.0 * np.sqrt(0.2 / 1.8))


def test_individuals_and_ranges_have_the_limits_of_the_mean_moving_range() -> None:
    x = np.array([10.0, 12.0, 11.0, 13.0, 12.0])
    mean_range = (2 + 1 + 2 + 1) / 4
    chart, ranges = chart_individuals(x), chart_moving_ranges(x)
    assert chart["upper"].iloc[0] - chart["center"].iloc[0] == pytest.approx(2.66 * mean_range, rel=1e-3)
    assert ranges["center"].iloc[0] == pytest.approx(mean_range)
    assert ranges["upper"].iloc[0] == pytest.approx(3.267 * mean_range)
    assert not chart.filter(regex="electric|nelson").to_numpy().any()


def test_a_point_far_out_signals_on_both_charts_and_by_its_rule() -> None:
    x = np.concatenate([np.random.default_rng(3).normal(0, 1, 60), [12.0]])
    chart = chart_individuals(x, center=0.0, sigma=1.0)
    assert chart["western_electric_1"].iloc[-1]
    assert chart["nelson_1"].iloc[-1]
    assert chart_moving_ranges(x, sigma=1.0)["signal"].iloc[-1]


@pytest.mark.parametrize("values", [[], [1.0], [2.0] * 5, [np.nan] * 3])
def test_odd_data_signal_nothing(values: list[float]) -> None:
    x = np.array(values, dtype=float)
    if len(x) and np.isfinite(x).any():
        assert not chart_individuals(x).filter(regex="electric|nelson_[1-6]|nelson_8").to_numpy().any()
    assert not chart_moving_ranges(x)["signal"].any()
    assert not chart_cusum(x, center=0.0, sigma=0.0)["signal"].any()
