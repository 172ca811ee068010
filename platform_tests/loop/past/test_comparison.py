"""Policies side by side: errors on what all have forecast, costs as they were counted, alarms when they begin."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.table import TableSpec, Variable
from loopcast.loop.past.comparison import NAMES, REFERENCE, compare_policies, list_alarms, name_policies
from loopcast.loop.past.simulation import SimulatedTurn
from loopcast.orchestration.charts import draw_policies, to_png
from loopcast.use_case.policies import Policies

SPEC = TableSpec("at", "h", "y", (Variable("y"),))
NOW = datetime(2024, 1, 2, tzinfo=UTC)
HOURS = pd.date_range("2024-01-01", periods=4, freq="h")


def make_cells(forecasts: list[float], *, version: str = "v00000001", actual: float = 10.0) -> pd.DataFrame:
    times = HOURS[: len(forecasts)]
    frame = pd.DataFrame({"forecast_version": version, "timestamp": times, "origin": HOURS[0], "forecast": forecasts})
    frame = frame.assign(lower=frame["forecast"] - 2, upper=frame["forecast"] + 2, actual=actual, level=90.0, bin="all")
    frame = frame.assign(seasonal_naive_24=14.0)
    return frame.assign(error=frame["actual"] - frame["forecast"])


def make_turn(policy: str, cells: pd.DataFrame, **others) -> SimulatedTurn:
    return SimulatedTurn(policy, "v00000002", NOW, cells=cells, **others)


def test_errors_are_over_what_every_policy_has_forecast() -> None:
    turns = [
        make_turn("one", make_cells([11.0, 13.0, 99.0, 99.0])),
        make_turn("two", make_cells([12.0, 12.0])),
    ]
    one, two = compare_policies(turns, SPEC)
    assert (one["n"], one["mae"], one["rmse"]) == (2, 2.0, pytest.approx(np.sqrt(5.0)))
    assert (two["n"], two["mae"], two["coverage_pct"]) == (2, 2.0, 100.0)
    assert one["skill_pct"] == two["skill_pct"] == 50.0
    assert one["coverage_pct"] == 50.0


def test_a_corrected_actual_counts_as_it_was_scored_last() -> None:
    turns = [make_turn("one", make_cells([11.0])), make_turn("one", make_cells([11.0], actual=12.0))]
    assert [(row["n"], row["mae"]) for row in compare_policies(turns, SPEC)] == [(1, 1.0)]


def test_costs_builds_and_failures_are_added_up_and_related_to_daily_rebuilding() -> None:
    turns = [
        make_turn("frozen", make_cells([11.0]), seconds={"forecast": 1.0}, build="b0001", released="z0001"),
        SimulatedTurn("frozen", "v00000003", NOW, failure="no history", seconds={"forecast": 1.0}),
        make_turn(REFERENCE, make_cells([12.0]), seconds={"build": 6.0, "judge": 2.0}, build="b0001", released="z0001"),
        make_turn(REFERENCE, make_cells([12.0]), build="b0002"),
    ]
    frozen, daily = compare_policies(turns, SPEC)
    assert (frozen["cpu_s"], frozen["forecast_s"], frozen["failed"], frozen["builds"]) == (2.0, 2.0, 1, 1)
    assert (frozen["error_vs_daily_pct"], frozen["cost_vs_daily_pct"]) == (-50.0, 25.0)
    assert (daily["builds"], daily["released"], daily["rejected"], daily["build_s"]) == (2, 1, 1, 6.0)


def test_what_was_never_scored_has_no_error() -> None:
    (row,) = compare_policies([SimulatedTurn(REFERENCE, "v00000001", NOW)], SPEC)
    assert (row["n"], row["mae"], row["error_vs_daily_pct"], row["cost_vs_daily_pct"]) == (0, None, None, None)
    assert compare_policies([], SPEC) == []


def test_an_alarm_is_one_until_production_is_as_promised_again() -> None:
    said = [False, True, True, False, True]
    turns = [SimulatedTurn("p", f"v{number}", NOW, is_worse=worse) for number, worse in enumerate(said)]
    assert list_alarms(turns) == ["v1", "v4"]


def test_named_policies_differ_in_when_the_zoo_learns_and_is_built_and_in_nothing_else() -> None:
    declared = Policies.model_validate({"level": 80, "rebuild": {"rest": 3, "approval": "all", "tolerance_pct": 7}})
    named = {name: policy.policies for name, policy in name_policies(declared).items()}
    assert tuple(named) == NAMES
    assert {(name, one.retrain, one.rebuild.when) for name, one in named.items()} == {
        ("frozen", "never", "never"),
        ("daily_retrain", "every_version", "never"),
        ("weekly_rebuild", "every_version", "schedule"),
        ("daily_rebuild", "every_version", "schedule"),
        ("decision", "every_version", "decision"),
    }
    assert (named["daily_rebuild"].rebuild.every, named["weekly_rebuild"].rebuild.every) == ("1D", "7D")
    assert (named["decision"].rebuild.rest, named["decision"].rebuild.approval) == (3, "none")
    assert {(one.level, one.rebuild.tolerance_pct) for one in named.values()} == {(80.0, 7.0)}


def test_the_chart_shows_every_policy_and_stage() -> None:
    turns = [make_turn(name, make_cells([11.0]), seconds={"build": 1.0}) for name in ("frozen", REFERENCE)]
    chart = draw_policies(pd.DataFrame(compare_policies(turns, SPEC)), title="counts", unit="MW")
    assert all(text in chart for text in ("frozen", REFERENCE, "mean absolute error MW", "build_s", "builds, alarms"))
    assert to_png(chart).startswith(b"\x89PNG")
