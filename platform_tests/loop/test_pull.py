"""Polling: each batch one version, whatever crashes in between, and a source that fails holds up no other."""

import gzip
import io
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from loopcast.errors import CallerError, ConflictError
from loopcast.loop.ingest import take_inbox
from loopcast.loop.project import Project
from loopcast.loop.pull import choose_sources, pull, read_standing, take_batch
from loopcast.sources.fetch import Question, fetch
from made_use_case import NOW, YAML, make_counts, make_project, to_csv

SOURCE = """  source:
    - {{kind: sql, name: plant, url: "sqlite:///{folder}/plant.db", query: SELECT * FROM readings, cursor: changed,
       batch_rows: {batch_rows}}}
    - {{kind: sql, name: broken, url: "sqlite:///{folder}/none.db", query: SELECT 1, cursor: a}}
  steward:"""


class Plant:
    """A use case whose source is a table."""

    def __init__(self, folder: Path, *, batch_rows: int = 1000) -> None:
        self.file = folder / "plant.db"
        source = SOURCE.format(folder=folder, batch_rows=batch_rows)
        yaml = YAML.format(name="counts").replace("  steward:", source)
        self.project: Project = make_project(folder, yaml=yaml)
        with sqlite3.connect(self.file) as connection:
            connection.execute("CREATE TABLE readings (at TEXT, count REAL, promotion REAL, changed INT)")

    def add(self, day: int, *, changed: int) -> None:
        with sqlite3.connect(self.file) as connection:
            rows = make_counts(f"2024-01-{day:02}", 1).assign(changed=changed).astype({"at": "str"})
            connection.executemany("INSERT INTO readings VALUES (?, ?, ?, ?)", rows.to_numpy().tolist())

    def pull(self, *names: str, clock: Callable[[], datetime] = lambda: NOW) -> list[list[str]]:
        sources = choose_sources(self.project, names or ("plant",))
        return [[c.version for c in one.claims] for one in pull(self.project, sources, clock=clock, environment={})]

    def settle(self) -> list[tuple[int, int, int]]:
        """Return what each version did: rows added, corrected, unchanged."""
        versions = self.project.store.versions
        records = [versions.settle(key, now=NOW) for key in versions.claims()]
        assert {record.status for record in records} <= {"accepted"}
        return [(record.added, record.corrected, record.unchanged) for record in records]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return Plant(tmp_path)


def test_each_batch_is_one_version_and_an_idle_poll_leaves_nothing_behind(plant: Plant) -> None:
    plant.add(1, changed=1)
    assert plant.pull() == [["v00000001"]]
    assert plant.pull() == [[]]
    plant.add(2, changed=2)
    assert plant.pull() == [["v00000002"]]
    assert plant.settle() == [(24, 0, 0), (24, 0, 0)]
    claim = plant.project.store.versions.claim_of("v00000002")
    assert (claim.source, claim.actor, claim.reason) == ("sql:plant", "sql", "24 rows up to changed 2")
    assert len(plant.project.store.references.history("source_plant")) == 2


def test_a_backlog_comes_in_bounded_batches_in_one_poll(tmp_path: Path) -> None:
    plant = Plant(tmp_path, batch_rows=30)
    for day in (1, 2, 3):
        plant.add(day, changed=day)
    assert plant.pull() == [["v00000001", "v00000002", "v00000003"]]
    assert [added for added, _, _ in plant.settle()] == [30, 30, 12]


def test_a_backlog_is_left_for_the_next_poll_when_time_is_up(tmp_path: Path) -> None:
    plant = Plant(tmp_path, batch_rows=30)
    plant.add(1, changed=1)
    plant.add(2, changed=2)
    times = iter(NOW + timedelta(seconds=7 * step) for step in range(20))
    assert plant.pull(clock=lambda: next(times)) == [["v00000001"]]
    assert plant.pull() == [["v00000002"]]
    assert [added for added, _, _ in plant.settle()] == [30, 18]


