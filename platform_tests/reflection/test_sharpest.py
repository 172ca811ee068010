"""Which points are worth a look, on forecasts small enough to rank by hand."""

import numpy as np
import pandas as pd
import pytest

from loopcast.reflection.sharpest import rank_points


def forecasts(**columns: object) -> pd.DataFrame:
    n = 6
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-01-01", periods=n, freq="h"),
            "forecast_version": "v00000002",
            "forecast": 10.0,
            "lower": 8.0,
            "upper": 12.0,
            "previous_forecast": np.nan,
            "actual": np.nan,
        }
    )
    return frame.assign(**columns)


def test_changes_and_errors_are_measured_in_the_point_s_own_interval() -> None:
    previous, actual = [np.nan, 14.0, 10.4, np.nan, np.nan, 10.0], [np.nan, np.nan, np.nan, 2.0, 10.8, np.nan]
    points = rank_points(forecasts(previous_forecast=previous, actual=actual), series_keys=(), limit=4)
    assert points["timestamp"].dt.hour.tolist()[:2] == [3, 1]
    assert points["score"].tolist()[:2] == [2.0, 1.0]
    assert points["reason"].tolist()[:2] == ["error", "change, width"]
    assert points["rank"].tolist() == [1, 2, 3, 4]


def test_an_interval_is_wide_next_to_what_is_usual_for_its_series_and_forecast() -> None:
    both = pd.concat(
        [
            forecasts(site="small", upper=[12.0, 12.0, 12.0, 12.0, 12.0, 16.0]),
            forecasts(site="large", forecast=1000.0, lower=800.0, upper=[1200.0] * 5 + [1210.0]),
        ]
    )
    points = rank_points(both, series_keys=("site",), limit=2)
    assert points[["site", "reason", "score"]].iloc[0].tolist() == ["small", "width", 1.0]


def test_at_most_half_come_in_by_one_reason_and_each_point_is_there_once() -> None:
    points = rank_points(forecasts(previous_forecast=[20.0 + i for i in range(6)]), series_keys=(), limit=4)
    assert points["reason"].str.contains("change").sum() == 2
    assert points["timestamp"].is_unique
    assert len(points) == 4


def test_intervals_without_width_and_a_single_forecast_are_ranked_too() -> None:
    flat = forecasts(lower=10.0, upper=10.0, previous_forecast=[9.0] + [np.nan] * 5)
    points = rank_points(flat, series_keys=())
    assert np.isfinite(points["score"]).all()
    assert points["reason"].iloc[0].startswith("change")
    assert len(rank_points(flat.iloc[1:2], series_keys=())) == 1


def test_of_forecasts_since_errors_are_worse_the_three_sharpest_come_in_by_that() -> None:
    actual = [2.0, 3.0, 4.0, 5.0, 6.0, 10.4]
    points = rank_points(forecasts(actual=actual, is_since=[True] * 5 + [False]), series_keys=(), limit=8)
    assert points["reason"].tolist() == ["deterioration"] * 3 + ["error"]
    assert points["timestamp"].dt.hour.tolist() == [0, 1, 2, 5]
    assert points["score"].tolist() == [2.0, 1.75, 1.5, pytest.approx(0.1)]
