"""The profile table: each number against counting by hand, single series and panels, odd data."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loopcast.dataops.quality.fitness import FitnessOptions, assess, choose_windows, judge_alignment
from loopcast.dataops.quality.profile import lay_out, profile_layout
from loopcast.dataops.table import TableSpec, Variable
from loopcast.schemas import check_table, profile_schema

NAN = float("nan")
ONE = TableSpec("at", "h", "y", (Variable("y"), Variable("x"), Variable("sky", kind="category")))
MANY = TableSpec("at", "D", "y", (Variable("y"),), series_keys=("shop",))


def make_frame(y: list[float], x: list[float] | None = None) -> pd.DataFrame:
    stamps = pd.date_range("2024-01-01", periods=len(y), freq="h", unit="us")
    frame = pd.DataFrame({"at": stamps, "y": y, "x": y if x is None else x, "sky": "clear"})
    return frame.astype({"y": "float64", "x": "float64", "sky": "str"})


def profile(frame: pd.DataFrame, spec: TableSpec = ONE) -> pd.DataFrame:
    return profile_layout(lay_out(frame, spec), spec).set_index(["variable", "series"])


def test_a_variable_s_numbers_are_those_counted_by_hand() -> None:
    row = profile(make_frame([NAN, 1.0, 1.0, NAN, NAN, 0.0, 4.0, NAN])).loc[("y", "(all)")]
    assert row[["n", "gaps", "longest_gap", "longest_run"]].tolist() == [4, 1, 2, 2]
    assert row[["minimum", "maximum", "mean", "q50"]].tolist() == [0.0, 4.0, 1.5, 1.0]
    assert row["missing_pct"] == pytest.approx(100 * 2 / 6)
    assert row["zeros_pct"] == pytest.approx(25.0)
    assert (row["first"], row["last"]) == (pd.Timestamp("2024-01-01 01:00"), pd.Timestamp("2024-01-01 06:00"))


def test_rows_that_are_not_there_are_missing_too() -> None:
    row = profile(make_frame([1.0, 2.0, 3.0, 4.0, 5.0]).drop(index=[1, 2])).loc[("y", "(all)")]
    assert row[["n", "gaps", "longest_gap"]].tolist() == [3, 1, 2]


def test_alignment_is_the_last_value_next_to_the_target_s() -> None:
    table = profile(make_frame([1.0, 2.0, 3.0, NAN, NAN], x=[1.0, NAN, NAN, NAN, 5.0]))
    assert table.loc[("x", "(all)"), "ends_at"] == 2
    table = profile(make_frame([1.0, 2.0, 3.0, 4.0, 5.0], x=[1.0, 2.0, NAN, NAN, NAN]))
    assert table.loc[("x", "(all)"), "ends_at"] == -3


def test_categories_are_counted_and_not_averaged() -> None:
    row = profile(make_frame([1.0, 2.0, 3.0])).loc[("sky", "(all)")]
    assert (row["kind"], row["n"], row["longest_run"]) == ("category", 3, 3)
    assert np.isnan(row["mean"])


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.sampled_from([0.0, 1.0, 2.0, NAN]), min_size=1, max_size=30))
def test_gaps_and_runs_are_those_of_a_loop(values: list[float]) -> None:
    row = profile(make_frame(values)).loc[("y", "(all)")]
    text = "".join("." if np.isnan(value) else "x" for value in values).strip(".")
    gaps = [part for part in text.split("x") if part]
    assert (row["gaps"], row["longest_gap"]) == (len(gaps), max(map(len, gaps), default=0))
    assert row["n"] == text.count("x")


def test_a_panel_has_a_row_for_all_and_one_for_each_series() -> None:
    days = pd.date_range("2024-01-01", periods=4, freq="D", unit="us")
    frame = pd.DataFrame({"shop": ["b"] * 4 + ["a"] * 3, "at": [*days, *days[:3]], "y": [1.0, NAN, 1.0, 2.0, 5, 5, 5]})
    table = profile(frame, MANY)
    assert list(table.index) == [("y", "(all)"), ("y", "a"), ("y", "b")]
    assert table["n"].tolist() == [6, 3, 3]
    assert table["gaps"].tolist() == [1, 0, 1]
    assert table["longest_run"].tolist() == [3, 3, 1]
    assert table.loc[("y", "(all)"), "mean"] == pytest.approx(19 / 6)


def test_only_the_series_with_most_missing_get_rows_where_there_are_many() -> None:
    days = pd.date_range("2024-01-01", periods=5, freq="D", unit="us")
    frames = [pd.DataFrame({"shop": f"s{i}", "at": days, "y": 1.0}) for i in range(6)]
    frames[4].loc[2, "y"] = NAN
    table = profile_layout(lay_out(pd.concat(frames), MANY), MANY, most_series=2)
    assert table["series"].tolist() == ["(all)", "s0", "s4"]


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_hardly_any_rows_make_a_profile_too(rows: int) -> None:
    frame = make_frame([1.0, 2.0, 3.0]).head(rows)
    made = assess(lay_out(frame, ONE), ONE, touched={}, windows=choose_windows("h"))
    check_table(made.profile, profile_schema())
    assert made.control.empty
    assert made.profile["note"].tolist() == ["too short", "too short", "category: no charts"]


def test_a_variable_that_ends_far_earlier_than_before_is_named_and_a_usual_delay_is_not() -> None:
    now = pd.DataFrame({"variable": ["y", "x"], "series": "(all)", "ends_at": [0.0, -6.0]})
    stamp = pd.Timestamp("2024-01-01")
    assert [row["variable"] for row in judge_alignment(now, [{"y": 0.0, "x": -1.0}] * 5, stamp)] == ["x"]
    assert judge_alignment(now, [{"y": 0.0, "x": -5.0}] * 5, stamp) == []
    assert judge_alignment(now, [{"y": 0.0, "x": -1.0}] * 4, stamp) == []


def test_a_series_that_comes_into_a_panel_is_no_drift() -> None:
    days = pd.date_range("2023-01-01", periods=300, freq="D", unit="us")
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"shop": name, "at": days[start:], "y": level + rng.normal(size=300 - start)})
        for name, level, start in (("a", 10.0, 0), ("b", 50.0, 0), ("c", 500.0, 290))
    ]
    layout = lay_out(pd.concat(frames, ignore_index=True), MANY)
    made = assess(layout, MANY, touched={"y": days[290]}, windows=choose_windows("D"), options=FitnessOptions())
    assert made.control.empty


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_huge_and_tiny_values_are_judged_like_others(size: float) -> None:
    frame = make_frame((size * np.random.default_rng(0).normal(size=400)).tolist())
    made = assess(lay_out(frame, ONE), ONE, touched={"y": frame["at"].iloc[380]}, windows=choose_windows("h"))
    check_table(made.profile, profile_schema())
    assert made.control.empty
