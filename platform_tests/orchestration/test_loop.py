"""One single-series and one panel use case through the loop in process: the same jobs and assets as the daemon's."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from loopcast.loop.project import Project
from loopcast.loop.turns import list_turns
from loopcast.loop.zoos.forces import list_in_force
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.names import REFLECTED, TURN, Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.runs import QUIET, Runner, RunOutcome
from loopcast.store.warehouse_file import query_warehouse
from made_use_case import PANEL_YAML, make_counts, make_project, make_sales, send

BAD = b"at,count,promotion\n2024-02-27 00:00,many,0\n2024-02-27 00:30,5,0\n"


class Played:
    """A use case with its runner, and how the runs of each update ended."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        self.project, self.instance = project, instance
        self.names = Names(project.name)
        self.runner = Runner(project, instance)
        self.outcomes: dict[str, RunOutcome] = {}

    def resource(self) -> ProjectResource:
        return ProjectResource.of(self.project.use_case, settings=self.project.settings)

    def play(self, content: pd.DataFrame | bytes) -> str:
        version = send(self.project, content)
        self.outcomes |= {turn.version: outcome for turn, outcome in self.runner.turn_all()}
        return version

    def steps(self, version: str) -> dict[str, str]:
        """Return how each step of a version's run ended."""
        stats = self.instance.get_run_step_stats(self.outcomes[version].run_id)
        return {stat.step_key.split("__")[-1]: stat.status.value for stat in stats if stat.status}

    def materialization(self, noun: str, key: str | None = None) -> dg.AssetMaterialization:
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=self.names.asset(noun), asset_partitions=[key] if key else None), limit=1
        ).records
        assert records, f"no materialization of {noun} {key}"
        made = records[0].asset_materialization
        assert made is not None
        return made

    def is_there(self, noun: str, key: str) -> bool:
        return key in self.instance.get_materialized_partitions(self.names.asset(noun))


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def counts(tmp_path_factory: pytest.TempPathFactory, instance: dg.DagsterInstance) -> Played:
    """First version, build and zoo, a scored day, a refused update, another day."""
    played = Played(make_project(tmp_path_factory.mktemp("counts")), instance)
    played.play(make_counts("2024-01-01", 56))
    assert list(played.runner.follow()) == ["b0001", "z0001", "v00000001"]
    for content in (make_counts("2024-02-26", 1), BAD, make_counts("2024-02-27", 1)):
        played.play(content)
        assert played.runner.follow() == {}
    return played


def test_the_first_version_is_green_without_a_forecast(counts: Played) -> None:
    assert counts.outcomes["v00000001"].success
    steps = counts.steps("v00000001")
    assert {noun: steps[noun] for noun in ("raw_update", "dataset", "forecast")} == dict.fromkeys(
        ("raw_update", "dataset", "forecast"), "SUCCESS"
    )
    assert steps.get("accuracy_report", "SKIPPED") == "SKIPPED"


def test_reflection_opens_the_first_build_and_its_zoo_forecasts_the_waiting_version(counts: Played) -> None:
    experiment = counts.materialization("experiment", "b0001").metadata
    assert experiment["asked_for_by"].value.startswith("no_zoo: ")
    assert experiment["zoo"].value == "z0001"
    assert counts.materialization("model_zoo", "z0001").metadata["in_force_from"].value == "v00000001"
    assert [entry.zoo for entry in list_in_force(counts.project)] == ["z0001"]
    assert counts.is_there("forecast", "v00000001")


def test_the_gate_is_shown_as_a_check(counts: Played) -> None:
    record = counts.instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(counts.names.asset("experiment"), "gate"), limit=1
    )[0]
    assert record.status.value == "SUCCEEDED"


def test_a_later_version_is_scored_in_the_same_run_and_beats_the_naive(counts: Played) -> None:
    nouns = ["raw_update", "dataset", "forecast", "accuracy_report", "reflection", "root_cause", "profile"]
    assert counts.steps("v00000002") == dict.fromkeys(nouns, "SUCCESS")
    report = counts.materialization("accuracy_report", "v00000002").metadata
    assert report["n"].value == 24
    assert report["mae"].value < report["mae_seasonal_naive_24"].value
    assert {"rmse", "mape_pct", "mase", "bias", "pinball_median", "coverage_pct", "width", "rescored"} <= set(report)
    assert len(report["by_samples_ahead"].value.records) == 24
    assert report["chart_by_samples_ahead"].value.startswith("![Error by samples ahead, v00000002](data:image/")
    run = counts.instance.get_run_by_id(counts.outcomes["v00000002"].run_id)
    assert run is not None
    assert (run.tags[TURN], run.tags[REFLECTED]) == ("v00000002", "v00000002")


