"""What Dagster knows to be the matter, asked of a real instance: failing checks, failing runs, overdue assets."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from dagster._core.test_utils import create_run_for_test

from alert_servers import MailSink
from loopcast.loop.contract import settle_version
from loopcast.orchestration.alerting import BY_THE_STORE, INTERVAL_SECONDS, build_alert_sensor, list_watched
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.instance import add_keys, open_instance
from loopcast.orchestration.names import TURN, USE_CASE, Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.runs import Runner
from loopcast.orchestration.stage import Stage
from made_use_case import YAML, make_counts, make_home, make_project, send

MAIL = "  alerts: {channels: [{kind: mail}], digest: 1min}\n  steward:"
RUN = dg.DagsterRunStatus


class Watch:
    """A use case with its alert sensor, a mail server, and an instance; the clock is the test's."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, patch: pytest.MonkeyPatch) -> None:
        self.project = make_project(folder, yaml=YAML.format(name="counts").replace("  steward:", MAIL))
        self.instance, self.cursor = instance, None
        self.resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        self.defs = build_use_case_defs(self.project.use_case, resource=self.resource)
        self.sensor = self.defs.get_repository_def().get_sensor_def("counts_alerts")
        self.now = datetime.now(UTC)
        patch.setattr("loopcast.orchestration.alerting.current_time", lambda: self.now)
        self.sink = MailSink()
        self.sink.start()
        patch.setenv("LOOPCAST_SMTP", self.sink.url)
        patch.setenv("LOOPCAST_HOME", str(folder))

    def tick(self, *, minutes: float = 0.5) -> str:
        self.now += timedelta(minutes=minutes)
        with dg.build_sensor_context(
            instance=self.instance, resources={"counts_project": self.resource}, cursor=self.cursor
        ) as context:
            done = self.sensor.evaluate_tick(context)
        self.cursor = done.cursor
        return str(done.skip_message)

    def settle(self) -> list[str]:
        """Tick until all is told, and return the subjects of all mails so far."""
        for _ in range(3):
            self.tick(minutes=3)
        return [subject.removeprefix("[loopcast] counts: ") for subject in self.sink.subjects]

    def check(self, noun: str, name: str, *, passed: bool, version: str = "v00000001", **more: Any) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey(["counts", noun]), check_name=name, passed=passed, partition=version, **more
            )
        )

    def fresh(self, noun: str, state: FreshnessState) -> None:
        change = FreshnessStateChange(
            key=dg.AssetKey(["counts", noun]),
            new_state=state,
            previous_state=FreshnessState.UNKNOWN,
            state_change_timestamp=self.now.timestamp(),
        )
        self.instance._report_runless_asset_event(change)

    def run(
        self, status: dg.DagsterRunStatus, version: str = "v00000001", *, job: str = "counts_turn"
    ) -> dg.DagsterRun:
        tags = {USE_CASE: "counts", TURN: version, "dagster/partition": version}
        run = create_run_for_test(self.instance, job_name=job, tags=tags, status=RUN.STARTED)
        if status == RUN.FAILURE:
            self.instance.report_run_failed(run, "The process that ran it has ended.")
        elif status != RUN.STARTED:
            self.instance.report_dagster_event(
                dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name=job), run_id=run.run_id
            )
        return run


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    with dg.DagsterInstance.ephemeral() as instance:
        watch = Watch(tmp_path, instance, monkeypatch)
        yield watch
        watch.sink.stop()


def test_the_sensor_runs_by_default_and_says_what_it_does(watch: Watch) -> None:
    sensor = watch.sensor
    assert (sensor.default_status, sensor.minimum_interval_seconds) == (
        dg.DefaultSensorStatus.RUNNING,
        INTERVAL_SECONDS,
    )
    assert watch.tick() == "0 alerts are open"


