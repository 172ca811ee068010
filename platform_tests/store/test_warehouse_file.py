"""The warehouse's file: whoever reads it and whoever replaces it never meet."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

from loopcast.errors import CallerError, NotFoundError, StoreError
from loopcast.store.warehouse_file import draft_warehouse, query_warehouse

ROOT = Path(__file__).resolve().parents[2] / "platform"
READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
rows = connection.execute("SELECT n FROM numbers, range(3)").fetchmany(1)
print("reading", flush=True)
sys.stdin.readline()
print(connection.execute("SELECT max(n) FROM numbers").fetchone()[0], flush=True)
"""
WRITER = """
import sys, duckdb
from pathlib import Path
from loopcast.store.warehouse_file import draft_warehouse
with draft_warehouse(Path(sys.argv[1])) as draft:
    connection = duckdb.connect(str(draft.path))
    connection.execute("INSERT INTO numbers SELECT 99 FROM range(1000)")
    print("writing", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "warehouse.duckdb"
    add(path, 1)
    return path


def add(path: Path, number: int) -> None:
    with draft_warehouse(path) as draft, duckdb.connect(str(draft.path)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS numbers (n BIGINT)")
        connection.execute("INSERT INTO numbers VALUES (?)", [number])


def numbers(path: Path) -> list[int]:
    return query_warehouse(path, "SELECT n FROM numbers ORDER BY n")["n"].tolist()


def files(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


def begin(program: str, path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() in ("reading\n", "writing\n")
    return process


def test_a_reader_that_holds_the_file_open_blocks_no_writer_and_keeps_what_it_opened(path: Path) -> None:
    reader = begin(READER, path)
    add(path, 2)
    add(path, 3)
    assert numbers(path) == [1, 2, 3]
    told, _ = reader.communicate("go on\n", timeout=30)
    assert (told.strip(), reader.returncode) == ("1", 0)


def test_a_writer_blocks_no_reader(path: Path) -> None:
    with draft_warehouse(path) as draft, duckdb.connect(str(draft.path)) as connection:
        connection.execute("INSERT INTO numbers VALUES (2)")
        assert numbers(path) == [1]
    assert numbers(path) == [1, 2]


def test_a_writer_that_is_killed_leaves_the_old_file_and_the_next_one_cleans_up(path: Path) -> None:
    writer = begin(WRITER, path)
    writer.send_signal(signal.SIGKILL)
    writer.wait(timeout=30)
    writer.communicate()
    assert numbers(path) == [1]
    assert len(files(path)) > 2
    add(path, 2)
    assert numbers(path) == [1, 2]
    assert files(path) == [".warehouse.duckdb.lock", "warehouse.duckdb"]


def spoil(path: Path) -> None:
    with draft_warehouse(path) as draft:
        with duckdb.connect(str(draft.path)) as connection:
            connection.execute("DROP TABLE numbers")
        raise ZeroDivisionError


def test_an_error_while_drafting_leaves_everything_as_it_was(path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        spoil(path)
    assert (numbers(path), files(path)) == ([1], [".warehouse.duckdb.lock", "warehouse.duckdb"])


def test_a_draft_that_is_not_wanted_leaves_the_very_same_file(path: Path) -> None:
    before = path.stat().st_ino
    with draft_warehouse(path) as draft:
        draft.is_wanted = False
    assert (path.stat().st_ino, numbers(path)) == (before, [1])


def test_writers_come_one_after_the_other_and_none_is_lost(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path, number)) for number in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers(path) == [1, 2, 3, 4, 5, 6, 7]


def test_a_file_that_cannot_be_opened_is_made_anew(path: Path) -> None:
    path.write_bytes(b"no database")
    with pytest.raises(CallerError, match="the warehouse cannot answer"):
        numbers(path)
    add(path, 5)
    assert numbers(path) == [5]


def test_changes_that_somebody_wrote_beside_the_file_do_not_meet_the_new_one(path: Path) -> None:
    path.with_name("warehouse.duckdb.wal").write_bytes(b"somebody's")
    add_over(path)
    assert numbers(path) == [2]


def add_over(path: Path) -> None:
    with draft_warehouse(path) as draft:
        draft.path.unlink(missing_ok=True)
        with duckdb.connect(str(draft.path)) as connection:
            connection.execute("CREATE TABLE numbers AS SELECT 2 AS n")


def test_a_compacted_draft_has_nothing_left_of_what_was_removed_and_all_of_the_rest(path: Path) -> None:
    with draft_warehouse(path) as draft:
        with duckdb.connect(str(draft.path)) as connection:
            connection.execute("COMMENT ON TABLE numbers IS 'told'")
            connection.execute("CREATE TABLE names (name VARCHAR PRIMARY KEY)")
            connection.execute("INSERT INTO names VALUES ('Annabelle'), ('Bartholomew')")
            connection.execute("CHECKPOINT")
            connection.execute("DELETE FROM names WHERE name = 'Annabelle'")
        assert b"Annabelle" in draft.path.read_bytes()
        draft.compact()
        assert b"Annabelle" not in draft.path.read_bytes()
    assert numbers(path) == [1]
    told = query_warehouse(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'numbers'")
    assert told["comment"].tolist() == ["told"]
    with draft_warehouse(path) as draft, duckdb.connect(str(draft.path)) as connection:
        connection.execute("INSERT OR REPLACE INTO names VALUES ('Bartholomew')")
    assert query_warehouse(path, "FROM names")["name"].tolist() == ["Bartholomew"]


def test_queries_are_answered_read_only_and_reach_no_other_file(path: Path) -> None:
    assert query_warehouse(path, "SELECT * FROM range(10)", limit=3)["range"].tolist() == [0, 1, 2]
    secret = path.with_name("secret.csv")
    secret.write_text("a\n1\n")
    for query in (
        "INSERT INTO numbers VALUES (9)",
        "DROP TABLE numbers",
        f"FROM '{secret}'",
        "SELEC",
        "SELECT n FROM x",
    ):
        with pytest.raises(CallerError, match="the warehouse cannot answer"):
            query_warehouse(path, query)
    assert numbers(path) == [1]


def test_where_there_is_none_or_no_place_for_one_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="loopcast warehouse rebuild"):
        query_warehouse(tmp_path / "none.duckdb", "SELECT 1")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"), draft_warehouse(tmp_path / "file" / "w.duckdb"):
        pass
