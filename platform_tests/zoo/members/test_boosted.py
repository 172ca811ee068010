"""The boosted member: what it finds, when it learns anew, how many rows it learns from."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.errors import ModelError
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.build import build_zoo
from loopcast.zoo.explain import explain
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.boosted import Boosted
from loopcast.zoo.members.seasonal_naive import SeasonalNaive
from loopcast.zoo.minimal import crop_to_window
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.regime import choose_members, find_regime
from loopcast.zoo.spec import MemberSpec, ZooSpec
from zoo_panels import SKY, hourly_panel, shop_panel, sky_frame, sky_panel

DAY = Situation(steps=24, time_of_day=23 * 60, stride=24, periods=(24, 168), holidays="US")
WEEK = Situation(steps=7, time_of_day=0, stride=1, periods=(7,))
FEW = {"trees": 40, "learning_rate": 0.15}


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(80)


@pytest.fixture(scope="module")
def fitted(panel):
    end = panel.last - 24
    return Boosted(FEW).fit(panel.cut(end, ahead=24), DAY, end)


def trees_of(member) -> str:
    return json.dumps([tree.to_document() for tree in member.trees.trees])


def test_it_finds_a_planted_effect_of_a_predictor_known_ahead(fitted, panel):
    end = panel.last - 24
    truth = take_positions(panel.y, end[:, None] + np.arange(1, 25))[0]
    naive = SeasonalNaive({"period": 168}).fit(panel, DAY, end).predict(panel, end[:, None])[0, 0]
    made = fitted.predict(panel, end[:, None])[0, 0]
    assert np.abs(made - truth).mean() < 0.4 * np.abs(naive - truth).mean()
    shares = fitted.importances()
    assert shares["wind"] > 10 * shares["temp"]


def test_contributions_of_all_hours_and_days_sum(fitted, panel):
    origins = panel.last[:, None] - 24 * np.arange(1, 6)
    made = fitted.contributions(panel, origins)
    assert np.abs(made.addends.sum(axis=3) - fitted.predict(panel, origins)).max() < 1e-9
    assert {"load:level", "constant", "wind", "temp[last]", "holiday", "weekday"} <= {term.name for term in made.terms}


def test_an_origin_without_any_value_before_it_gets_no_forecast(fitted, panel):
    empty = panel.select(np.array([0]))
    object.__setattr__(empty, "y", np.full(panel.y.shape, np.nan))
    assert np.isnan(fitted.predict(empty, np.array([[500, -1]]))).all()
    assert np.isnan(fitted.contributions(empty, np.array([[500, -1]])).addends).all()


def test_the_same_seed_gives_the_same_member_and_another_does_not(panel):
    end = panel.last
    first, again, other = (trees_of(Boosted({"trees": 5, "seed": seed}).fit(panel, DAY, end)) for seed in (1, 1, 2))
    assert first == again != other


def test_it_is_fitted_anew_after_so_many_origins_and_not_before(panel):
    start = panel.last - 20 * 24
    member = Boosted({"trees": 5, "refit_origins": 14}).fit(panel.cut(start, ahead=24), DAY, start)
    before, learned = trees_of(member), []
    for day in range(1, 15):
        here = start + 24 * day
        member = member.update(panel.cut(here, ahead=24), here, since=here - 24)
        learned.append(trees_of(member) != before)
    assert learned == [False] * 13 + [True]
    assert member.age == 0
    anew = Boosted({"trees": 5, "refit_origins": 14}).fit(panel.cut(here, ahead=24), DAY, here)
    assert trees_of(member) == trees_of(anew)


def test_nothing_new_and_a_minimal_history_change_nothing(fitted, panel):
    end = panel.last
    assert fitted.update(panel, end, since=end) is fitted
    short = panel.since(60 * 24)
    kept = fitted.update(short, short.last, since=short.last - 15 * 24)
    assert kept.age == 15
    assert trees_of(kept) == trees_of(fitted)


def test_the_rows_learned_from_are_bounded(panel):
    covers = []
    for most in (24 * 20, 10**6):
        member = Boosted({"trees": 1, "most_rows": most}).fit(panel, DAY, panel.last)
        covers.append(int(member.trees.trees[0].cover.sum()))
    assert covers[0] <= 24 * 20 < covers[1]


def test_a_long_horizon_is_learned_from_a_choice_of_its_steps():
    panel = hourly_panel(80)
    month = Situation(steps=24 * 7, time_of_day=23 * 60, stride=24, periods=(24, 168))
    member = Boosted({"trees": 3}).fit(panel, month, panel.last)
    assert member.predict(panel, panel.last[:, None]).shape == (1, 1, 168)
    assert sum(tree.cover.sum() for tree in member.trees.trees) <= 3 * 80 * 48


def test_a_constant_series_stays_constant():
    panel = shop_panel()
    member = Boosted({"trees": 10}).fit(panel, WEEK, panel.last)
    assert member.predict(panel, panel.last[:, None])[1] == pytest.approx(7.0, abs=0.5)


def test_a_series_at_a_hundred_times_the_level_gets_a_hundred_times_the_forecast():
    panel = shop_panel()
    larger = shop_panel()
    object.__setattr__(larger, "y", panel.y * np.array([[100.0], [1.0], [1.0]]))
    small, large = (Boosted({"trees": 10}).fit(each, WEEK, each.last) for each in (panel, larger))
    made = large.predict(larger, larger.last[:, None])
    assert made[0] == pytest.approx(100 * small.predict(panel, panel.last[:, None])[0], rel=0.02)


def test_ten_points_are_refused_with_their_number():
    panel = shop_panel()
    with pytest.raises(ModelError, match="rows to learn from; boosted trees need 200"):
        Boosted({}).fit(panel, WEEK, np.array([9, -1, -1]))


def fit_sky(panel):
    end = panel.last - 7
    return Boosted({"trees": 150, "learning_rate": 0.1}).fit(panel.cut(end, ahead=7), WEEK, end), end


def test_a_category_known_ahead_is_learned_from():
    panel = sky_panel(400)
    member, end = fit_sky(panel)
    truth = take_positions(panel.y, end[:, None] + np.arange(1, 8))
    assert np.abs(member.predict(panel, end[:, None])[:, 0] - truth).mean() < 6
    shares = member.importances()
    assert shares["sky"] > 2 * shares["mood"]
    assert {offset.variable: (offset.first, offset.last) for offset in member.offsets()}["sky"] == (0, 7)


def test_the_levels_of_another_panel_mean_the_same_and_unknown_ones_are_missing():
    frame = sky_frame(400)
    panel = panel_from_frame(frame, SKY)
    member, end = fit_sky(panel)
    made = member.predict(panel, end[:, None])
    fewer = panel_from_frame(frame.iloc[-220:].replace({"sky": {"clear": "azure"}}), SKY)
    assert fewer.levels["sky"] == ("azure", "rain", "snow")
    start = len(frame) - 220
    other = member.predict(fewer, end[:, None] - start)
    rain = (frame["sky"].iloc[-7:] == "rain").to_numpy()
    assert rain.any()
    assert np.array_equal(other[0, 0, rain], made[0, 0, rain])
    assert np.isfinite(other).all()


def test_a_zoo_with_categories_forecasts_the_same_from_its_minimal_history():
    frame = sky_frame(400)
    members = (MemberSpec("boosted", {"trees": 20}), MemberSpec("seasonal_naive", {"period": 7}))
    known = panel_from_frame(frame, SKY)
    known = replace(known, y=np.where(np.arange(400) < 393, known.y, np.nan))
    zoo = build_zoo(known, ZooSpec(horizon=Horizon.parse(7), members=members, n_windows=4))
    assert {"sky", "mood"} <= {offset.variable for offset in zoo.minimal_history}
    whole, minimal = predict(zoo, known).forecasts, predict(zoo, crop_to_window(zoo, known)).forecasts
    pd.testing.assert_frame_equal(whole, minimal)
    assert "sky" in set(explain(zoo, known)["term"])


def test_rules_take_it_where_a_predictor_is_text_and_leave_it_out_without_any():
    for panel, taken in ((sky_panel(300), True), (replace(sky_panel(300), codes={}), False)):
        choices = choose_members(ZooSpec(horizon=Horizon.parse(7)), find_regime(panel, WEEK, panel.last))
        assert [choice.taken for choice in choices if choice.spec.name == "boosted"] == [taken]
