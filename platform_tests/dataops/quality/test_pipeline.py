"""The pipeline's own characteristics: a slow, empty or late update is named, the usual ones are not."""

import numpy as np
import pytest

from loopcast.dataops.quality.pipeline import (
    Characteristic,
    explain_beyond,
    find_limits,
    judge_characteristics,
    judge_refusals,
)
from loopcast.schemas import check_table, pipeline_schema


def noisy(typical: float, n: int = 40, *, spread: float = 0.2, seed: int = 0) -> np.ndarray:
    return typical * np.exp(spread * np.random.default_rng(seed).normal(size=n))


def judge(numbers: np.ndarray, **options: object) -> dict[str, object]:
    table = check_table(judge_characteristics([Characteristic("duration_s", numbers, **options)]), pipeline_schema())
    return table.iloc[0].to_dict()


def test_a_run_ten_times_as_slow_is_beyond_the_upper_limit() -> None:
    table = judge_characteristics([Characteristic("duration_s", np.append(noisy(2.0), 20.0))])
    (told,) = explain_beyond(table)
    assert told.startswith("duration_s beyond the upper limit: found 20; expected 0 to ")


def test_usual_runs_are_in_control() -> None:
    judged = [judge(noisy(2.0, 41, seed=seed)) for seed in range(60)]
    assert sum(not row["in_control"] for row in judged) <= 1


def test_a_slow_run_among_the_earlier_ones_does_not_hide_the_next_and_two_make_it_usual() -> None:
    assert not judge(np.concatenate([noisy(2.0), [20.0], noisy(2.0, 5, seed=1), [20.0]]))["in_control"]
    assert judge(np.concatenate([noisy(2.0), [20.0, 20.0], noisy(2.0, 5, seed=1), [19.0]]))["in_control"]


def test_fast_runs_are_no_worry_and_small_updates_are() -> None:
    assert judge(np.append(noisy(2.0), 0.01))["in_control"]
    assert not judge(np.append(np.full(40, 24.0), 2.0), only_above=False)["in_control"]
    assert not judge(np.append(np.full(40, 24.0), 0.0), only_above=False)["in_control"]


def test_the_monday_after_a_weekend_is_usual() -> None:
    weeks = np.tile([72.0, 24, 24, 24, 24], 8)
    assert judge(np.append(weeks, 72.0), only_above=False)["in_control"]


def test_what_is_promised_is_in_control_however_regular_it_was() -> None:
    gaps = np.append(np.full(40, 0.2), 1.2)
    assert not judge(gaps)["in_control"]
    assert judge(gaps, least_upper=1.25)["in_control"]


def test_fewer_than_eight_earlier_values_have_no_limits() -> None:
    row = judge(np.append(np.full(7, 2.0), 900.0))
    assert row["in_control"]
    assert np.isnan(row["upper"])
    assert judge_characteristics([Characteristic("rows", np.array([]))]).empty


def test_limits_are_symmetric_on_the_log_scale_around_the_median() -> None:
    center, lower, upper = find_limits(noisy(10.0, 100, spread=0.5), least_spread=0.1)
    assert center == pytest.approx(10.0, rel=0.2)
    assert upper / center == pytest.approx(center / lower)
    assert upper / center == pytest.approx(np.exp(3 * 0.5), rel=0.5)


def test_many_refused_updates_are_named_and_a_rare_one_is_not() -> None:
    earlier = np.zeros(40, dtype=bool)
    rare, many = np.zeros(10, dtype=bool), np.arange(10) < 6
    rare[3] = True
    assert judge_refusals(np.concatenate([earlier, rare]))["in_control"]
    assert not judge_refusals(np.concatenate([earlier, many]))["in_control"]
    assert judge_refusals(np.zeros(15, dtype=bool)) is None
