"""Dagster's SQLite event log with its files kept open: Dagster opens and closes them several times for each event.

Here belongs when a file is opened and closed. What is written, and where, is Dagster's own.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

MOST_FILES = 8  # the one of all runs, and those of the newest ones


class KeptEventLog(SqliteEventLogStorage):
    """The event log of an instance; the last connection to a file is closed when it is not needed any more.

    Closing the last one makes SQLite write its journal back, which cost more than a third of a run.
    """

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        """Keep where the files are."""
        self._engines: OrderedDict[str, Engine] = OrderedDict()  # first: Dagster's own constructor connects
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> Self:
        """Return the storage that `dagster.yaml` describes."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """Give a connection to a file, in a transaction; one at a time, as Dagster's own does."""
        with self._db_lock:
            engine = self._open(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Return whether the index has a table; one that is there is not looked for again, with a new connection."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Remove all events."""
        self._close_all()
        super().wipe()

    def dispose(self) -> None:
        """Close every file."""
        self._close_all()
        super().dispose()

    def _open(self, shard: str) -> Engine:
        """Return what connects to a file; the one that was not needed for longest is closed."""
        if shard not in self._engines:
            self._engines[shard] = create_engine(
                self.conn_string_for_shard(shard),
                poolclass=QueuePool,
                pool_size=1,
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
            event.listen(self._engines[shard], "connect", _write_lazily)
        self._engines.move_to_end(shard)
        while len(self._engines) > MOST_FILES:
            self._engines.popitem(last=False)[1].dispose()
        return self._engines[shard]

    def _close_all(self) -> None:
        while self._engines:
            self._engines.popitem()[1].dispose()


def _write_lazily(connection: Any, _: object) -> None:
    """Leave it to SQLite when the journal goes to the disk: events survive a crash of ours, if not a power cut.

    What may never get lost is in the lake, and what is unfinished there is told from the lake alone. Four hundred
    commits per turn would each wait for the disk.
    """
    connection.execute("PRAGMA synchronous = NORMAL")
