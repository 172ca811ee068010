"""The zoo as an sktime forecaster: sktime's own suite, and that it is the very zoo of build and predict."""

import itertools
import pickle
import subprocess
import sys
import warnings
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest

from loopcast import ModelZoo
from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import CallerError, DataError, ModelError
from loopcast.zoo.build import build_zoo
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.spec import ZooSpec
from zoo_panels import hourly_frame, shop_frame


def hourly(days=40, **index):
    frame = hourly_frame(days)
    frame.index = pd.date_range("2026-01-05", periods=len(frame), freq="h", **index)
    return frame["load"], frame[["wind", "temp"]]


def shops(*, gaps=False):
    return shop_frame(gaps=gaps).set_index(["shop", "item", "when"])


@pytest.mark.timeout(1200)
def test_sktimes_own_suite_is_passed_whole():
    from sktime.utils.estimator_checks import check_estimator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(ModelZoo, verbose=False)
    assert {name: result for name, result in results.items() if result != "PASSED"} == {}
    assert len(results) > 800


def test_the_forecasts_are_those_of_build_and_predict():
    y, x = hourly()
    forecaster = ModelZoo(n_windows=6, measured=["temp"]).fit(y[:-24], X=x, fh=range(1, 25))
    made = forecaster.predict(X=x[-24:])
    frame = hourly_frame(40)
    frame.loc[frame.index[-24:], ["load", "temp"]] = np.nan
    variables = (Variable("load"), Variable("wind", known_ahead=True), Variable("temp"))
    panel = panel_from_frame(frame, TableSpec("when", "h", "load", variables))
    expected = predict(build_zoo(panel, ZooSpec(Horizon(steps=24), n_windows=6)), panel).forecasts
    assert made.index.equals(y.index[-24:])
    assert made.index.freq == y.index.freq
    assert (made.name, made.dtype) == (y.name, y.dtype)
    np.testing.assert_allclose(made, expected["forecast"], rtol=1e-12)
    np.testing.assert_allclose(forecaster.predict_quantiles(X=x[-24:], alpha=[0.05])["load", 0.05], expected["lower"])


def test_panel_keys_and_times_come_back_as_they_were_given():
    y = shops(gaps=True).sort_index(level=[0, 1], ascending=False, sort_remaining=False)
    made = ModelZoo(n_windows=4).fit(y, fh=[1, 3]).predict()
    assert made.index.names == ["shop", "item", "when"]
    assert list(made.columns) == ["sales"]
    assert made.index.droplevel(-1).unique().equals(y.index.droplevel(-1).unique())
    ends = y.groupby(level=[0, 1]).apply(lambda part: part.index[-1][2])
    for key, times in made.reset_index().groupby(["shop", "item"])["when"]:
        assert list((times - ends[key]).dt.days) == [1, 3]


def test_a_panel_is_forecast_as_by_build_and_predict():
    spec = TableSpec("when", "D", "sales", (Variable("sales"),), series_keys=("shop", "item"))
    panel = panel_from_frame(shop_frame(gaps=True), spec)
    expected = predict(build_zoo(panel, ZooSpec(Horizon(steps=7), n_windows=4)), panel).forecasts
    made = ModelZoo(n_windows=4).fit(shops(gaps=True), fh=range(1, 8)).predict()
    np.testing.assert_allclose(made["sales"], expected["forecast"])


@pytest.mark.parametrize("step", [1, 5])
def test_integer_time_counts_in_its_own_steps(step):
    values = np.tile([1.0, 5.0, 2.0], 30)
    y = pd.Series(values, index=pd.RangeIndex(7, 7 + step * 90, step), name="count")
    made = ModelZoo(sp=3).fit(y, fh=[1, 2, 3]).predict()
    assert made.index.tolist() == [y.index[-1] + step * k for k in (1, 2, 3)]
    np.testing.assert_allclose(made, [1.0, 5.0, 2.0], atol=0.2)


def test_periods_of_integer_time_are_found_and_it_has_no_calendar():
    y = pd.Series(np.tile([1.0, 5.0, 2.0, 8.0, 2.0], 20), name="count")
    forecaster = ModelZoo().fit(y, fh=[1, 2, 3, 4, 5])
    assert (forecaster.zoo_.seasonal_periods, forecaster.zoo_.spec.calendar) == ((5,), False)
    np.testing.assert_allclose(forecaster.predict(), [1.0, 5.0, 2.0, 8.0, 2.0], atol=0.2)


