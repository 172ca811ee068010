"""The contract in Dagster: a check per promise, freshness, who stops what follows, and a refused change in words."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from loopcast.loop.contract import list_contracts
from loopcast.loop.project import Project
from loopcast.orchestration.definitions import load_components
from loopcast.orchestration.names import Names
from loopcast.orchestration.runs import Runner, RunOutcome
from loopcast.use_case.contract import CONTRACT_FILE, to_contract_yaml, to_odcs
from made_use_case import YAML, make_counts, make_home, make_project, send

RULES = """\
  quality:
  - {metric: rowCount, arguments: {per: update}, mustBeBetween: [1, 24], severity: error}
  - {metric: duplicateValues, mustBe: 0}
"""
KEY = dg.AssetKey(["counts", "dataset"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose use case has a contract that stops updates of more than 24 rows."""
    yaml = YAML.format(name="counts").replace("{cadence: 1D, grace: 6h}", "{cadence: 2D, grace: 3h}")
    folder = make_home(tmp_path_factory.mktemp("contract"), yaml=yaml)
    document = to_contract_yaml(to_odcs(make_project(folder).use_case))
    place = folder / "platform" / "use_cases" / "counts" / CONTRACT_FILE
    place.write_text(document.replace("  properties:\n", f"{RULES}  properties:\n", 1))
    return folder


@pytest.fixture(scope="module")
def played(home: Path) -> Iterator[tuple[Project, dg.DagsterInstance, dict[str, RunOutcome]]]:
    """First upload and a day, then two days in one update."""
    with dg.DagsterInstance.ephemeral() as instance:
        project = make_project(home)
        runner = Runner(project, instance)
        outcomes: dict[str, RunOutcome] = {}
        for content in (make_counts("2024-01-01", 30), make_counts("2024-01-31", 1), make_counts("2024-02-01", 2)):
            send(project, content)
            outcomes |= {turn.version: outcome for turn, outcome in runner.turn_all()}
        yield project, instance, outcomes


def evaluations(instance: dg.DagsterInstance, name: str) -> dict[str, dg.AssetCheckEvaluation]:
    key = dg.AssetCheckKey(KEY, name)
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    return {record.partition: record.event.dagster_event.event_specific_data for record in history}


def test_each_measured_promise_is_a_check_of_every_version(played) -> None:
    _, instance, _ = played
    for name in ("contract_timeliness", "contract_validity"):
        found = evaluations(instance, name)
        assert {version: made.passed for version, made in found.items()} == dict.fromkeys(
            ("v00000001", "v00000002", "v00000003"), True
        )
        assert found["v00000002"].severity == dg.AssetCheckSeverity.WARN
        assert found["v00000002"].metadata["attainment_pct"].value == 100.0
    assert evaluations(instance, "contract_duplicate_values") == {}


def test_a_promise_of_severity_error_stops_its_version_in_words_and_no_other(played) -> None:
    project, instance, outcomes = played
    found = evaluations(instance, "contract_rows_per_update")
    assert [found[version].passed for version in sorted(found)] == [True, True, False]
    assert "no occasion" in (found["v00000001"].description or "")
    assert outcomes["v00000002"].success
    assert not outcomes["v00000003"].success
    words = "v00000003 is accepted, but not what the contract promises: rows_per_update: promised 1 to 24 rows in each"
    assert outcomes["v00000003"].explanation.startswith(words)
    assert project.store.versions.record("v00000003").status == "accepted"
    assert "v00000003" in instance.get_materialized_partitions(KEY)


def test_a_version_carries_its_contract_as_a_table_and_numbers(played) -> None:
    project, instance, _ = played
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=["v00000002"]), limit=1
    ).records
    made = records[0].asset_materialization
    assert made is not None
    rows = [record.data for record in made.metadata["contract"].value.records]
    assert [row["clause"] for row in rows] == ["timeliness", "validity", "rows_per_update", "duplicate_values"]
    assert made.metadata["attainment_pct/rows_per_update"].value == 100.0
    (entry,) = list_contracts(project)
    assert entry.by.startswith("run ")


def test_the_definitions_take_the_contract_beside_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCAST_HOME", str(home))
    defs = load_components(home / "platform" / "use_cases")
    asset = defs.resolve_assets_def(Names("counts").asset("dataset"))
    policy = asset.get_asset_spec(KEY).freshness_policy
    assert isinstance(policy, dg.FreshnessPolicy)
    assert policy.fail_window.to_timedelta() == timedelta(days=2, hours=3)
    assert "contract_rows_per_update" in {key.name for key in asset.check_keys}


def test_a_breaking_change_fails_the_run_in_words_and_settles_nothing(home: Path, played) -> None:
    _, instance, _ = played
    place = home / "platform" / "use_cases" / "counts" / CONTRACT_FILE
    place.write_text(place.read_text().replace("minimum: 0.0", "minimum: 1.0"))
    defs = place.with_name("defs.yaml")
    defs.write_text(defs.read_text().replace(", minimum: 0", ""))
    changed = make_project(home)
    version = send(changed, make_counts("2024-02-03", 1))
    ((_, outcome),) = Runner(changed, instance).turn_all()
    assert not outcome.success
    assert "column count: minimum 0 became 1: breaking, needs 2.0.0" in outcome.explanation
    assert changed.store.versions.unsettled() == [version]
