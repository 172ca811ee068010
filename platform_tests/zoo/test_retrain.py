"""The daily retrain: it is the backtest's protocol gone on with, and knows nothing of what it was not shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.zoo.build import build_zoo
from loopcast.zoo.predict import predict
from loopcast.zoo.retrain import retrain
from zoo_panels import DAY, WEEK, hourly_panel, shop_panel


def known(panel, periods):
    """The panel as it was some periods before its end."""
    return panel.cut(panel.last - periods)


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(110)


@pytest.fixture(scope="module")
def zoo(panel):
    return build_zoo(known(panel, 96), DAY)


def test_nothing_new_changes_nothing(zoo, panel):
    assert retrain(zoo, known(panel, 96)) is zoo


def test_half_a_day_is_not_an_origin_yet(zoo, panel):
    assert retrain(zoo, known(panel, 84)) is zoo


def test_day_by_day_is_the_same_as_all_days_at_once(zoo, panel):
    step = zoo
    for periods in (72, 48, 24):
        step = retrain(step, known(panel, periods))
    at_once = retrain(zoo, known(panel, 24))
    assert step.blocks[0].until == at_once.blocks[0].until
    left, right = predict(step, known(panel, 24)).forecasts, predict(at_once, known(panel, 24)).forecasts
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_a_retrained_zoo_has_learned_as_many_windows_as_came(zoo, panel):
    block = retrain(zoo, known(panel, 24)).blocks[0]
    assert block.n_windows == zoo.blocks[0].n_windows + 3
    assert block.learned.windows[0] == zoo.blocks[0].learned.windows[0] + 3
    assert block.pending.origins.shape == (1, 1)
    assert block.until == panel.times(panel.last - 24)


def test_what_comes_after_the_last_origin_is_not_looked_at(zoo, panel):
    shown = known(panel, 30)
    changed = replace(panel, y=np.where(np.arange(panel.y.shape[1]) > panel.last[0] - 30, 1e6, panel.y))
    left, right = retrain(zoo, shown), retrain(zoo, known(changed, 30))
    np.testing.assert_array_equal(left.blocks[0].learned.error, right.blocks[0].learned.error)


def test_a_panel_that_starts_later_is_enough(zoo, panel):
    """The minimal history holds what the features of the new rows look at, so the same is learned from it."""
    whole = retrain(zoo, known(panel, 48))
    deepest = min(offset.first for offset in zoo.minimal_history)
    short = retrain(zoo, known(panel, 48).since(int(panel.last[0]) - 96 + deepest))
    np.testing.assert_allclose(whole.blocks[0].learned.error, short.blocks[0].learned.error, rtol=1e-9)
    left, right = predict(whole, known(panel, 48)).forecasts, predict(short, known(panel, 48)).forecasts
    pd.testing.assert_frame_equal(left, right, rtol=1e-9)


def test_a_series_that_stands_still_keeps_nobody_waiting():
    panel = shop_panel()
    zoo = build_zoo(known(panel, 14), WEEK)
    stopped = replace(panel, y=np.where((np.arange(3) == 2)[:, None], known(panel, 14).y, panel.y))
    block = retrain(zoo, stopped).blocks[0]
    assert (block.until == stopped.times(stopped.last)).all()
    gained = block.learned.windows - zoo.blocks[0].learned.windows
    assert gained[0] >= 7
    assert gained[2] == 0


def test_predictors_that_come_with_the_forecast_and_not_with_the_update_teach_the_same(panel):
    """Who asks for a forecast may give the predictors of its horizon only then; they come with the next update."""
    zoos = []
    for is_late in (False, True):

        def seen(periods, is_late=is_late):
            view = known(panel, periods)
            if not is_late:
                return view
            until = np.arange(len(view.local)) <= panel.last[0] - periods
            return replace(view, x={name: np.where(until, values, np.nan) for name, values in view.x.items()})

        zoo = build_zoo(seen(96), DAY)
        for periods in (72, 48, 24):
            zoo = retrain(zoo, seen(periods))
        zoos.append(zoo.blocks[0])
    on_time, late = zoos
    assert (on_time.pending.is_blind, late.pending.is_blind) == (False, True)
    np.testing.assert_allclose(on_time.learned.error, late.learned.error, rtol=1e-9)
