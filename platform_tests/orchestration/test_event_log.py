"""The event log with its files kept open: the same events, seen by others at once, and no file left open."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from loopcast.orchestration.event_log import MOST_FILES, KeptEventLog
from loopcast.orchestration.instance import open_instance

ROOT = Path(__file__).resolve().parents[2]


@dg.asset
def number() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"value": 7})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    return tmp_path


def make(instance: dg.DagsterInstance) -> str:
    return dg.materialize([number], instance=instance).run_id


def value_of(instance: dg.DagsterInstance) -> object:
    event = instance.get_latest_materialization_event(number.key)
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata["value"].value


def test_dagster_yaml_uses_it_where_the_events_were_before(home: Path) -> None:
    with open_instance(home) as instance:
        assert isinstance(instance.event_log_storage, KeptEventLog)
        run = make(instance)
        assert value_of(instance) == 7
    assert (home / ".dagster/storage/history/runs" / f"{run}.db").is_file()
    assert (home / ".dagster/storage/history/runs.db").is_file()


def test_another_instance_sees_at_once_what_one_has_written(home: Path) -> None:
    with open_instance(home) as one, open_instance(home) as other:
        run = make(one)
        assert value_of(other) == 7
        assert {record.run_id for record in other.all_logs(run)} == {run}
        assert make(other) in {known.run_id for known in one.get_runs()}


def test_files_of_old_runs_are_closed_and_read_again_and_all_are_at_the_end(home: Path) -> None:
    with open_instance(home) as instance:
        runs = [make(instance) for _ in range(MOST_FILES)]
        assert all(instance.all_logs(run) for run in runs)
    journals = list((home / ".dagster/storage/history/runs").glob("*-wal"))
    assert [file for file in journals if file.stat().st_size] == []


def test_after_a_wipe_there_is_nothing_and_new_events_are_kept(home: Path) -> None:
    with open_instance(home) as instance:
        make(instance)
        instance.event_log_storage.wipe()
        assert instance.get_latest_materialization_event(number.key) is None
        make(instance)
        assert value_of(instance) == 7
