"""Features for trees against a second, naive reading of what their names say."""

import numpy as np
import pytest

from loopcast.zoo.members.base import Situation
from loopcast.zoo.tree_features import build_tree_rows, find_floor, make_tree_recipe
from zoo_panels import hourly_panel, shop_panel

DAY = Situation(steps=30, time_of_day=23 * 60, stride=24, periods=(24, 168), holidays="US")
ORIGINS = np.array([1007, 1031])
BOTH = np.zeros(2, dtype=np.int64)


def build(panel, situation, series=BOTH, origins=ORIGINS, steps=None):
    recipe = make_tree_recipe(panel, situation, panel.last)
    floor = find_floor(panel, panel.last)[series]
    rows = build_tree_rows(panel, series, origins, recipe, floor=floor, steps=steps)
    return rows, {term.name: rows.values[..., k] for k, term in enumerate(rows.terms)}


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(60)


@pytest.fixture(scope="module")
def built(panel):
    return build(panel, DAY)


def test_the_level_and_the_scale_are_those_of_the_last_weeks(panel, built):
    rows, columns = built
    for pair, origin in enumerate(ORIGINS):
        past, long = panel.y[0, origin - 167 : origin + 1], panel.y[0, origin - 671 : origin + 1]
        assert rows.level[pair] == pytest.approx(past.mean())
        assert rows.scale[pair] == pytest.approx(np.abs(long - long.mean()).mean())
        assert columns["load:level_168"][pair, 5] == pytest.approx(past.mean() / rows.scale[pair])


@pytest.mark.parametrize(("name", "back"), [("load[-24]", 1), ("load[-48]", 2), ("load[-168]", 7)])
def test_recent_seasons_are_the_newest_known_values_of_the_same_hour(panel, built, name, back):
    rows, columns = built
    for pair, origin in enumerate(ORIGINS):
        for step in (1, 7, 24, 25, 30):
            at = max(t for t in range(origin + 1) if (origin + step - t) % 24 == 0) - 24 * (back - 1)
            expected = (panel.y[0, at] - rows.level[pair]) / rows.scale[pair]
            assert columns[name][pair, step - 1] == pytest.approx(expected)


def test_predictors_known_ahead_are_compared_with_their_neighbours_and_their_past(panel, built):
    _, columns = built
    wind = panel.x["wind"][0]
    for pair, origin in enumerate(ORIGINS):
        for step in (1, 2, 24, 25, 30):
            at = origin + step
            season = [wind[t] for t in range(origin - 167, origin + 1) if (at - t) % 24 == 0]
            first, last = (origin + 1, origin + 24) if step <= 24 else (origin + 7, origin + 30)
            known = wind[: origin + 31]
            expected = {
                "wind": wind[at],
                "wind:before": wind[at - 1],
                "wind:after": known[min(at + 1, len(known) - 1)],
                "wind:change_24": wind[at] - wind[at - 24 * -(-step // 24)],
                "wind:above_season": wind[at] - np.mean(season),
                "wind:24_mean": wind[first : last + 1].mean(),
                "wind:24_max": wind[first : last + 1].max(),
            }  # fmt: skip
            for name, value in expected.items():
                assert columns[name][pair, step - 1] == pytest.approx(value), name


def test_measured_predictors_are_known_up_to_the_origin(panel, built):
    _, columns = built
    temp = panel.x["temp"][0]
    for pair, origin in enumerate(ORIGINS):
        assert columns["temp[last]"][pair, 9] == temp[origin]
        assert columns["temp:level_168"][pair, 9] == pytest.approx(temp[origin - 167 : origin + 1].mean())
        assert columns["temp:same_season"][pair, 9] == temp[origin + 10 - 24]
        assert columns["temp:same_season"][pair, 29] == temp[origin + 30 - 48]


def test_the_calendar_is_that_of_the_targets_time(panel, built):
    _, columns = built
    times = panel.local[ORIGINS[0] + 1 : ORIGINS[0] + 31]
    assert columns["minute_of_day"][0].tolist() == (times.hour * 60).tolist()
    assert columns["weekday"][0].tolist() == times.dayofweek.tolist()
    assert (columns["day_of_year"][0] + 1).tolist() == times.dayofyear.tolist()


def test_holidays_and_the_days_beside_them_are_marked():
    panel = hourly_panel(60)
    eve = int(np.flatnonzero(panel.local == "2026-02-15 23:00")[0])  # Washington's Birthday is the 16th
    _, columns = build(panel, DAY, BOTH[:1], np.array([eve]))
    assert columns["holiday"][0].tolist() == [1.0] * 24 + [0.0] * 6
    assert columns["holiday:day_after"][0].tolist() == [0.0] * 24 + [1.0] * 6
    _, before = build(panel, DAY, BOTH[:1], np.array([eve - 24]))
    assert before["holiday:day_before"][0].tolist() == [1.0] * 24 + [0.0] * 6


def test_chosen_steps_are_those_of_all_steps(panel, built):
    steps = np.array([[3, 30], [24, 1]])
    _, chosen = build(panel, DAY, steps=steps)
    for name, values in built[1].items():
        assert np.array_equal(chosen[name], np.take_along_axis(values, steps - 1, axis=1), equal_nan=True), name


def test_without_a_calendar_the_phase_is_the_same_wherever_the_panel_begins(panel):
    situation = Situation(steps=5, time_of_day=0, stride=24, periods=(24, 30), calendar=False)
    _, columns = build(panel, situation)
    assert {"phase_24", "phase_30"} <= set(columns)
    assert "weekday" not in columns
    later = panel.since(100)
    _, shifted = build(later, situation, origins=ORIGINS - 100)
    assert np.array_equal(columns["phase_30"], shifted["phase_30"])
    assert (np.diff(columns["phase_30"], axis=1) % 30 == 1).all()


def test_short_and_gappy_series_have_missing_features_and_a_scale_above_zero():
    panel = shop_panel(gaps=True)
    situation = Situation(steps=7, time_of_day=0, stride=1, periods=(7,))
    rows, _ = build(panel, situation, np.arange(3), panel.last)
    assert np.isfinite(rows.level).all()
    assert (rows.scale > 0).all()
    assert np.isnan(rows.values[2]).any()
