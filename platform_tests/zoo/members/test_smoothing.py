"""The smoothing member against a naive filter, and on awkward series."""

import numpy as np
import pytest

from loopcast.errors import ModelError
from loopcast.zoo.learning.smoothing_filter import Smoothed, blank, smooth
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.smoothing import Smoothing
from zoo.members.test_autoregression import panel_of, seasonal

WEEK = Situation(steps=6, time_of_day=0, stride=1, periods=(4, 12))


def test_the_filter_is_that_of_plain_loops():
    rng = np.random.default_rng(0)
    z = rng.normal(size=30)
    z[[4, 5]] = np.nan
    start = blank(1, (2, 6))
    state = Smoothed(start.level, start.short, start.long, start.error, np.array([[0.1], [0.2], [0.3], [0.8]]))
    places = [(t % 2, t % 6) for t in range(30)]
    after, errors = smooth(state, z[:, None], places, first=np.array([0]), last=np.array([29]))
    level, short, long, error = 0.0, np.zeros(2), np.zeros(6), 0.0
    for t, value in enumerate(z):
        new = value - level - short[t % 2] - long[t % 6]
        assert np.isnan(value) or errors[t, 0] == pytest.approx(new - 0.8 * error)
        if np.isnan(value):
            error *= 0.8
            continue
        level, short[t % 2], long[t % 6] = level + 0.1 * new, short[t % 2] + 0.2 * new, long[t % 6] + 0.3 * new
        error = new
    assert (after.level[0], after.error[0]) == pytest.approx((level, error))
    assert after.long[:, 0] == pytest.approx(long)


def test_values_learned_bit_by_bit_are_values_learned_at_once():
    panel = panel_of(seasonal(120), seasonal(95, seed=1))
    ends = panel.last
    first = ends - 20
    start = Smoothing({}).fit(panel.cut(first), WEEK, first)
    once, steps = start.update(panel, ends, since=first), start
    for back in (np.array([13, 16]), np.array([0, 0])):
        steps = steps.update(panel.cut(ends - back), ends - back, since=first)
        first = ends - back
    late = start.update(panel.since(60), ends - 60, since=ends - 80)
    for other in (steps, late):
        assert np.allclose(other.predict(panel, ends[:, None]), once.predict(panel, ends[:, None]))
    # A member that has not learned yet goes on by itself where an origin is newer, as far as it looks back.
    recent = start.update(panel.cut(ends - 8), ends - 8, since=ends - 20)
    assert np.allclose(recent.predict(panel, ends[:, None]), once.predict(panel, ends[:, None]))
    assert start.update(panel, ends, since=ends) is start


def test_a_planted_double_season_is_found():
    rng = np.random.default_rng(0)
    time = np.arange(300)
    short, long = rng.normal(size=4), rng.normal(size=12)
    truth = 50 + 5 * short[time % 4] + 5 * long[time % 12]
    panel = panel_of(truth[:290] + 0.1 * rng.normal(size=290))
    made = Smoothing({}).fit(panel, WEEK, panel.last).predict(panel, panel.last[:, None])[0, 0]
    assert np.abs(made - truth[290:296]).max() < 1.0


def test_awkward_series_are_forecast_within_reason():
    counts = np.random.default_rng(0).poisson(0.3, 60).astype(float)
    gaps = seasonal(60)
    gaps[[5, 6, 7, 20, 40, 41, 58]] = np.nan
    panel = panel_of(np.full(60, 7.0), np.zeros(60), counts, gaps, np.arange(1.0, 11.0), np.array([3.0]))
    member = Smoothing({}).fit(panel, WEEK, panel.last)
    origins = panel.last[:, None] - np.array([30, 0])
    made = member.predict(panel, origins)
    assert np.isfinite(made[:4]).all()
    assert np.isnan(made[5, 0]).all()
    assert np.isfinite(made[:, 1]).all()
    assert made[0] == pytest.approx(7.0)
    assert made[5, 1] == pytest.approx(3.0)
    split = member.contributions(panel, origins).addends.sum(axis=3)
    assert np.nanmax(np.abs(split - made)) < 1e-9
    with pytest.raises(ModelError, match="needs one"):
        Smoothing({}).fit(panel.cut(np.full(6, -1)), WEEK, np.full(6, -1))
