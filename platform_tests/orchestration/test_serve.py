"""Starting on a free port, and what a start does with the runs of processes that are gone."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from loopcast.errors import CallerError, LoopcastError
from loopcast.orchestration.instance import PROCESS_TAG, add_keys, fail_orphaned_runs, find_home, open_instance
from loopcast.orchestration.serve import HOST, Platform, pick_port
from made_use_case import YAML, make_home


@contextlib.contextmanager
def busy(port: int) -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind((HOST, port))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_busy_port_gives_the_next_free_one() -> None:
    with busy(0) as port:
        assert port < pick_port(port) < port + 100


def test_a_free_port_is_kept_and_zero_means_any() -> None:
    free = pick_port(0)
    assert pick_port(free) == free
    assert free > 1023


def test_the_last_port_being_busy_is_told_in_words() -> None:
    with busy(65535), pytest.raises(CallerError, match=r"no free port from 65535 on; give another one with --port"):
        pick_port(65535)


def gone() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_runs_of_a_dead_process_are_failed_and_those_of_a_live_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path / "home")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.chdir(home)
    runs: dict[str, dg.DagsterRun] = {}
    tags = {"dead": {PROCESS_TAG: str(gone())}, "live": {PROCESS_TAG: str(os.getpid())}, "daemon": {}, "waiting": {}}
    with open_instance(find_home()) as instance:
        for name, tag in tags.items():
            status = dg.DagsterRunStatus.NOT_STARTED if name == "waiting" else dg.DagsterRunStatus.STARTED
            runs[name] = create_run_for_test(instance, job_name="counts_turn", tags=tag, status=status)
    monkeypatch.chdir(elsewhere)
    with open_instance(home) as instance:
        found = set(fail_orphaned_runs(instance))
    assert found == {runs["dead"].run_id, runs["daemon"].run_id}
    assert Path.cwd() == elsewhere
    assert list(elsewhere.iterdir()) == []
    with open_instance(find_home()) as instance:
        found = {name: instance.get_run_by_id(run.run_id) for name, run in runs.items()}
    assert {name: run.status.value for name, run in found.items() if run} == {
        "dead": "FAILURE",
        "live": "STARTED",
        "daemon": "FAILURE",
        "waiting": "NOT_STARTED",
    }


def test_a_home_without_dagster_yaml_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with pytest.raises(CallerError, match=r"found no dagster\.yaml in .*; run loopcast in the project's folder"):
        find_home()


def test_a_platform_that_never_started_ends_at_once(tmp_path: Path) -> None:
    platform = Platform(home=tmp_path, port=3000)
    platform.stop()
    assert (platform.find_ended(), platform.url) == (None, "http://127.0.0.1:3000")


def test_use_cases_that_cannot_be_loaded_end_the_platform_with_the_cause(tmp_path: Path) -> None:
    home = make_home(tmp_path, yaml=YAML.format(name="counts").replace("ForecastUseCase", "ForecastUseCas"))
    with (
        pytest.raises(LoopcastError, match=r"cannot be loaded: .*has no attribute `ForecastUseCas`"),
        Platform(home=home, port=pick_port(0), environment={"LOOPCAST_HOME": str(home)}) as platform,
    ):
        platform.wait_ready()


def test_keys_are_added_once_whoever_was_there_first() -> None:
    space = dg.DynamicPartitionsDefinition(name="counts_versions")
    with dg.DagsterInstance.ephemeral() as instance:
        add_keys(instance, space, ["v00000001"])
        add_keys(instance, space, ["v00000001", "v00000002"])
        assert list(instance.get_dynamic_partitions("counts_versions")) == ["v00000001", "v00000002"]
