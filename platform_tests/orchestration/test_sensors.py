"""The inbox sensor, called directly: files become versions, and each unfinished version gets one run at a time."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from loopcast.loop.project import Project
from loopcast.orchestration import sensors
from loopcast.orchestration.names import FIRST, REFLECTED, TURN, TURNS_OF, USE_CASE
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.sensors import ATTEMPTS, REST_SECONDS, build_inbox_sensor
from loopcast.orchestration.stage import Stage, current_time
from made_use_case import make_counts, make_project, send, take_turn, to_csv

CHAIN = ["raw_update", "dataset", "forecast", "accuracy_report", "root_cause", "profile"]


class Inbox:
    """A use case with its inbox sensor."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.project: Project = make_project(folder)
        self.instance = instance
        self.sensor = build_inbox_sensor(Stage(self.project.use_case))

    def drop(self, name: str, content: bytes) -> None:
        path = self.project.inbox / name
        path.write_bytes(content)
        os.utime(path, (1.0e9, 1.0e9))

    def tick(self) -> Any:
        resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        with dg.build_sensor_context(instance=self.instance, resources={"counts_project": resource}) as context:
            return self.sensor._raw_fn(context)  # Dagster passes resources by name when the sensor is called

    def requested(self) -> list[dg.RunRequest]:
        result = self.tick()
        return list(result.run_requests) if isinstance(result, dg.SensorResult) else []

    def start(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        tags = {**request.tags, "dagster/partition": request.partition_key or ""}
        origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("loopcast"), "__repository__")
        return create_run_for_test(
            self.instance,
            job_name="counts_turn",
            tags=tags,
            status=status,
            remote_job_origin=RemoteJobOrigin(origin, "counts_turn"),
        )


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Inbox(tmp_path, instance)


def nouns_of(request: dg.RunRequest) -> list[str]:
    return [key.path[-1] for key in request.asset_selection or []]


def test_an_empty_inbox_is_skipped_with_the_folder_s_name(inbox: Inbox) -> None:
    skipped = inbox.tick()
    assert isinstance(skipped, dg.SkipReason)
    assert skipped.skip_message == f"Nothing new in {inbox.project.inbox}."


def test_two_files_become_two_versions_with_one_run_each(inbox: Inbox) -> None:
    inbox.drop("a.csv", to_csv(make_counts("2024-01-01", 1)))
    inbox.drop("b.csv", to_csv(make_counts("2024-01-02", 1)))
    result = inbox.tick()
    assert [request.partition_key for request in result.run_requests] == ["v00000001", "v00000002"]
    assert [nouns_of(request) for request in result.run_requests] == [CHAIN, CHAIN]
    (keys,) = result.dynamic_partitions_requests
    assert (keys.partitions_def_name, keys.partition_keys) == ("counts_versions", ["v00000001", "v00000002"])
    assert len({request.run_key for request in result.run_requests}) == 2


def test_a_run_is_tagged_with_its_turn_and_only_with_a_zoo_as_reflected(inbox: Inbox) -> None:
    inbox.drop("a.csv", to_csv(make_counts("2024-01-01", 1)))
    tags = inbox.requested()[0].tags
    assert tags == {TURN: "v00000001", TURNS_OF: "counts", USE_CASE: "counts", **FIRST}
    assert REFLECTED not in tags


def test_with_a_zoo_in_force_the_run_reflects_too(inbox: Inbox) -> None:
    take_turn(inbox.project, make_counts("2024-01-01", 42))
    inbox.drop("b.csv", to_csv(make_counts("2024-02-12", 1)))
    (request,) = inbox.requested()
    assert nouns_of(request) == [*CHAIN, "reflection"]
    assert request.tags[REFLECTED] == "v00000002"
    inbox.project.store.versions.settle("v00000002", now=current_time())
    (rest,) = inbox.requested()
    assert nouns_of(rest) == ["forecast", "accuracy_report", "root_cause", "reflection"]
    assert rest.run_key != request.run_key


