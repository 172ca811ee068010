"""Views on contributions that can be added up by hand; every one of them sums to what it explains."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopcast.reflection.root_cause import (
    NOT_REPRODUCED,
    Stage,
    account_for,
    compare_stages,
    keep_largest,
    name_members,
    stack_steps,
    sum_parts,
    view_build_up,
    view_predictors,
    view_terms,
)

TERMS = [
    ("a", "load[-24]", "load", 60.0),
    ("b", "load[-24]", "load", 20.0),
    ("a", "temp * wind", "temp * wind", -12.0),
    ("a", "weekday:monday", "", 5.0),
    ("a", "holiday:Labor Day", "", -30.0),
    ("a", "holiday", "", 1.0),
    ("combination", "bounds", "", 2.0),
]


def table(rows: list[tuple[str, str, str, float]], *, at: str = "2026-01-01") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["member", "term", "variable", "contribution"])
    return frame.astype({"member": "str", "term": "str", "variable": "str"}).assign(timestamp=pd.Timestamp(at))


def as_dict(view: pd.DataFrame, column: str) -> dict[str, float]:
    return dict(zip(view[column], view["contribution"], strict=True))


def test_the_term_view_sums_over_members_and_begins_with_the_largest() -> None:
    view = name_members(view_terms(table(TERMS)), table(TERMS))
    assert view["term"].tolist()[:3] == ["load[-24]", "holiday:Labor Day", "temp * wind"]
    assert view["contribution"].tolist()[:3] == [80.0, -30.0, -12.0]
    assert view["members"].tolist()[:2] == ["a, b", "a"]


def test_the_build_up_ends_at_the_forecast() -> None:
    built = view_build_up(view_terms(table(TERMS)))
    assert built["value"].tolist()[:3] == [80.0, 50.0, 38.0]
    assert built["value"].iloc[-1] == pytest.approx(46.0, abs=1e-12)
    assert built["i"].tolist() == [1, 2, 3, 4, 5, 6]


def test_the_predictor_view_shares_products_by_halves_and_names_what_comes_from_no_variable() -> None:
    view = as_dict(view_predictors(table(TERMS)), "variable")
    expected = {"load": 80.0, "(holiday)": -29.0, "temp": -6.0, "wind": -6.0, "(weekday)": 5.0, "(bounds)": 2.0}
    assert view == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=7, max_size=7), st.integers(1, 9))
def test_every_view_sums_to_the_forecast_whatever_is_kept(amounts: list[float], n: int) -> None:
    made = table([(*row[:3], amount) for row, amount in zip(TERMS, amounts, strict=True)])
    for view in (view_terms(made), view_predictors(made)):
        kept = keep_largest(view, n)
        assert len(kept) <= n + 1
        assert kept["contribution"].sum() == pytest.approx(sum(amounts), abs=1e-9 * max(1.0, *map(abs, amounts)))


def test_a_change_is_the_sum_of_its_parts_and_each_names_what_moved_it() -> None:
    old = table([("a", "load[-24]", "load", 50.0), ("a", "wind", "wind", 3.0)])
    corrected = table([("a", "load[-24]", "load", 48.0), ("a", "wind", "wind", 3.0)])
    new = table([("a", "load[-24]", "load", 48.0), ("a", "wind", "wind", 9.0), ("a", "holiday", "", 0.5)])
    stages = [Stage("previous", old), Stage("corrected data", corrected), Stage("new data", new)]
    changes = compare_stages(stages)
    assert changes[["part", "variable", "contribution"]].to_numpy().tolist() == [
        ["new data", "wind", 6.0],
        ["corrected data", "load", -2.0],
        ["new data", "", 0.5],
    ]
    parts = sum_parts(changes)
    assert as_dict(parts, "part") == {"new data": 6.5, "corrected data": -2.0}
    assert parts["most"].tolist() == ["wind +6, (holiday) +0.5", "load -2"]


def test_a_stage_that_could_not_be_made_counts_together_with_the_next() -> None:
    first, last = table([("a", "x", "x", 1.0)]), table([("b", "x", "x", 4.0)])
    changes = compare_stages([Stage("previous", first), Stage("new data", None), Stage("other model", last)])
    assert changes[["part", "contribution"]].to_numpy().tolist() == [["new data + other model", 3.0]]
    assert compare_stages([Stage("previous", None), Stage("new data", last)]).empty
    assert compare_stages([Stage("previous", last)], by=["timestamp"]).empty


def test_what_is_not_reproduced_is_a_row_of_its_own_and_rounding_is_not() -> None:
    two = pd.concat([table(TERMS), table(TERMS, at="2026-01-02")], ignore_index=True)
    totals = two[["timestamp"]].drop_duplicates().assign(total=[46.0 + 1e-12, 50.0])
    whole = account_for(two, totals, by=["timestamp"])
    assert len(whole) == len(two) + 1
    assert whole[["member", "term", "variable", "contribution"]].iloc[-1].tolist() == ["", NOT_REPRODUCED, "", 4.0]
    assert whole.groupby("timestamp")["contribution"].sum().tolist() == pytest.approx([46.0, 50.0])
    nothing = account_for(two.iloc[:0], totals, by=["timestamp"], term="new data")
    assert nothing["contribution"].tolist() == [46.0 + 1e-12, 50.0]


def test_a_waterfall_begins_at_the_previous_value_and_ends_at_the_new_one() -> None:
    causes = pd.DataFrame({"term": ["a", "b", "c", "d"], "contribution": [4.0, -3.0, 2.0, 0.5]})
    steps = stack_steps(causes, start=("v1", 10.0), end="v2", n=2)
    assert steps["label"].tolist() == ["v1", "a", "b", "(2 others)", "v2"]
    assert steps["before"].tolist() == [10.0, 10.0, 14.0, 11.0, 13.5]
    assert steps["after"].tolist() == [10.0, 14.0, 11.0, 13.5, 13.5]
    assert stack_steps(causes, start=None, end="v2", n=9)["label"].tolist() == ["a", "b", "c", "d", "v2"]


@pytest.mark.parametrize("seed", range(3))
def test_the_views_of_many_forecasts_at_once_are_those_of_each(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = [table([(*row[:3], rng.normal()) for row in TERMS], at=f"2026-01-0{day}") for day in (1, 2, 3)]
    for make in (view_terms, view_predictors):
        together = make(pd.concat(days, ignore_index=True), by=["timestamp"])
        alone = pd.concat([make(day).assign(timestamp=day["timestamp"].iloc[0]) for day in days], ignore_index=True)
        pd.testing.assert_frame_equal(together[list(alone.columns)], alone)
