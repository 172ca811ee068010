"""Alerts: the mails that ten failures in a row make in a real mail server, and what a look at 50 use cases costs."""

import json
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy

from alert_servers import MailSink
from loopcast.loop.alerts.rounds import Round, tell
from loopcast.loop.project import Project
from loopcast.orchestration.alerting import Watched, list_watched, observe
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.settings import read_alert_settings
from made_use_case import YAML, make_home, make_project

USE_CASES, VERSIONS, TICKS = 50, (1, 1_000), 5
COPIES = """
    WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < :most)
    INSERT INTO asset_check_executions (asset_key, check_name, partition, run_id, execution_status)
    SELECT :asset, :name, 'v' || i, 'earlier ' || :most, 'SUCCEEDED' FROM n WHERE :most > 1"""
STEP = timedelta(minutes=15)


def main() -> None:
    """Print the mails, then the processor time of a look."""
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        _show_mails(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        _measure_looks(Path(folder))


class Watcher:
    """A use case that is looked at, as the sensor does, at times that the benchmark chooses."""

    def __init__(self, folder: Path, name: str, instance: dg.DagsterInstance) -> None:
        self.name, self.folder, self.instance = name, folder, instance
        self.project: Project = make_project(folder, name=name)
        resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        defs = build_use_case_defs(self.project.use_case, resource=resource)
        assets = [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)]
        self.watched: Watched = list_watched(assets)
        self.now, self.cursor = datetime.now(UTC), "{}"

    def look(self) -> Round:
        """Look once, and tell what is due."""
        self.now += STEP
        observed = observe(self.instance, self.project, self.watched, cursor=self.cursor, now=self.now)
        self.cursor = json.dumps(dict(observed.marks))
        return tell(self.project, observed, settings=read_alert_settings(), now=self.now)

    def check(self, key: dg.AssetCheckKey, *, passed: bool, version: str) -> None:
        """Let a check be evaluated."""
        evaluation = dg.AssetCheckEvaluation(
            asset_key=key.asset_key, check_name=key.name, passed=passed, partition=version, description="Broken: a rule"
        )
        self.instance.report_runless_asset_event(evaluation)


@contextmanager
def _machine(folder: Path, **variables: str) -> Iterator[None]:
    """Let alerts read these variables."""
    before = dict(os.environ)
    os.environ.update(LOOPCAST_HOME=str(folder), **variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _show_mails(folder: Path) -> None:
    make_home(folder)
    with MailSink() as sink, open_instance(folder) as instance, _machine(folder, LOOPCAST_SMTP=sink.url):
        watcher = Watcher(folder, "counts", instance)
        key = dg.AssetCheckKey(dg.AssetKey(["counts", "forecast"]), "output")
        for number in range(1, 11):
            watcher.check(key, passed=False, version=f"v{number:08d}")
            watcher.look()
            watcher = Watcher(folder, "counts", instance) if number == 5 else watcher  # as after a restart
        print(f"after 10 failures: {len(sink.mails)} mail")
        sink.stop()
        watcher.check(key, passed=True, version="v00000011")
        for _ in range(3):
            watcher.look()
        sink.start()
        watcher.now += timedelta(hours=1)
        watcher.look()
        print(f"after it passed, the mail server down for a while: {len(sink.mails)} mails")
        for mail in sink.mails:
            print(f"  to {', '.join(mail.to)}  Subject: {mail.subject}")
        print("the last one:")
        print("".join(f"  {line}\n" for line in sink.mails[-1].text.splitlines()))


def _measure_looks(folder: Path) -> None:
    names = [f"counts_{number}" for number in range(USE_CASES)]
    make_home(folder, name=names[0])
    for name in names[1:]:
        (folder / "platform/use_cases" / name).mkdir()
        (folder / "platform/use_cases" / name / "defs.yaml").write_text(YAML.format(name=name))
    with open_instance(folder) as instance, _machine(folder):
        watchers = [Watcher(folder, name, instance) for name in names]
        checks = len(watchers[0].watched.checks)
        print(f"a look at a use case with {checks} checks, {USE_CASES} use cases, ms of processor time:")
        print("  versions  something is new  nothing is new")
        for versions in VERSIONS:
            _evaluate(instance, watchers, versions)
            busy, idle = _time_looks(watchers), statistics.median(_time_looks(watchers) for _ in range(TICKS))
            print(f"  {versions:8d}  {1e3 * busy / USE_CASES:16.1f}  {1e3 * idle / USE_CASES:14.1f}")


def _evaluate(instance: dg.DagsterInstance, watchers: list[Watcher], versions: int) -> None:
    """Let every check have so many evaluations: copies in Dagster's table, and the newest as it comes by itself."""
    with instance.event_log_storage.index_connection() as connection:
        for watcher in watchers:
            for key in watcher.watched.checks:
                row = {"asset": key.asset_key.to_string(), "name": key.name, "most": versions}
                connection.execute(sqlalchemy.text(COPIES), row)
    for watcher in watchers:
        for key in watcher.watched.checks:
            watcher.check(key, passed=True, version=f"v{versions:08d}")


def _time_looks(watchers: list[Watcher]) -> float:
    begun = time.process_time()
    for watcher in watchers:
        watcher.look()
    return time.process_time() - begun


if __name__ == "__main__":
    main()
