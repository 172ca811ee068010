"""Databases for the tests of sources: SQLite always, Postgres where it is installed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from source_servers import Endpoint, Postgres, find_postgres, running_postgres

PROGRAMS = find_postgres()
TIMES = {"sqlite": "TEXT", "postgresql": "TIMESTAMP"}


class Database:
    """A database with a table of readings, into which tests write as a plant's own system does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        kind = TIMES[self.engine.dialect.name]
        self.execute("DROP TABLE IF EXISTS readings")
        self.execute(f"CREATE TABLE readings (at {kind}, count NUMERIC, promotion FLOAT, changed {kind}, serial INT)")

    def execute(self, statement: str, rows: list[dict[str, Any]] | None = None) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), rows)

    def add(self, *rows: tuple[str, float | None, str], serial: int = 0) -> None:
        """Add rows: hour of 2024-01-01, count, time of change on that day."""
        values = [
            {"at": f"2024-01-01 {at}:00", "count": count, "changed": f"2024-01-02 {changed}", "serial": serial}
            for at, count, changed in rows
        ]
        self.execute("INSERT INTO readings VALUES (:at, :count, 0, :changed, :serial)", values)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A real Postgres of our own."""
    if PROGRAMS is None:
        pytest.skip("no Postgres")
    with running_postgres(PROGRAMS) as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """The same table in each kind of database."""
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path}/plant.db")
    return Database(request.getfixturevalue("postgres").url)


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An HTTP server on this machine."""
    server = Endpoint()
    yield server
    server.close()