@pytest.mark.parametrize("freq", ["h", "D", "W", "M", "Q", "Y"])
def test_periods_are_forecast_for_the_periods_that_follow(freq):
    y = pd.Series(np.arange(60.0), index=pd.period_range("1990-01", periods=60, freq=freq))
    made = ModelZoo(n_windows=3).fit(y, fh=[1, 4]).predict()
    assert made.index.equals(pd.PeriodIndex([y.index[-1] + 1, y.index[-1] + 4]))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_steps_are_hours_that_pass_also_where_the_clock_changes(day, hours):
    midnight = pd.Timestamp(day, tz="Europe/Oslo")
    index = pd.date_range(midnight - pd.Timedelta(days=30), midnight, freq="h", inclusive="left")
    y = pd.Series(index.hour.to_numpy(dtype=float), index=index)
    made = ModelZoo(n_windows=3).fit(y, fh=range(1, hours + 1)).predict()
    assert made.index.equals(pd.date_range(midnight, periods=hours, freq="h"))
    np.testing.assert_allclose(made, made.index.hour, atol=1.5)


def test_update_learns_from_the_new_values_and_without_parameters_looks_at_them():
    y, x = hourly()
    start = ModelZoo(n_windows=3).fit(y[:-48], X=x[:-48], fh=range(1, 25))
    made = {}
    for learn, shift in itertools.product((False, True), (0.0, 30.0)):
        forecaster = deepcopy(start)
        forecaster.update(y[-48:-24] + shift, X=x[-48:-24], update_params=learn)
        assert forecaster.cutoff[0] == y.index[-25]
        made[learn, shift] = forecaster.predict(X=x[-24:])
        assert made[learn, shift].index.equals(y.index[-24:])
    for one, other in itertools.combinations(made.values(), 2):
        assert not np.allclose(one, other)


def test_an_update_day_by_day_knows_what_one_fit_knows():
    y, x = hourly(45)
    grown = ModelZoo(n_windows=3).fit(y[: 24 * 40], X=x[: 24 * 40], fh=range(1, 25))
    for day in range(40, 44):
        part = slice(24 * day, 24 * day + 24)
        grown.update(y[part], X=x[part], update_params=False)
    history, whole = grown._history, ModelZoo(n_windows=3).fit(y[: 24 * 44], X=x[: 24 * 44])._history
    np.testing.assert_array_equal(history.y, whole.y)
    np.testing.assert_array_equal(history.x[1], whole.x[1])
    assert (history.axis.start, history.ends.tolist()) == (whole.axis.start, whole.ends.tolist())


def test_an_update_may_correct_and_may_bring_new_series_and_earlier_times():
    y = shops()
    old = y.index.get_level_values("when") >= pd.Timestamp("2026-06-20")
    known = y.index.get_level_values("shop") == "a"
    forecaster = ModelZoo(n_windows=2).fit(y[old & known], fh=[1])
    forecaster.update(y, update_params=True)
    with pytest.warns(UserWarning, match="1 series unknown"):
        assert forecaster.predict().notna().all(axis=None)
    whole = ModelZoo(n_windows=2).fit(y, fh=[1])
    np.testing.assert_array_equal(forecaster._history.y, whole._history.y)
    pd.testing.assert_frame_equal(forecaster.rebuild().predict(), whole.predict())


def test_a_new_situation_is_built_when_it_is_asked_for():
    y, _ = hourly(40)
    forecaster = ModelZoo(n_windows=2).fit(y[:-24], fh=range(1, 25))
    forecaster.update(y[-24:-18])
    with pytest.warns(UserWarning, match="no models for"):
        forecaster.predict()
    old = forecaster.zoo_.blocks[0].until
    forecaster.rebuild("new_situations").predict()
    assert len(forecaster.zoo_.blocks) == 2
    assert forecaster.zoo_.blocks[0].until == old


