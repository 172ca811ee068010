"""Imputation and time scale against pandas' own, and the configuration's way to JSON and back."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from loopcast.dataops.preprocessing import (
    Imputation,
    Preprocessing,
    RowRange,
    TimeScale,
    aggregate,
    bucket_ends,
    check_scale,
    fill_gaps,
    filter_rows,
    find_buckets,
)
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import CallerError

VALUES = arrays(np.float64, (2, 30), elements=st.one_of(st.just(np.nan), st.integers(-9, 9).map(float)))
SPEC = TableSpec("when", "h", "load", (Variable("load"), Variable("temp"), Variable("wind")), timestamp_marks="end")


@given(VALUES, st.sampled_from(["linear", "locf"]), st.integers(1, 6))
def test_short_gaps_are_filled_as_pandas_does_and_longer_ones_stay_whole(values, method, max_gap):
    filled, imputed = fill_gaps(values, Imputation(method, max_gap))
    for row, made, mask in zip(values, filled, imputed, strict=True):
        series = pd.Series(row)
        all_filled = series.interpolate(limit_area="inside") if method == "linear" else series.ffill()
        gap = series.isna().groupby(series.notna().cumsum()).transform("sum")
        inside = series.isna() & series.bfill().notna() & series.ffill().notna()
        assert mask.tolist() == (inside & (gap <= max_gap)).tolist()
        np.testing.assert_allclose(made, np.where(mask, all_filled, row), rtol=1e-12, atol=1e-12)


@given(VALUES)
def test_without_a_method_nothing_changes(values):
    filled, imputed = fill_gaps(values, Imputation())
    assert np.array_equal(filled, values, equal_nan=True)
    assert not imputed.any()


@pytest.mark.parametrize("how", ["mean", "sum", "min", "max", "first", "last"])
@pytest.mark.parametrize(("step", "scale"), [("h", "D"), ("15min", "6h"), ("D", "MS"), ("D", "W-MON"), ("h", "QS")])
def test_periods_that_are_over_are_aggregated_as_pandas_does(how, step, scale):
    rng = np.random.default_rng(4)
    local = pd.date_range("2026-01-05", periods=400, freq=step, unit="us")
    grid, number = find_buckets(local, scale)
    ends, length = bucket_ends(grid, scale, step)
    offset = len(pd.date_range(grid[0], local[0], freq=step)) - 1
    values = np.full((1, length), np.nan)
    values[0, offset : offset + 400] = rng.normal(size=400)
    starts = np.concatenate([[0], ends[:-1]])
    made = aggregate(values, starts, how, expected=np.ones(length, dtype=bool))[0]
    groups = pd.Series(values[0, offset : offset + 400]).groupby(number)
    is_over = (starts >= offset) & (ends <= offset + 400)
    np.testing.assert_allclose(made, np.where(is_over, groups.agg(how).to_numpy(), np.nan))


def test_a_sum_needs_every_value_and_a_mean_takes_those_there_are():
    values = np.array([[1.0, np.nan, 3.0, 4.0, 5.0, 6.0]])
    expected = np.ones(6, dtype=bool)
    assert np.isnan(aggregate(values, np.array([0, 3]), "sum", expected=expected)[0, 0])
    assert aggregate(values, np.array([0, 3]), "mean", expected=expected).tolist() == [[2.0, 5.0]]


def test_an_hour_that_the_clock_skips_is_not_waited_for():
    values = np.array([[1.0, np.nan, 3.0]])
    assert aggregate(values, np.array([0]), "sum", expected=np.array([True, False, True])).tolist() == [[4.0]]


@pytest.mark.parametrize("scale", ["h", "30min", "5h", "7D", "2MS", "ME", "90min"])
def test_a_time_scale_that_does_not_gather_whole_periods_is_refused(scale):
    with pytest.raises(CallerError, match="coarser"):
        check_scale("h", scale)


def test_the_configuration_is_the_same_after_json():
    chosen = Preprocessing(
        imputation=Imputation("linear", 3),
        imputation_of={"wind": Imputation("locf", 9)},
        time_scale=TimeScale("D", {"default": "sum", "temp": "max"}),
        rows=RowRange(last=100, start="2026-01-01"),
        columns=("temp",),
        filter={"shop": ("a", "b")},
    )
    text = json.dumps(chosen.to_document())
    back = Preprocessing.from_document(json.loads(text))
    assert json.dumps(back.to_document()) == text
    assert (back.max_gap, Preprocessing().max_gap) == (9, 0)
    assert back.time_scale is not None
    assert (back.time_scale.how("temp"), back.time_scale.how("load")) == ("max", "sum")


def test_jobs_see_the_columns_chosen_and_periods_by_their_start():
    seen = Preprocessing(columns=("wind",), time_scale=TimeScale("D")).job_spec(SPEC)
    assert (seen.variable_names, seen.frequency, seen.timestamp_marks) == (("load", "wind"), "D", "start")
    assert Preprocessing().job_spec(SPEC) == SPEC


def test_rows_of_other_series_and_categories_are_left_out():
    frame = pd.DataFrame({"shop": ["a", "b", "a"], "sky": ["clear", "clear", "rain"]})
    assert filter_rows(frame, {"shop": ("a",), "sky": ("clear",)}).index.tolist() == [0]
