"""From rows to series times a regular wall-clock grid."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import DataError
from loopcast.zoo.panel import panel_from_frame, stored_timestamps
from zoo_panels import HOURLY, PANEL, hourly_frame, hourly_panel, shop_frame, shop_panel, sky_frame, sky_panel

OSLO = TableSpec("when", "h", "load", (Variable("load"),), time_zone="Europe/Oslo")


def test_rows_that_are_not_there_become_missing_values_and_order_does_not_matter():
    frame = hourly_frame(3).drop(index=[5, 6]).sample(frac=1.0, random_state=1)
    panel = panel_from_frame(frame, HOURLY)
    assert panel.y.shape == (1, 72)
    assert np.isnan(panel.y[0]).nonzero()[0].tolist() == [5, 6]
    ordered = frame.sort_values("when")
    assert panel.y[0][np.isfinite(panel.y[0])].tolist() == ordered["load"].tolist()


def test_two_series_keys_and_unequal_lengths_share_one_grid():
    panel = shop_panel()
    assert panel.keys.to_numpy().tolist() == [["a", "x"], ["a", "y"], ["b", "x"]]
    assert np.isfinite(panel.y).sum(axis=1).tolist() == [140, 90, 30]
    assert panel.last.tolist() == [139, 139, 139]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(when=f["when"] + pd.Timedelta("0min").as_unit("us")).iloc[:0], "0 rows"),
        (lambda f: f.drop(columns="load"), "load"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "twice"),
        (lambda f: f.assign(when=f["when"].where(f.index != 3, f["when"] + pd.Timedelta("7min"))), "grid"),
    ],
)
def test_a_frame_that_is_no_panel_is_refused(change, message):
    with pytest.raises(DataError, match=message):
        panel_from_frame(change(hourly_frame(2)), HOURLY)


def test_the_hour_that_the_clock_skips_is_missing_and_of_the_one_it_repeats_the_first_counts():
    spring = pd.DataFrame(
        {"when": pd.date_range("2026-03-28 22:00", periods=6, freq="h", unit="us"), "load": np.arange(6.0)}
    )
    panel = panel_from_frame(spring, OSLO)
    assert panel.local.hour.tolist() == [23, 0, 1, 2, 3, 4, 5]
    assert np.array_equal(panel.y[0], [0, 1, 2, np.nan, 3, 4, 5], equal_nan=True)
    autumn = pd.DataFrame(
        {"when": pd.date_range("2026-10-24 23:00", periods=4, freq="h", unit="us"), "load": np.arange(4.0)}
    )
    assert panel_from_frame(autumn, OSLO).y[0].tolist() == [0, 1, 3]


def test_stored_timestamps_come_back_but_for_a_skipped_hour():
    spring = pd.DataFrame({"when": pd.date_range("2026-03-28 22:00", periods=6, freq="h", unit="us"), "load": 1.0})
    panel = panel_from_frame(spring, OSLO)
    stored = stored_timestamps(panel.local, OSLO)
    assert stored.isna().tolist() == [False] * 3 + [True] + [False] * 3
    assert stored.dropna().tolist() == spring["when"].tolist()


def test_marks_at_the_end_belong_to_the_day_in_which_the_period_began():
    spec = TableSpec("when", "h", "load", (Variable("load"),), timestamp_marks="end")
    frame = pd.DataFrame({"when": pd.date_range("2026-01-01 01:00", periods=24, freq="h", unit="us"), "load": 1.0})
    panel = panel_from_frame(frame, spec)
    assert set(panel.local.day) == {1}
    assert stored_timestamps(panel.local, spec).tolist() == frame["when"].tolist()


def test_cutting_hides_later_targets_and_predictors_but_those_known_ahead():
    panel = hourly_panel(4).cut(np.array([50]))
    assert panel.last.tolist() == [50]
    assert np.isfinite(panel.x["temp"][0]).sum() == 51
    assert np.isfinite(panel.x["wind"][0]).sum() == 96


def test_a_predictor_that_ended_early_ends_as_early_in_every_cut():
    frame = hourly_frame(4)
    frame.loc[frame.index[-5:], "temp"] = np.nan
    panel = panel_from_frame(frame, HOURLY).cut(np.array([50]))
    assert np.isfinite(panel.x["temp"][0]).nonzero()[0].max() == 45


def test_extending_adds_timestamps_without_values():
    panel = shop_panel().extend(3)
    assert panel.y.shape == (3, 143)
    assert np.isnan(panel.y[:, -3:]).all()
    assert panel.local[-1] == pd.DatetimeIndex(shop_frame()["when"]).max() + pd.Timedelta(days=3)
    assert PANEL.target == "sales"


def test_categories_are_codes_with_their_levels_and_known_as_far_as_they_are_declared():
    panel = sky_panel(30)
    assert panel.levels == {"sky": ("clear", "rain", "snow"), "mood": ("bad", "good")}
    assert dict(panel.x) == {}
    assert np.isnan(panel.codes["sky"][0, 3])
    words = sky_frame(30)["mood"].tolist()
    assert [panel.levels["mood"][int(code)] for code in panel.values("mood")[0]] == words
    cut = panel.cut(np.array([19]), ahead=4)
    assert np.isfinite(cut.codes["sky"][0, 20:24]).all()
    assert np.isnan(cut.codes["mood"][0, 20:]).all()
    assert len(cut.local) == cut.codes["sky"].shape[1] == 24
    assert cut.since(10).extend(3).select(np.array([0])).codes["mood"].shape == (1, 17)
