"""What single kinds of members find and refuse; what all of them promise is in `test_contract`."""

import numpy as np
import pytest

from loopcast.errors import CallerError, ModelError
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.linear import Linear
from loopcast.zoo.members.registry import make_member
from loopcast.zoo.members.seasonal_naive import SeasonalNaive
from loopcast.zoo.spec import MemberSpec
from zoo_panels import hourly_panel, shop_panel

SITUATION = Situation(steps=7, time_of_day=0, stride=1, periods=(7,))


def test_an_unknown_kind_or_forecaster_is_the_callers_fault():
    with pytest.raises(CallerError, match="expected one of"):
        make_member(MemberSpec("crystal_ball"))
    panel = shop_panel()
    for path in ("os.path.join", "sktime.forecasting.naive.Nothing"):
        with pytest.raises(CallerError, match="forecaster"):
            make_member(MemberSpec("sktime", {"forecaster": path})).fit(panel, SITUATION, panel.last)


def test_the_seasonal_naive_repeats_the_last_period():
    panel = shop_panel()
    made = SeasonalNaive({"period": 7}).fit(panel, SITUATION, panel.last).predict(panel, panel.last[:, None])
    assert made[0, 0].tolist() == panel.y[0, -7:].tolist()


def test_the_linear_member_finds_a_planted_effect_of_a_predictor_known_ahead():
    panel = hourly_panel(80)
    situation = Situation(steps=24, time_of_day=23 * 60, stride=24, periods=(24, 168))
    end = panel.last - 24
    fitted = Linear({}).fit(panel.cut(end), situation, end)
    truth = take_positions(panel.y, end[:, None] + np.arange(1, 25))
    error = np.abs(fitted.predict(panel, end[:, None])[0, 0] - truth[0]).mean()
    assert error < 4.0  # the wind moves the load by 12, the noise is 1
    assert fitted.importances()["wind"] > fitted.importances()["temp"]


def test_a_linear_member_refuses_ten_points():
    panel = hourly_panel(1)
    with pytest.raises(ModelError, match="needs"):
        Linear({}).fit(panel, Situation(24, 0, 24, periods=(24, 168)), np.array([9]))
