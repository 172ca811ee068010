"""A prepared panel: what is imputed is marked, never judged, and never known before it could be."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.preprocessing import Imputation, Preprocessing, RowRange, TimeScale
from loopcast.dataops.table import TableSpec, Variable
from loopcast.zoo.build import build_zoo
from loopcast.zoo.panel import frame_from_panel, panel_from_frame
from loopcast.zoo.preparation import choose_rows, describe_imputed, prepare_panel, resolve_flags
from loopcast.zoo.rolling import roll
from loopcast.zoo.spec import MemberSpec, ZooSpec
from zoo_panels import HOURLY, PANEL, hourly_frame, shop_frame

LINEAR = Preprocessing(imputation=Imputation("linear", 6))
NAIVE = ZooSpec(horizon=Horizon.parse("1D"), n_windows=6, members=(MemberSpec("seasonal_naive", {"period": 24}),))


def holed(days=30, *, hole=slice(400, 404)):
    frame = hourly_frame(days)
    frame.loc[frame.index[hole], ["load", "temp"]] = np.nan
    return frame


def test_a_gap_is_filled_and_marked_in_the_frame():
    panel = prepare_panel(panel_from_frame(holed(), HOURLY), LINEAR)
    frame = frame_from_panel(panel)
    flagged = frame[frame["load_was_imputed"]]
    assert flagged.index.tolist() == [400, 401, 402, 403]
    assert np.allclose(np.diff(frame["load"].iloc[399:405]), np.diff(frame["load"].iloc[399:401]))
    assert not frame["wind_was_imputed"].any()
    assert describe_imputed(panel) == ("load: 4 missing values are imputed", "temp: 4 missing values are imputed")


def test_a_gap_longer_than_the_limit_and_the_end_stay_as_they_are():
    frame = holed(hole=slice(400, 407))
    frame.loc[frame.index[-2:], "load"] = np.nan
    assert not prepare_panel(panel_from_frame(frame, HOURLY), LINEAR).imputed


def test_at_an_origin_inside_a_gap_its_filling_is_not_known():
    panel = prepare_panel(panel_from_frame(holed(), HOURLY), LINEAR)
    cut = panel.cut(np.array([401]))
    assert np.isnan(cut.y[0, 400:402]).all()
    assert np.isnan(cut.x["temp"][0, 400:402]).all()
    assert np.isfinite(panel.cut(np.array([404])).y[0, 400:405]).all()


def test_imputed_values_are_never_judged_and_change_no_earlier_forecast():
    frame = holed(hole=slice(30 * 24 - 50, 30 * 24 - 46))  # over the origin of one of the windows
    raw = panel_from_frame(frame, HOURLY)
    (made,) = roll(prepare_panel(raw, LINEAR), NAIVE)
    assert np.isnan(made.targets).sum() == 4
    other = frame.assign(load=frame["load"].where(frame.index < 30 * 24 - 46, frame["load"] + 500))
    (changed,) = roll(prepare_panel(panel_from_frame(other, HOURLY), LINEAR), NAIVE)
    seen = made.origins[0] <= 30 * 24 - 47
    assert seen.sum() == 5
    assert np.array_equal(made.forecasts[:, seen], changed.forecasts[:, seen])


def test_hours_become_days_that_are_over():
    frame = hourly_frame(30).iloc[:-5]
    scaled = Preprocessing(time_scale=TimeScale("D", {"temp": "max"}))
    panel = prepare_panel(panel_from_frame(frame, HOURLY), scaled)
    days = frame.set_index("when").resample("D")
    assert panel.spec.frequency == "D"
    assert np.allclose(panel.y[0, :-1], days["load"].mean().to_numpy()[:-1])
    assert np.allclose(panel.x["temp"][0, :-1], days["temp"].max().to_numpy()[:-1])
    assert np.isnan(panel.y[0, -1])
    assert panel.last[0] == 28


def test_a_day_of_23_hours_is_whole():
    spec = TableSpec("when", "h", "load", (Variable("load"),), time_zone="Europe/Oslo")
    stored = pd.date_range("2026-03-27 23:00", "2026-03-30 21:00", freq="h", unit="us")
    panel = panel_from_frame(pd.DataFrame({"when": stored, "load": 1.0}), spec)
    made = prepare_panel(panel, Preprocessing(time_scale=TimeScale("D", {"default": "sum"})))
    assert made.y[0].tolist() == [24.0, 23.0, 24.0]
    assert frame_from_panel(made)["when"].tolist() == [pd.Timestamp(text) for text in
        ("2026-03-27 23:00", "2026-03-28 23:00", "2026-03-29 22:00")]  # fmt: skip


def test_flags_are_gathered_by_their_maximum_unless_told_otherwise():
    panel = panel_from_frame(hourly_frame(10).assign(wind=lambda f: (f["wind"] > 12).astype(float)), HOURLY)
    resolved = resolve_flags(Preprocessing(time_scale=TimeScale("D")), panel).time_scale
    told = resolve_flags(Preprocessing(time_scale=TimeScale("D", {"wind": "mean"})), panel).time_scale
    assert resolved is not None
    assert told is not None
    assert (resolved.how("wind"), resolved.how("temp"), told.how("wind")) == ("max", "mean", "mean")


@pytest.mark.parametrize(
    ("rows", "days"),
    [(None, (0, 30)), (RowRange(last=48), (28, 30)), (RowRange(first=72), (0, 3)),
     (RowRange(start="2026-01-10", end="2026-01-20"), (5, 15 + 1 / 24)), (RowRange(first=72, last=672), (2, 3))],
)  # fmt: skip
def test_a_build_learns_from_the_rows_chosen(rows, days):
    panel = choose_rows(panel_from_frame(hourly_frame(30), HOURLY), rows)
    start = pd.Timestamp("2026-01-05")
    assert panel.local[0] == start + pd.Timedelta(days=days[0])
    assert panel.local[panel.last[0]] == start + pd.Timedelta(days=days[1]) - pd.Timedelta(hours=1)


def test_a_zoo_is_built_on_a_scaled_panel_of_unequal_lengths():
    weekly = Preprocessing(time_scale=TimeScale("W-MON", {"default": "sum"}), imputation=Imputation("locf", 3))
    panel = prepare_panel(panel_from_frame(shop_frame(gaps=True), PANEL), weekly)
    zoo = build_zoo(panel, ZooSpec(horizon=Horizon.parse(2), n_windows=3, preprocessing=weekly))
    assert (zoo.frequency, zoo.spec.preprocessing) == ("W-MON", weekly)
