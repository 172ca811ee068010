"""Build, predict, write down, explain: the zoo as a whole."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import CallerError, DataError, ModelError
from loopcast.schemas import contribution_schema, forecast_schema, member_forecast_schema, quantile_schema
from loopcast.zoo.build import build_zoo
from loopcast.zoo.explain import explain
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.steps import predict_steps
from zoo_panels import DAY, HOURLY, PANEL, WEEK, hourly_frame, hourly_panel, shop_frame, shop_panel, store_and_read


@pytest.fixture(scope="module")
def hourly():
    panel = hourly_panel(70)
    return build_zoo(panel, DAY), panel


@pytest.fixture(scope="module")
def shops():
    panel = shop_panel(gaps=True)
    return build_zoo(panel, WEEK), panel


def read_back(zoo):
    text, back = store_and_read(zoo)
    assert store_and_read(back)[0] == text
    return back


@pytest.mark.parametrize("which", ["hourly", "shops"])
def test_the_document_is_exact_and_forecasts_the_same(which, request):
    zoo, panel = request.getfixturevalue(which)
    first, second = predict(zoo, panel), predict(read_back(zoo), panel)
    pd.testing.assert_frame_equal(first.forecasts, second.forecasts, check_exact=True)
    pd.testing.assert_frame_equal(first.members, second.members, check_exact=True)


@pytest.mark.parametrize("which", ["hourly", "shops"])
def test_contributions_sum_to_the_forecast(which, request):
    zoo, panel = request.getfixturevalue(which)
    keys = list(panel.spec.series_keys)
    table = contribution_schema(keys).validate(explain(zoo, panel))
    identity = [*keys, "timestamp"]
    total = table.groupby(identity)["contribution"].sum().reset_index()
    joined = predict(zoo, panel).forecasts.merge(total, on=identity, validate="one_to_one")
    assert len(joined) == len(predict(zoo, panel).forecasts)
    assert (joined["forecast"] - joined["contribution"]).abs().max() < 1e-9


def test_the_next_day_is_forecast_better_than_by_the_season(hourly):
    zoo, panel = hourly
    made = predict(zoo, panel)
    forecast_schema(()).validate(made.forecasts)
    member_forecast_schema(()).validate(made.members)
    assert made.situations_unmet == ()
    assert made.forecasts["samples_ahead"].tolist() == list(range(1, 25))
    assert set(made.forecasts["relative_day"]) == {1}
    assert made.forecasts["model_index"].tolist() == list(range(24))
    assert set(made.forecasts["bin"]) == {"S+1:S+24"}
    assert zoo.promise[0].mae < 8.0
    assert sum(zoo.importances.values()) == pytest.approx(100.0)
    assert np.allclose(zoo.blocks[0].weights.sum(axis=2), 1.0)


def test_a_panel_of_unequal_lengths_with_gaps_is_forecast_whole(shops):
    zoo, panel = shops
    made = predict(zoo, panel).forecasts
    forecast_schema(PANEL.series_keys).validate(made)
    assert made.groupby(["shop", "item"]).size().tolist() == [7, 7, 7]
    constant = made[(made["shop"] == "a") & (made["item"] == "y")]
    assert np.allclose(constant["forecast"], 7.0)
    assert np.allclose(constant["lower"], 7.0)


def test_series_that_end_on_different_days_keep_their_own_origins():
    frame = shop_frame()
    late = (frame["shop"] == "b") & (frame["when"] > frame["when"].max() - pd.Timedelta(days=2))
    panel = panel_from_frame(frame[~late], PANEL)
    made = predict(build_zoo(panel, WEEK), panel).forecasts
    origins = made.groupby("shop")["origin"].unique()
    assert (origins["a"][0] - origins["b"][0]) == pd.Timedelta(days=2)
    assert made.groupby(["shop", "item"]).size().tolist() == [7, 7, 7]


def test_one_series_does_not_change_another(shops):
    zoo, panel = shops
    alone = predict(zoo, panel.select(np.array([2]))).forecasts
    together = predict(zoo, panel).forecasts
    expected = together[together["shop"] == "b"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected, check_exact=False, rtol=1e-12)


def test_an_unknown_series_gets_the_seasonal_naive_and_it_is_said(shops):
    zoo, _ = shops
    stranger = panel_from_frame(shop_frame().replace({"shop": {"b": "c"}}), PANEL)
    made = predict(zoo, stranger)
    assert "1 series unknown" in made.situations_unmet[0]
    new = made.forecasts[made.forecasts["shop"] == "c"]
    assert set(new["model_index"]) == {-1}
    assert new["forecast"].tolist() == stranger.y[2, -7:].tolist()


@pytest.mark.parametrize("spec", [DAY, ZooSpec(horizon=Horizon.parse(3))])
def test_ten_points_still_get_a_forecast(spec):
    panel = panel_from_frame(hourly_frame(1).head(10), HOURLY)
    zoo = build_zoo(panel, spec)
    made = predict(read_back(zoo), panel).forecasts
    forecast_schema(()).validate(made)
    assert len(made) >= 3
    assert {failure.member for failure in zoo.failures} == {"linear", "linear_recent"}


def test_one_point_is_repeated():
    panel = panel_from_frame(hourly_frame(1).head(1), HOURLY)
    made = predict(build_zoo(panel, ZooSpec(horizon=Horizon.parse(3))), panel).forecasts
    assert made["forecast"].tolist() == [panel.y[0, 0]] * 3


def test_a_constant_series_stays_constant():
    panel = panel_from_frame(hourly_frame(60).assign(load=5.0), HOURLY)
    made = predict(build_zoo(panel, DAY), panel).forecasts
    assert np.allclose(made[["forecast", "lower", "upper"]], 5.0)


def test_no_value_at_all_is_a_data_error_and_no_fitting_member_a_model_error():
    with pytest.raises(DataError, match="no value of load"):
        build_zoo(panel_from_frame(hourly_frame(5).assign(load=np.nan), HOURLY), DAY)
    short = panel_from_frame(hourly_frame(1).head(10), HOURLY)
    with pytest.raises(ModelError, match="linear"):
        build_zoo(short, ZooSpec(horizon=Horizon.parse(3), members=(MemberSpec("linear"),)))


@pytest.mark.parametrize("which", ["hourly", "shops"])
def test_quantiles_that_are_asked_for_agree_with_the_interval(which, request):
    zoo, panel = request.getfixturevalue(which)
    keys = list(panel.spec.series_keys)
    asked = replace(zoo, spec=replace(zoo.spec, quantiles=(0.05, 0.5, 0.95)))
    made = predict(asked, panel)
    table = quantile_schema(keys).validate(made.quantiles)
    wide = table.pivot_table(index=[*keys, "timestamp"], columns="probability", values="quantile")
    ends = made.forecasts.set_index([*keys, "timestamp"]).loc[wide.index]
    assert (wide.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    assert np.allclose(np.minimum(wide[0.05], ends["forecast"]), ends["lower"])
    assert np.allclose(np.maximum(wide[0.95], ends["forecast"]), ends["upper"])
    assert predict(zoo, panel).quantiles.empty


def test_quantiles_of_a_stranger_are_those_of_its_seasonal_changes(shops):
    zoo, _ = shops
    stranger = panel_from_frame(shop_frame().replace({"shop": {"b": "c"}}), PANEL)
    asked = replace(zoo, spec=replace(zoo.spec, quantiles=(0.1, 0.9)))
    made = predict(asked, stranger).quantiles
    new = made[made["shop"] == "c"].pivot_table(index="timestamp", columns="probability", values="quantile")
    assert (new[0.1] < new[0.9]).all()


def test_a_zoo_refuses_another_target(hourly):
    with pytest.raises(CallerError, match="built for"):
        predict(hourly[0], shop_panel())


@pytest.mark.parametrize(("missing", "word"), [(1, "later"), (13, "later"), (24 - 1, "later")])
def test_an_origin_at_another_time_of_day_is_served_from_the_nearest_one(hourly, missing, word):
    zoo, _ = hourly
    frame = hourly_frame(70)
    frame.loc[frame.index[-missing:], "load"] = np.nan
    made = predict(zoo, panel_from_frame(frame, HOURLY))
    assert word in made.situations_unmet[0]
    assert made.forecasts["samples_ahead"].tolist() == list(range(1, 24 + missing + 1))
    assert (made.forecasts["model_index"] >= 0).sum() >= 20
    assert made.forecasts["forecast"].notna().all()


def test_a_zoo_built_before_the_last_hour_came_serves_origins_after_it_from_an_hour_earlier(hourly):
    _, panel = hourly
    zoo = build_zoo(panel.cut(panel.last - 1), DAY)
    made = predict(zoo, panel)
    assert "1 steps earlier" in made.situations_unmet[0]
    assert (made.forecasts["model_index"] >= 0).all()
    assert (
        predict(build_zoo(panel.cut(panel.last - 1), replace(DAY, origin_time=23 * 60)), panel).situations_unmet == ()
    )


def test_a_predictor_that_ends_early_is_a_situation_of_its_own(hourly):
    zoo, panel = hourly
    assert dict(zoo.blocks[0].situation.predictor_ends) == {"temp": 0, "wind": 24}
    late = panel.x["temp"].copy()
    late[:, -5:] = np.nan
    short = replace(panel, x={**panel.x, "temp": late})
    said = predict(zoo, short).situations_unmet
    assert said == (
        "no models for where temp ends at step -5 from the last target: those for 0 asked, what lacks counts as usual",
    )
    fresh = build_zoo(short, DAY)
    assert predict(fresh, short).situations_unmet == ()
    both = replace(zoo, blocks=(*zoo.blocks, *fresh.blocks))
    assert predict_steps(both, short).block.tolist() == [1]
    assert predict_steps(both, panel).block.tolist() == [0]


def test_nothing_after_the_origin_changes_a_zoo_or_its_forecasts():
    frame = hourly_frame(66)
    origin = frame["when"].iloc[-25]
    later = frame["when"] > origin
    versions = []
    for noise in (1.0, 1e3):
        changed = frame.assign(load=frame["load"].where(~later, np.nan), temp=frame["temp"].where(~later, noise))
        panel = panel_from_frame(changed, HOURLY)
        zoo = build_zoo(panel, DAY)
        versions.append((predict(zoo, panel).forecasts, store_and_read(zoo)[0]))
    pd.testing.assert_frame_equal(versions[0][0], versions[1][0], check_exact=True)
    assert versions[0][1] == versions[1][1]


def test_members_are_asked_for_by_name_and_the_interval_covers(hourly):
    zoo, _ = hourly
    assert zoo.member_names == ("seasonal_naive_24", "seasonal_naive_168", "linear", "linear_recent")
    assert zoo.promise[0].coverage_pct >= 85.0
    with_sktime = ZooSpec(
        horizon=Horizon.parse(7),
        n_windows=3,
        members=(
            MemberSpec("seasonal_naive", {"period": 7}),
            MemberSpec("sktime", {"forecaster": "sktime.forecasting.naive.NaiveForecaster"}, label="drift"),
            MemberSpec("sktime", {"forecaster": "sktime.forecasting.naive.NaiveForecaster", "params": {"sp": "x"}}),
        ),
    )
    other = build_zoo(shop_panel(), with_sktime)
    assert "drift" in other.member_names
    assert [failure.member for failure in other.failures] == ["sktime_NaiveForecaster"]
    read_back(other)


def test_a_day_of_25_and_one_of_23_hours_are_forecast_whole():
    spec = TableSpec("when", "h", "load", (Variable("load"),), time_zone="Europe/Oslo")
    for last, hours in (("2026-03-28 22:00", 23), ("2026-10-24 21:00", 25)):
        when = pd.date_range(end=last, periods=24 * 50, freq="h", unit="us")
        rng = np.random.default_rng(5)
        panel = panel_from_frame(pd.DataFrame({"when": when, "load": when.hour + rng.normal(0, 0.1, len(when))}), spec)
        made = predict(build_zoo(panel, DAY), panel)
        assert made.forecasts["samples_ahead"].tolist() == list(range(1, hours + 1))
        assert set(made.forecasts["relative_day"]) == {1}
        assert made.situations_unmet == ()


@pytest.mark.parametrize(("frequency", "length"), [("W-MON", 130), ("MS", 60), ("QS", 30), ("15min", 96 * 20)])
def test_every_frequency_has_its_zoo(frequency, length):
    spec = TableSpec("when", frequency, "load", (Variable("load"),))
    when = pd.date_range("2020-01-06", periods=length, freq=frequency, unit="us")
    rng = np.random.default_rng(7)
    panel = panel_from_frame(pd.DataFrame({"when": when, "load": rng.normal(10, 1, length)}), spec)
    made = predict(build_zoo(panel, ZooSpec(horizon=Horizon.parse(4), n_windows=4)), panel).forecasts
    forecast_schema(()).validate(made)
    assert len(made) == 4


def test_importing_the_zoo_does_not_import_sktime():
    code = "import sys, loopcast.zoo.build, loopcast.zoo.explain, loopcast.experimentation.leaderboard; "
    code += "print([m for m in ('sktime', 'sklearn', 'scipy', 'dagster') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == "[]"
