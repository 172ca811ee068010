"""Past updates played again: as production made them, each policy for itself, and nobody sees what comes later."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loopcast.loop.forget import retain_uploads
from loopcast.loop.history import list_history
from loopcast.loop.past.comparison import REFERENCE, compare_policies, name_policies
from loopcast.loop.past.replay import Delivery, resend_versions
from loopcast.loop.past.simulation import Policy, SimulatedTurn, Simulation
from loopcast.loop.project import Project
from loopcast.orchestration.runs import Runner
from loopcast.store.version_records import Upload
from made_use_case import YAML, make_counts, make_project, send, to_csv

BEGIN = datetime(2024, 2, 26, tzinfo=UTC)
BAD = b"at,count,promotion\n2024-02-27 00:00,many,0\n"
OFTEN = YAML.replace("level: 80", "level: 80, rebuild: {{max_age: 2D, rest: 2}}, challenger: {{takes_force: always}}")


def deliver(days: int) -> list[Delivery]:
    """Eight weeks, then a day each: one with a corrected hour, one refused."""
    contents = [to_csv(make_counts("2024-01-01", 56))]
    for number in range(days):
        day = pd.Timestamp("2024-02-26") + pd.Timedelta(days=number)
        fresh = make_counts(str(day), 1)
        corrected = make_counts(str(day - pd.Timedelta(days=1)), 1).head(1).assign(count=1.0)
        contents.append(to_csv(pd.concat([corrected, fresh]) if number == 1 else fresh))
    contents.insert(3, BAD)
    return [
        Delivery(Upload(f"{number}.csv", content, source="test", actor="ana"), BEGIN + timedelta(days=number))
        for number, content in enumerate(contents)
    ]


def simulate(project: Project, deliveries: list[Delivery], *policies: Policy) -> tuple[Simulation, list[SimulatedTurn]]:
    chosen = policies or (name_policies(project.use_case.policies)["decision"],)
    simulation = Simulation(project, chosen, clock=time.process_time)
    return simulation, [turn for delivery in deliveries for turn in simulation.play(delivery)]


def tell(simulation: Simulation, policy: str = "decision") -> list[dict]:
    return list_history(simulation.projects[policy])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("simulated"), yaml=OFTEN.format(name="counts"))


@pytest.fixture(scope="module")
def whole(project: Project) -> tuple[Simulation, list[SimulatedTurn]]:
    return simulate(project, deliver(5))


def test_the_assets_make_the_same_forecasts_decisions_and_errors(
    project: Project, whole: tuple[Simulation, list[SimulatedTurn]], tmp_path: Path
) -> None:
    real = make_project(tmp_path, yaml=OFTEN.format(name="counts"))
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(real, instance)
        for delivery in deliver(5)[:5]:
            send(real, delivery.upload.content, name=delivery.upload.name)
            runner.turn_all()
            runner.follow()
    told = list_history(real)
    assert told == tell(whole[0])[:5]
    assert [row["status"] for row in told].count("refused") == 1
    assert len({row["zoo"] for row in told if row["zoo"]}) > 1
    assert all(row["forecast_digest"] for row in told if row["status"] == "accepted")


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.integers(1, 6))
def test_what_comes_later_changes_nothing_before(
    project: Project, whole: tuple[Simulation, list[SimulatedTurn]], kept: int
) -> None:
    cut, _ = simulate(project, deliver(5)[:kept])
    assert tell(cut) == tell(whole[0])[:kept]


def test_the_store_of_the_use_case_is_left_alone(
    project: Project, whole: tuple[Simulation, list[SimulatedTurn]]
) -> None:
    assert whole[0].base.settings.lake != project.settings.lake
    assert project.store.versions.claims() == []
    assert not Path(project.settings.lake, "counts").exists()


def test_versions_sent_again_from_the_store_come_out_as_they_were(
    whole: tuple[Simulation, list[SimulatedTurn]],
) -> None:
    again, turns = simulate(whole[0].base, list(resend_versions(whole[0].base, first="v00000001", last="v00000005")))
    assert tell(again) == tell(whole[0])[:5]
    before = [record.digest for record in whole[0].base.store.versions.records()[:5]]
    assert [record.digest for record in again.base.store.versions.records()] == before
    assert [turn.at for turn in turns] == [BEGIN + timedelta(days=number) for number in (0, 1, 2, 4)]


def test_before_the_period_looked_at_there_are_versions_and_nothing_else(
    whole: tuple[Simulation, list[SimulatedTurn]],
) -> None:
    later, turns = simulate(whole[0].base, list(resend_versions(whole[0].base, first="v00000003", last="v00000005")))
    assert [turn.version for turn in turns] == ["v00000003", "v00000005"]
    assert [row["zoo"] for row in tell(later)] == [None, None, "z0001", None, "z0001"]
    assert turns[0].rule == "no_zoo"


def test_policies_side_by_side_make_what_each_makes_alone(project: Project) -> None:
    named = name_policies(project.use_case.policies)
    together, turns = simulate(project, deliver(3), named["frozen"], named["daily_retrain"], named[REFERENCE])
    alone, _ = simulate(project, deliver(3), named["daily_retrain"])
    assert tell(together, "daily_retrain") == tell(alone, "daily_retrain")
    frozen, retrained, daily = compare_policies(turns, project.store.spec)
    assert (frozen["builds"], retrained["builds"], daily["builds"], daily["released"]) == (1, 1, 4, 4)
    assert {row["n"] for row in (frozen, retrained, daily)} == {72}
    assert (daily["error_vs_daily_pct"], daily["cost_vs_daily_pct"]) == (0.0, 100.0)
    assert frozen["cpu_s"] < daily["cpu_s"]
    assert frozen["mae"] != retrained["mae"]


def test_a_build_that_waits_for_its_hours_starts_when_they_begin(tmp_path: Path) -> None:
    at_night = OFTEN.replace("rest: 2", "rest: 2, budget: {{hours: '22:00-06:00'}}").replace("2D", "1D")
    at_noon = [Delivery(one.upload, one.at + timedelta(hours=12), is_before=one.is_before) for one in deliver(4)]
    _, turns = simulate(make_project(tmp_path, yaml=at_night.format(name="counts")), at_noon)
    built = [(turn.version, turn.at, turn.released) for turn in turns if turn.build]
    first, second = BEGIN.replace(hour=22), BEGIN.replace(day=28, hour=22)
    assert built == [("v00000001", first, "z0001"), ("v00000003", second, "z0002")]
    assert sum(len(turn.cells) for turn in turns) > 0


def test_an_upload_that_is_gone_is_sent_as_the_rows_that_it_changed(project: Project) -> None:
    then, _ = simulate(project, deliver(5)[:4])
    before = tell(then)
    late = BEGIN + timedelta(days=3)
    gone = retain_uploads(then.base, since=late, actor="ana", reason="a year is over", now=late)
    assert len(gone) == 3
    again, _ = simulate(then.base, list(resend_versions(then.base, first="v00000001", last="v00000004")))
    assert tell(again) == before
    assert [again.base.store.versions.claim_of(f"v0000000{n}").name for n in (1, 4)] == ["v00000001.parquet", "3.csv"]


def test_times_of_a_use_case_with_a_zone_are_sent_again_as_they_are_stored(tmp_path: Path) -> None:
    zoned = make_project(
        tmp_path, yaml=YAML.format(name="counts").replace("frequency: h", "frequency: h\n  time_zone: Europe/Oslo")
    )
    then, _ = simulate(zoned, deliver(1)[:2])
    retain_uploads(then.base, since=BEGIN + timedelta(days=9), actor="ana", reason="let go", now=BEGIN)
    again, _ = simulate(then.base, list(resend_versions(then.base, first="v00000001", last="v00000002")))
    assert tell(again) == tell(then)


def test_a_build_that_fails_is_told_and_the_next_updates_are_played(project: Project) -> None:
    rows = [make_counts("2024-01-01", 1)[["at", "promotion"]], make_counts("2024-01-01", 2)]
    few = [
        Delivery(Upload(f"{n}.csv", to_csv(content), source="test", actor="ana"), BEGIN + timedelta(days=n))
        for n, content in enumerate(rows)
    ]
    _, (first, second) = simulate(project, few)
    assert (first.rule, first.build, first.released) == ("no_zoo", "b0001", None)
    assert first.failure != ""
    assert (second.version, second.rule, second.failure) == ("v00000002", "build_under_way", "")