def test_a_crash_before_the_claim_makes_no_version_and_loses_nothing(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.add(1, changed=1)
    versions = plant.project.store.versions
    with monkeypatch.context() as patch:
        patch.setattr(versions, "claim", crash)
        with pytest.raises(KeyboardInterrupt):
            plant.pull()
    assert versions.claims() == []
    plant.add(2, changed=2)
    assert plant.pull() == [["v00000001"]]
    assert plant.settle() == [(48, 0, 0)]


def test_a_crash_right_after_the_claim_makes_no_second_version_even_with_new_rows(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.add(1, changed=1)
    versions = plant.project.store.versions
    claim = versions.claim

    def claim_and_crash(*args: object, **options: object) -> None:
        claim(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versions, "claim", claim_and_crash)
        with pytest.raises(KeyboardInterrupt):
            plant.pull()
    assert versions.claims() == ["v00000001"]
    plant.add(2, changed=1)
    assert plant.pull() == [["v00000002"]]
    assert plant.settle() == [(24, 0, 0), (24, 0, 0)]


def crash(*args: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_of_two_polls_at_the_same_moment_one_takes_the_batch(plant: Plant) -> None:
    plant.add(1, changed=1)
    project = plant.project
    (source,) = choose_sources(project, ["plant"])
    standing = read_standing(project, "plant")
    fetched = fetch(Question(source, standing.position, project.store.spec, {}, NOW, list))
    first = take_batch(project, source, fetched, standing, now=NOW)
    assert first is not None
    with pytest.raises(ConflictError, match="another poll of plant was faster"):
        take_batch(project, source, fetched, standing, now=NOW)
    assert project.store.versions.claims() == ["v00000001"]
    assert plant.pull() == [[]]


def test_a_source_that_fails_holds_up_no_other(plant: Plant) -> None:
    plant.add(1, changed=1)
    sources = choose_sources(plant.project)
    good, bad = pull(plant.project, sources, clock=lambda: NOW, environment={})
    assert (len(good.claims), good.problem) == (1, None)
    assert (len(bad.claims), "there is no file" in str(bad.problem)) == (0, True)


def test_an_unknown_source_is_named_with_those_there_are(plant: Plant) -> None:
    with pytest.raises(CallerError, match="counts has no source 'scada' to poll; found: plant, broken"):
        choose_sources(plant.project, ["scada"])


def test_without_polled_sources_there_is_nothing_to_ask(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert pull(project, [], clock=lambda: NOW, environment={}) == []
    with pytest.raises(CallerError, match="counts has no source to poll; name one under `source`, or send a file"):
        choose_sources(project)


FILES = """  source:
    - {{kind: files, name: exports, url: "{url}"}}
    - {{kind: inbox, enabled: false}}
  steward:"""


class Exports:
    """A use case whose source is a folder that another system writes to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "exports"
        self.folder.mkdir()
        source = FILES.format(url=self.folder.as_uri())
        self.project = make_project(folder, yaml=YAML.format(name="counts").replace("  steward:", source))

    def put(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)
        os.utime(self.folder / name, (NOW.timestamp() - 60,) * 2)

    def pull(self) -> list[tuple[str, str]]:
        """Return version and file name of what was taken."""
        (one,) = pull(self.project, choose_sources(self.project), clock=lambda: NOW, environment={})
        assert one.problem is None
        return [(claim.version, claim.name) for claim in one.claims]


@pytest.fixture
def exports(tmp_path: Path) -> Exports:
    return Exports(tmp_path)


def to_bytes(frame: Any, kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "parquet":
        frame.to_parquet(sink, index=False)
    elif kind == "csv.gz":
        sink.write(gzip.compress(to_csv(frame)))
    elif kind == "xlsx":
        frame.to_excel(sink, index=False)
    elif kind == "jsonl":
        frame.to_json(sink, orient="records", lines=True, date_format="iso")
    else:
        sink.write(to_csv(frame))
    return sink.getvalue()


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "jsonl", "xlsx"])
def test_every_kind_of_file_is_a_version_once(exports: Exports, kind: str) -> None:
    for day in (1, 2):
        exports.put(f"day-{day}.{kind}", to_bytes(make_counts(f"2024-01-{day:02}", 1), kind))
    assert exports.pull() == [("v00000001", f"day-1.{kind}"), ("v00000002", f"day-2.{kind}")]
    assert exports.pull() == []
    versions = exports.project.store.versions
    assert [versions.settle(key, now=NOW).added for key in versions.claims()] == [24, 24]
    assert exports.project.store.references.history("source_exports") == [], "the claims say what was taken"


def test_a_file_written_again_is_a_version_only_where_it_says_something_else(exports: Exports) -> None:
    first, second = to_csv(make_counts("2024-01-01", 1)), to_csv(make_counts("2024-01-01", 1, seed=8))
    found = []
    for content in (first, first, second, second, first):
        exports.put("latest.csv", content)
        os.utime(exports.folder / "latest.csv", (NOW.timestamp() - 50 + len(found),) * 2)
        found.append(exports.pull())
        assert exports.pull() == []
    assert [len(taken) for taken in found] == [1, 0, 1, 0, 1]


def test_a_crash_right_after_a_file_s_claim_makes_no_second_version(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports.put("a.csv", to_csv(make_counts("2024-01-01", 1)))
    exports.put("b.csv", to_csv(make_counts("2024-01-02", 1)))
    versions = exports.project.store.versions
    claim = versions.claim

    def claim_and_crash(*args: object, **options: object) -> None:
        claim(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(versions, "claim", claim_and_crash)
        with pytest.raises(KeyboardInterrupt):
            exports.pull()
    assert exports.pull() == [("v00000002", "b.csv")]


def test_a_switched_off_inbox_takes_nothing_and_is_not_made(exports: Exports) -> None:
    assert not exports.project.inbox.exists()
    exports.project.inbox.mkdir(parents=True)
    (exports.project.inbox / "a.csv").write_bytes(to_csv(make_counts("2024-01-01", 1)))
    assert take_inbox(exports.project, now=datetime.now(UTC) + timedelta(minutes=1)) == []
