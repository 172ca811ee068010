"""Feature tables: nothing after an origin is in them, and they are what the linear member sees."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.preprocessing import Imputation, Preprocessing
from loopcast.dataops.table import TableSpec, Variable
from loopcast.zoo.feature_table import make_feature_table
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.linear import Linear
from loopcast.zoo.panel import panel_from_frame
from loopcast.zoo.preparation import prepare_panel
from loopcast.zoo.spec import ZooSpec
from zoo_panels import DAY, hourly_panel

SPEC = TableSpec(
    "when", "D", "sales", (Variable("sales"), Variable("visits"), Variable("offer", known_ahead=True)), ("shop",)
)
ASKED = ZooSpec(horizon=Horizon.parse(5), holidays="US")
LENGTH, TWO_DAYS_LATE = 90, 2


def shop_rows(rng):
    """Return two shops; visits end two days before the sales, offers go on for five days."""
    when = pd.date_range("2026-01-01", periods=LENGTH + 5, freq="D", unit="us")
    frame = pd.DataFrame({"shop": np.repeat(["a", "b"], len(when)), "when": np.tile(when, 2)})
    for name, late in (("sales", 5), ("visits", 5 + TWO_DAYS_LATE), ("offer", 0)):
        values = rng.normal(10, 2, (2, len(when)))
        values[rng.random(values.shape) < 0.05] = np.nan
        values[:, -1 - late] = 1.0
        values[:, len(when) - late :] = np.nan
        frame[name] = values.reshape(-1)
    return frame


@pytest.mark.parametrize("method", ["none", "linear"])
def test_a_thousand_random_cutoffs_see_nothing_that_came_later(method):
    rng = np.random.default_rng(11)
    kind = Preprocessing(imputation=Imputation(method, 3))
    raw = panel_from_frame(shop_rows(rng), SPEC)
    panel, day = prepare_panel(raw, kind), np.arange(LENGTH + 5)
    known = {cut: make_feature_table(panel, [cut], ASKED) for cut in range(LENGTH)}
    for cut in rng.integers(0, LENGTH, 500):
        noise = rng.normal(1e3, 1e3, (3, *raw.y.shape))
        y = np.where(day <= cut, raw.y, raw.y + noise[0])
        visits = np.where(day <= cut - TWO_DAYS_LATE, raw.x["visits"], raw.x["visits"] + noise[1])
        offer = np.where(day <= cut + 5, raw.x["offer"], raw.x["offer"] + noise[2])
        later = replace(raw, y=y, x={"visits": visits, "offer": offer})
        made = make_feature_table(prepare_panel(later, kind), [int(cut)], ASKED)
        pd.testing.assert_frame_equal(made, known[int(cut)], check_exact=True)


def test_the_table_is_what_the_linear_member_sees():
    panel = hourly_panel(70)
    ends = panel.last - 24
    fitted = Linear({}).fit(panel.cut(ends), Situation(24, 23 * 60, 24, "US", (24, 168)), ends)
    table = make_feature_table(panel, [int(ends[0])], DAY)
    assert table["samples_ahead"].tolist() == list(range(1, 25))
    assert table["origin"].unique().tolist() == [panel.local[ends[0]]]
    values = table[[term.name for term in fitted.terms]].to_numpy()
    centred = np.nan_to_num(values - fitted.center[0])
    made = table[fitted.terms[0].name] + fitted.intercept[0] + (centred * fitted.coefficients[0]).sum(axis=1)
    made += 0.5 * table["holiday:like_sunday"]
    np.testing.assert_allclose(made, fitted.predict(panel.cut(ends), ends[:, None])[0, 0], rtol=1e-9)


def test_predictors_known_ahead_stand_at_their_own_time_and_measured_ones_at_their_last():
    frame = shop_rows(np.random.default_rng(2))
    panel = panel_from_frame(frame, SPEC)
    cut = next(p for p in range(60, 80) if np.isfinite(panel.x["visits"][0, p - TWO_DAYS_LATE]))
    table = make_feature_table(panel, [cut], ASKED)
    first = table[table["shop"] == "a"]
    assert np.array_equal(first["offer"], panel.x["offer"][0, cut + 1 : cut + 6], equal_nan=True)
    assert set(first["visits[last]"]) == {panel.x["visits"][0, cut - TWO_DAYS_LATE]}
    assert len(make_feature_table(panel, [cut, cut + 1], replace(ASKED, holidays=None))) == 2 * 2 * 5