def test_every_check_and_every_freshness_policy_of_the_use_case_is_watched(watch: Watch) -> None:
    assets = [asset for asset in watch.defs.assets if isinstance(asset, dg.AssetsDefinition)]
    watched = list_watched(assets)
    graph = watch.defs.resolve_asset_graph()
    left_out = {(key.asset_key.path[-1], key.name) for key in set(graph.asset_check_keys) - set(watched.checks)}
    assert left_out == BY_THE_STORE
    assert [key.path[-1] for key in watched.fresh] == ["dataset", "forecast"]


def test_a_check_that_fails_ten_times_is_one_mail_with_the_rule_and_a_link_and_its_end_another(watch: Watch) -> None:
    for number in range(10):
        watch.check(
            "forecast", "output", passed=False, version=f"v{number + 1:08d}", description="Broken: lower <= upper"
        )
        if number % 3 == 0:
            watch.tick()
    assert watch.settle() == ["error: check output of forecast fails (v00000001)"]
    assert "/assets/counts/forecast?view=checks&checkDetail=output" in watch.sink.mails[0].text
    assert "expected  What it has written, read back from the store, breaks no rule" in watch.sink.mails[0].text
    watch.check("forecast", "output", passed=True, version="v00000011")
    assert watch.settle()[1:] == ["resolved: check output of forecast fails (v00000010)"]
    assert "10 times" in watch.sink.mails[1].text
    assert "passes with v00000011" in watch.sink.mails[1].text


def test_a_check_that_warns_is_a_warning(watch: Watch) -> None:
    watch.check("profile", "output", passed=False, severity=dg.AssetCheckSeverity.WARN)
    assert watch.settle() == ["warning: check output of profile fails (v00000001)"]


def test_only_the_first_overdue_asset_of_the_chain_is_told(watch: Watch) -> None:
    watch.fresh("dataset", FreshnessState.FAIL)
    watch.fresh("forecast", FreshnessState.FAIL)
    assert watch.settle() == ["error: dataset is overdue"]
    watch.fresh("dataset", FreshnessState.PASS)
    watch.fresh("forecast", FreshnessState.PASS)
    assert watch.settle()[1:] == ["resolved: dataset is overdue"]


def test_late_within_the_grace_is_nobodys_alert(watch: Watch) -> None:
    watch.fresh("dataset", FreshnessState.WARN)
    assert watch.settle() == []


def test_a_run_that_failed_for_good_is_told_with_a_link_and_a_later_success_ends_it(watch: Watch) -> None:
    run = watch.run(RUN.FAILURE)
    watch.tick()
    assert watch.sink.mails == []
    assert watch.settle() == ["error: the run of counts_turn failed (v00000001)"]
    assert f"/runs/{run.run_id}" in watch.sink.mails[0].text
    assert "The process that ran it has ended." in watch.sink.mails[0].text
    watch.run(RUN.SUCCESS, "v00000002", job="another_job")
    assert len(watch.settle()) == 1
    watch.run(RUN.SUCCESS, "v00000002")
    assert watch.settle()[1:] == ["resolved: the run of counts_turn failed (v00000001)"]


def test_a_failed_run_that_is_repeated_successfully_is_not_told(watch: Watch) -> None:
    watch.run(RUN.FAILURE)
    watch.tick()
    watch.run(RUN.SUCCESS)
    assert watch.settle() == []


def test_a_failed_run_that_is_being_repeated_waits_and_three_failures_are_one_mail(watch: Watch) -> None:
    for _ in range(2):
        watch.run(RUN.FAILURE)
    again = watch.run(RUN.STARTED)
    assert watch.settle() == []
    watch.instance.report_run_failed(again, "Failed once more.")
    assert watch.settle() == ["error: the run of counts_turn failed (v00000001)"]
    assert "3 times" in watch.sink.mails[0].text


