"""Promises judged on small frames, each with numbers that can be checked by hand, and against a slow second way."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loopcast.dataops.contract.attainment import WINDOW, Attainment, Evidence, judge_contract, to_table
from loopcast.dataops.contract.contract import Clause, Contract
from loopcast.dataops.table import TableSpec, Variable

NOW = pd.Timestamp("2026-03-01 12:00")
SPEC = TableSpec("at", "h", "load", (Variable("load"), Variable("temp")))
NOTHING = pd.DataFrame({"at": pd.to_datetime([]), "load": [], "temp": []})


def updates(*ages: float, accepted: tuple[bool, ...] = (), rows_sent: tuple[int, ...] = ()) -> pd.DataFrame:
    """Return updates that arrived so many hours ago; all accepted, of 24 rows each, unless said otherwise."""
    n = len(ages)
    return pd.DataFrame(
        {
            "at": NOW - pd.to_timedelta(np.array(ages, dtype="float64"), unit="h"),
            "accepted": list(accepted or [True] * n),
            "is_first": [at == 0 for at in range(n)],
            "rows_sent": list(rows_sent or [24] * n),
            "rows": [24 * (at + 1) for at in range(n)],
        }
    )


def hours(n: int, *, missing: tuple[int, ...] = (), empty: tuple[int, ...] = ()) -> pd.DataFrame:
    """Return the last n hours of data, some rows not there and some temperatures empty."""
    times = pd.date_range(end="2026-03-01 11:00", periods=n, freq="h", unit="us")
    frame = pd.DataFrame({"at": times, "load": 1.0, "temp": 2.0})
    frame.loc[list(empty), "temp"] = np.nan
    return frame.drop(index=list(missing))


def judge(
    clause: Clause, *, sent: pd.DataFrame | None = None, data: pd.DataFrame = NOTHING, spec: TableSpec = SPEC
) -> Attainment:
    contract = Contract("site", "1.0.0", (), "1D", "6h", (clause,), {})
    (made,) = judge_contract(contract, Evidence(updates() if sent is None else sent, data, spec, NOW))
    return made


TIMELY = Clause("timeliness", "timeliness", "every day", maximum=30.0, unit="hours", target_pct=90.0)


def test_hours_in_which_an_update_was_overdue_are_what_timeliness_loses() -> None:
    made = judge(TIMELY, sent=updates(100, 60, 20))
    assert made.observed == 40.0
    assert made.deviation == 10.0
    assert made.kept is False
    assert made.attainment_pct == pytest.approx(100 * 80 / 100)  # 10 of 40 and 10 of 40 hours, then 20 in time
    assert made.budget_left_pct == pytest.approx(-100)
    assert made.burn_rate == pytest.approx(2)


def test_an_update_that_is_on_its_way_is_in_time_until_the_grace_is_over() -> None:
    assert judge(TIMELY, sent=updates(29)).kept
    assert judge(TIMELY, sent=updates(31)).observed == 31.0
    assert judge(TIMELY, sent=updates(48, 24, accepted=(True, False))).observed == 48.0


def test_what_was_overdue_before_the_window_does_not_count() -> None:
    made = judge(TIMELY, sent=updates(24 * 40, 24 * 30, *range(24 * 29, -1, -24)))
    assert made.attainment_pct == 100.0


def test_without_an_update_nothing_is_judged() -> None:
    assert judge(TIMELY) == Attainment(TIMELY)


def test_refused_updates_spend_the_budget_of_validity() -> None:
    clause = Clause("validity", "validity", "", minimum=95.0, unit="percent", target_pct=95.0)
    flags = tuple(number != 10 for number in range(40))
    made = judge(clause, sent=updates(*(24.0 * 29 - number for number in range(40)), accepted=flags))
    assert made.observed == made.attainment_pct == 97.5
    assert made.budget_left_pct == pytest.approx(50)
    assert (made.kept, made.burn_rate) == (True, 0.0)
    assert judge(clause, sent=updates(24 * 31, accepted=(False,))).observed is None


def test_rows_per_update_leave_the_first_upload_out() -> None:
    clause = Clause("rows_per_update", "rows_per_update", "", minimum=20.0, maximum=30.0)
    made = judge(clause, sent=updates(72, 48, 24, rows_sent=(9000, 25, 12)))
    assert (made.observed, made.deviation, made.attainment_pct) == (12.0, -8.0, 50.0)
    assert judge(clause, sent=updates(72)).kept is None


def test_rows_of_the_dataset_are_those_after_each_update() -> None:
    made = judge(Clause("rows", "rows", "", minimum=48.0), sent=updates(72, 48, 24))
    assert (made.observed, made.kept, made.attainment_pct) == (72.0, True, pytest.approx(100 * 2 / 3))


FULL = Clause("completeness", "completeness", "", minimum=98.0, unit="percent", target_pct=98.0)


def test_rows_that_are_not_there_are_counted_from_the_first_row_to_the_last_target() -> None:
    made = judge(FULL, data=hours(100, missing=(50, 51, 52)))
    assert made.observed == made.attainment_pct == pytest.approx(97.0)
    assert made.deviation == pytest.approx(-1.0)
    ahead = pd.concat(
        [hours(100), pd.DataFrame({"at": [pd.Timestamp("2026-03-03 11:00")], "load": [np.nan], "temp": [1.0]})]
    )
    assert judge(FULL, data=ahead).observed == 100.0


def test_each_series_is_expected_from_its_own_first_row_on() -> None:
    spec = replace(SPEC, series_keys=("site",))
    data = pd.concat([hours(100, missing=(99,)).assign(site="a"), hours(50).assign(site="b")])
    assert judge(FULL, data=data, spec=spec).observed == pytest.approx(100 * 149 / 150)


def test_days_are_expected_on_the_local_clock() -> None:
    spec = replace(SPEC, frequency="D", time_zone="Europe/Berlin")
    times = pd.date_range("2026-03-20", periods=20, freq="D", tz="Europe/Berlin", unit="us").tz_convert(None)
    data = pd.DataFrame({"at": times, "load": 1.0, "temp": 1.0})
    assert judge(FULL, data=data, spec=spec).observed == 100.0


def test_months_are_judged_over_thirty_of_them() -> None:
    spec = replace(SPEC, frequency="MS")
    times = pd.date_range("2023-01-01", periods=36, freq="MS", unit="us")
    data = pd.DataFrame({"at": times, "load": 1.0, "temp": 1.0}).drop(index=[2, 20])
    assert judge(FULL, data=data, spec=spec).observed == pytest.approx(100 * 29 / 30, abs=0.2)


def test_empty_cells_are_a_share_of_the_rows_of_the_window() -> None:
    clause = Clause("missing_temp", "missing_share", "", maximum=5.0, unit="percent", column="temp", target_pct=95.0)
    made = judge(clause, data=hours(100, empty=(0, 1, 2, 3)))
    assert (made.observed, made.kept, made.attainment_pct) == (4.0, True, 96.0)
    assert made.budget_left_pct == pytest.approx(20)
    long_ago = judge(clause, data=hours(24 * 40, empty=tuple(range(24 * 9))))
    assert (long_ago.observed, long_ago.budget_left_pct) == (0.0, 100.0)


def test_without_a_budget_one_failure_spends_it_all() -> None:
    strict = replace(FULL, minimum=100.0, target_pct=100.0)
    made = judge(strict, data=hours(100, missing=(99 - 5,)))
    assert (made.kept, made.budget_left_pct, made.burn_rate) == (False, 0.0, None)
    assert judge(strict, data=hours(100)).budget_left_pct == 100.0


def test_what_cannot_fail_is_kept_and_what_is_not_measured_is_left_open() -> None:
    sure, words = Clause("unique", "by_construction", "0 duplicates"), Clause("support", "unchecked", "for ever")
    assert judge(sure).kept
    assert judge(words) == Attainment(words)
    table = to_table((judge(sure), judge(words), judge(FULL, data=hours(10))))
    assert table["kept"].tolist() == ["yes", "-", "yes"]
    assert table["attainment_pct"].isna().tolist() == [False, True, False]


def overdue_by_minutes(ages: list[float], limit: float) -> float:
    """Walk through every minute of the window and count those in which the newest update was too old."""
    minutes = np.arange(0.5, min(max(ages), WINDOW / pd.Timedelta("1h")) * 60)
    bad = [not any(0 <= age - minute / 60 <= limit for age in ages) for minute in minutes]
    return float(np.mean(bad))


@given(st.lists(st.integers(1, 200), min_size=1, max_size=6, unique=True), st.integers(5, 60))
def test_timeliness_is_what_a_walk_through_every_minute_finds(ages: list[int], limit: int) -> None:
    ordered = sorted((float(age) for age in ages), reverse=True)
    made = judge(replace(TIMELY, maximum=float(limit)), sent=updates(*ordered))
    assert made.attainment_pct == pytest.approx(100 * (1 - overdue_by_minutes(ordered, limit)), abs=0.5)


@given(st.sets(st.integers(0, 58)), st.sets(st.integers(0, 59)))
def test_shares_are_what_counting_cell_by_cell_finds(missing: set[int], empty: set[int]) -> None:
    data = hours(60, missing=tuple(missing), empty=tuple(empty))
    first = min(set(range(60)) - missing)
    assert judge(FULL, data=data).observed == pytest.approx(100 * (60 - len(missing)) / (60 - first))
    clause = Clause("m", "missing_share", "", maximum=5.0, column="temp", target_pct=95.0)
    assert judge(clause, data=data).observed == pytest.approx(100 * len(empty - missing) / (60 - len(missing)))
