"""The warehouse's file: changed in a copy beside it that takes its place when whole, and queried read-only.

So whoever holds the file open, for however long, blocks nobody, is blocked by nobody, and goes on reading what it
opened. Not here: what is in the tables (`loopcast.loop.warehouse`) and the SQL that fills them
(`loopcast.store.warehouse`).
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
import pandas as pd

from loopcast.errors import CallerError, NotFoundError, StoreError
from loopcast.store.statements import quote_text

SAFE = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "lock_configuration": "true",
}


@dataclass
class Draft:
    """A copy of the warehouse that is being changed.

    Args:
        path: the copy; it need not be there yet.
        is_wanted: whether it takes the warehouse's place; False: everything stays as it was.
    """

    path: Path
    is_wanted: bool = True

    def compact(self) -> None:
        """Write the draft anew, so that nothing of what was removed from it is left in its bytes."""
        fresh = self.path.with_name(f"{self.path.name}.compact")
        with duckdb.connect() as connection:
            for name, place in (("draft", self.path), ("fresh", fresh)):
                connection.execute(f"ATTACH {quote_text(str(place))} AS {name}")
            connection.execute("COPY FROM DATABASE draft TO fresh")
        fresh.replace(self.path)


@contextmanager
def draft_warehouse(path: Path) -> Iterator[Draft]:
    """Yield a copy of the warehouse to change; afterwards it takes the warehouse's place, after an error it does not.

    One process drafts at a time, others wait. A warehouse that cannot be opened is not copied: all is made anew then.

    Raises:
        StoreError: the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_name(f".{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel gives it back when the process ends
            _remove_drafts(path)
            draft = Draft(path.with_name(f".{path.name}.{uuid4().hex}.draft"))
            if _can_open(path):
                shutil.copyfile(path, draft.path)
            try:
                yield draft
                if draft.is_wanted:
                    _put_in_place(draft.path, path)
            finally:
                _remove_drafts(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; check the space and the permissions") from error


def query_warehouse(path: Path, query: str, *, limit: int | None = None) -> pd.DataFrame:
    """Return the rows of a query over the warehouse, which is opened read-only and closed again.

    Args:
        path: the warehouse.
        query: one SQL statement; it can reach no other file.
        limit: at most so many rows.

    Raises:
        NotFoundError: there is no warehouse yet.
        CallerError: the query cannot be answered.
    """
    if not path.is_file():
        raise NotFoundError(f"found no warehouse at {path}; make it with `loopcast warehouse rebuild`")
    try:
        with duckdb.connect(str(path), read_only=True, config=SAFE) as connection:
            answer = connection.sql(query)
            if answer is None:
                return pd.DataFrame()
            frame: pd.DataFrame = (answer if limit is None else answer.limit(limit)).to_arrow_table().to_pandas()
            return frame
    except duckdb.Error as error:
        raise CallerError(f"the warehouse cannot answer: {error}") from error


def _can_open(path: Path) -> bool:
    """Return whether there is a warehouse that the engine reads."""
    if not path.is_file():
        return False
    try:
        with duckdb.connect(str(path), read_only=True, config=SAFE) as connection:
            connection.execute("SELECT count(*) FROM duckdb_tables()")
    except duckdb.Error:
        return False
    return True


def _put_in_place(draft: Path, path: Path) -> None:
    """Give a draft the warehouse's name, durably."""
    _synchronise(draft)
    draft.replace(path)
    # Changes that somebody else had begun to write beside the old file: they do not fit the new one.
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    _synchronise(path.parent)


def _synchronise(place: Path) -> None:
    """Synchronise a file, or a folder's list of names, with the disk."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_drafts(path: Path) -> None:
    """Remove drafts, such as those of processes that were killed; only under the lock."""
    for left in path.parent.glob(f".{path.name}.*.draft*"):
        left.unlink(missing_ok=True)
