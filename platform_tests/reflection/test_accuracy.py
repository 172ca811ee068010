"""Production accuracy on forecasts small enough to check by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.table import TableSpec, Variable
from loopcast.reflection.accuracy import (
    SUMS_BY,
    add_sums,
    measure,
    measure_all,
    measure_bins,
    score_forecasts,
    subtract_sums,
    sum_cells,
)
from loopcast.schemas import accuracy_schema
from loopcast.zoo.measures import (
    interval_coverage,
    mean_absolute_error,
    mean_error,
    pinball_loss,
    root_mean_squared_error,
)

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


def test_steps_ahead_are_measured_apart_and_keep_to_the_schema_too():
    table = score_forecasts(forecasts(), members(), actuals(), SPEC).by_samples_ahead
    assert accuracy_schema("samples_ahead").validate(table)["n"].tolist() == [2, 1]


def test_members_may_be_missing():
    summary = score_forecasts(forecasts(), members().iloc[:0], actuals(), SPEC).summary
    assert "skill_pct" not in summary


VALUES = st.floats(-50.0, 50.0).map(lambda value: round(value, 1))
ROWS = st.lists(
    st.tuples(VALUES, VALUES, st.floats(0.1, 9.0), st.integers(1, 3), st.one_of(st.none(), VALUES)),
    min_size=1,
    max_size=12,
)


def make_cells(rows) -> pd.DataFrame:
    """Scored forecasts: actual, forecast, half the width, samples ahead, what the naive said."""
    table = pd.DataFrame(rows, columns=["actual", "forecast", "half", "samples_ahead", "seasonal_naive_24"])
    naive = table["seasonal_naive_24"].astype("float64")
    ends = {"lower": table["forecast"] - table["half"], "upper": table["forecast"] + table["half"]}
    bins = table["samples_ahead"].map(lambda step: "near" if step < 3 else "far").astype("str")
    return table.assign(seasonal_naive_24=naive, **ends, level=90.0, bin=bins, forecast_version="v00000001")


@settings(deadline=None, max_examples=30)
@given(rows=ROWS)
def test_measures_from_sums_are_those_of_the_cells(rows):
    cells = make_cells(rows)
    y_true, y_pred = cells["actual"].to_numpy(), cells["forecast"].to_numpy()
    found = measure_all(sum_cells(cells, SUMS_BY)).iloc[0]
    ends = np.column_stack([cells["lower"], y_pred, cells["upper"]])
    assert found["mae"] == pytest.approx(mean_absolute_error(y_true, y_pred))
    assert found["rmse"] == pytest.approx(root_mean_squared_error(y_true, y_pred))
    assert found["bias"] == pytest.approx(mean_error(y_true, y_pred), abs=1e-9)
    assert found["coverage_pct"] == pytest.approx(interval_coverage(y_true, ends[:, 0], ends[:, 2]))
    assert found["width"] == pytest.approx(float(np.mean(ends[:, 2] - ends[:, 0])))
    for name, column, probability in (("lower", 0, 0.05), ("median", 1, 0.5), ("upper", 2, 0.95)):
        expected = pinball_loss(y_true, ends[:, [column]], np.array([probability]))
        assert found[f"pinball_{name}"] == pytest.approx(expected)
    shares = [abs(a - f) / abs(a) for a, f in zip(y_true, y_pred, strict=True) if a != 0]
    assert found["n_zero"] == len(cells) - len(shares)
    assert found["mape_pct"] == pytest.approx(100 * np.mean(shares) if shares else np.nan, nan_ok=True)
    spoke = [row for row in rows if row[4] is not None]
    naive = sum(abs(row[0] - row[4]) for row in spoke)
    scaled = sum(abs(row[0] - row[1]) for row in spoke) / naive if naive else np.nan
    assert found["mase"] == pytest.approx(scaled, nan_ok=True)


@settings(deadline=None, max_examples=30)
@given(rows=ROWS, cut=st.integers(0, 12))
def test_sums_of_parts_add_up_and_a_part_can_be_taken_out_again(rows, cut):
    cells = make_cells(rows)
    one, other = (sum_cells(part, SUMS_BY) for part in (cells.iloc[:cut], cells.iloc[cut:]))
    whole = sum_cells(cells, SUMS_BY)
    added = add_sums(pd.concat([part for part in (one, other) if len(part)]), SUMS_BY)
    pd.testing.assert_frame_equal(measure(added, by="samples_ahead"), measure(whole, by="samples_ahead"))
    left, expected = measure_bins(subtract_sums(whole, one)), measure_bins(other)
    pd.testing.assert_frame_equal(left.drop(columns="mase"), expected.drop(columns="mase"), atol=1e-9)


def test_scaling_the_target_scales_errors_and_leaves_shares_as_they_are():
    rows = [(10.0, 12.0, 1.0, 1, 7.0), (20.0, 15.0, 2.0, 3, 26.0)]
    cells = make_cells(rows)
    columns = ["actual", "forecast", "lower", "upper", "seasonal_naive_24"]
    one, ten = (measure_all(sum_cells(c, SUMS_BY)).iloc[0] for c in (cells, cells.assign(**(cells[columns] * 10.0))))
    same, scaled = ["mape_pct", "mase", "coverage_pct"], ["mae", "rmse", "bias", "width", "pinball_lower"]
    assert ten[same].tolist() == pytest.approx(one[same].tolist())
    assert ten[scaled].tolist() == pytest.approx([10.0 * value for value in one[scaled]])
