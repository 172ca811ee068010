"""`/metrics` as Prometheus reads it, `/health`, and the page that explains the names."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import dagster as dg
import pytest
import requests
import uvicorn
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat
from prometheus_client.parser import text_string_to_metric_families

from loopcast.loop.project import Project, Settings
from loopcast.orchestration.instance import open_instance
from loopcast.orchestration.names import USE_CASE
from loopcast.orchestration.run_health import RunHealth
from loopcast.web.app import build_app
from loopcast.web.figures import FIGURES, PLATFORM_FIGURES
from loopcast.web.monitoring import Monitoring
from made_use_case import NOW, ROOT, make_counts, make_home, make_project, take_turn
from source_servers import HOST, free_port

PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")


class Served:
    """A use case's figures behind a real server, with a Dagster instance whose daemon lives if it is wanted."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance | None, *, daemon: bool = True) -> None:
        for part in instance.get_required_daemon_types() if instance and daemon else ():
            instance.add_daemon_heartbeat(DaemonHeartbeat(datetime.now(UTC).timestamp() - 7, part, "1"))
        app = build_app(settings, health=RunHealth(instance) if instance else None)
        self.server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=free_port(), log_level="error"))
        self.thread = threading.Thread(target=self.server.run)

    def __enter__(self) -> Self:
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive()
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join()

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://{HOST}:{self.server.config.port}{path}", timeout=10)

    def scrape(self) -> dict[str, dict[tuple[str, ...], float]]:
        answer = self.get("/metrics")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain; version=")
        families = list(text_string_to_metric_families(answer.text))
        assert all(family.documentation and family.type == "gauge" for family in families)
        return {
            family.name: {tuple(v for k, v in s.labels.items() if k != "use_case"): s.value for s in family.samples}
            for family in families
        }


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(make_home(tmp_path / "instance")) as instance:  # one that requires daemons
        yield instance


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("home"))
    take_turn(project, make_counts("2024-01-01", 42))
    take_turn(project, make_counts("2024-02-12", 1))
    return project


@pytest.fixture
def client(project: Project, instance: dg.DagsterInstance) -> Iterator[Served]:
    with Served(project.settings, instance) as client:
        yield client


def test_prometheus_reads_every_figure(client: Served) -> None:
    found = client.scrape()
    assert list(found) == [figure.name for figure in (*FIGURES, *PLATFORM_FIGURES)]
    unknown = {"loopcast_concept_drift_score", "loopcast_data_drift_score", "loopcast_data_signals"}
    assert {name for name, values in found.items() if not values} <= unknown | {
        "loopcast_deterioration_score",
        "loopcast_deterioration_limit",
    }


def test_figures_are_those_of_the_store(client: Served, project: Project, instance: dg.DagsterInstance) -> None:
    for status in ("NOT_STARTED", "NOT_STARTED", "STARTED", "SUCCESS"):
        create_run_for_test(instance, tags={USE_CASE: "counts"}, status=dg.DagsterRunStatus[status])
    found = client.scrape()
    facts = project.store.outputs.manifest("accuracy_cells", "v00000002").facts
    assert found["loopcast_mae"][()] == pytest.approx(facts["mae"])
    assert found["loopcast_versions"][()] == 2
    assert found["loopcast_runs"] == {("queued",): 2, ("started",): 1, ("failed",): 0}
    assert found["loopcast_decisions"] == {("build_first",): 1, ("keep",): 1}
    assert set(found["loopcast_forecast_latency_seconds"]) == {("0.5",), ("0.95",)}
    assert 7 <= found["loopcast_daemon_heartbeat_age_seconds"][()] < 60
    assert found["loopcast_lake_up"][()] == 1


def test_ages_are_those_of_the_moment_of_asking(project: Project) -> None:
    clock = SimpleNamespace(now=NOW + timedelta(hours=2))
    monitoring = Monitoring(project.settings, None, clock=lambda: clock.now)
    (told,) = monitoring.sample().overviews
    assert told.status == "fine"
    clock.now += timedelta(seconds=1)
    assert monitoring.sample().taken_at == NOW + timedelta(hours=2)  # a moment ago is good enough
    clock.now += timedelta(days=2)
    assert [one.status for one in monitoring.sample().overviews] == ["overdue"]


def test_all_is_well_with_a_daemon_and_a_lake_however_late_the_data_are(client: Served) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()["is_healthy"], answer.json()["reasons"]) == (200, True, [])


def test_a_dead_daemon_makes_it_unwell(project: Project, instance: dg.DagsterInstance) -> None:
    with Served(project.settings, instance, daemon=False) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["is_healthy"]) == (503, False)
        assert answer.json()["reasons"] == ["the daemon has given no sign of life for two minutes: no run is started"]
        assert client.scrape()["loopcast_daemon_up"][()] == 0


def test_a_lake_and_a_use_case_that_cannot_be_read_are_named(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    project = make_project(tmp_path)
    (tmp_path / ".loopcast" / "lake" / ".health").write_text("in the way")
    wrong = project.settings.use_cases / "wrong"
    wrong.mkdir()
    (wrong / "defs.yaml").write_text("attributes: [")
    with Served(project.settings, instance) as client:
        reasons = client.get("/health").json()["reasons"]
        found = client.scrape()
    assert [reason.split(":")[0] for reason in reasons] == ["wrong cannot be read", "the lake cannot be used"]
    assert found["loopcast_lake_up"][()] == 0
    assert found["loopcast_use_cases"][()] == 2


def test_figures_without_an_orchestrator_leave_out_what_only_it_knows(project: Project) -> None:
    with Served(project.settings, None) as client:
        found = client.scrape()
        assert client.get("/health").status_code == 200
    assert (found["loopcast_runs"], found["loopcast_daemon_up"]) == ({}, {})


def test_a_folder_of_use_cases_that_is_gone_is_told_in_words(project: Project, tmp_path: Path) -> None:
    with Served(replace(project.settings, use_cases=tmp_path / "gone"), None) as client:
        answer = client.get("/metrics")
    assert (answer.status_code, "found no folder" in answer.json()["error"]) == (400, True)


def test_the_page_names_every_figure_with_what_it_is() -> None:
    rows = re.findall(r"^\| `(loopcast_\w+)(?:\{(\w+)\})?` \| (.+) \|$", PAGE, re.MULTILINE)
    assert rows == [
        *((figure.name, figure.label or "", figure.text) for figure in FIGURES),
        *((figure.name, "", figure.text) for figure in PLATFORM_FIGURES),
    ]


def test_names_say_their_unit() -> None:
    names = [figure.name for figure in (*FIGURES, *PLATFORM_FIGURES)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"loopcast_[a-z_]+", name) for name in names)
    timed = [figure.name for figure in FIGURES if "Seconds" in figure.text]
    assert all(name.endswith("_seconds") for name in timed)
