"""The autoregressive members against a naive implementation, and on awkward series."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import CallerError, ModelError
from loopcast.zoo.learning.log_scale import learn_log_scale
from loopcast.zoo.learning.recursion import Course, run
from loopcast.zoo.members.autoregression import VARIANTS, Autoregression, make_recipe
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import panel_from_frame

SPEC = TableSpec("when", "D", "y", (Variable("y"),), series_keys=("name",))
WEEK = Situation(steps=6, time_of_day=0, stride=1, periods=(4, 12))


def panel_of(*series):
    """Return the panel of series that all start on the same day."""
    parts = [
        pd.DataFrame({"name": f"s{number:02d}", "when": pd.date_range("2026-01-01", periods=len(y), unit="us"), "y": y})
        for number, y in enumerate(series)
    ]
    return panel_from_frame(pd.concat(parts, ignore_index=True).astype({"name": "str"}), SPEC)


def seasonal(length, *, seed=0):
    rng = np.random.default_rng(seed)
    return np.exp(3 + np.tile([0.0, 0.4, 0.1, -0.2], 1 + length // 4)[:length] + 0.1 * rng.normal(size=length).cumsum())


def naive_forecast(y, variant, steps, situation):
    """Regress one series on dummies and lags, row by row, and run it forward in plain loops."""
    recipe = make_recipe(VARIANTS[variant], situation.periods, len(y))
    z = learn_log_scale(y[None]).to_z(y[None])[0]
    d = recipe.difference
    w = np.array([z[t] - z[t - d] if d and t >= d else z[t] if not d else 0.0 for t in range(len(z))])
    warm = min(recipe.depth, len(y) // 2)
    start = max(warm, d)
    effects = recipe.effects

    def row(values, t):
        lagged = [values[t - lag] if t >= lag else 0.0 for lag in recipe.lags]
        short = np.eye(effects.short)[t % effects.short] if effects.short > 1 else []
        long = np.eye(effects.long)[t % effects.long] if effects.long > effects.short else []
        return np.concatenate([lagged, [1.0], short, long])

    x, target = np.array([row(w, t) for t in range(start, len(w))]), w[start:]
    weight = 0.5 ** (np.arange(len(target))[::-1] / recipe.half_life) if recipe.half_life else np.ones(len(target))
    n_short = effects.short if effects.short > 1 else 0
    n_long = effects.long if effects.long > effects.short else 0
    ridge = recipe.ridge + len(recipe.lags) / (weight.sum() + 1.0)
    penalty = [ridge] * len(recipe.lags) + [1e-3] + [effects.ridge_short] * n_short + [effects.ridge_long] * n_long
    beta = np.linalg.solve(x.T @ (x * weight[:, None]) + np.diag(penalty), x.T @ (weight * target))
    seen = w[d:]
    margin = 0.1 * (seen.max() - seen.min())
    path, level = list(w), list(z)
    for t in range(len(y), len(y) + steps):
        path.append(float(np.clip(row(path, t) @ beta, seen.min() - margin, seen.max() + margin)))
        level.append(path[-1] + (level[t - d] if d else 0.0))
    return learn_log_scale(y[None]).to_y(np.array([level[len(y) :]]))[0]


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_forecasts_are_those_of_a_naive_implementation(variant):
    y = seasonal(90)
    panel = panel_of(y, seasonal(70, seed=1))
    fitted = Autoregression({"variant": variant}).fit(panel.select(np.array([0])), WEEK, panel.last[:1])
    made = fitted.predict(panel.select(np.array([0])), panel.last[:1, None])[0, 0]
    assert made == pytest.approx(naive_forecast(y, variant, 6, WEEK), rel=1e-8)


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_rows_learned_bit_by_bit_are_rows_learned_at_once(variant):
    panel = panel_of(seasonal(120), seasonal(95, seed=1))
    member, ends = Autoregression({"variant": variant}), panel.last
    first = ends - 20
    start = member.fit(panel.cut(first), WEEK, first)
    once = start.update(panel, ends, since=first)
    steps = start
    for back in (13, 5, 0):
        steps = steps.update(panel.cut(ends - back), ends - back, since=first)
        first = ends - back
    short = panel.since(30)
    late = start.update(short, ends - 30, since=ends - 50)
    for other in (steps, late):
        assert np.allclose(other.state.gram, once.state.gram)
        assert np.allclose(other.solved[0], once.solved[0])
        assert np.allclose(other.predict(panel, ends[:, None]), once.predict(panel, ends[:, None]))
    assert start.update(panel, ends, since=ends) is start


def test_a_series_that_has_grown_threefold_is_fitted_again():
    panel = panel_of(seasonal(120), seasonal(120, seed=2))
    early = np.array([20, 90])
    fitted = Autoregression({"variant": "level"}).fit(panel.cut(early), WEEK, early)
    grown = fitted.update(panel, panel.last, since=early)
    assert grown.state.start.tolist() == [120, 91]


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_awkward_series_are_forecast_within_reason(variant):
    counts = np.random.default_rng(0).poisson(0.3, 60).astype(float)
    gaps = seasonal(60)
    gaps[[5, 6, 7, 20, 40, 41, 58]] = np.nan
    late = np.concatenate([np.full(50, np.nan), np.arange(1.0, 11.0)])
    series = (np.full(60, 7.0), np.zeros(60), counts, gaps, late, np.arange(1.0, 11.0), np.array([3.0]))
    panel = panel_of(*series)
    member = Autoregression({"variant": variant}).fit(panel, WEEK, panel.last)
    made = member.predict(panel, panel.last[:, None])
    assert np.isfinite(made).all()
    assert made[0] == pytest.approx(7.0)
    assert made[1] == pytest.approx(0.0)
    assert made[2].min() >= 0.0
    assert (np.abs(made[4:6] - 10.0) < 25.0).all()  # growth may go on
    assert made[6] == pytest.approx(3.0)
    split = member.contributions(panel, panel.last[:, None])
    assert np.abs(split.addends.sum(axis=3) - made).max() < 1e-9 * made.max()


def test_limits_hold_and_are_a_term_of_their_own():
    course = Course(
        values=np.array([[1.0, 2.0]]), present=np.ones((1, 2)), coefficients=np.array([[2.0]]), lags=np.array([1]),
        difference=0, effects=np.zeros((1, 3, 3)), limits=np.array([[0.0, 5.0, 0.0, 4.5]]),
    )  # fmt: skip
    assert run(course).tolist() == [[4.0, 4.5, 4.5]]
    y = np.exp(np.arange(30) / 3.0)
    panel = panel_of(y)
    fitted = Autoregression({"variant": "level"}).fit(panel, Situation(20, 0, 1), panel.last)
    made = fitted.contributions(panel, panel.last[:, None])
    names = [term.name for term in made.terms]
    assert np.abs(made.addends.sum(axis=3) - fitted.predict(panel, panel.last[:, None])).max() < 1e-9 * y.max()
    assert made.addends[0, 0, -1, names.index("limits")] != 0.0


def test_past_values_are_grouped_by_cycle():
    panel = panel_of(seasonal(120))
    made = Autoregression({"variant": "profile"}).fit(panel, WEEK, panel.last).contributions(panel, panel.last[:, None])
    names = [term.name for term in made.terms]
    assert names == ["y[0]", "y[-3:-1]", "y[-4]", "constant", "season_4", "season_12", "limits"]
    assert {term.variable for term in made.terms} == {"y", ""}
    plain = Autoregression({"variant": "difference"}).fit(panel, Situation(3, 0, 1), panel.last)
    names = [term.name for term in plain.contributions(panel, panel.last[:, None]).terms]
    assert names == ["y[0]", "y[-1]", "y[-2]", "y[-3]", "y[-4]", "constant", "limits"]


def test_unknown_variants_and_empty_panels_are_refused():
    panel = panel_of(seasonal(20))
    with pytest.raises(CallerError, match="variant"):
        Autoregression({"variant": "cubic"}).fit(panel, WEEK, panel.last)
    empty = panel.cut(np.array([-1]))
    with pytest.raises(ModelError, match="needs one"):
        Autoregression({"variant": "level"}).fit(empty, WEEK, np.array([-1]))