def test_a_run_that_is_repeated_for_hours_keeps_no_other_failure_from_being_told_and_is_told_itself(
    watch: Watch,
) -> None:
    watch.run(RUN.FAILURE, "v00000009")
    again = watch.run(RUN.STARTED, "v00000009")
    for number in (1, 2):
        watch.run(RUN.FAILURE, f"v0000000{number}")
        assert len(watch.settle()) == 1
    watch.run(RUN.SUCCESS, "v00000003")
    assert watch.settle()[1:] == ["resolved: the run of counts_turn failed (v00000002)"]
    watch.cursor = None
    assert len(watch.settle()) == 2
    watch.instance.report_run_failed(again, "Failed once more.")
    assert watch.settle()[2:] == ["error: the run of counts_turn failed (v00000009)"]


def test_a_refused_update_is_told_with_file_rows_and_repair_and_its_run_is_not(watch: Watch) -> None:
    frame = make_counts("2024-01-01", 1).assign(count=-5.0)
    version = send(watch.project, frame, name="monday.csv")
    settle_version(watch.project, version, by="test", now=watch.now)
    watch.run(RUN.FAILURE, version)
    assert watch.settle() == ["error: an update was refused (v00000001)"]
    text = watch.sink.mails[0].text
    assert "monday.csv is refused: 24 violations" in text
    assert "loopcast quarantine show counts v00000001, then repair and resubmit it" in " ".join(text.split())
    good = send(watch.project, make_counts("2024-01-01", 1), name="again.csv")
    settle_version(watch.project, good, by="test", now=watch.now)
    assert watch.settle()[1:] == ["resolved: an update was refused (v00000001)"]


def test_a_lost_cursor_neither_repeats_nor_forgets(watch: Watch) -> None:
    watch.run(RUN.FAILURE)
    watch.check("forecast", "output", passed=False)
    before = watch.settle()
    watch.cursor = None
    assert watch.settle() == before


def test_checks_are_looked_at_twice_after_the_newest_event_and_not_again(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    storage = type(watch.instance.event_log_storage)
    ask = storage.get_latest_asset_check_execution_by_key
    monkeypatch.setattr(
        storage, "get_latest_asset_check_execution_by_key", lambda *words: looks.append(1) or ask(*words)
    )
    counts = []
    for number in range(10):
        if number in {0, 5}:
            watch.check("forecast", "output", passed=True, version=f"v{number:08d}")
        watch.tick()
        counts.append(len(looks))
    assert counts == [1, 2, 2, 2, 2, 3, 4, 4, 4, 4]


def test_the_definitions_with_the_sensor_load(watch: Watch) -> None:
    dg.Definitions.validate_loadable(watch.defs)
    assert build_alert_sensor(Stage(watch.project.use_case), list_watched([])).name


def test_real_runs_on_a_real_instance_a_refused_update_and_an_asset_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_home(tmp_path, yaml=YAML.format(name="counts").replace("  steward:", MAIL))
    with open_instance(tmp_path) as instance:
        watch = Watch(tmp_path, instance, monkeypatch)
        runner = Runner(watch.project, instance)
        for number in range(3):
            send(watch.project, make_counts("2024-01-01", 1).assign(count=-1.0 - number), name=f"file_{number}.csv")
        assert [outcome.success for _, outcome in runner.turn_all()] == [False] * 3
        add_keys(instance, Names("counts").builds, ["b0001"])
        for _ in range(2):
            failed = runner.materialize("experiment", key="b0001")
            assert not failed.success
        assert watch.settle() == ["2 errors"]
        text = watch.sink.mails[0].text
        watch.sink.stop()
    assert "error: an update was refused (v00000003)" in text
    assert "found     file_2.csv is refused: 24 violations" in text
    assert "error: the run of experiment failed (b0001)" in text
    assert f"found     {failed.explanation.split(';')[0][:40]}" in text
    assert f"look      http://127.0.0.1:3000/runs/{failed.run_id}" in text
    assert text.count("since") == 2
    assert "2 times" in text
