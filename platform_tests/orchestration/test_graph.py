"""What Dagster sees of a use case: assets, dependencies, partitions, checks, jobs, sensors, and what each carries."""

from pathlib import Path

import dagster as dg
import pytest

from loopcast.loop.project import Settings
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.definitions import load_components
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.settings import read_settings, write_settings
from loopcast.use_case.loader import load_use_cases
from made_use_case import PANEL_YAML, ROOT, make_home, make_project

STAGE = ["input", "output"]
PROMISES = ["contract_timeliness", "contract_validity"]
GRAPH = {
    # noun: (depends on, partition space, checks)
    "source_feed": ([], None, []),
    "raw_update": (["source_feed"], "counts_versions", STAGE),
    "dataset": (["raw_update"], "counts_versions", ["accepted", *PROMISES, *STAGE]),
    "experiment": (["dataset"], "counts_builds", ["better_than_champion", "gate", *STAGE]),
    "model_zoo": (["experiment"], "counts_zoos", STAGE),
    "champion": (["experiment", "model_zoo"], None, []),
    "forecast": (["champion", "dataset", "model_zoo"], "counts_versions", STAGE),
    "accuracy_report": (["dataset", "forecast"], "counts_versions", ["as_promised", *STAGE]),
    "reflection": (["accuracy_report", "dataset"], None, []),
    "root_cause": (["accuracy_report", "forecast"], "counts_versions", STAGE),
    "profile": (["dataset"], "counts_versions", ["in_control", *STAGE, "pipeline_in_control"]),
    "warehouse": (["accuracy_report", "dataset", "forecast", "model_zoo", "reflection"], None, []),
}


@pytest.fixture(scope="module")
def defs(tmp_path_factory: pytest.TempPathFactory) -> dg.Definitions:
    project = make_project(tmp_path_factory.mktemp("home"))
    return build_use_case_defs(
        project.use_case, resource=ProjectResource.of(project.use_case, settings=project.settings)
    )


def nodes_of(defs: dg.Definitions) -> dict[str, object]:
    graph = defs.resolve_asset_graph()
    return {key.path[-1]: graph.get(key) for key in graph.get_all_asset_keys()}


def test_the_graph_is_the_one_drawn(defs: dg.Definitions) -> None:
    found = {
        noun: (
            sorted(parent.path[-1] for parent in node.parent_keys),
            node.partitions_def.name if node.partitions_def else None,
            sorted(check.name for check in node.check_keys),
        )
        for noun, node in nodes_of(defs).items()
    }
    assert found == GRAPH
    assert all(node.key.path[0] == "counts" for node in nodes_of(defs).values())


def test_only_the_feed_is_made_elsewhere(defs: dg.Definitions) -> None:
    nodes = nodes_of(defs)
    assert [noun for noun, node in nodes.items() if not node.is_materializable] == ["source_feed"]
    automated = {noun for noun, node in nodes.items() if node.automation_condition}
    assert automated == set(GRAPH) - {"source_feed", "raw_update", "dataset"}
    assert {noun for noun, node in nodes.items() if node.freshness_policy} == {"dataset", "forecast"}


