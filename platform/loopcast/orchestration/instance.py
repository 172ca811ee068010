"""The Dagster instance of a project folder: where it is, opening it, and what a stopped platform left behind in it.

Starting and ending processes is in `loopcast.orchestration.serve`.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef
from sqlalchemy.exc import IntegrityError

from loopcast.errors import CallerError

PROCESS_TAG = "loopcast/process"
HEARTBEAT_TOLERANCE_SECONDS = 30  # beside the 30 from beat to beat; Dagster waits half an hour
IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def find_home() -> Path:
    """Return the folder whose `dagster.yaml` is in force: DAGSTER_HOME, else LOOPCAST_HOME, else the working directory.

    Raises:
        CallerError: there is no `dagster.yaml` in it.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or os.environ.get("LOOPCAST_HOME") or ".").absolute()
    if not (home / "dagster.yaml").is_file():
        raise CallerError(
            f"found no dagster.yaml in {home}; run loopcast in the project's folder, "
            "or set DAGSTER_HOME to a folder that has one"
        )
    return home


def open_instance(home: Path) -> dg.DagsterInstance:
    """Return the instance of a folder's `dagster.yaml`, its relative folders below that folder wherever we are."""
    settings = yaml.safe_load((home / "dagster.yaml").read_text("utf-8")) or {}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_absolute(settings, home)))


def add_keys(instance: dg.DagsterInstance, space: dg.DynamicPartitionsDefinition, keys: Sequence[str]) -> None:
    """Add partition keys; those that are there, or that another process adds at the same moment, are left alone."""
    name = str(space.name)
    missing = [key for key in keys if not instance.has_dynamic_partition(name, key)]
    try:
        if missing:
            instance.add_dynamic_partitions(name, missing)
    except IntegrityError:
        for key in missing:
            if not instance.has_dynamic_partition(name, key):
                instance.add_dynamic_partitions(name, [key])


def is_daemon_running(instance: dg.DagsterInstance) -> bool:
    """Return whether a daemon looks after the instance: its sensors find new versions then."""
    from dagster._daemon.controller import all_daemons_live  # half a second, which no run needs

    return bool(all_daemons_live(instance, heartbeat_tolerance_seconds=HEARTBEAT_TOLERANCE_SECONDS))


def fail_orphaned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs whose process is gone as failed, so that they are retried; return their ids.

    To be called before a platform starts: no run of its own can be under way then. Runs in another live process (the
    command line's) are left alone.
    """
    orphans = [
        run
        for run in instance.get_runs(dg.RunsFilter(statuses=IN_PROGRESS))
        if not _is_alive(run.tags.get(PROCESS_TAG))
    ]
    for run in orphans:
        instance.report_run_failed(run, "The process that ran it has ended. What it had acknowledged is kept.")
    return [run.run_id for run in orphans]


def _absolute(settings: Mapping[str, Any], home: Path) -> dict[str, Any]:
    return {
        name: _absolute(value, home)
        if isinstance(value, Mapping)
        else str(home / value)
        if name == "base_dir" and isinstance(value, str)
        else value
        for name, value in settings.items()
    }


def _is_alive(process_id: str | None) -> bool:
    if process_id is None:
        return False
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
