"""The lifecycle benchmark's own parts: what is planted, what counts as recovered, which runs are too many."""

import io
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from loopcast.orchestration.runs import Runner
from made_use_case import make_counts, make_project, send, to_csv

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

from lifecycle_chart import draw_lifecycle
from lifecycle_plan import INVALID, LEVEL, START, TARGET, TIME, Delivery, plan_deliveries
from lifecycle_report import Step, count_runs, find_recovery, read_steps, tabulate_events


@pytest.fixture(scope="module")
def planned() -> list[Delivery]:
    times = pd.date_range("2017-02-01", "2017-07-01", freq="h", inclusive="left")
    values = 1000.0 + 100.0 * np.arange(len(times)) % 24
    return list(plan_deliveries(pd.DataFrame({TIME: times, TARGET: values, "temp": 280.0 + np.arange(len(times)) % 9})))


def rows_of(delivery: Delivery) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(delivery.content), parse_dates=[TIME])


def test_every_day_is_delivered_once_but_for_the_missing_week(planned: list[Delivery]) -> None:
    assert len(planned) >= 60
    whole = [rows_of(one) for one in planned if one.event != INVALID and "temp" in rows_of(one)]
    days = pd.concat(whole)[TIME].drop_duplicates().dt.normalize().unique()
    gaps = pd.Series(sorted(days)).diff().dropna()
    assert sorted(gaps.unique()) == [pd.Timedelta("1D"), pd.Timedelta("2D"), pd.Timedelta("8D")]  # corrections: no temp
    assert sum(len(frame) for frame in whole) == len(pd.concat(whole)[TIME].drop_duplicates())


def test_each_event_changes_what_it_says(planned: list[Delivery]) -> None:
    by_event = {one.event.name: rows_of(one) for one in planned if one.event}
    assert list(by_event) == [
        "invalid version", "killed run", "daemon stop", "dead predictor", "corrected week", "missing week",
        "holiday regime", "level shift", "variance change",
    ]  # fmt: skip
    ordinary = rows_of(planned[1])
    assert set(by_event["dead predictor"]["temp"]) == {285.0}
    assert len(by_event["corrected week"]) == 8 * 24
    assert by_event["level shift"][TARGET].mean() == pytest.approx(1.3 * ordinary[TARGET].mean(), rel=0.01)
    assert by_event["variance change"][TARGET].std() > 2 * by_event["level shift"][TARGET].std()
    assert rows_of(planned[0])[TIME].max() < START


def step(number: int, mae: float | None, *notices: str, event: bool = True) -> Step:
    delivery = Delivery("x.csv", b"", LEVEL if event else None)
    return Step(f"v{number:08d}", delivery, notices, mae, 100.0, "z0001", "")


def test_recovered_means_three_in_a_row_within_the_promise() -> None:
    errors = [100, 200, 100, 110, 300, 100, 120, 90]
    assert find_recovery([step(n, mae) for n, mae in enumerate(errors)]) == 5
    assert find_recovery([step(n, 100) for n in range(5)]) == 0
    assert find_recovery([step(n, 300) for n in range(5)]) is None


def test_what_was_noticed_already_before_an_event_does_not_count_later() -> None:
    usual = "check profile in_control"
    steps = [
        step(1, 90, usual, event=False),
        step(2, 90),
        step(3, 300, usual),
        step(4, 90, "decision worse_than_promised"),
    ]
    (row,) = tabulate_events(steps).to_dict("records")
    assert (row["noticed_by"], row["after_versions"]) == ("decision worse_than_promised", 2)
    (row,) = tabulate_events([step(1, 90), replace(steps[2], version="v00000002")]).to_dict("records")
    assert (row["noticed_by"], row["after_versions"], row["recovered_after"]) == (usual, 1, None)


def test_runs_are_counted_against_what_the_store_justifies(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        runner, deliveries = Runner(project, instance), {}
        bad = b"at,count,promotion\n2024-02-12 00:00,many,0\n"
        for content in (to_csv(make_counts("2024-01-01", 42)), bad, to_csv(make_counts("2024-02-12", 1))):
            version = send(project, content)
            deliveries[version] = Delivery("x.csv", content, INVALID if content == bad else None)
            runner.turn_all()
            runner.follow()
        runner.deliver()
        steps = read_steps(project, instance, deliveries, {"v00000003": ["health 503"]})
        counts, surplus = count_runs(project, instance, killed=0)
        assert surplus == []
        assert {count.kind: count.requested for count in counts if count.requested} == {
            "turn": 3, "forecast": 1, "experiment": 1, "model_zoo": 1, "reflection": 1, "warehouse": 1,
        }  # fmt: skip
        runner.materialize("reflection")
        _, surplus = count_runs(project, instance, killed=0)
    assert surplus == ["reflection  SUCCESS, asked for by somebody"]
    assert "refused" in steps[1].notices
    assert steps[2].notices[0] == "health 503"
    assert steps[2].mae is not None
    assert steps[2].promise is not None
    assert draw_lifecycle(steps, tabulate_events(steps)).startswith("<svg")