def test_outputs_carry_counts_digests_inputs_and_a_chart(counts: Played) -> None:
    manifest = counts.project.store.outputs.manifest("forecasts", "v00000002")
    assert manifest is not None
    made = counts.materialization("forecast", "v00000002")
    assert made.metadata["dagster/row_count"].value == 24
    assert made.metadata["digest"].value == manifest.digest
    assert made.metadata["input/zoo"].value == "z0001"
    assert made.metadata["input/dataset"].value == counts.project.store.versions.record("v00000002").state_digest
    assert made.metadata["chart"].value.startswith("![count after v00000002, zoo z0001](data:image/")
    assert {column.name for column in made.metadata["dagster/column_schema"].value.columns} >= {"timestamp", "forecast"}
    assert made.tags["dagster/data_version"] == manifest.digest


def test_root_causes_are_told_in_the_same_run_with_tables_and_a_waterfall_of_bounded_size(counts: Played) -> None:
    made = counts.materialization("root_cause", "v00000002").metadata
    assert 1 <= made["points"].value <= 10
    assert {row.data["reason"] for row in made["sharpest_points"].value.records} >= {"error", "width"}
    assert made["chart"].value.startswith("![count at 2024-02-26 ")
    assert made["input/scored"].value == ["v00000001"]
    assert made["largest_error"].value > 0
    assert sum(len(dg.serialize_value(value)) for value in made.values()) < 30_000
    for name in ("input", "output"):
        key = dg.AssetCheckKey(counts.names.asset("root_cause"), name)
        history = counts.instance.event_log_storage.get_asset_check_execution_history(key, limit=20)
        assert [record.status.value for record in history if record.partition == "v00000002"] == ["SUCCEEDED"]


def test_a_zoo_is_explored_in_charts_of_its_terms_weights_and_promise(counts: Played) -> None:
    names = {"chart_terms", "chart_terms_by_horizon", "chart_variables", "chart_weights", "chart_promise"}
    for noun, key in (("model_zoo", "z0001"), ("experiment", "b0001")):
        made = counts.materialization(noun, key).metadata
        assert all(made[name].value.startswith("![") for name in names)
        assert "promotion" in {row.data["variable"] for row in made["terms"].value.records}
        assert sum(len(dg.serialize_value(value)) for value in made.values()) < 200_000


def test_a_refused_update_fails_its_run_in_the_words_of_the_refusal(counts: Played) -> None:
    outcome = counts.outcomes["v00000003"]
    assert not outcome.success
    assert "Update v00000003 is refused and kept in quarantine" in outcome.explanation
    assert "row 2, column count" in outcome.explanation
    assert "Traceback" not in outcome.explanation
    steps = counts.steps("v00000003")
    assert steps["dataset"] == "FAILURE"
    assert {steps.get(noun, "SKIPPED") for noun in ("forecast", "accuracy_report", "reflection")} == {"SKIPPED"}


def test_a_refused_update_fails_its_blocking_check_with_every_violation_as_a_table(counts: Played) -> None:
    key = dg.AssetCheckKey(counts.names.asset("dataset"), "accepted")
    history = counts.instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    by_partition = {record.partition: record for record in history}
    assert {version: record.status.value for version, record in by_partition.items()} == {
        "v00000001": "SUCCEEDED",
        "v00000002": "SUCCEEDED",
        "v00000003": "FAILED",
        "v00000004": "SUCCEEDED",
    }
    evaluation = by_partition["v00000003"].event.dagster_event.event_specific_data
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    rows = [record.data for record in evaluation.metadata["found"].value.records]
    assert {(row["rule"], row["row"]) for row in rows} == {("not_a_number", 2), ("off_grid", 3)}
    assert all(row["found"] and row["expected"] and row["action"] for row in rows)
    assert evaluation.metadata["violations"].value == 2
    assert evaluation.metadata["to_repair"].value == "loopcast quarantine show counts v00000003"
    assert not counts.is_there("dataset", "v00000003")


def test_a_refused_update_leaves_forecasts_untouched_and_the_next_version_works(counts: Played) -> None:
    outputs = counts.project.store.outputs
    assert outputs.partitions("forecasts") == ["v00000001", "v00000002", "v00000004"]
    assert all(len(outputs.history("forecasts", version)) == 1 for version in outputs.partitions("forecasts"))
    assert counts.outcomes["v00000004"].success
    assert counts.project.store.versions.record("v00000004").parent == "v00000002"
    assert counts.materialization("accuracy_report", "v00000004").metadata["n"].value == 24


def test_materializing_an_old_forecast_again_gives_the_same_digest(counts: Played) -> None:
    before = counts.project.store.outputs.manifest("forecasts", "v00000002")
    assert counts.runner.materialize("forecast", key="v00000002").success
    assert counts.project.store.outputs.manifest("forecasts", "v00000002") == before


