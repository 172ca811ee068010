"""The sensor that polls sources, called directly: when it asks, what it remembers, what it tells the catalog."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loopcast.loop.project import Project
from loopcast.orchestration import polling
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.polling import ANSWERS, build_poll_sensors
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.sensors import build_inbox_sensor
from loopcast.orchestration.stage import Stage
from made_use_case import NOW, YAML, make_counts, make_project

SOURCE = """  source:
    {{kind: sql, name: plant, url: {{env: PLANT_DB}}, query: SELECT * FROM readings, cursor: at, every: 5min}}
  steward:"""


class Polling:
    """A use case with a table as its source, its sensor, and a clock that tests move."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
        yaml = YAML.format(name="counts").replace("  steward:", SOURCE.format())
        self.project: Project = make_project(folder, yaml=yaml)
        self.file, self.instance, self.now, self.cursor = folder / "plant.db", instance, NOW, ""
        (self.sensor,) = build_poll_sensors(Stage(self.project.use_case))
        monkeypatch.setenv("PLANT_DB", f"sqlite:///{self.file}?cached_statements=424242")
        monkeypatch.setattr(polling, "current_time", self.read_clock)

    def read_clock(self) -> datetime:
        return self.now

    def add(self, day: int) -> None:
        with sqlite3.connect(self.file) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS readings (at TEXT, count REAL, promotion REAL)")
            rows = make_counts(f"2024-01-{day:02}", 1).astype({"at": "str"})
            connection.executemany("INSERT INTO readings VALUES (?, ?, ?)", rows.to_numpy().tolist())

    def tick(self, *, after: timedelta = timedelta()) -> Any:
        self.now += after
        resource = ProjectResource.of(self.project.use_case, settings=self.project.settings)
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, resources={"counts_project": resource}
        ) as context:
            result: Any = self.sensor._raw_fn(context)
        self.cursor = result.cursor
        assert "424242" not in f"{result} {self.cursor}"
        return result

    def remembered(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cursor)["plant"]
        return found


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Polling]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Polling(tmp_path, instance, monkeypatch)


def checks_of(result: Any) -> list[tuple[bool, str]]:
    evaluations = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {(e.asset_key.path[-1], e.check_name) for e in evaluations} <= {("source_feed", ANSWERS)}
    return [(evaluation.passed, str(evaluation.description)) for evaluation in evaluations]


def polls_of(result: Any) -> list[dict[str, Any]]:
    events = [event for event in result.asset_events if isinstance(event, dg.AssetObservation)]
    return [{name: value.value for name, value in event.metadata.items()} for event in events]


def test_rows_become_a_version_that_the_inbox_sensor_gives_its_run(plant: Polling) -> None:
    plant.add(1)
    result = plant.tick()
    assert result.run_requests == []
    assert result.skip_reason.skip_message == "plant: v00000001. Next poll 2026-01-01 12:05:00 UTC."
    (poll,) = polls_of(result)
    assert poll["url"] == f"$PLANT_DB (sqlite:///{plant.file})"
    assert poll["query"] == "SELECT * FROM readings"
    assert (poll["cursor"], poll["versions"], poll["rows"]) == ("2024-01-01 23:00:00", "v00000001", 24)
    assert poll["next_poll"] - poll["last_poll"] == 300
    resource = ProjectResource.of(plant.project.use_case, settings=plant.project.settings)
    with dg.build_sensor_context(instance=plant.instance, resources={"counts_project": resource}) as context:
        turned: Any = build_inbox_sensor(Stage(plant.project.use_case))._raw_fn(context)
    assert [request.partition_key for request in turned.run_requests] == ["v00000001"]


def test_a_source_is_asked_when_it_is_due_and_an_idle_poll_is_no_event(plant: Polling) -> None:
    plant.add(1)
    assert checks_of(plant.tick()) == [(True, "All sources answer.")]
    plant.add(2)
    early = plant.tick(after=timedelta(minutes=4))
    assert early.skip_reason.skip_message == "No source is due. Next poll 2026-01-01 12:05:00 UTC."
    assert [poll["versions"] for poll in polls_of(plant.tick(after=timedelta(minutes=1)))] == ["v00000002"]
    assert plant.tick(after=timedelta(minutes=5)).asset_events == []


def test_failures_are_retried_ever_more_rarely_then_alert_once_each_and_clear_by_themselves(plant: Polling) -> None:
    waits = []
    told = []
    for failures in range(1, 9):
        told += checks_of(plant.tick())
        state = plant.remembered()
        assert (state["failures"], state["since"]) == (failures, NOW.isoformat())
        next_at = datetime.fromisoformat(state["next_at"])
        waits.append((next_at - plant.now).total_seconds())
        plant.now = next_at
    assert all(15 * 2**n <= wait <= min(30 * 2**n, 3600) for n, wait in enumerate(waits[:7]))
    assert 1800 <= waits[7] <= 3600
    assert [passed for passed, _ in told] == [True] + [False] * 6
    assert "plant has failed 3 times since 2026-01-01 12:00:00 UTC: " in told[1][1]
    assert "there is no file" in told[1][1]
    assert "Next try 2026-01-01 12:0" in told[1][1]
    plant.add(1)
    back = plant.tick()
    assert checks_of(back) == [(True, "All sources answer.")]
    assert plant.remembered()["failures"] == 0
    assert [poll["versions"] for poll in polls_of(back)] == ["v00000001"]


def test_a_lost_or_foreign_cursor_of_the_sensor_costs_one_poll(plant: Polling) -> None:
    plant.add(1)
    plant.tick()
    for lost in ("", "nonsense", '{"plant": {"other": 1}}', "[]"):
        plant.cursor = lost
        assert plant.tick().skip_reason.skip_message.startswith("plant: nothing new")
    assert plant.project.store.versions.claims() == ["v00000001"]


def test_a_use_case_with_an_inbox_alone_has_no_such_sensor(tmp_path: Path) -> None:
    assert build_poll_sensors(Stage(make_project(tmp_path).use_case)) == []


def test_the_catalog_describes_the_source_without_asking_it(plant: Polling) -> None:
    defs = build_use_case_defs(plant.project.use_case)
    feed = defs.resolve_asset_graph().get(dg.AssetKey(["counts", "source_feed"]))
    assert "`plant` (sql) is asked every 0:05:00." in str(feed.description)
    assert "inbox/counts" in str(feed.description)
    told: Any = feed.metadata["source plant"]
    assert told.value["url"] == "$PLANT_DB"
    assert {"sql", "file"} <= set(feed.kinds)
    assert [key.name for key in feed.check_keys] == [ANSWERS]


def test_by_hand_the_check_asks_every_source_and_takes_nothing(plant: Polling) -> None:
    resource = ProjectResource.of(plant.project.use_case, settings=plant.project.settings)
    defs = build_use_case_defs(plant.project.use_case, resource=resource)
    job = defs.resolve_implicit_global_asset_job_def()
    key = dg.AssetCheckKey(dg.AssetKey(["counts", "source_feed"]), ANSWERS)
    found = []
    for _ in range(2):
        selection = job.get_subset(asset_check_selection={key}, asset_selection=set())
        result = selection.execute_in_process(instance=plant.instance)
        found += [(e.passed, str(e.description)) for e in result.get_asset_check_evaluations()]
        plant.add(1)
    (bad, why), good = found
    assert not bad
    assert why.startswith("plant: ")
    assert "there is no file" in why
    assert good == (True, "All sources answer.")
    assert plant.project.store.versions.claims() == []