def test_intervals_are_nested_and_quantiles_rise():
    y, x = hourly()
    forecaster = ModelZoo(n_windows=6).fit(y[:-24], X=x, fh=[1, 12, 24])
    levels = [0.2, 0.5, 0.9, 0.99]
    made = forecaster.predict_interval(X=x[-24:], coverage=levels)["load"]
    for narrow, wide in itertools.pairwise(levels):
        assert (made[wide]["lower"] <= made[narrow]["lower"]).all()
        assert (made[wide]["upper"] >= made[narrow]["upper"]).all()
    quantiles = forecaster.predict_quantiles(X=x[-24:], alpha=[0.01, 0.1, 0.5, 0.6, 0.95])
    assert (np.diff(quantiles, axis=1) >= 0).all()


def test_gaps_in_the_series_ten_points_and_constants_are_forecast():
    y, _ = hourly(20)
    holed = y.copy()
    holed.iloc[[5, 100, 101, 102, -30]] = np.nan
    assert ModelZoo(n_windows=2).fit(holed, fh=[1, 24]).predict().notna().all()
    assert ModelZoo(n_windows=2).fit(y.drop(y.index[100:103]), fh=[1, 24]).predict().notna().all()
    assert ModelZoo().fit(y[:10], fh=[1, 2, 3]).predict().notna().all()
    constant = ModelZoo(n_windows=2).fit(y * 0 + 5.0, fh=[1, 24])
    np.testing.assert_allclose(constant.predict(), 5.0)
    np.testing.assert_allclose(constant.predict_interval(coverage=0.9), 5.0)


def test_missing_values_at_the_end_are_forecast_over():
    y, _ = hourly(20)
    holed = y.copy()
    holed.iloc[-3:] = np.nan
    made = ModelZoo(n_windows=2).fit(holed, fh=[1, 24]).predict()
    assert made.index.equals(pd.DatetimeIndex([y.index[-1] + pd.Timedelta(hours=k) for k in (1, 24)]))
    np.testing.assert_allclose(made, ModelZoo(n_windows=2).fit(y[:-3], fh=[4, 27]).predict())


def test_a_longer_horizon_is_built_when_it_is_asked_for_and_that_is_said():
    y, _ = hourly(20)
    forecaster = ModelZoo(n_windows=2).fit(y, fh=[1, 2])
    short = forecaster.predict()
    with pytest.warns(UserWarning, match="built models for 30 steps"):
        long = forecaster.predict(fh=[1, 2, 30])
    assert long.notna().all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = forecaster.predict(fh=[1, 2, 30])
    pd.testing.assert_series_equal(long, again)
    pd.testing.assert_series_equal(short, forecaster.predict(fh=[1, 2]))


def test_a_series_that_ended_long_ago_is_forecast_for_a_given_time_by_its_season():
    y = shops()
    ended = (y.index.get_level_values("shop") == "b") & (y.index.get_level_values("when") > pd.Timestamp("2026-09-20"))
    day = y.index.get_level_values("when").max() + pd.Timedelta(days=1)
    forecaster = ModelZoo(n_windows=3).fit(y[~ended], fh=pd.DatetimeIndex([day], freq="D"))
    assert forecaster.zoo_.spec.horizon.steps == 1
    with pytest.warns(UserWarning, match="1 series ended earlier"):
        made = forecaster.predict(fh=pd.DatetimeIndex([day], freq="D"))
    assert made.index.get_level_values("when").unique().tolist() == [day]
    assert made["sales"].notna().all()


def test_past_times_are_forecast_from_before_them():
    y, x = hourly(60)
    forecaster = ModelZoo(n_windows=6, measured=["temp"]).fit(y[:-24], X=x[:-24], fh=range(1, 25))
    past = np.arange(-24 * 7 + 1, 1)
    made = forecaster.predict(fh=past)
    assert made.index.equals(y.index[-24 * 8 : -24])
    naive = y.shift(24)[made.index]
    assert (made - y[made.index]).abs().mean() < 0.5 * (naive - y[made.index]).abs().mean()
    ends = forecaster.predict_interval(fh=past, coverage=0.9)["load", 0.9]
    assert 0.8 < ((y[made.index] >= ends["lower"]) & (y[made.index] <= ends["upper"])).mean() <= 1.0
    mixed = forecaster.predict(fh=[-3, 0, 24], X=x[-24:])
    assert mixed.iloc[:2].tolist() == made.iloc[[-4, -1]].tolist()
    assert mixed.iloc[2] == forecaster.predict(fh=[24], X=x[-24:]).iloc[0]


