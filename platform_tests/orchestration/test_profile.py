"""The profile in a turn: where it comes in the run, its checks, its metadata, and the durations it is given."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from click.testing import CliRunner
from dagster._core.events import DagsterEvent
from dagster._core.utils import make_new_run_id

from loopcast.cli.main import cli
from loopcast.loop.profile import PROFILES
from loopcast.loop.turns import list_turns
from loopcast.orchestration.durations import read_durations
from loopcast.orchestration.names import TURN, TURNS_OF, USE_CASE, Names
from loopcast.orchestration.runs import Runner
from made_use_case import make_counts, make_project, send

NAMES = Names("counts")


class Played:
    """A use case with a day's update after a history, and later days."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.project, self.instance = make_project(folder), instance
        self.runner = Runner(self.project, instance)
        self.runs: dict[str, str] = {}

    def play(self, content: pd.DataFrame) -> str:
        version = send(self.project, content, name=f"{self.project.store.versions.next_key()}.csv")
        for turn in list_turns(self.project):
            outcome = self.runner.turn(turn)
            assert outcome.success, outcome.explanation
            self.runs[turn.version] = outcome.run_id
        return version

    def metadata(self, version: str) -> dict[str, object]:
        key = dg.AssetRecordsFilter(asset_key=NAMES.asset("profile"), asset_partitions=[version])
        made = self.instance.fetch_materializations(key, limit=1).records[0].asset_materialization
        assert made is not None
        return {name: value.value for name, value in made.metadata.items()}

    def check(self, name: str, version: str) -> dg.AssetCheckEvaluation:
        key = dg.AssetCheckKey(NAMES.asset("profile"), name)
        history = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=50)
        record = next(record for record in history if record.partition == version)
        return record.event.dagster_event.event_specific_data

    def steps(self, version: str) -> list[str]:
        """Return the steps of a version's run in the order they began."""
        stats = self.instance.get_run_step_stats(self.runs[version])
        return [stat.step_key.split("__")[-1] for stat in sorted(stats, key=lambda stat: stat.start_time or 0.0)]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = Played(tmp_path_factory.mktemp("home"), instance)
        made.play(make_counts("2024-01-01", 90, seed=1))
        made.runner.follow()
        made.play(make_counts("2024-03-31", 1, seed=1))
        jumped = make_counts("2024-04-01", 1, seed=1)
        made.play(jumped.assign(count=jumped["count"].where(jumped.index < 12, jumped["count"] + 150)))
        yield made


def test_the_profile_and_the_root_causes_come_last_so_that_forecast_and_decision_do_not_wait_for_them(
    played: Played,
) -> None:
    order = ["raw_update", "dataset", "forecast", "accuracy_report", "reflection", "root_cause", "profile"]
    steps = played.steps("v00000002")
    assert (steps[:5], set(steps[5:])) == (order[:5], set(order[5:]))


def test_the_first_version_is_profiled_too_though_there_is_no_forecast(played: Played) -> None:
    assert played.metadata("v00000001")["rows_profiled"] == 90 * 24


def test_a_clean_day_is_in_control_and_a_planted_jump_is_named_as_a_warning(played: Played) -> None:
    clean, jumped = played.check("in_control", "v00000002"), played.check("in_control", "v00000003")
    assert (clean.passed, clean.description) == (True, "Nothing fired.")
    assert not jumped.passed
    assert jumped.severity == dg.AssetCheckSeverity.WARN
    assert "count: values far from what was expected one step before (individuals " in jumped.description
    assert "2024-04-01 12:00" in jumped.description


def test_the_metadata_has_tables_a_chart_and_numbers_to_plot(played: Played) -> None:
    told = played.metadata("v00000003")
    assert {row.data["variable"] for row in told["summary"].records} == {"count", "promotion"}
    assert [column.name for column in told["alignment"].schema.columns] == ["variable", "last", "ends_at"]
    named = {(row.data["variable"], row.data["rule"]) for row in told["signals_found"].records}
    assert ("count", "individuals") in named
    assert {row.data["characteristic"] for row in told["pipeline"].records} == {"rows", "gap_cadences", "duration_s"}
    assert told["chart"].startswith("![Residuals of count up to v00000003](data:image/svg")
    assert told["signals"] >= 1
    assert (told["sampling_period"], told["steps_agree_pct"]) == ("declared h, found h", 100.0)
    assert told["drift_score"] > 1
    assert all(isinstance(told[name], float) for name in ("missing_pct", "outliers", "longest_gap", "duration_s"))


def test_the_turn_s_own_durations_are_read_from_its_runs(played: Played) -> None:
    now = pd.Timestamp.now("UTC").to_pydatetime()
    found = read_durations(played.instance, NAMES, until="v00000002", run_id="", now=now)
    assert list(found) == ["v00000001", "v00000002"]
    assert all(0 < seconds < 300 for seconds in found.values())
    table = played.project.store.outputs.read("pipeline", "v00000003").set_index("characteristic")
    assert table.loc["duration_s", "n"] == 2
    assert played.check("pipeline_in_control", "v00000003").passed


def plant_turn(instance: dg.DagsterInstance, version: str, seconds: float) -> None:
    """Record a turn that took so long, as if it had ended just now."""
    tags = {TURN: version, TURNS_OF: "counts", USE_CASE: "counts"}
    run = instance.add_run(dg.DagsterRun(job_name="counts_turn", run_id=make_new_run_id(), tags=tags))
    ended = time.time()
    for kind, moment in (("PIPELINE_START", ended - seconds), ("PIPELINE_SUCCESS", ended)):
        event = DagsterEvent(event_type_value=kind, job_name="counts_turn")
        entry = dg.EventLogEntry(
            error_info=None, level=20, user_message="", run_id=run.run_id, timestamp=moment, dagster_event=event
        )
        instance.handle_new_event(entry)


def test_a_run_ten_times_as_slow_warns(played: Played) -> None:
    for number in range(12):
        plant_turn(played.instance, f"v00000000.{number:02d}", 2.0 + 0.1 * (number % 3))
    plant_turn(played.instance, "v00000002", 2.1)
    assert played.runner.materialize("profile", key="v00000002").success
    assert played.check("pipeline_in_control", "v00000002").passed
    plant_turn(played.instance, "v00000003", 21.0)
    assert played.runner.materialize("profile", key="v00000003").success
    check = played.check("pipeline_in_control", "v00000003")
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.description.startswith("duration_s beyond the upper limit: found 21")


def test_the_command_line_shows_what_the_asset_wrote(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCAST_HOME", str(played.project.settings.inbox.parent))
    shown = CliRunner().invoke(cli, ["profile", "counts", "--version", "v00000003"])
    assert shown.exit_code == 0
    assert "individuals" in shown.output
    told = CliRunner().invoke(cli, ["profile", "counts", "--json"])
    record = json.loads(told.stdout)
    assert record["version"] == "v00000003"
    assert len(record["profile"]) == len(played.project.store.outputs.read(PROFILES, "v00000003"))
    assert record["profile"][0]["ends_at"] == 0
