"""The contract suite: what every registered member promises."""

import json

import numpy as np
import pytest

from loopcast.errors import CallerError, ModelError
from loopcast.zoo.arrays import as_floats, take_positions
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.linear import Linear
from loopcast.zoo.members.registry import KINDS, make_member, member_from_document, member_to_document
from loopcast.zoo.members.seasonal_naive import SeasonalNaive
from loopcast.zoo.spec import MemberSpec
from zoo_panels import hourly_panel, shop_panel

NAIVE_FORECASTER = {
    "forecaster": "sktime.forecasting.naive.NaiveForecaster",
    "params": {"sp": 7},
    "training_length": 60,
}
SPECS = {
    "lear": MemberSpec("lear", {"half_lives": [30.0, 200.0]}),
    "autoregression": MemberSpec("autoregression", {"variant": "profile"}),
    "boosted": MemberSpec("boosted", {"trees": 20}),
    "linear": MemberSpec("linear"),
    "net": MemberSpec("net", {"count": 2, "epochs": 3}),
    "seasonal_naive": MemberSpec("seasonal_naive", {"period": 7}),
    "smoothing": MemberSpec("smoothing"),
    "sktime": MemberSpec("sktime", NAIVE_FORECASTER),
}
SITUATION = Situation(steps=7, time_of_day=0, stride=1, periods=(7,))


def as_text(document):
    """Return a document as JSON; the store keeps its arrays in a file of their own."""
    return json.dumps(document, allow_nan=False, default=as_floats)


@pytest.fixture(params=sorted(KINDS))
def spec(request):
    return SPECS[request.param]


@pytest.fixture
def panel():
    return shop_panel(gaps=True)


@pytest.fixture
def fitted(spec, panel):
    return make_member(spec).fit(panel, SITUATION, panel.last)


def test_it_forecasts_every_series_with_some_history(fitted, panel):
    made = fitted.predict(panel, panel.last[:, None] - np.array([3, 0]))
    assert made.shape == (3, 2, 7)
    assert np.isfinite(made).all()


def test_nothing_after_the_origin_changes_a_forecast(fitted, panel):
    origins = panel.last[:, None] - np.array([20, 9])
    rng = np.random.default_rng(0)
    later = np.arange(panel.y.shape[1]) > origins.max(axis=1)[:, None]
    other = panel.select(np.arange(3))
    object.__setattr__(other, "y", np.where(later, rng.normal(1e6, 1e6, panel.y.shape), panel.y))
    assert np.array_equal(fitted.predict(panel, origins), fitted.predict(other, origins))


def test_nothing_after_the_ends_changes_the_fit(spec, panel):
    ends = panel.last - 12
    member = make_member(spec)
    whole, cut = member.fit(panel, SITUATION, ends), member.fit(panel.cut(ends), SITUATION, ends)
    assert as_text(whole.to_document()) == as_text(cut.to_document())


def test_contributions_sum_to_the_forecast(fitted, panel):
    origins = panel.last[:, None] - np.array([3, 0])
    made = fitted.contributions(panel, origins)
    assert made.addends.shape[3] == len(made.terms)
    assert np.abs(made.addends.sum(axis=3) - fitted.predict(panel, origins)).max() < 1e-9


def test_the_document_is_exact(fitted, panel):
    text = as_text(member_to_document(fitted))
    back = member_from_document(json.loads(text))
    assert as_text(member_to_document(back)) == text
    origins = panel.last[:, None]
    assert np.array_equal(back.predict(panel, origins), fitted.predict(panel, origins))


def test_importances_sum_to_a_hundred_and_offsets_name_the_target(fitted, panel):
    assert sum(fitted.importances().values()) == pytest.approx(100.0)
    assert {offset.variable for offset in fitted.offsets()} >= {panel.spec.target}
    assert all(offset.first <= offset.last for offset in fitted.offsets())


def test_the_stated_history_is_enough(fitted):
    panel = shop_panel()
    origins = panel.last[:1, None] * np.ones((3, 1), dtype=np.int64)
    depth = -min(offset.first for offset in fitted.offsets())
    start = max(0, int(panel.last[0]) - depth)
    short = panel.select(np.arange(3))
    object.__setattr__(short, "y", panel.y[:, start:])
    object.__setattr__(short, "local", panel.local[start:])
    whole, minimal = fitted.predict(panel, origins), fitted.predict(short, origins - start)
    assert np.allclose(whole, minimal, atol=1e-9)


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
