"""The duel: the test against a second implementation, its size and power, and the rule on its outcome."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loopcast.reflection.duel import FEWEST, NO_LOSSES, Duel, compare, count_overlap, diebold_mariano, rule_on

SERIES = 2_000


def slow_test(difference: list[float], lags: int) -> float:
    """The test once more, from its formulas, number by number."""
    n = len(difference)
    mean = sum(difference) / n
    variance = 0.0
    for lag in range(-lags, lags + 1):
        pairs = [(difference[t] - mean) * (difference[t - lag] - mean) for t in range(n) if 0 <= t - lag < n]
        variance += (1 - abs(lag) / (lags + 1)) * sum(pairs) / n
    h = lags + 1
    statistic = mean / (variance / n) ** 0.5 * ((n + 1 - 2 * h + h * (h - 1) / n) / n) ** 0.5
    return float(stats.t.sf(statistic, df=n - 1))


def make_differences(seed: int, *, n: int, mean: float = 0.0, carry: float = 0.0) -> np.ndarray:
    """Return so many series of differences, each an autoregression around a mean, shape (SERIES, n)."""
    noise = np.random.default_rng(seed).normal(size=(SERIES, n + 30))
    for t in range(1, n + 30):
        noise[:, t] += carry * noise[:, t - 1]
    return mean + noise[:, 30:]


def make_cells(errors: np.ndarray, *, every: str = "1D", steps: int = 3) -> pd.DataFrame:
    """Return forecasts that are off by the errors: one origin each, so many hours ahead, of a target of 10."""
    origins = pd.date_range("2024-01-01 23:00", periods=len(errors), freq=every)
    rows = [
        {"timestamp": origin + pd.Timedelta(hours=step + 1), "cutoff": origin, "forecast": 10.0 + error, "target": 10.0}
        for origin, error in zip(origins, errors, strict=True)
        for step in range(steps)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("n", "overlap", "lags"), [(5, 1, 1), (20, 1, 5), (20, 8, 7), (6, 30, 5)])
def test_the_p_value_is_that_of_a_naive_implementation(n: int, overlap: int, lags: int) -> None:
    difference = np.random.default_rng(n + overlap).normal(0.3, 1.0, n)
    assert diebold_mariano(difference, overlap=overlap) == pytest.approx(slow_test(list(difference), lags))


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), st.integers(1, 40))
def test_the_two_sides_sum_to_one_and_the_unit_does_not_matter(values: list[float], overlap: int) -> None:
    difference = np.round(np.array(values), 3)
    p_value = diebold_mariano(difference, overlap=overlap)
    assert 0.0 <= p_value <= 1.0
    if np.ptp(difference) > 0:
        assert p_value + diebold_mariano(-difference, overlap=overlap) == pytest.approx(1.0, abs=1e-6)
        assert diebold_mariano(difference * 7.0, overlap=overlap) == pytest.approx(p_value, abs=1e-6)


def test_no_difference_is_no_evidence_and_the_same_advantage_every_time_is() -> None:
    assert diebold_mariano(np.zeros(9)) == 1.0
    assert diebold_mariano(np.full(9, 0.1)) == 0.0
    assert diebold_mariano(np.full(9, -0.1)) == 1.0
    assert np.isnan(diebold_mariano(np.array([1.0])))


@pytest.mark.parametrize(("n", "carry", "at_most"), [(7, 0.0, 0.06), (28, 0.0, 0.06), (28, 0.3, 0.075)])
def test_of_equal_zoos_no_more_take_force_than_the_level_says(n: int, carry: float, at_most: float) -> None:
    found = [diebold_mariano(row) for row in make_differences(1, n=n, carry=carry)]
    assert np.mean(np.array(found) < 0.05) <= at_most


def test_a_clear_advantage_is_seen_in_a_month() -> None:
    found = [diebold_mariano(row) for row in make_differences(2, n=28, mean=0.7)]
    assert np.mean(np.array(found) < 0.05) > 0.9


def test_a_forecast_counts_once_however_many_cells_it_has() -> None:
    challenger = make_cells(np.array([1.0, 1.0, 1.0]))
    champion = make_cells(np.array([2.0, 3.0, 2.0]))
    short = champion[~((champion["cutoff"] == champion["cutoff"].iloc[0]) & (champion["timestamp"].dt.hour > 0))]
    duel = compare(short, challenger, series_keys=())
    assert duel.n == 3
    assert duel.losses["cells"].tolist() == [1, 3, 3]
    assert (duel.champion_mae, duel.challenger_mae) == (pytest.approx(7 / 3), 1.0)
    assert duel.p_better == diebold_mariano(np.array([1.0, 2.0, 1.0]))


def test_only_cells_of_both_count_and_of_panels_each_series_its_own() -> None:
    one = make_cells(np.array([1.0, 2.0, 1.0])).assign(shop="a")
    two = make_cells(np.array([5.0, 5.0, 5.0])).assign(shop="b")
    champion = pd.concat([one, two], ignore_index=True)
    challenger = pd.concat([one, two.assign(target=np.nan)], ignore_index=True)
    duel = compare(champion.drop(columns="target"), challenger, series_keys=("shop",))
    assert (duel.champion_mae, duel.challenger_mae) == (pytest.approx(4 / 3), pytest.approx(4 / 3))
    assert duel.losses.dtypes.to_dict() == NO_LOSSES.dtypes.to_dict()
    nothing = compare(champion.drop(columns="target"), challenger.iloc[:0], series_keys=("shop",))
    assert nothing.n == 0


def test_overlap_is_the_horizon_in_forecasts() -> None:
    cells = make_cells(np.ones(6), every="1h", steps=24)
    ends = cells.groupby("cutoff")["timestamp"].max()
    assert count_overlap(pd.Series(ends.index), ends) == 6
    assert count_overlap(pd.Series(dtype="datetime64[us]"), pd.Series(dtype="datetime64[us]")) == 1


def test_a_challenger_must_be_better_and_one_that_adds_must_not_be_worse() -> None:
    def duel(p_better: float, n: int = 28) -> Duel:
        return Duel(n, 1.0, 1.0, p_better, 1.0 - p_better, NO_LOSSES)

    rules = [rule_on(duel(p), scope="all", significance=0.05) for p in (0.01, 0.06, 0.99)]
    assert rules == ["better", "not_better", "not_better"]
    rules = [rule_on(duel(p), scope="new_situations", significance=0.05) for p in (0.01, 0.06, 0.99)]
    assert rules == ["better", "not_worse", "worse"]
    few = duel(0.0, FEWEST - 1)
    assert rule_on(few, scope="all", significance=0.05) == "no_comparison"
    assert rule_on(few, scope="new_situations", significance=0.05) == "not_worse"
