"""A made-up platform of many use cases with many versions each: what `bench_ticks` looks at. No figures here.

One use case is made through the store and Dagster's own interfaces; the others are copies of its folders, of its rows
in the SQLite files of Dagster's history, and of its YAML.
"""

import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
from demo_home import ROOT

from loopcast.loop.contract import settle_version
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.project import Project, find_project
from loopcast.loop.turns import note_finished
from loopcast.loop.zoos.forces import FORECASTS, put_in_force
from loopcast.orchestration.instance import find_home, open_instance
from loopcast.orchestration.names import Names
from loopcast.orchestration.settings import read_settings
from loopcast.store.version_records import Upload
from made_use_case import YAML, make_counts, to_csv

FIRST = "uc01"
START = datetime(2024, 1, 1, tzinfo=UTC)
PER_VERSION = ("raw_update", "dataset", "forecast", "accuracy_report", "root_cause", "profile")


def name_use_cases(count: int) -> list[str]:
    """Return the names of the use cases: `uc01` onwards."""
    return [f"uc{number:02d}" for number in range(1, count + 1)]


def make_platform(home: Path, *, use_cases: int, versions: int) -> None:
    """Make a home with so many use cases of so many versions, and make that the home of this process."""
    shutil.copy(ROOT / "dagster.yaml", home)
    os.environ["LOOPCAST_HOME"] = str(home)
    os.environ.pop("LOOPCAST_USE_CASES", None)
    for name in name_use_cases(use_cases):
        folder = home / "platform" / "use_cases" / name
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(YAML.format(name=name))
    _fill_lake(find_project(FIRST, settings=read_settings()), versions)
    lake = home / ".loopcast" / "lake"
    with open_instance(find_home()) as instance:
        _fill_history(instance, versions)
    for name in name_use_cases(use_cases)[1:]:
        # Hard links: a thousand versions are ten thousand small files.
        shutil.copytree(lake / FIRST, lake / name, copy_function=os.link)
    _copy_history(home / ".dagster" / "storage" / "history", name_use_cases(use_cases)[1:])


def _fill_lake(project: Project, versions: int) -> None:
    """Make finished versions of a day each; what is in their outputs is nobody's concern here."""
    days = make_counts("2024-01-01", 1)
    for number in range(1, versions + 1):
        now = START + timedelta(days=number)
        content = to_csv(days.assign(at=days["at"] + pd.Timedelta(days=number)))
        claim = project.store.versions.claim(Upload(f"{number}.csv", content, "bench", "bench"), now=now)
        settle_version(project, claim.version, by="bench", now=now)
        if number == 1:
            put_in_force(project, "z0001", digest="0" * 64, from_version=claim.version, now=now)
        finish_version(project, claim.version, now=now)


def finish_version(project: Project, version: str, *, now: datetime) -> None:
    """Write outputs of a version, so that its turn counts as taken."""
    for table in (FORECASTS, CELLS):
        pins = {"version": version, "zoo": "z0001", "zoo_digest": "0" * 64}
        project.store.outputs.write(table, version, pd.DataFrame({"value": [1.0]}), pins=pins, now=now)
    note_finished(project, now=now)


def _fill_history(instance: dg.DagsterInstance, versions: int) -> None:
    """Report everything that a use case of so many versions has materialized."""
    names, keys = Names(FIRST), [f"v{number:08d}" for number in range(1, versions + 1)]
    builds = max(1, versions // 30)
    spaces = {
        names.versions.name: keys,
        names.builds.name: [f"b{number:04d}" for number in range(1, builds + 1)],
        names.zoos.name: [f"z{number:04d}" for number in range(1, builds + 1)],
    }
    for space, added in spaces.items():
        instance.add_dynamic_partitions(str(space), added)
    for key in keys:
        for noun in PER_VERSION:
            report(instance, names.asset(noun), key)
    for noun, space in (("experiment", names.builds), ("model_zoo", names.zoos)):
        for key in spaces[space.name]:
            report(instance, names.asset(noun), key)
    for noun in ("reflection", "warehouse"):
        report(instance, names.asset(noun), None)


def report(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> None:
    """Report a materialization that no run made."""
    instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))


def _copy_history(folder: Path, names: list[str]) -> None:
    """Copy the first use case's rows in every SQLite file of Dagster's history, under other names."""
    for file in folder.rglob("*.db"):
        connection = sqlite3.connect(file)
        with connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in sorted(tables & {"event_logs", "asset_keys", "dynamic_partitions"}):
                _copy_rows(connection, table, names)
        connection.close()


def _copy_rows(connection: sqlite3.Connection, table: str, names: list[str]) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
    named = "partitions_def_name" if table == "dynamic_partitions" else "asset_key"
    kept = connection.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {named} LIKE '%{FIRST}%'").fetchall()  # noqa: S608
    marks = ", ".join("?" * len(columns))
    for name in names:
        rows = [tuple(value.replace(FIRST, name) if isinstance(value, str) else value for value in row) for row in kept]
        connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)  # noqa: S608