def test_a_past_forecast_does_not_look_at_what_it_forecasts():
    y, _ = hourly(30)
    forecaster = ModelZoo(n_windows=3, horizon=24).fit(y)
    before = forecaster.predict(fh=range(-23, 1))
    forecaster.update(y[-24:] * 3.0, update_params=False)
    pd.testing.assert_series_equal(forecaster.predict(fh=range(-23, 1)), before)


def test_parameters_are_kept_cloned_and_pickled():
    y, x = hourly(20)
    forecaster = ModelZoo(n_windows=2, members=["linear", {"name": "seasonal_naive", "parameters": {"period": 24}}])
    assert forecaster.clone().get_params() == forecaster.get_params()
    fitted = forecaster.set_params(level=80.0).fit(y, X=x, fh=[1, 2])
    copy = pickle.loads(pickle.dumps(fitted))  # noqa: S301
    pd.testing.assert_series_equal(copy.predict(X=x[-2:]), fitted.predict(X=x[-2:]))
    assert fitted.zoo_.member_names == ("linear", "seasonal_naive_24")
    assert fitted.zoo_.spec.level == 80.0


@pytest.mark.parametrize("which", ["series", "panel", "integers"])
def test_the_document_predicts_and_updates_as_the_forecaster_did(which):
    y, x = hourly(40)
    if which == "panel":
        y, x = shops(), None
    elif which == "integers":
        y, x = y.set_axis(pd.RangeIndex(5, 5 + len(y))), x.set_axis(pd.RangeIndex(5, 5 + len(x)))
    split = len(y) - 24 if which != "panel" else len(y)
    forecaster = ModelZoo(n_windows=2, measured=["temp"]).fit(y[:split], X=None if x is None else x[:split], fh=[1, 7])
    back = ModelZoo.from_document(forecaster.to_document())
    for step in range(2):
        made = [one.predict(X=None if x is None else x[split:]) for one in (back, forecaster)]
        np.testing.assert_array_equal(made[0], made[1])
        assert made[0].index.equals(made[1].index)
        assert back.cutoff[0] == forecaster.cutoff[0]
        if step == 0 and x is not None:
            new = slice(split, split + 12)
            split += 12
            for one in (back, forecaster):
                one.update(y[new], X=x[new])
    assert back.get_params() == forecaster.get_params()


def test_contributions_sum_to_the_forecast():
    y, x = hourly(20)
    forecaster = ModelZoo(n_windows=2, measured=["temp"]).fit(y[:-24], X=x[:-24], fh=range(1, 25))
    terms = forecaster.explain(X=x[-24:])
    total = terms.groupby("timestamp")["contribution"].sum()
    np.testing.assert_allclose(total, forecaster.predict(X=x[-24:]), atol=1e-9)


def test_what_is_not_as_it_was_fitted_is_refused():
    y, x = hourly(20)
    forecaster = ModelZoo(n_windows=2).fit(y[:-24], X=x[:-24], fh=[1])
    with pytest.raises(DataError, match="without"):
        forecaster.predict(X=x[["wind"]][-24:])
    with pytest.raises(DataError, match="regular grid"):
        forecaster.update(y[-24:].set_axis(y.index[-24:] + pd.Timedelta(minutes=7)))
    with pytest.raises(ModelError, match="expected loopcast-model-zoo"):
        ModelZoo.from_document({"format": "other"})
    both = ModelZoo(n_windows=2).fit(pd.DataFrame({"one": y, "two": y}), fh=[1])
    assert list(both.predict().columns) == ["one", "two"]
    with pytest.raises(CallerError, match="several columns"):
        both.to_document()


def test_importing_loopcast_imports_no_sktime_before_it_is_needed():
    code = (
        "import sys, loopcast; print('sktime' in sys.modules, hasattr(loopcast, 'ModelZoo'), 'sktime' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.split() == ["False", "True", "True"]
