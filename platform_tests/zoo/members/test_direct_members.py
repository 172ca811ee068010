"""What lear and net promise beyond the contract: planted truth, updates that equal what they say, determinism."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import ModelError
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.lear import Lear
from loopcast.zoo.members.net import Net
from loopcast.zoo.panel import Panel
from zoo_panels import hourly_panel

SITUATION = Situation(24, 23 * 60, 24, None, (24, 168))
LEAR = Lear({"half_lives": [60.0], "spread": 56})
NET = Net({"count": 1, "epochs": 8, "spread": 56})
DAYS = 130


@pytest.fixture(scope="module")
def panel():
    return hourly_panel(DAYS)


def view(panel, day):
    ends = np.array([24 * day - 1])
    return panel.cut(ends, ahead=24), ends


def fit(member, panel, day):
    return member.fit(view(panel, day)[0], SITUATION, view(panel, day)[1])


def update(fitted, panel, day, since, start=0):
    known, ends = view(panel, day)
    return fitted.update(known.since(start), ends - start, since=np.array([24 * since - 1 - start]))


def daily_panel(days=700, seed=0):
    """Return sales that follow a price known ahead, a weekly pattern, and nothing of what was measured beside them."""
    rng = np.random.default_rng(seed)
    variables = (Variable("sales"), Variable("beside"), Variable("price", known_ahead=True))
    spec = TableSpec("when", "D", "sales", variables)
    local = pd.date_range("2025-01-06", periods=days, freq="D", unit="us")
    price, beside = rng.normal(0.0, 1.0, (1, days)), rng.normal(0.0, 1.0, (1, days))
    sales = 50.0 + 5.0 * (local.dayofweek.to_numpy() == 5) - 6.0 * price + rng.normal(0.0, 0.5, (1, days))
    return Panel(spec, pd.DataFrame(index=range(1)), local, sales, {"beside": beside, "price": price}, {})


@pytest.mark.parametrize("member", [Lear({}), Net({"count": 1, "epochs": 40})], ids=lambda m: m.kind)
def test_a_planted_predictor_matters_and_noise_does_not(member):
    panel = daily_panel()
    situation, ends = Situation(3, 0, 1, None, (7,)), panel.last - 60
    known = panel.cut(ends, ahead=3)
    fitted = member.fit(known, situation, ends)
    origins = ends[:, None] - np.arange(0, 50, 5)[::-1]
    positions = ends[:, None, None] + np.arange(0, 50, 5)[:, None] + np.arange(1, 4)
    error = fitted.predict(panel, positions[..., 0] - 1) - take_positions(panel.y, positions)
    assert np.abs(error).mean() < {"lear": 1.0, "net": 2.5}[member.kind]  # the price moves sales by 5, noise by .4
    shares = fitted.importances()
    assert shares["price"] > 2 * shares.get("beside", 0.0)
    made = fitted.contributions(known, origins)
    reach = {name: np.abs(made.addends[..., [t.variable == name for t in made.terms]]).sum() for name in shares}
    assert reach["price"] > 2 * reach["beside"]


def test_the_lasso_leaves_the_planted_wind_of_the_hour_in_and_the_temperature_out(panel):
    coefficients = fit(LEAR, panel, DAYS - 1).to_document()["coefficients"][0][0]
    largest = [max(terms, key=lambda name: abs(terms[name])) for terms in coefficients]
    assert sum(name == f"wind[+{step + 1}]" for step, name in enumerate(largest)) > 12
    share = np.mean([name.startswith("temp") for terms in coefficients for name in terms])
    assert share < 0.35


def test_a_lear_update_equals_a_fit_on_all_rows(panel):
    first = fit(LEAR, panel, 110)
    later = update(update(first, panel, 113, 110), panel, 117, 113)
    whole = fit(LEAR, panel, 117)
    for name in ("weight", "known", "x", "y", "xx", "xy", "yy"):
        assert getattr(later.state.moments[0][0], name) == pytest.approx(
            getattr(whole.state.moments[0][0], name), rel=1e-4, abs=1e-3
        )
    assert later.state.learned == 7  # that many rows choose the penalties anew, as a fit does
    known, ends = view(panel, 117)
    apart = later.predict(known, ends[:, None]) - whole.predict(known, ends[:, None])
    assert np.abs(apart).mean() < 1.0  # an update looks for penalties among neighbours, a fit among all


@pytest.mark.parametrize("member", [LEAR, NET], ids=lambda m: m.kind)
def test_an_update_needs_no_more_history_than_is_said(member, panel):
    first = fit(member, panel, 110)
    start = 24 * 111 - 1 + min(offset.first for offset in first.offsets())
    assert start > 0
    whole, short = update(first, panel, 111, 110), update(first, panel, 111, 110, start=start)
    known, ends = view(panel, 111)
    assert np.array_equal(whole.predict(known, ends[:, None]), short.predict(known, ends[:, None]))


@pytest.mark.parametrize("member", [LEAR, NET], ids=lambda m: m.kind)
def test_an_update_with_nothing_new_changes_nothing_and_none_changes_the_one_before(member, panel):
    first = fit(member, panel, 110)
    known, ends = view(panel, 110)
    before = first.predict(known, ends[:, None])
    assert update(first, panel, 110, 110) is first
    later = update(first, panel, 112, 110)
    assert np.array_equal(first.predict(known, ends[:, None]), before)
    assert not np.array_equal(later.predict(known, ends[:, None]), before)


def test_a_net_learns_the_same_from_the_same_seed_and_goes_on_after_a_document(panel):
    first, again, other = (
        fit(NET, panel, 110),
        fit(NET, panel, 110),
        fit(Net({**NET.parameters, "seed": 1}), panel, 110),
    )
    assert np.array_equal(first.state.nets.weights, again.state.nets.weights)
    assert not np.array_equal(first.state.nets.weights, other.state.nets.weights)
    back = type(first).from_document(first.to_document())
    assert np.array_equal(
        update(back, panel, 111, 110).state.nets.weights, update(first, panel, 111, 110).state.nets.weights
    )


def test_the_average_of_networks_and_of_half_lives_is_a_mean(panel):
    known, ends = view(panel, 110)
    parts = [fit(Lear({"half_lives": [h], "spread": 56}), panel, 110).predict(known, ends[:, None]) for h in (30, 60)]
    both = fit(Lear({"half_lives": [30, 60], "spread": 56}), panel, 110).predict(known, ends[:, None])
    assert both == pytest.approx(np.mean(parts, axis=0))


@pytest.mark.parametrize("member", [LEAR, NET], ids=lambda m: m.kind)
def test_a_forecast_stays_near_what_was_seen_whatever_comes_in(member, panel):
    fitted = fit(member, panel, 110)
    known, ends = view(panel, 110)
    wild = known.since(0)
    object.__setattr__(
        wild, "x", {**wild.x, "wind": np.where(np.arange(wild.y.shape[1]) > ends[0], 1e6, wild.x["wind"])}
    )
    made = fitted.predict(wild, ends[:, None])
    seen = panel.y[0]
    width = seen.max() - seen.min()
    assert (made > seen.min() - 2 * width).all()
    assert (made < seen.max() + 4 * width).all()
    parts = fitted.contributions(wild, ends[:, None])
    assert np.abs(parts.addends.sum(axis=3) - made).max() < 1e-9


@pytest.mark.parametrize("member", [LEAR, NET], ids=lambda m: m.kind)
def test_a_short_history_is_refused(member):
    short = hourly_panel(12)
    with pytest.raises(ModelError, match="origins to learn from"):
        member.fit(short, SITUATION, short.last)
