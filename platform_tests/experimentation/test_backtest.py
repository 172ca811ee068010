"""Backtest, leaderboard and gate."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.experimentation.backtest import backtest
from loopcast.experimentation.leaderboard import passes_gate, rank_members
from loopcast.schemas import backtest_schema, leaderboard_schema
from loopcast.zoo.build import build_zoo
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.spec import MemberSpec
from zoo_panels import DAY, HOURLY, PANEL, WEEK, hourly_frame, hourly_panel, shop_panel, store_and_read


@pytest.fixture(scope="module")
def hourly():
    return backtest(hourly_panel(70), DAY)


def test_origins_recreate_the_time_of_day_of_the_end(hourly):
    backtest_schema(()).validate(hourly.cells)
    cutoffs = hourly.cells["cutoff"].drop_duplicates()
    assert set(cutoffs.dt.hour) == {23}
    assert len(cutoffs) == 6
    assert hourly.failures == ()


def test_targets_are_the_data_and_forecasts_of_the_naive_are_the_day_before(hourly):
    frame = hourly_frame(70).set_index("when")["load"]
    cells = hourly.cells[hourly.cells["member"] == "seasonal_naive_24"]
    assert np.array_equal(cells["target"], frame[cells["timestamp"]])
    assert np.array_equal(cells["forecast"], frame[cells["timestamp"] - pd.Timedelta(days=1)])


def test_changing_the_data_after_a_cutoff_changes_no_forecast_from_it():
    frame = hourly_frame(66)
    cutoff = frame["when"].iloc[-1 - 48]
    later = frame["when"] > cutoff
    changed = frame.assign(
        load=frame["load"].where(~later, frame["load"] * 3 + 50), temp=frame["temp"].where(~later, 99.0)
    )
    made = [backtest(panel_from_frame(f, HOURLY), DAY).cells for f in (frame, changed)]
    made = [cells[cells["cutoff"] <= cutoff] for cells in made]
    pd.testing.assert_series_equal(made[0]["forecast"], made[1]["forecast"], check_exact=True)
    assert (made[0]["cutoff"] == cutoff).any()


def test_the_leaderboard_measures_all_members_on_the_same_cells(hourly):
    table = leaderboard_schema().validate(rank_members(hourly))
    assert set(table["n"]) == {5 * 24}
    assert table["mae"].is_monotonic_increasing
    row = table.set_index("member").loc["linear"]
    cells = hourly.cells[hourly.cells["member"] == "linear"]
    cells = cells[cells["cutoff"] > cells["cutoff"].min()]  # nothing was known about weights at the first
    assert row["mae"] == pytest.approx((cells["target"] - cells["forecast"]).abs().mean())
    assert table["weight_pct"].sum() == pytest.approx(100.0)
    assert table.loc[table["relative_mae"] == 1.0, "member"].str.startswith("seasonal_naive").all()


def test_scaling_the_target_scales_the_error_and_not_the_scaled_error():
    frames = [hourly_frame(66), hourly_frame(66).assign(load=lambda f: f["load"] * 8.0)]
    tables = [rank_members(backtest(panel_from_frame(f, HOURLY), DAY)).set_index("member") for f in frames]
    assert np.allclose(tables[0]["mae"] * 8.0, tables[1]["mae"].reindex(tables[0].index))
    assert np.allclose(tables[0]["mase"], tables[1]["mase"].reindex(tables[0].index))


def test_the_gate_passes_the_better_and_stops_the_worse(hourly):
    table = rank_members(hourly)
    made = passes_gate(table)
    assert made.passed
    assert "better than seasonal_naive" in made.reason
    worse = table.assign(mae=table["mae"].where(table["member"] != "combination", 1e9))
    assert not passes_gate(worse).passed


def test_a_short_series_passes_with_its_naives_and_says_so():
    made = backtest(panel_from_frame(hourly_frame(1).head(10), HOURLY), DAY)
    gate = passes_gate(rank_members(made))
    assert gate.passed
    assert "only seasonal naives" in gate.reason
    assert {failure.member for failure in made.failures} == {"linear", "linear_recent"}
    assert passes_gate(rank_members(backtest(panel_from_frame(hourly_frame(1).head(1), HOURLY), DAY))).passed


def test_without_a_naive_there_is_no_passing():
    spec = replace(DAY, members=(MemberSpec("linear"),))
    assert not passes_gate(rank_members(backtest(hourly_panel(60), spec))).passed


def test_a_panel_is_ranked_over_all_series():
    made = backtest(shop_panel(gaps=True), WEEK)
    backtest_schema(PANEL.series_keys).validate(made.cells)
    leaderboard_schema().validate(rank_members(made))
    assert made.cells.groupby(["shop", "item"]).ngroups == 3


def test_a_zoo_built_from_the_backtest_is_the_zoo_built_from_the_panel(hourly):
    panel = hourly_panel(70)
    again = build_zoo(panel, DAY, rolling=hourly.rolling)
    assert store_and_read(again)[0] == store_and_read(build_zoo(panel, DAY))[0]
