"""The minimal history: exactly what it names is enough, to the last bit, and one row less at its ends is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import HistoryError
from loopcast.zoo.build import build_zoo
from loopcast.zoo.document import zoo_from_document, zoo_to_document
from loopcast.zoo.minimal import count_missing_steps, needed_windows, required_window
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.spec import MemberSpec, ZooSpec
from zoo_panels import DAY, HOURLY, PANEL, WEEK, hourly_frame, shop_frame

ROLLING = MemberSpec("sktime", {"forecaster": "sktime.forecasting.naive.NaiveForecaster", "training_length": 30})
NAIVES = ZooSpec(horizon=Horizon.parse(9), n_windows=4, members=(MemberSpec("seasonal_naive", {"period": 7}), ROLLING))
BUILT_DAYS = 110
ORIGIN = (BUILT_DAYS + 5) * 24


def known_ahead(frame, origin):
    """Return the rows up to an origin, and of the day after it the wind alone."""
    rows = frame.iloc[: origin + 24].copy()
    rows.loc[rows.index[origin:], ["load", "temp"]] = np.nan
    return rows


def drill(frame, columns, share, seed):
    """Return the frame with holes in some columns, but for the first value of each series."""
    rng, out = np.random.default_rng(seed), frame.copy()
    for name in columns:
        present = out[out[name].notna()]
        first = present.groupby(["shop", "item"])["when"].idxmin() if "shop" in out else present.index[:1]
        out.loc[(rng.random(len(out)) < share) & ~out.index.isin(first), name] = np.nan
    return out


def only(frame, windows, spec):
    """Return the rows and values that the windows name, and nothing else."""
    out = frame.copy()
    for variable in spec.variable_names:
        inside = [
            (out[spec.timestamp] >= w.first) & (out[spec.timestamp] <= w.last)
            for w in windows
            if w.variable == variable
        ]
        out[variable] = out[variable].where(inside[0] if inside else False)
    return out[out[list(spec.variable_names)].notna().any(axis=1)].reset_index(drop=True)


def same(first, second):
    pd.testing.assert_frame_equal(first.forecasts, second.forecasts, check_exact=True)
    pd.testing.assert_frame_equal(first.members, second.members, check_exact=True)


def read_back(zoo):
    return zoo_from_document(zoo_to_document(zoo))


@pytest.fixture(scope="module")
def hourly():
    frame = hourly_frame(140)
    return read_back(build_zoo(panel_from_frame(known_ahead(frame, BUILT_DAYS * 24), HOURLY), DAY)), frame


@pytest.fixture(scope="module")
def shops():
    frame = shop_frame(gaps=True)
    built = frame[frame["when"] < frame["when"].max() - pd.Timedelta(days=8)]
    panel = panel_from_frame(built, PANEL)
    return {name: read_back(build_zoo(panel, spec)) for name, spec in (("linear", WEEK), ("naives", NAIVES))}, frame


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(back=st.integers(0, 40), share=st.sampled_from([0.0, 0.02, 0.3]), seed=st.integers(0, 99))
def test_the_window_alone_gives_the_forecast_of_the_whole_history_to_the_last_bit(hourly, back, share, seed):
    zoo, frame = hourly
    origin = len(frame) - 24 - back
    whole = drill(known_ahead(frame, origin), ["load", "temp"], share, seed)
    panel = panel_from_frame(whole, HOURLY)
    minimal = panel_from_frame(only(whole, needed_windows(zoo, panel), HOURLY), HOURLY)
    assert len(minimal.local) < len(panel.local) - 100
    same(predict(zoo, panel), predict(zoo, minimal))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(back=st.integers(0, 8), kind=st.sampled_from(["linear", "naives"]), noise=st.integers(0, 99))
def test_for_a_panel_of_unequal_lengths_as_well(shops, back, kind, noise):
    zoos, frame = shops
    zoo = zoos[kind]
    late = (frame["shop"] == "b") & (frame["when"] > frame["when"].max() - pd.Timedelta(days=noise % 3))
    whole = drill(
        frame[(frame["when"] <= frame["when"].max() - pd.Timedelta(days=back)) & ~late], ["sales"], 0.05, noise
    )
    panel = panel_from_frame(whole, PANEL)
    windows = needed_windows(zoo, panel)
    same(predict(zoo, panel), predict(zoo, panel_from_frame(only(whole, windows, PANEL), PANEL)))


def test_nothing_older_than_the_window_is_looked_at(hourly):
    zoo, frame = hourly
    whole = known_ahead(frame, ORIGIN)
    (window, *_) = needed_windows(zoo, panel_from_frame(whole, HOURLY))
    old = whole["when"] < window.first
    assert old.any()
    other = whole.assign(
        load=whole["load"].where(~old, 1e6), temp=whole["temp"].where(~old), wind=whole["wind"].where(~old, -3)
    )
    same(*(predict(zoo, panel_from_frame(frame, HOURLY)) for frame in (whole, other)))


def test_the_depths_follow_from_the_zoo_alone(hourly):
    zoo, _ = hourly
    origin = pd.Timestamp("2026-06-01 23:00")
    windows = {window.variable: window for window in required_window(zoo, origin)}
    # 12 weeks of profile before the week whose deviations from it are averaged; days and weeks of the predictors
    assert {name: window.rows for name, window in windows.items()} == {"load": 13 * 168, "temp": 24, "wind": 168 + 24}
    assert {window.last for window in windows.values()} == {origin, origin + pd.Timedelta("24h")}
    assert windows["wind"].refused_without == origin + pd.Timedelta("24h")
    assert windows["load"].refused_without is windows["temp"].refused_without is None


@pytest.mark.parametrize(
    ("variable", "row", "named"),
    [
        ("load", 0, r"load up to 2026-01-29 00:00:00"),
        ("load", -1, r"load up to 2026-01-28 23:00:00"),  # the origin and with it the window move a step back
        ("temp", 0, r"temp up to 2026-04-29 00:00:00"),
        ("wind", 0, r"wind up to 2026-04-23 00:00:00"),
        ("wind", -1, r"wind at 2026-04-30 23:00:00"),
        ("wind", -24, r"wind at 2026-04-30 00:00:00"),
    ],
)
def test_one_row_less_at_an_end_is_refused_by_name(hourly, variable, row, named):
    zoo, frame = hourly
    whole = known_ahead(frame, ORIGIN)
    minimal = only(whole, needed_windows(zoo, panel_from_frame(whole, HOURLY)), HOURLY)
    predict(zoo, panel_from_frame(minimal, HOURLY))
    less = minimal.copy()
    less.loc[less.index[less[variable].notna()][row], variable] = np.nan
    with pytest.raises(HistoryError, match=f"lacks history: .*{named}"):
        predict(zoo, panel_from_frame(less, HOURLY))


def test_a_row_less_in_the_middle_is_a_missing_value_and_said(hourly):
    zoo, frame = hourly
    whole = known_ahead(frame, ORIGIN)
    minimal = only(whole, needed_windows(zoo, panel_from_frame(whole, HOURLY)), HOURLY)
    less = minimal.drop(index=minimal.index[1000])
    assert predict(zoo, panel_from_frame(minimal, HOURLY)).notes == ()
    assert predict(zoo, panel_from_frame(less, HOURLY)).notes == (
        "load: 1 of 2184 values are missing; each counts as its usual value",
    )


def test_a_gap_at_the_oldest_row_moves_the_window_back_to_the_value_before_it(hourly):
    zoo, frame = hourly
    whole = known_ahead(frame, ORIGIN)
    edge = needed_windows(zoo, panel_from_frame(whole, HOURLY))[0].first
    holed = whole.assign(load=whole["load"].where(~whole["when"].between(edge, edge + pd.Timedelta("5h"))))
    panel = panel_from_frame(holed, HOURLY)
    windows = needed_windows(zoo, panel)
    assert windows[0].first == edge - pd.Timedelta("1h")
    assert windows[0].rows == 2185
    same(predict(zoo, panel), predict(zoo, panel_from_frame(only(holed, windows, HOURLY), HOURLY)))


def test_a_zoo_never_asks_for_more_than_it_was_built_on():
    frame = hourly_frame(40)
    young = panel_from_frame(frame.iloc[: 35 * 24], HOURLY)
    zoo = read_back(build_zoo(young, DAY))
    later = panel_from_frame(frame, HOURLY)
    (load, _, wind) = required_window(zoo, later.local[-1])
    assert load.first == young.local[0]
    assert wind.refused_without is None  # at the build no wind of the next day was known
    made = predict(zoo, later)
    assert "wind: 24 of 192 values are missing; each counts as its usual value" in made.notes
    with pytest.raises(HistoryError, match="load up to 2026-01-05 00:00:00"):
        predict(zoo, panel_from_frame(frame.iloc[1:], HOURLY))


def test_a_new_series_is_served_and_said_but_owes_nothing(shops):
    zoos, frame = shops
    grown = pd.concat([frame, frame[frame["shop"] == "b"].tail(3).assign(shop="new")], ignore_index=True)
    made = predict(zoos["linear"], panel_from_frame(grown, PANEL))
    assert "1 series unknown" in made.situations_unmet[0]
    assert (made.forecasts["shop"] == "new").sum() == 7


def test_many_lacks_are_told_in_a_few_words(shops):
    zoos, frame = shops
    with pytest.raises(
        HistoryError, match=r"sales up to .* for a, x; sales up to .* for a, y; .* for b, x\. Send"
    ) as told:
        predict(zoos["linear"], panel_from_frame(frame.groupby(["shop", "item"]).tail(4), PANEL))
    assert len(str(told.value)) < 500


def test_months_are_counted_on_the_calendar():
    spec = TableSpec("when", "MS", "load", (Variable("load"),))
    when = pd.date_range("2010-01-01", periods=200, freq="MS", unit="us")
    frame = pd.DataFrame({"when": when, "load": np.random.default_rng(3).normal(10, 1, 200)})
    members = (MemberSpec("seasonal_naive", {"period": 12}), MemberSpec("linear"))
    asked = ZooSpec(horizon=Horizon.parse(3), n_windows=4, members=members)
    zoo = build_zoo(panel_from_frame(frame.iloc[:190], spec), asked)
    panel = panel_from_frame(frame, spec)
    windows = needed_windows(zoo, panel)
    minimal = panel_from_frame(only(frame, windows, spec), spec)
    assert len(minimal.local) == windows[0].rows == 180
    same(predict(zoo, panel), predict(zoo, minimal))
    assert windows == required_window(zoo, panel.local[-1])


def test_how_far_to_read_on_is_counted_where_it_is_known(hourly):
    zoo, frame = hourly
    panel = panel_from_frame(known_ahead(frame, ORIGIN), HOURLY)
    assert count_missing_steps(zoo, panel, n_series=1) == 0
    cut = replace(panel, local=panel.local[-100:], y=panel.y[:, -100:], x={k: v[:, -100:] for k, v in panel.x.items()})
    assert count_missing_steps(zoo, cut, n_series=1) == 2184 + 24 - 100
    assert count_missing_steps(zoo, cut, n_series=2) == 300


def test_a_zoo_written_before_any_of_this_owes_nothing(hourly):
    zoo, frame = hourly
    old = zoo_to_document(zoo)
    del old["availability"], old["spec"]["preprocessing"]
    made = predict(zoo_from_document(old), panel_from_frame(known_ahead(frame, ORIGIN).tail(200), HOURLY))
    assert made.forecasts["forecast"].notna().all()


def test_an_hour_that_the_clock_skips_is_never_owed():
    spec = replace(HOURLY, time_zone="Europe/Oslo")
    frame = hourly_frame(80, start="2026-01-11 23:00")
    before, over = (
        (pd.Timestamp(day) - frame["when"][0]) // pd.Timedelta("1h") for day in ("2026-03-20 23:00", "2026-03-28 23:00")
    )
    zoo = build_zoo(panel_from_frame(known_ahead(frame, before), spec), DAY)
    made = predict(zoo, panel_from_frame(known_ahead(frame, over), spec))
    assert len(made.forecasts) == 23
    assert made.notes == ()
    gap = panel_from_frame(known_ahead(frame, over).drop(index=over + 2), spec)
    with pytest.raises(HistoryError, match="wind at 2026-03-29 03:00:00"):
        predict(zoo, gap)