def test_only_checks_of_the_dataset_block_and_promises_do_not(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    blocking = {(key.asset_key.path[-1], key.name) for key in graph.asset_check_keys if graph.get(key).blocking}
    assert blocking == {("dataset", name) for name in ("accepted", *STAGE)}
    assert all(graph.get(key).description and graph.get(key).partitions_def for key in graph.asset_check_keys)


@pytest.mark.parametrize("noun", GRAPH)
def test_every_asset_has_owners_steward_description_kinds_and_group(defs: dg.Definitions, noun: str) -> None:
    node = nodes_of(defs)[noun]
    assert list(node.owners) == ["ana@example.org"]
    assert node.metadata["steward"] == "ben@example.org"
    assert node.tags["steward"] == "ben_at_example.org"
    assert len(node.description) > 60
    assert node.kinds
    assert node.group_name == "counts"


def test_the_jobs_and_sensors_are_there_and_run_by_default(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    assert [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")] == ["counts_turn"]
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "counts_alerts",
        "counts_automation",
        "counts_inbox",
        "counts_waiting",
    ]
    assert {sensor.default_status for sensor in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    turn = defs.resolve_job_def("counts_turn")
    nouns = {key.path[-1] for key in turn.asset_layer.selected_asset_keys}
    assert nouns == {"raw_update", "dataset", "forecast", "accuracy_report", "reflection", "root_cause", "profile"}


def test_the_columns_of_the_feed_are_those_of_the_yaml(defs: dg.Definitions) -> None:
    schema = nodes_of(defs)["source_feed"].metadata["dagster/column_schema"]
    assert [(column.name, column.type) for column in schema.columns] == [
        ("at", "timestamp"),
        ("count", "float64"),
        ("promotion", "float64"),
    ]
    assert schema.columns[1].description == "target, in pieces"


def test_freshness_is_the_contract_s(defs: dg.Definitions) -> None:
    policy = nodes_of(defs)["dataset"].freshness_policy
    assert (policy.fail_window.to_timedelta().total_seconds(), policy.warn_window.to_timedelta().total_seconds()) == (
        30 * 3600,
        24 * 3600,
    )


def test_two_use_cases_from_a_folder_outside_the_package_load_beside_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path)
    folder = home / "platform" / "use_cases"
    (folder / "shops").mkdir()
    (folder / "shops" / "defs.yaml").write_text(PANEL_YAML)
    monkeypatch.setenv("LOOPCAST_HOME", str(home))
    defs = load_components(folder)
    dg.Definitions.validate_loadable(defs)
    keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
    assert keys == {f"{name}/{noun}" for name in ("counts", "shops") for noun in GRAPH}


def test_the_demo_loads_as_definitions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path))
    monkeypatch.setenv("LOOPCAST_USE_CASES", str(ROOT / "platform" / "use_cases"))
    from loopcast.orchestration.definitions import defs as code_location

    made = code_location()
    dg.Definitions.validate_loadable(made)
    names = set(load_use_cases(ROOT / "platform" / "use_cases"))
    assert {key.path[0] for key in made.resolve_asset_graph().get_all_asset_keys()} == {*names, "overview"}


def test_settings_come_from_the_environment_and_relative_ones_are_below_home(tmp_path: Path) -> None:
    plain = read_settings({"LOOPCAST_HOME": str(tmp_path)})
    lake = str(tmp_path / ".loopcast" / "lake")
    warehouse = tmp_path / ".loopcast" / "warehouse.duckdb"
    assert plain == Settings(tmp_path / "platform/use_cases", lake, tmp_path / "inbox", warehouse)
    given = {"LOOPCAST_HOME": str(tmp_path), "LOOPCAST_LAKE": "memory://", "LOOPCAST_INBOX": "/in"}
    assert read_settings({**given, "LOOPCAST_USE_CASES": "mine", "LOOPCAST_WAREHOUSE": "w.db"}) == Settings(
        tmp_path / "mine", "memory://", Path("/in"), tmp_path / "w.db"
    )


def test_empty_variables_count_as_not_set(tmp_path: Path) -> None:
    names = ("LOOPCAST_USE_CASES", "LOOPCAST_LAKE", "LOOPCAST_INBOX", "LOOPCAST_WAREHOUSE")
    home = {"LOOPCAST_HOME": str(tmp_path)}
    assert read_settings({**home, **dict.fromkeys(names, "")}) == read_settings(home)


def test_settings_handed_to_another_process_are_the_same_there(tmp_path: Path) -> None:
    settings = read_settings({"LOOPCAST_HOME": str(tmp_path), "LOOPCAST_LAKE": "s3://bucket/x"})
    assert read_settings({"LOOPCAST_HOME": "/elsewhere", **write_settings(settings)}) == settings


def test_the_resource_opens_the_same_project_from_its_configuration(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    opened = ProjectResource.of(project.use_case, settings=project.settings).open()
    assert (opened.use_case, opened.inbox) == (project.use_case, project.inbox)
    assert opened.settings.lake == project.settings.lake
