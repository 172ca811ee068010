"""Rows of a SQL query: from the cursor on, in cursor order, at most so many.

Here belong the only calls of SQLAlchemy. Not here: which rows are new (`loopcast.sources.batch`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from loopcast.errors import SourceError
from loopcast.sources.batch import Fetched, Position, Rows, Shape, digest_row, leave_out_taken, make_batch
from loopcast.sources.cursor import decode_cursor, encode_cursor, step_back
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.use_case.sources import CURSOR, SqlSource

ADVICE = "write a SQLAlchemy URL, and install its driver (for Postgres: pip install loopcast[postgres])"
FROM, INITIAL = "loopcast_from", "loopcast_initial"


def fetch_sql(source: SqlSource, position: Position, *, shape: Shape, secrets: Secrets) -> Fetched:
    """Return the rows that follow a position.

    Args:
        source: the query.
        position: what was taken before.
        shape: how rows become rows of the table.
        secrets: what the source takes from the environment.

    Raises:
        SourceError: the database does not answer as it should.
    """
    seen = frozenset(position.get("seen", ()))
    last = decode_cursor(position["cursor"]) if position else source.initial
    start = step_back(last, source.lookback) if position else last
    limit = source.batch_rows + len(seen)
    with _connect(source, secrets=secrets) as connection:
        rows = _read(connection, source, start=start, limit=limit)
    cursors = rows.column(source.cursor) if rows.cells else []
    new = leave_out_taken(rows, seen)
    is_full = len(rows.cells) == limit
    if not new.cells and is_full:
        raise SourceError(f"found {limit} rows that are all the same; write SELECT DISTINCT, or raise batch_rows")
    if not new.cells:
        return Fetched(None, position)
    reached = _reach(cursors, last if position else None, lookback=source.lookback)
    after = {
        "cursor": encode_cursor(reached),
        "seen": sorted({*_at_the_end(rows, source, reached=reached), *(seen if is_full else ())}),
    }
    batch = make_batch(new, shape=shape, reason=f"{len(new.cells)} rows up to {source.cursor} {reached}")
    return Fetched(batch, after, more=is_full)


def _read(connection: sa.Connection, source: SqlSource, *, start: Any, limit: int) -> Rows:
    """Return the rows from a cursor on, itself included, in its order."""
    cursor: sa.ColumnElement[Any] = sa.column(source.cursor)
    query = sa.text(source.query).columns(cursor).subquery("loopcast_batch")
    statement = sa.select(sa.text("*")).select_from(query).order_by(query.c[source.cursor]).limit(limit)
    values = {FROM: start, INITIAL: source.initial}
    for name in (name for name, value in values.items() if value is not None):
        # Without a type, so that the database reads a text as whatever the column is.
        statement = statement.where(query.c[source.cursor] >= sa.bindparam(name, type_=sa.types.NullType()))
    if CURSOR.search(source.query):
        values["cursor"] = start
    found = connection.execute(statement, {name: value for name, value in values.items() if value is not None})
    return Rows(tuple(found.keys()), [tuple(row) for row in found.fetchall()])


def _reach(cursors: list[Any], last: Any, *, lookback: str | float | None) -> Any:
    """Return the new cursor: that of the last row, in the database's own order; never behind the one before."""
    if any(cursor is None for cursor in cursors):
        raise SourceError("found rows without a value in the cursor's column; leave them out in the query")
    return last if last is not None and lookback is not None and cursors[-1] < last else cursors[-1]


def _at_the_end(rows: Rows, source: SqlSource, *, reached: Any) -> Iterator[str]:
    """Yield the digests of the rows that the next fetch meets again."""
    again = step_back(reached, source.lookback)
    for cursor, row in zip(rows.column(source.cursor), rows.cells, strict=True):
        if cursor == reached or (source.lookback is not None and cursor >= again):
            yield digest_row(rows.names, row)


@contextmanager
def _connect(source: SqlSource, *, secrets: Secrets) -> Iterator[sa.Connection]:
    """Open a connection for one fetch; what goes wrong is told without URL and secrets."""
    place = describe_url(source.url, secrets=secrets)
    try:
        url = sa.make_url(secrets.resolve(source.url))
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool, connect_args=_bound_waits(url, source.timeout_s))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise SourceError(f"{place} is no database that can be opened: {error}; {ADVICE}") from None
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        raise SourceError(f"{place} answered: {said}") from None


def _bound_waits(url: sa.URL, timeout_s: float) -> dict[str, Any]:
    """Return the connection's arguments by which a hung database is given up, and nothing can be written."""
    if url.get_backend_name() == "sqlite":
        if url.database and not Path(url.database).is_file():
            raise ValueError(f"there is no file {url.database}")
        return {"timeout": timeout_s}
    if url.get_backend_name() == "postgresql":
        milliseconds = int(timeout_s * 1000)
        options = f"-c statement_timeout={milliseconds} -c default_transaction_read_only=on"
        return {
            "connect_timeout": max(2, int(timeout_s)),
            "tcp_user_timeout": milliseconds,
            "options": options,
            "application_name": "loopcast",
        }
    return {}
