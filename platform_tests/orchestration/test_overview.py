"""The asset of all use cases: what it shows, when it is asked for, and what the instance knows of failed runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat

from loopcast.orchestration.assets.overview import build_overview
from loopcast.orchestration.definitions import defs as load_defs
from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.names import OVERVIEW, TURN, USE_CASE, Names
from loopcast.orchestration.run_health import RunHealth
from loopcast.orchestration.settings import write_settings
from made_use_case import NOW, make_counts, make_home, make_project, take_turn

REFLECTION = Names("counts").asset("reflection")


def test_the_asset_shows_every_use_case_and_what_needs_a_person(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    take_turn(project, make_counts("2024-01-01", 42))
    take_turn(project, make_counts("2024-02-12", 1), now=NOW + timedelta(days=1))
    broken = tmp_path / "platform" / "use_cases" / "broken"
    broken.mkdir()
    (broken / "defs.yaml").write_text((broken.parent / "counts" / "defs.yaml").read_text().replace("1D", "soon"))
    with dg.DagsterInstance.ephemeral() as instance:
        asset = build_overview(["counts"], settings=project.settings)
        result = dg.materialize([asset], instance=instance)
    metadata = result.asset_materializations_for_node("overview")[0].metadata
    rows = [record.data for record in metadata["use_cases"].value.records]
    assert [(row["use_case"], row["status"]) for row in rows] == [("broken", "failing"), ("counts", "overdue")]
    assert metadata["count_needs_a_person"].value == 2
    assert metadata["chart"].value.startswith("![Error of the newest reports](data:image/svg+xml;base64,")


def test_reflections_ask_for_it_once_at_the_next_five_minutes() -> None:
    asset = build_overview(["counts"], settings=None)  # type: ignore[arg-type]
    reflection = dg.AssetSpec(REFLECTION)
    defs = dg.Definitions(assets=[asset, reflection])
    start = datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        cursor, asked = None, []
        for minute in range(12):
            if minute in (1, 2, 3):
                instance.report_runless_asset_event(dg.AssetMaterialization(REFLECTION))
            result = dg.evaluate_automation_conditions(
                defs, instance, cursor=cursor, evaluation_time=start + timedelta(minutes=minute)
            )
            cursor = result.cursor
            if result.get_requested_partitions(OVERVIEW):
                asked.append(minute)
    assert asked == [4]


@pytest.fixture
def health() -> Iterator[tuple[RunHealth, dg.DagsterInstance]]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield RunHealth(instance), instance


def run(instance: dg.DagsterInstance, key: str, noun: str, status: str) -> None:
    create_run_for_test(
        instance,
        job_name="counts_turn",
        tags={USE_CASE: "counts", TURN: key, "dagster/partition": key},
        asset_selection=frozenset({Names("counts").asset(noun)}),
        status=dg.DagsterRunStatus[status],
    )


def test_what_failed_is_told_until_a_later_run_of_the_same_is_there(
    health: tuple[RunHealth, dg.DagsterInstance],
) -> None:
    told, instance = health
    now = datetime.now(UTC)
    run(instance, "v00000001", "forecast", "FAILURE")
    run(instance, "v00000002", "forecast", "FAILURE")
    run(instance, "v00000002", "profile", "SUCCESS")
    assert told.list_failed(now=now) == {"counts": ["v00000001", "v00000002"]}
    run(instance, "v00000001", "forecast", "SUCCESS")
    assert told.list_failed(now=now) == {"counts": ["v00000002"]}
    assert told.list_failed(now=now + timedelta(days=2)) == {}


def test_runs_are_counted_by_what_they_are_doing(health: tuple[RunHealth, dg.DagsterInstance]) -> None:
    told, instance = health
    for status in ("NOT_STARTED", "NOT_STARTED", "STARTED", "SUCCESS", "FAILURE"):
        run(instance, "v00000001", "forecast", status)
    assert told.count_runs("counts", now=datetime.now(UTC)) == {"queued": 2, "started": 1, "failed": 1}
    assert told.count_runs("other", now=datetime.now(UTC)) == {"queued": 0, "started": 0, "failed": 0}


def test_a_daemon_lives_until_one_of_its_parts_is_silent_for_two_minutes(tmp_path: Path) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with open_instance(make_home(tmp_path)) as instance:
        told, parts = RunHealth(instance), sorted(instance.get_required_daemon_types())
        assert (told.heartbeat_age_s(now=now), told.is_daemon_running(now=now)) == (None, False)
        for part in parts[1:]:
            instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), part, "1"))
        assert not told.is_daemon_running(now=now)
        instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp() - 90, parts[0], "1"))
        assert (told.heartbeat_age_s(now=now), told.is_daemon_running(now=now)) == (90, True)
        assert not told.is_daemon_running(now=now + timedelta(seconds=31))


def test_the_code_location_has_it_with_its_sensor_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path)
    for name, value in write_settings(project.settings).items():
        monkeypatch.setenv(name, value)
    loaded = load_defs()
    graph = loaded.resolve_asset_graph()
    assert graph.get(OVERVIEW).parent_keys == {REFLECTION}
    sensor = loaded.resolve_sensor_def("overview_of_all")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