def test_the_same_file_again_is_skipped_and_says_which_version_it_is(inbox: Inbox) -> None:
    content = to_csv(make_counts("2024-01-01", 1))
    inbox.drop("a.csv", content)
    inbox.tick()
    inbox.project.store.versions.settle("v00000001", now=current_time())
    inbox.drop("a.csv", content)
    assert inbox.tick().skip_message == "a.csv is v00000001 already"


@pytest.mark.parametrize("status", sensors.UNDER_WAY)
def test_no_second_run_is_asked_for_while_one_is_under_way(inbox: Inbox, status: dg.DagsterRunStatus) -> None:
    send(inbox.project, make_counts("2024-01-01", 1))
    (request,) = inbox.requested()
    inbox.start(request, status)
    send(inbox.project, make_counts("2024-01-02", 1))
    assert [request.partition_key for request in inbox.requested()] == ["v00000002"]


def test_a_version_claimed_before_a_crash_is_asked_for_again(inbox: Inbox) -> None:
    send(inbox.project, make_counts("2024-01-01", 1))
    first, second = inbox.requested(), inbox.requested()
    assert [r.run_key for r in first] == [r.run_key for r in second], "one key, so one run"


def test_after_a_failed_run_the_next_one_waits_and_has_another_key(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(inbox.project, make_counts("2024-01-01", 1))
    (request,) = inbox.requested()
    run = inbox.start(request, dg.DagsterRunStatus.STARTED)
    inbox.instance.report_run_failed(run)
    assert inbox.requested() == []
    later = current_time() + timedelta(seconds=REST_SECONDS + 1)
    monkeypatch.setattr(sensors, "current_time", lambda: later)
    (again,) = inbox.requested()
    assert (again.partition_key, again.run_key != request.run_key) == ("v00000001", True)


def test_after_too_many_failed_runs_it_is_left_to_a_person(inbox: Inbox) -> None:
    send(inbox.project, make_counts("2024-01-01", 1))
    (request,) = inbox.requested()
    for _ in range(2 * ATTEMPTS):
        inbox.start(request, dg.DagsterRunStatus.FAILURE)
    assert inbox.requested() == []


def test_a_refused_version_is_not_asked_for_again(inbox: Inbox) -> None:
    inbox.drop("a.csv", b"at,count\n2024-01-01 00:00,many\n")
    assert len(inbox.requested()) == 1
    inbox.project.store.versions.settle("v00000001", now=current_time())
    assert isinstance(inbox.tick(), dg.SkipReason)


def test_after_a_standstill_the_queue_is_filled_bit_by_bit_in_order_and_nothing_is_lost(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "MOST_WAITING", 2)
    monkeypatch.setattr(sensors, "MOST_FILES", 3)
    for day in range(1, 6):
        inbox.drop(f"{day}.csv", to_csv(make_counts(f"2024-01-{day:02d}", 1)))
    done = []
    while requests := inbox.requested():
        keys = [str(request.partition_key) for request in requests]
        assert len(keys) <= 2
        for request, key in zip(requests, keys, strict=True):
            run = inbox.start(request, dg.DagsterRunStatus.STARTED)
            inbox.project.store.versions.settle(key, now=current_time())
            inbox.instance.report_run_canceled(run)
        done += keys
    assert done == [f"v0000000{number}" for number in range(1, 6)]
    assert [inbox.project.store.versions.claim_of(key).name for key in done] == [f"{day}.csv" for day in range(1, 6)]


def test_a_version_left_to_a_person_does_not_stop_the_next_ones(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "MOST_WAITING", 2)
    for day in (1, 2, 3, 4, 5):
        send(inbox.project, make_counts(f"2024-01-{day:02d}", 1))
    for request in inbox.requested():
        for _ in range(ATTEMPTS):
            inbox.start(request, dg.DagsterRunStatus.FAILURE)
    assert [request.partition_key for request in inbox.requested()] == ["v00000003", "v00000004"]
