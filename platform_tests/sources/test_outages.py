"""Sources that go away and come back, through the whole way to versions: nothing lost, nothing taken twice."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from loopcast.loop.project import Project
from loopcast.loop.pull import Pulled, choose_sources, pull
from made_use_case import NOW, YAML, make_counts, make_project
from source_servers import HOST, Answer, Asked, Endpoint, Postgres

POSTGRES = "{kind: sql, url: {env: PLANT_DB}, query: SELECT * FROM plant, cursor: changed, timeout_s: 5}"


def make(folder: Path, source: str) -> Project:
    yaml = YAML.format(name="counts").replace("  steward:", f"  source: {source}\n  steward:")
    return make_project(folder, yaml=yaml)


def poll(project: Project, **environment: str) -> list[Pulled]:
    return pull(project, choose_sources(project), clock=lambda: NOW, environment=environment)


def settle(project: Project) -> list[tuple[str, int, int, int]]:
    versions = project.store.versions
    records = [versions.settle(key, now=NOW) for key in versions.claims()]
    return [(record.status, record.added, record.corrected, record.unchanged) for record in records]


@pytest.fixture
def plant(postgres: Postgres) -> Iterator[sa.Engine]:
    engine = sa.create_engine(postgres.url, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE plant (at TIMESTAMP, count NUMERIC, changed TIMESTAMPTZ)"))
    yield engine
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE plant"))


def add(engine: sa.Engine, day: int, *, factor: float = 1.0) -> None:
    rows = make_counts(f"2024-01-{day:02}", 1)
    values = [{"at": at.to_pydatetime(), "count": n * factor} for at, n in zip(rows["at"], rows["count"], strict=True)]
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO plant VALUES (:at, :count, now())"), values)


def test_a_postgres_that_is_stopped_and_started_again_loses_nothing(
    tmp_path: Path, postgres: Postgres, plant: sa.Engine
) -> None:
    project = make(tmp_path, POSTGRES)
    add(plant, 1)
    assert [len(one.claims) for one in poll(project, PLANT_DB=postgres.url)] == [1]
    add(plant, 2)
    postgres.stop()
    try:
        for _ in range(2):
            (failed,) = poll(project, PLANT_DB=postgres.url)
            assert failed.claims == ()
            assert "answered: " in str(failed.problem)
            assert "very-secret" not in str(failed.problem)
    finally:
        postgres.start()
    assert [len(one.claims) for one in poll(project, PLANT_DB=postgres.url)] == [1]
    add(plant, 2, factor=2.0)
    assert [len(one.claims) for one in poll(project, PLANT_DB=postgres.url)] == [1]
    assert [one.claims for one in poll(project, PLANT_DB=postgres.url)] == [()]
    assert settle(project) == [("accepted", 24, 0, 0), ("accepted", 24, 0, 0), ("accepted", 0, 24, 0)]


def test_nothing_of_the_source_s_password_is_kept_anywhere(
    tmp_path: Path, postgres: Postgres, plant: sa.Engine
) -> None:
    project = make(tmp_path, POSTGRES)
    add(plant, 1)
    poll(project, PLANT_DB=postgres.url)
    settle(project)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) > 5
    assert [file for file in files if b"very-secret" in file.read_bytes()] == []


def test_pages_that_break_off_take_nothing_and_come_whole_later(tmp_path: Path, endpoint: Endpoint) -> None:
    days = [
        json.loads(make_counts(f"2024-01-0{day}", 1).to_json(orient="records", date_format="iso")) for day in (1, 2)
    ]
    broken = True

    def answer(asked: Asked) -> Answer:
        if "page" not in asked.query:
            return Answer(days[0], headers={"link": '<?page=2>; rel="next"'})
        return Answer(b"oops", status=500) if broken else Answer(days[1])

    endpoint.answer = answer
    project = make(tmp_path, f'{{kind: http, url: "{endpoint.url}/readings", next_page: link}}')
    (failed,) = poll(project)
    assert (failed.claims, "answered 500" in str(failed.problem)) == ((), True)
    broken = False
    assert [len(one.claims) for one in poll(project)] == [1]
    assert [one.claims for one in poll(project)] == [()]
    assert settle(project) == [("accepted", 48, 0, 0)]


def test_a_silent_database_and_a_silent_server_hold_up_no_other_source(
    tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loopcast.sources.fetch.GRACE_S", 0.2)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("at,count\n2024-01-01 00:00,1\n")
    os.utime(tmp_path / "data" / "a.csv", (1e9, 1e9))
    endpoint.answer = lambda _: Answer([], wait_s=60)
    with socket.create_server((HOST, 0)) as silent:
        url = f"postgresql://u:p@{HOST}:{silent.getsockname()[1]}/db"
        sources = [
            "{kind: sql, url: {env: PLANT_DB}, query: SELECT 1, cursor: a, timeout_s: 0.3}",
            f'{{kind: http, url: "{endpoint.url}", timeout_s: 0.3}}',
            f'{{kind: files, url: "{(tmp_path / "data").as_uri()}"}}',
        ]
        project = make(tmp_path / "home", f"[{', '.join(sources)}]")
        began = time.monotonic()
        sql, http, files = poll(project, PLANT_DB=url)
    assert time.monotonic() - began < 30, "nobody waited for the minute"
    assert "did not answer within 0.3 s" in str(sql.problem)
    assert "did not answer within 0.3 s" in str(http.problem)
    assert [claim.name for claim in files.claims] == ["a.csv"]


def test_a_batch_that_breaks_a_rule_is_kept_in_quarantine_and_the_next_one_comes(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    window: list[dict[str, Any]] = [{"at": "2024-01-01T00:00", "count": -1}]
    endpoint.answer = lambda _: Answer(window)
    project = make(tmp_path, f'{{kind: http, url: "{endpoint.url}"}}')
    poll(project)
    window.append({"at": "2024-01-01T01:00", "count": 2})
    poll(project)
    window[0]["count"] = 1
    poll(project)
    assert [status for status, *_ in settle(project)] == ["refused", "accepted", "accepted"]
    assert list(project.store.versions.read("v00000003")["count"]) == [1.0, 2.0]
