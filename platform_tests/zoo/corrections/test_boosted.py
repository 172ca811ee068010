"""The boosted correction: a planted error is taken out, addends sum, nothing after an origin is looked at."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.zoo.arrays import take_positions
from loopcast.zoo.corrections.base import Made
from loopcast.zoo.corrections.boosted import Boosted, FittedBoosted, Tables
from loopcast.zoo.corrections.boosted_features import Cycles, build_table, find_cycles
from loopcast.zoo.learning.log_scale import learn_log_scale
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import panel_from_frame

SPEC = TableSpec("when", "D", "y", (Variable("y"),), series_keys=("name",))
SITUATION = Situation(steps=6, time_of_day=0, stride=6, periods=(6,))
N_SERIES, LENGTH, WINDOWS = 30, 240, 30


@pytest.fixture(scope="module")
def made():
    """Return two members, of which one knows the truth, and a base that is off by a tenth where they differ."""
    rng = np.random.default_rng(0)
    time = np.arange(LENGTH)
    level = rng.uniform(10, 1000, size=(N_SERIES, 1))
    y = level * np.exp(0.3 * np.sin(time * np.pi / 3) + 0.05 * rng.normal(size=(N_SERIES, LENGTH)))
    frame = pd.DataFrame(
        {
            "name": np.repeat([f"s{number:02d}" for number in range(N_SERIES)], LENGTH),
            "when": np.tile(pd.date_range("2026-01-01", periods=LENGTH, unit="us"), N_SERIES),
            "y": y.ravel(),
        }
    ).astype({"name": "str"})
    panel = panel_from_frame(frame, SPEC)
    origins = np.tile(LENGTH - 1 - 6 * np.arange(WINDOWS, 0, -1), (N_SERIES, 1))
    targets = take_positions(y, origins[:, :, None] + np.arange(1, 7))
    sign = rng.choice([-1.0, 1.0], size=targets.shape)
    base = targets * np.exp(0.1 * sign)
    good = base * np.exp(-0.2 * sign)
    return Made(panel, origins, ("good", "bad"), np.stack([good, base], axis=3), base), targets


@pytest.fixture(scope="module")
def fitted(made):
    return Boosted().fit(*made, SITUATION, delay=1, seed=0)


def test_a_planted_error_is_taken_out_of_series_that_were_not_seen(made, fitted):
    (before, targets), (correction, added) = made, fitted
    used = slice(1, None)
    error = np.abs(targets - before.base)[:, used].mean()
    assert np.abs(targets - before.base - added)[:, used].mean() < 0.35 * error
    assert np.abs(targets - before.base - correction.predict(before)).mean() < 0.35 * error
    assert correction.share == 1.0
    assert (added[:, 0] == 0).all()


def test_what_is_added_is_the_sum_of_its_addends(made, fitted):
    now = replace(
        made[0], origins=made[0].origins[:, -2:], forecasts=made[0].forecasts[:, -2:], base=made[0].base[:, -2:]
    )
    split = fitted[0].contributions(now)
    total = fitted[0].predict(now)
    assert np.abs(split.addends.sum(axis=3) - total).max() < 1e-9 * np.abs(total).max()
    assert split.terms[0].name == "boosted:member:good"


def test_the_document_is_exact(made, fitted):
    text = json.dumps(fitted[0].to_document(), allow_nan=False)
    back = FittedBoosted.from_document(json.loads(text))
    assert json.dumps(back.to_document()) == text
    assert np.array_equal(back.predict(made[0]), fitted[0].predict(made[0]))
    assert back.offsets()[0].first == 1 - fitted[0].cycles.depth
    assert back.importances() == {"y": 100.0}


def test_nothing_after_an_origin_is_looked_at_and_the_stated_history_is_enough(made, fitted):
    whole = replace(
        made[0], origins=made[0].origins[:, -9:], forecasts=made[0].forecasts[:, -9:], base=made[0].base[:, -9:]
    )
    ends = whole.origins[:, 0]
    first = int(ends[0]) + 1 - fitted[0].cycles.depth
    cut = replace(
        whole, panel=whole.panel.cut(ends).since(first), origins=whole.origins[:, :1] - first,
        forecasts=whole.forecasts[:, :1], base=whole.base[:, :1],
    )  # fmt: skip
    assert np.allclose(fitted[0].predict(cut), fitted[0].predict(whole)[:, :1])


def test_few_series_few_rows_or_nothing_to_gain_are_no_correction(made):
    before, targets = made
    some = np.arange(5)
    few = Made(
        before.panel.select(some), before.origins[some], before.members, before.forecasts[some], before.base[some]
    )
    assert Boosted().fit(few, targets[some], SITUATION, delay=1, seed=0) is None
    assert Boosted().fit(before, np.full_like(targets, np.nan), SITUATION, delay=1, seed=0) is None
    perfect = replace(before, base=targets, forecasts=np.stack([targets, targets], axis=3))
    assert Boosted().fit(perfect, targets, SITUATION, delay=1, seed=0) is None


def test_a_panel_in_parts_is_the_panel_at_once(made, monkeypatch):
    before, _ = made
    transform, cycles = learn_log_scale(before.panel.y), find_cycles((6,), 6)
    whole = build_table(before, transform, cycles)
    monkeypatch.setattr("loopcast.zoo.corrections.boosted.CELLS_AT_ONCE", 30_000)
    tables = Tables(before, transform, cycles)
    assert len(tables.series) > 1
    parts = np.concatenate([tables.take(number).cells for number in range(len(tables.series))])
    assert np.array_equal(parts, whole.cells, equal_nan=True)


def test_columns_are_what_their_names_say():
    """One series 0, .1, .. 1.9 in logarithms, asked from 1.5 with a base of 1.5 throughout."""
    frame = pd.DataFrame(
        {"name": "s", "when": pd.date_range("2026-01-01", periods=20, unit="us"), "y": np.exp(np.arange(20.0) / 10)}
    )
    panel = panel_from_frame(frame.astype({"name": "str"}), SPEC)
    base = np.full((1, 1, 4), np.exp(1.5))
    before = Made(panel, np.array([[15]]), ("m",), base[..., None] * np.exp(0.1), base)
    scale = learn_log_scale(np.exp(np.arange(20.0) / 10)[None])
    scale = replace(scale, center=np.zeros(1), spread=np.ones(1))
    table = build_table(before, scale, Cycles(2, 1))
    column = {name: table.cells[0, 0, :, number] * table.scale[0, 0] * 10 for number, name in enumerate(table.names)}
    assert table.scale[0, 0] == pytest.approx(0.2, abs=1e-3)
    assert column["member:m"] == pytest.approx([1.0] * 4)
    assert column["1_x_2_back"] == pytest.approx([-1.0, 0.0, -1.0, 0.0])
    assert column["2_x_2_back"] == pytest.approx([-3.0, -2.0, -3.0, -2.0])
    assert column["newest"] == pytest.approx([0.0] * 4)
    assert column["change_of_level"] == pytest.approx([2.0] * 4)
    assert table.cells[0, 0, :, table.names.index("step")].tolist() == [1.0, 2.0, 3.0, 4.0]
