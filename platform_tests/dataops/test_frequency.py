"""Grids, seasonal periods and horizons."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import (
    FrequencyEstimate,
    Horizon,
    estimate_frequency,
    is_sub_daily,
    local_time,
    regular_grid,
    seasonal_periods,
    step_ns,
    steps_per_day,
)
from loopcast.errors import CallerError


@pytest.mark.parametrize(
    ("frequency", "periods", "per_day"),
    [("h", (24, 168), 24), ("15min", (96, 672), 96), ("D", (7,), 1), ("W", (52,), 1), ("W-MON", (52,), 1),
     ("MS", (12,), 1), ("ME", (12,), 1), ("QS", (4,), 1), ("YS", (1,), 1)],
)  # fmt: skip
def test_a_frequency_has_the_seasonal_periods_of_the_calendar(frequency, periods, per_day):
    assert seasonal_periods(frequency) == periods
    assert steps_per_day(frequency) == per_day
    assert is_sub_daily(frequency) == (per_day > 1)


def test_an_unknown_frequency_is_the_callers_fault():
    with pytest.raises(CallerError, match="nonsense"):
        step_ns("nonsense")


def test_an_hourly_grid_in_a_zone_counts_every_utc_hour_and_a_daily_one_every_local_midnight():
    hours = regular_grid(pd.Timestamp("2026-03-28 23:00"), "h", periods=24, time_zone="Europe/Oslo")
    assert hours[-1] == pd.Timestamp("2026-03-29 22:00")
    days = regular_grid(
        pd.Timestamp("2026-03-28 23:00"), "D", end=pd.Timestamp("2026-03-30 22:00"), time_zone="Europe/Oslo"
    )
    assert local_time(days, "Europe/Oslo").hour.tolist() == [0, 0, 0]
    assert str(days.dtype) == "datetime64[us]"


@pytest.mark.parametrize(
    ("horizon", "origin", "frequency", "steps"),
    [
        ("1D", "2026-11-20 23:00", "h", 24),
        ("1D", "2026-11-20 22:00", "h", 25),
        ("2D", "2026-11-20 23:45", "15min", 192),
        ("1D", "2026-11-20", "D", 1),
        ("1W", "2026-11-20", "D", 9),
        ("1M", "2026-01-15", "D", 44),
        ("1M", "2026-01-01", "MS", 1),
        (13, "2026-11-20", "D", 13),
    ],
)
def test_a_horizon_reaches_to_the_end_of_its_last_calendar_unit(horizon, origin, frequency, steps):
    assert Horizon.parse(horizon).count_steps(pd.Timestamp(origin), frequency) == steps


@pytest.mark.parametrize("text", ["0", "-1", "1Y", "D", "1.5D", ""])
def test_a_horizon_that_makes_no_sense_is_refused(text):
    with pytest.raises(CallerError, match="expected steps"):
        Horizon.parse(text)


@pytest.mark.parametrize("text", ["24", "1D", "2W", "3M"])
def test_a_horizon_reads_back_what_it_prints(text):
    assert str(Horizon.parse(text)) == text


@pytest.mark.parametrize(
    "frequency",
    ["s", "30s", "min", "15min", "h", "6h", "D", "2D", "W-MON", "2W-SUN", "MS", "ME", "QS", "YS", "YE", "2MS"],
)
def test_the_sampling_period_is_estimated_in_spite_of_gaps_disorder_and_repeats(frequency):
    times = pd.Series(pd.date_range("2025-03-01", periods=40, freq=frequency))
    rng = np.random.default_rng(3)
    holey = times[np.r_[0:5, 6:20, 23:40]].sample(frac=1, random_state=rng)
    estimate = estimate_frequency(pd.concat([holey, holey[:3], pd.Series([pd.NaT])], ignore_index=True))
    assert pd.tseries.frequencies.to_offset(estimate.frequency) is not None
    assert estimate.frequency.split("-")[0] == frequency.split("-")[0]
    assert 0.9 < estimate.share < 1


def test_each_series_has_its_own_steps():
    times = pd.Series(pd.date_range("2025-01-01", periods=8, freq="30min"))
    series = pd.DataFrame({"site": ["a", "b"] * 4})
    assert estimate_frequency(times).frequency == "30min"
    assert estimate_frequency(times, series=series) == FrequencyEstimate("h", 1.0)


def test_a_changing_clock_does_not_change_the_estimate():
    utc = pd.date_range("2026-03-28", periods=72, freq="h")
    estimate = estimate_frequency(pd.Series(local_time(utc, "Europe/Oslo")))
    assert estimate.frequency == "h"
    assert estimate.share == 70 / 71


@pytest.mark.parametrize("times", [[], ["2026-01-01"], ["2026-01-01", "2026-01-01"], [None]])
def test_less_than_two_times_have_no_period(times):
    assert estimate_frequency(pd.Series(pd.to_datetime(times))) == FrequencyEstimate(None, 0.0)
