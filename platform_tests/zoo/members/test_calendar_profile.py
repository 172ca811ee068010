"""The calendar member: planted profiles are found, updates are fits, short histories are refused."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import ModelError
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.build import build_zoo
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.calendar_profile import CalendarProfile
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.regime import choose_members, find_regime
from loopcast.zoo.rolling import find_situations, plan_origins
from loopcast.zoo.spec import Horizon, MemberSpec, ZooSpec

SALES = TableSpec("when", "D", "sales", (Variable("sales"),))
QUARTERS = TableSpec("when", "6h", "sales", (Variable("sales"),))
MONTH = Situation(steps=30, time_of_day=0, stride=1, holidays="US", periods=(7,))


def daily_panel(years=5, *, noise=1.0):
    when = pd.date_range("2019-01-01", periods=round(years * 365.25), freq="D", unit="us")
    phase = 2 * np.pi * when.dayofyear.to_numpy() / 365.25
    sales = 100 + 30 * np.cos(phase) - 20 * (when.dayofweek.to_numpy() >= 5)
    size = noise * (1.0 + 3.0 * (np.cos(phase) > 0))
    return panel_from_frame(
        pd.DataFrame({"when": when, "sales": sales + size * np.random.default_rng(0).normal(size=len(when))}), SALES
    )


def test_the_next_month_follows_season_and_week():
    panel = daily_panel()
    ends = panel.last - 30
    fitted = CalendarProfile({}).fit(panel.cut(ends), MONTH, ends)
    made = fitted.predict(panel.cut(ends), ends[:, None])[0, 0]
    truth = take_positions(daily_panel(noise=0.0).y, ends[:, None] + np.arange(1, 31))[0]
    assert np.abs(made - truth).mean() < 1.0


def test_terms_tell_season_and_weekend_apart():
    panel = daily_panel()
    july = np.flatnonzero((panel.local.month == 6) & (panel.local.day == 30))[-1]
    ends = np.array([july])
    made = CalendarProfile({}).fit(panel, MONTH, ends).contributions(panel, ends[:, None])
    names = [term.name for term in made.terms]
    year, kind = (made.addends[0, 0, :, names.index(name)] for name in ("time of year", "kind of day"))
    assert (year < -20).all()
    weekend = panel.local[july + 1 : july + 31].dayofweek >= 5
    assert kind[~weekend].min() - kind[weekend].max() > 10


def test_days_have_a_profile_where_there_are_hours():
    when = pd.date_range("2022-01-01", periods=4 * 800, freq="6h", unit="us")
    sales = 10.0 * (when.hour.to_numpy() == 12) * (when.dayofweek.to_numpy() < 5)
    panel = panel_from_frame(pd.DataFrame({"when": when, "sales": sales}), QUARTERS)
    situation = Situation(steps=40, time_of_day=0, stride=4, periods=(4, 28))
    made = CalendarProfile({}).fit(panel, situation, panel.last).predict(panel, panel.last[:, None])[0, 0]
    later = pd.date_range(when[-1] + pd.Timedelta("6h"), periods=40, freq="6h")
    noon = (later.hour == 12) & (later.dayofweek < 5)
    assert made[noon].min() > 8.0
    assert abs(made[~noon]).max() < 2.0


def test_an_update_is_what_a_fit_would_have_been():
    panel = daily_panel(3)
    early, ends = panel.last - 50, panel.last
    updated = CalendarProfile({}).fit(panel.cut(early), MONTH, early).update(panel, ends, since=early)
    late = CalendarProfile({}).fit(panel, MONTH, ends)
    one, two = (fitted.predict(panel, ends[:, None]) for fitted in (updated, late))
    assert np.allclose(one, two, atol=0.2)  # the trend's penalty counts years from another day
    short = panel.since(int(early[0]) - 5)
    again = CalendarProfile({}).fit(panel.cut(early), MONTH, early)
    shift = int(early[0]) - 5
    moved = again.update(short, ends - shift, since=early - shift)
    assert np.allclose(moved.coefficients, updated.coefficients)
    assert np.allclose(again.update(panel, early, since=early).coefficients, again.coefficients)


def weather_panel(*, measured):
    """Return sales that follow a seasonal temperature; the last year is far colder than usual."""
    when = pd.date_range("2017-01-01", periods=1826, freq="D", unit="us")
    usual = 10 - 10 * np.cos(2 * np.pi * when.dayofyear.to_numpy() / 365.25)
    rng = np.random.default_rng(1)
    odd = np.repeat(rng.normal(0, 3.0, len(when) // 7 + 1), 7)[: len(when)] - 8.0 * (np.arange(len(when)) > 1460)
    temperature = usual + odd
    sales = 100 + 3 * np.maximum(12 - temperature, 0) + rng.normal(0, 0.5, len(when))
    spec = TableSpec(
        "when", "D", "sales", (Variable("sales"), Variable("temperature")) if measured else SALES.variables
    )
    frame = pd.DataFrame({"when": when, "sales": sales, "temperature": temperature})
    truth = 100 + 3 * np.maximum(12 - usual, 0)
    return panel_from_frame(frame if measured else frame.drop(columns="temperature"), spec), truth


def test_weather_of_the_past_is_told_apart_from_what_is_usual():
    errors = {}
    for measured in (False, True):
        panel, truth = weather_panel(measured=measured)
        ends = panel.last - 60
        made = CalendarProfile({}).fit(panel.cut(ends), MONTH, ends).predict(panel.cut(ends), ends[:, None])[0, 0]
        errors[measured] = np.abs(made - truth[int(ends[0]) + 1 : int(ends[0]) + 31]).mean()
    assert errors[True] < 0.8 * errors[False]


def test_an_update_with_predictors_learns_from_a_minimal_history():
    panel, _ = weather_panel(measured=True)
    early, ends = panel.last - 10, panel.last
    fitted = CalendarProfile({}).fit(panel.cut(early), MONTH, early)
    depth = -min(offset.first for offset in fitted.offsets())
    shift = int(early[0]) - depth
    short = panel.since(shift)
    one = fitted.update(panel, ends, since=early)
    two = fitted.update(short, ends - shift, since=early - shift)
    assert np.allclose(one.coefficients, two.coefficients)
    assert not np.allclose(one.coefficients, fitted.coefficients)


def test_a_few_days_are_refused():
    panel = daily_panel(0.03)
    with pytest.raises(ModelError, match="needs 14"):
        CalendarProfile({}).fit(panel, MONTH, panel.last)


def test_it_takes_part_where_the_horizon_is_long_and_years_are_known():
    spec = ZooSpec(horizon=Horizon.parse(30))
    for years, horizon, expected in ((5, 30, True), (1, 30, False), (5, 7, False)):
        panel = daily_panel(years)
        spec = ZooSpec(horizon=Horizon.parse(horizon))
        situation, _, ends = find_situations(panel, spec)[0]
        choices = {c.spec.name: c for c in choose_members(spec, find_regime(panel, situation, ends))}
        assert choices["calendar_profile"].taken is expected
        assert f"{horizon} steps ahead" in choices["calendar_profile"].reason


def test_long_horizons_are_backtested_at_the_same_season_of_former_years():
    ends = np.array([2000])
    back = (ends[:, None] - plan_origins(ends, MONTH, 28))[0]
    assert (back >= 30).all()
    assert (np.diff(back) < 0).all()
    assert np.abs((back + 182) % 364 - 182).max() <= 21
    assert len(plan_origins(np.array([700]), MONTH, 28)[0]) == 28  # too short for that: day after day


def test_the_interval_of_a_long_horizon_has_the_width_of_its_season():
    panel = daily_panel(6)
    widths = []
    for month in (12, 6):
        ends = np.array([np.flatnonzero(panel.local.month == month)[-32]])
        zoo = build_zoo(panel.cut(ends), ZooSpec(Horizon.parse(30), members=(MemberSpec("calendar_profile"),)))
        made = predict(zoo, panel.cut(ends)).forecasts
        widths.append((made["upper"] - made["lower"]).mean())
    assert widths[0] > 2.0 * widths[1]
