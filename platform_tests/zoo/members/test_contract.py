"""The contract suite: what every registered kind of member promises, on data of every kind.

A new kind without an entry in `SPECS` fails; a kind may refuse data that do not suffice, if `REFUSED` says so.
"""

import json
from dataclasses import replace
from functools import cache
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import ModelError
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.registry import KINDS, make_member, member_from_document, member_to_document
from loopcast.zoo.panel import find_predictor_ends, panel_from_frame
from loopcast.zoo.spec import MemberSpec
from zoo_panels import hourly_panel, shop_panel, sky_panel

NAIVE = "sktime.forecasting.naive.NaiveForecaster"
SPECS = {
    "autoregression": MemberSpec("autoregression", {"variant": "profile"}),
    "boosted": MemberSpec("boosted", {"trees": 20, "refit_origins": 2}),
    "calendar_profile": MemberSpec("calendar_profile"),
    "lear": MemberSpec("lear", {"half_lives": [30.0, 200.0]}),
    "linear": MemberSpec("linear"),
    "net": MemberSpec("net", {"count": 2, "epochs": 3}),
    "seasonal_naive": MemberSpec("seasonal_naive", {"period": 7}),
    "smoothing": MemberSpec("smoothing"),
    "stacked": MemberSpec("stacked", {"trees": 20, "refit_origins": 2}),
    "sktime": MemberSpec("sktime", {"forecaster": NAIVE, "params": {"sp": 7}, "training_length": 60}),
}


def one_series(values: np.ndarray, frequency: str):
    """Return the panel of one series."""
    when = pd.date_range("2024-01-01", periods=len(values), freq=frequency, unit="us")
    spec = TableSpec("when", frequency, "y", (Variable("y"),))
    return panel_from_frame(pd.DataFrame({"when": when, "y": values}), spec)


@cache
def make_case(name: str):
    """Return a panel, and the situation it is forecast in."""
    rng = np.random.default_rng(3)
    month, day, step = np.arange(120), np.arange(200), np.arange(300)
    panel, situation = {
        "hourly with predictors": lambda: (hourly_panel(45), Situation(24, 1380, 24, "US", (24, 168))),
        "days with gaps and a short series": lambda: (shop_panel(gaps=True), Situation(7, 0, 1, "US", (7,))),
        "months": lambda: (
            one_series(100 + month + 20 * np.sin(month / 6 * np.pi) + rng.normal(size=120), "MS"),
            Situation(6, 0, 1, None, (12,)),
        ),
        "constant": lambda: (one_series(np.full(150, 42.0), "D"), Situation(7, 0, 1, None, (7,))),
        "counts with zeros": lambda: (
            one_series(rng.poisson(0.5 + 0.5 * (day % 7 == 5)).astype(float), "D"), Situation(7, 0, 1, None, (7,))
        ),
        "ten points": lambda: (one_series(rng.normal(10, 1, 10), "D"), Situation(3, 0, 1, None, (7,))),
        "categories": lambda: (sky_panel(), Situation(7, 0, 1, None, (7,))),
        "integer time": lambda: (
            one_series(np.sin(step / 3 * np.pi) + rng.normal(0, 0.1, 300), "D"),
            Situation(6, 0, 6, None, (6,), calendar=False),
        ),
    }[name]()  # fmt: skip
    return panel, replace(situation, predictor_ends=find_predictor_ends(panel, situation.steps))


CASES = (
    "hourly with predictors", "days with gaps and a short series", "months", "constant", "counts with zeros",
    "ten points", "categories", "integer time",
)  # fmt: skip
REFUSED = {
    ("boosted", "ten points"),
    ("calendar_profile", "ten points"),
    ("lear", "ten points"),
    ("linear", "ten points"),
    ("net", "ten points"),
    ("stacked", "ten points"),
}


def start_of(case: str):
    """Return the panel as it was two origins before its end, and all three origins' positions."""
    panel, situation = make_case(case)
    ends = [panel.last - back * situation.stride for back in (2, 1, 0)]
    return panel, situation, ends


@cache
def fit(kind: str, case: str):
    """Return the member fitted two origins before the end."""
    panel, situation, ends = start_of(case)
    return make_member(SPECS[kind], seed=5).fit(panel.cut(ends[0], ahead=situation.steps), situation, ends[0])


def state(member) -> str:
    """Return a member's document as text, its arrays by their digest."""
    return json.dumps(member_to_document(member), allow_nan=False, default=lambda array: sha256(array).hexdigest())


