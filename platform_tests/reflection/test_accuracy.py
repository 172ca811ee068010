"""Production accuracy on forecasts small enough to check by hand."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.reflection.accuracy import score_forecasts
from loopcast.schemas import accuracy_schema

SPEC = TableSpec("when", "h", "load", (Variable("load"),), series_keys=("site",))


def forecasts():
    day = pd.date_range("2026-01-02", periods=4, freq="h", unit="us")
    return pd.DataFrame(
        {
            "site": ["a", "a", "b", "b"],
            "timestamp": [day[0], day[1], day[0], day[1]],
            "origin": pd.Timestamp("2026-01-01 23:00"),
            "samples_ahead": [1, 2, 1, 2],
            "bin": ["S+1:S+1", "S+2:S+2"] * 2,
            "forecast": [10.0, 12.0, 20.0, 22.0],
            "lower": [9.0, 11.0, 19.0, 21.0],
            "upper": [11.0, 13.0, 21.0, 23.0],
            "level": 80.0,
            "forecast_version": "v00000001",
        }
    ).astype({"origin": "datetime64[us]", "timestamp": "datetime64[us]"})


def members():
    base = forecasts()[["site", "timestamp", "origin", "samples_ahead"]]
    return pd.concat([base.assign(member=f"seasonal_naive_{p}", forecast=v) for p, v in ((24, 11.0), (168, 13.0))])


def actuals(values=(10.5, np.nan, 25.0, 22.0)):
    return forecasts()[["site", "timestamp"]].rename(columns={"timestamp": "when"}).assign(load=list(values))


def test_the_summary_is_what_can_be_counted_by_hand():
    report = score_forecasts(forecasts(), members(), actuals(), SPEC)
    summary = report.summary
    assert summary["n"] == 3
    assert summary["n_unscored"] == 1
    assert summary["mae"] == pytest.approx((0.5 + 5.0 + 0.0) / 3)
    assert summary["rmse"] == pytest.approx(np.sqrt((0.25 + 25.0) / 3))
    assert summary["bias"] == pytest.approx((-0.5 - 5.0) / 3)
    assert summary["coverage_pct"] == pytest.approx(200 / 3)
    assert summary["mae_seasonal_naive_24"] == pytest.approx((0.5 + 14.0 + 11.0) / 3)
    assert summary["mae_seasonal_naive_168"] == pytest.approx((2.5 + 12.0 + 9.0) / 3)
    assert summary["skill_pct"] == pytest.approx(100 * (1 - 5.5 / 23.5))


def test_bins_are_measured_apart():
    table = accuracy_schema().validate(score_forecasts(forecasts(), members(), actuals(), SPEC).by_bin)
    assert table["bin"].tolist() == ["all", "S+1:S+1", "S+2:S+2"]
    assert table["n"].tolist() == [3, 2, 1]
    assert table["mae"].tolist() == pytest.approx([5.5 / 3, 2.75, 0.0])


def test_a_corrected_actual_changes_the_report():
    first = score_forecasts(forecasts(), members(), actuals(), SPEC).summary["mae"]
    second = score_forecasts(forecasts(), members(), actuals((10.5, np.nan, 21.0, 22.0)), SPEC).summary["mae"]
    assert (first, second) == (pytest.approx(5.5 / 3), pytest.approx(0.5))


def test_of_overlapping_forecasts_the_latest_alone_counts_when_asked():
    newer = forecasts().assign(
        origin=pd.Timestamp("2026-01-01 23:30").as_unit("us"), forecast=0.0, lower=0.0, upper=0.0
    )
    both = pd.concat([newer, forecasts()], ignore_index=True)
    assert score_forecasts(both, members(), actuals(), SPEC).summary["n"] == 6
    report = score_forecasts(both, members(), actuals(), SPEC, latest_only=True)
    assert report.cells["forecast"].tolist() == [0.0] * 3


def test_nothing_to_score_is_an_empty_report():
    report = score_forecasts(forecasts(), members(), actuals([np.nan] * 4), SPEC)
    assert report.summary == {"n": 0.0, "n_unscored": 4.0}
    accuracy_schema().validate(report.by_bin)
    assert report.cells.empty


def test_members_may_be_missing():
    summary = score_forecasts(forecasts(), members().iloc[:0], actuals(), SPEC).summary
    assert "skill_pct" not in summary