def test_a_key_with_nothing_to_ingest_fails_in_words(counts: Played) -> None:
    key = counts.project.store.versions.next_key()
    counts.instance.add_dynamic_partitions("counts_versions", [key])
    outcome = counts.runner.materialize("raw_update", key=key)
    assert not outcome.success
    assert outcome.explanation.startswith(f"nothing to ingest for {key}: ")
    counts.instance.delete_dynamic_partition("counts_versions", key)


@pytest.mark.parametrize("check", ["input", "output"])
def test_every_stage_is_checked_on_what_it_reads_and_writes(counts: Played, check: str) -> None:
    versions = {"v00000001", "v00000002", "v00000003", "v00000004"}
    expected = {
        "raw_update": versions,
        "dataset": versions if check == "input" else versions - {"v00000003"},
        "forecast": versions - {"v00000003"},
        "accuracy_report": versions - {"v00000003"},
        "experiment": {"b0001"},
        "model_zoo": {"z0001"},
    }
    for noun, keys in expected.items():
        history = counts.instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(counts.names.asset(noun), check), limit=20
        )
        assert {record.partition for record in history if record.status.value == "SUCCEEDED"} == keys, noun


def test_nothing_is_left_unfinished(counts: Played) -> None:
    assert list_turns(counts.project) == []


def test_a_runner_works_in_the_store_of_its_project_whatever_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "home")
    monkeypatch.setenv("LOOPCAST_HOME", str(tmp_path / "elsewhere"))
    with dg.DagsterInstance.ephemeral() as instance:
        played = Played(project, instance)
        version = played.play(make_counts("2024-01-01", 1))
        assert played.outcomes[version].success
    assert project.store.versions.record(version).rows == 24
    assert not (tmp_path / "elsewhere").exists()


def test_a_panel_goes_through_the_same_loop(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    shops = Played(make_project(tmp_path, yaml=PANEL_YAML, name="shops"), instance)
    shops.play(make_sales("2024-01-01", 120))
    assert list(shops.runner.follow()) == ["b0001", "z0001", "v00000001"]
    sales = make_sales("2024-04-30", 2)
    version = shops.play(sales[(sales["shop"] != "b") | (sales["day"] != "2024-05-01")])
    assert shops.outcomes[version].success
    table = shops.project.store.outputs.read("forecasts", version)
    assert set(zip(table["region"], table["shop"], strict=True)) == {("north", "a"), ("north", "b"), ("south", "a")}
    report = shops.materialization("accuracy_report", version).metadata
    assert report["n"].value == 5
    assert shops.project.store.versions.record(version).series == 3
    assert shops.materialization("reflection").metadata["version"].value == version


def test_the_run_configuration_that_the_asset_names_is_taken_and_no_other(counts: Played) -> None:
    defs = build_use_case_defs(counts.project.use_case, resource=counts.resource())
    job = defs.resolve_implicit_global_asset_job_def()
    key, version = counts.names.asset("forecast"), "v00000002"

    def forecast_with(zoo: str) -> bool:
        config = {**QUIET, "ops": {"counts__forecast": {"config": {"zoo": zoo}}}}
        return job.execute_in_process(
            asset_selection=[key], partition_key=version, instance=counts.instance, run_config=config
        ).success

    assert forecast_with("pinned")
    assert forecast_with("current")
    with pytest.raises(dg.DagsterInvalidConfigError):
        forecast_with("newest")


def test_the_warehouse_is_delivered_by_its_asset_and_says_how_to_ask_it(counts: Played) -> None:
    assert counts.runner.deliver().success
    made = counts.materialization("warehouse").metadata
    assert made["delivered"].value == "everything anew"
    tables = {record.data["table"]: record.data["rows"] for record in made["tables"].value.records}
    assert (tables["versions"], tables["quarantine"]) == (4, 1)
    path = counts.project.settings.warehouse
    assert (made["path"].value, made["bytes"].value) == (str(path), path.stat().st_size)
    query = made["example"].value.split('"')[1]
    assert len(query_warehouse(path, query)) == 24
    assert counts.runner.deliver().success
    assert counts.materialization("warehouse").metadata["delivered"].value == "nothing was new"
    path.unlink()
    assert counts.runner.deliver().success
    assert len(query_warehouse(path, query)) == 24


def test_a_warehouse_that_cannot_be_written_fails_its_own_run_alone_and_in_words(tmp_path: Path) -> None:
    project = make_project(tmp_path / "home")
    project.settings.warehouse.mkdir(parents=True)
    with dg.DagsterInstance.ephemeral() as instance:
        played = Played(project, instance)
        assert played.outcomes[played.play(make_counts("2024-01-01", 1))].success
        outcome = played.runner.deliver()
    assert not outcome.success
    assert outcome.explanation.startswith("cannot write ")