def round_trip(member):
    """Return the member as the store gives it back: JSON values, and arrays as they are."""

    def through_json(value):
        if isinstance(value, dict):
            return {name: through_json(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [through_json(item) for item in value]
        return value if isinstance(value, np.ndarray) else json.loads(json.dumps(value, allow_nan=False))

    return member_from_document(through_json(member_to_document(member)))


def update(member, case: str, number: int):
    panel, situation, ends = start_of(case)
    view = panel.cut(ends[number], ahead=situation.steps)
    return member.update(view, ends[number], since=ends[number - 1])


def columns(panel):
    return {panel.spec.target: panel.y, **panel.x, **panel.codes}


def with_columns(panel, made):
    x = {name: made[name] for name in panel.x}
    codes = {name: np.where(made[name] < len(panel.levels[name]), made[name], np.nan) for name in panel.codes}
    return replace(panel, y=made[panel.spec.target], x=x, codes={n: np.abs(np.floor(c)) for n, c in codes.items()})


def test_every_registered_kind_has_an_entry():
    assert set(SPECS) == set(KINDS)


@pytest.fixture(
    params=[(kind, case) for kind in sorted(KINDS) for case in CASES if (kind, case) not in REFUSED], ids=" on ".join
)
def pair(request):
    return request.param


@pytest.fixture
def kind(pair):
    return pair[0]


@pytest.fixture
def case(pair):
    return pair[1]


@pytest.fixture
def member(pair):
    return fit(*pair)


@pytest.mark.parametrize(("kind", "case"), sorted(REFUSED))
def test_data_that_do_not_suffice_are_refused_with_what_is_needed(kind, case):
    with pytest.raises(ModelError, match=r"found .*need"):
        fit(kind, case)


def test_it_forecasts_whatever_has_a_history(member, case):
    panel, situation, ends = start_of(case)
    origins = np.stack([ends[0], ends[1], np.full_like(ends[0], -1)], axis=1)
    made = member.predict(panel, origins)
    assert made.shape == (len(ends[0]), 3, situation.steps)
    assert np.isfinite(made[:, :2]).all()
    assert np.abs(made[:, :2]).max() < 100 * np.nanmax(np.abs(panel.y))


def test_nothing_after_the_origin_changes_a_forecast(member, case):
    panel, situation, ends = start_of(case)
    origins, time = ends[0], np.arange(len(panel.local))
    known = {name: origins + situation.steps * panel.spec.variable(name).known_ahead for name in columns(panel)}
    changed = {
        name: np.where(time > known[name][:, None], 1e6 * np.cos(time), values)
        for name, values in columns(panel).items()
    }
    later = with_columns(panel, changed)
    assert np.array_equal(member.predict(panel, origins[:, None]), member.predict(later, origins[:, None]))


def test_nothing_outside_of_its_offsets_changes_a_forecast(member, case):
    panel, _, ends = start_of(case)
    origins, time = ends[0], np.arange(len(panel.local))
    offsets = {offset.variable: offset for offset in member.offsets()}
    for other in (np.full(len(time), np.nan), 1e3 * np.cos(time)):
        changed = {}
        for name, values in columns(panel).items():
            inside = np.zeros(values.shape, dtype=bool)
            if name in offsets:
                inside = time >= (origins + offsets[name].first)[:, None]
                inside &= time <= (origins + offsets[name].last)[:, None]
            changed[name] = np.where(inside, values, other)
        made = member.predict(with_columns(panel, changed), origins[:, None])
        np.testing.assert_allclose(made, member.predict(panel, origins[:, None]), rtol=1e-9, atol=1e-9)


def test_the_grid_may_begin_elsewhere(member, case):
    panel, _, ends = start_of(case)
    deepest = min(offset.first for offset in member.offsets())
    start = max(0, int(ends[0].min()) + deepest)
    made = member.predict(panel.since(start), ends[0][:, None] - start)
    np.testing.assert_allclose(made, member.predict(panel, ends[0][:, None]), rtol=1e-9)


def test_contributions_sum_to_the_forecast(member, case):
    panel, _, ends = start_of(case)
    origins = np.stack(ends, axis=1)
    made, forecast = member.contributions(panel, origins), member.predict(panel, origins)
    assert made.addends.shape == (*forecast.shape, len(made.terms))
    assert len({term.name for term in made.terms}) == len(made.terms)
    assert (np.abs(made.addends.sum(axis=3) - forecast) < 1e-9 * np.maximum(1.0, np.abs(forecast))).all()


def test_importances_sum_to_a_hundred_and_variables_are_columns(member, case):
    panel, _, _ = start_of(case)
    shares = member.importances()
    assert sum(shares.values()) == pytest.approx(100.0)
    assert min(shares.values()) >= 0
    assert set(shares) <= {*columns(panel), ""}
    assert {offset.variable for offset in member.offsets()} <= set(columns(panel))
    assert len({offset.variable for offset in member.offsets()}) == len(member.offsets())
    assert all(offset.first <= offset.last for offset in member.offsets())


def test_the_document_is_exact(member, case):
    panel, _, ends = start_of(case)
    back = round_trip(member)
    assert state(back) == state(member)
    assert np.array_equal(back.predict(panel, ends[1][:, None]), member.predict(panel, ends[1][:, None]))


def test_the_same_seed_gives_the_same_member(member, kind, case):
    panel, situation, ends = start_of(case)
    again = make_member(SPECS[kind], seed=5).fit(panel.cut(ends[0], ahead=situation.steps), situation, ends[0])
    assert state(again) == state(member)


def test_nothing_after_the_ends_changes_the_fit(member, kind, case):
    panel, situation, ends = start_of(case)
    view = panel.cut(ends[0], ahead=situation.steps)
    time = np.arange(len(view.local))
    later = replace(view, y=np.where(time > ends[0][:, None], 1e6 * np.cos(time), view.y))
    assert state(make_member(SPECS[kind], seed=5).fit(later, situation, ends[0])) == state(member)


def test_an_update_leaves_the_member_as_it_was_and_is_the_same_after_a_round_trip(member, case):
    before = state(member)
    once, again, stored = (update(each, case, 1) for each in (member, member, round_trip(member)))
    assert state(member) == before
    assert state(once) == state(again) == state(stored)
    assert state(update(once, case, 2)) == state(update(round_trip(once), case, 2))


def test_an_update_with_nothing_new_forecasts_the_same(member, case):
    panel, situation, ends = start_of(case)
    view = panel.cut(ends[0], ahead=situation.steps)
    same = member.update(view, ends[0], since=ends[0])
    assert np.array_equal(same.predict(view, ends[0][:, None]), member.predict(view, ends[0][:, None]))
