"""The lake: named immutable objects in a folder, in memory or in any object store, written at most once each.

Here belong the only calls of obstore, and the only local writes, in `LocalDisk`, where faults can be planted. Not here:
what the objects mean.

obstore never calls fsync, so a local object is written beside its place, synchronised, and then linked into it: it is
either there in full, and stays there through a crash, or it is not there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import unquote, urlparse
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from loopcast.errors import NotFoundError, StoreError

STAGING = ".staging"
PROBE = ".health/probe"  # no use case can have that name


class Lake(Protocol):
    """Named immutable objects; paths are relative, with forward slashes."""

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """Write an object if there is none of that name, and return whether this call wrote it.

        The object is durable when the call returns, whoever wrote it.
        """

    def put_content(self, path: str, content: bytes) -> None:
        """Write an object whose name is a digest of its content; other bytes under that name are replaced."""

    def make_durable(self, path: str) -> None:
        """Make an object that is there survive a crash, even where its writer failed before it could."""

    def delete(self, path: str) -> None:
        """Remove an object, if there is one, for good."""

    def clean_staging(self, *, before: datetime) -> int:
        """Remove what writers that died left half-written before a time, and return how many files that were."""

    def get(self, path: str) -> bytes:
        """Return an object's bytes; raises NotFoundError where there is none."""

    def exists(self, path: str) -> bool:
        """Return whether there is such an object."""

    def list(self, prefix: str) -> list[str]:
        """Return the paths of all objects below a folder, sorted."""

    def local_path(self, path: str) -> Path | None:
        """Return where an object lies on this machine, None where it does not."""


class LocalDisk:
    """Every step by which a local object is written; a test that plants faults overrides these."""

    def write(self, file: Path, content: bytes) -> None:
        """Write a new file and synchronise it with the disk."""
        with file.open("xb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())

    def link(self, staged: Path, file: Path) -> None:
        """Give a staged file its name; raises FileExistsError if the name is taken."""
        os.link(staged, file)

    def replace(self, staged: Path, file: Path) -> None:
        """Give a staged file its name, whatever had it."""
        staged.replace(file)

    def sync_folder(self, folder: Path) -> None:
        """Synchronise a folder's list of names with the disk."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def make_folder(self, folder: Path) -> None:
        """Make a folder if there is none."""
        folder.mkdir(exist_ok=True)

    def remove(self, staged: Path) -> None:
        """Remove a file, if there is one."""
        staged.unlink(missing_ok=True)


class ObjectLake:
    """A lake in any store that obstore knows."""

    def __init__(self, store: ObjectStore) -> None:
        """Keep the store."""
        self._store = store

    @classmethod
    def in_memory(cls) -> Self:
        """Return a new and empty lake that lives as long as the object."""
        return cls(MemoryStore())

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """Write an object if there is none of that name, and return whether this call wrote it."""
        try:
            obstore.put(self._store, path, content, mode="create")
        except AlreadyExistsError:
            return False
        except (BaseError, OSError) as error:
            raise _failure("write", path, error) from error
        return True

    def put_content(self, path: str, content: bytes) -> None:
        """Write an object whose name is a digest of its content; other bytes under that name are replaced."""
        if self.put_if_absent(path, content) or self.get(path) == content:
            return
        try:
            obstore.put(self._store, path, content)
        except (BaseError, OSError) as error:
            raise _failure("write", path, error) from error

    def make_durable(self, path: str) -> None:
        """Do nothing: an object store's writes are durable when they are there."""

    def clean_staging(self, *, before: datetime) -> int:  # noqa: ARG002 - part of the protocol
        """Return 0: an object store keeps nothing half-written."""
        return 0

    def delete(self, path: str) -> None:
        """Remove an object, if there is one, for good."""
        try:
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _failure("delete", path, error) from error

    def get(self, path: str) -> bytes:
        """Return an object's bytes; raises NotFoundError where there is none."""
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except FileNotFoundError as error:
            raise NotFoundError(f"no object {path} in the lake; list its folder to see what there is") from error
        except (BaseError, OSError) as error:
            raise _failure("read", path, error) from error

    def exists(self, path: str) -> bool:
        """Return whether there is such an object."""
        try:
            obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise _failure("look for", path, error) from error
        return True

    def list(self, prefix: str) -> list[str]:
        """Return the paths of all objects below a folder, sorted."""
        try:
            return sorted(item["path"] for batch in obstore.list(self._store, prefix) for item in batch)
        except FileNotFoundError:
            return []
        except (BaseError, OSError) as error:
            raise _failure("list", prefix, error) from error

    def local_path(self, path: str) -> Path | None:  # noqa: ARG002 - part of the protocol
        """Return None: nothing lies on this machine."""
        return None


class LocalLake(ObjectLake):
    """A lake in a folder: read through obstore, written through `LocalDisk`."""

    def __init__(self, root: Path, *, disk: LocalDisk | None = None) -> None:
        """Keep the folder, which is made if there is none."""
        self._root = root.absolute()
        self._disk = disk or LocalDisk()
        self._durable: set[Path] = set()
        try:
            self._ensure_folder(self._root / STAGING)
        except OSError as error:
            raise _failure("make a folder for", str(self._root), error) from error
        super().__init__(LocalStore(str(self._root)))

    def put_if_absent(self, path: str, content: bytes) -> bool:
        """Write an object if there is none of that name, and return whether this call wrote it."""
        file = self._root / path
        try:
            self._ensure_folder(file.parent)
            if file.exists():
                self._disk.sync_folder(file.parent)
                return False
            return self._publish(file, content)
        except OSError as error:
            raise _failure("write", path, error) from error

    def put_content(self, path: str, content: bytes) -> None:
        """Write an object whose name is a digest of its content; other bytes under that name are replaced."""
        if self.put_if_absent(path, content) or self.get(path) == content:
            return
        file = self._root / path
        try:
            with self._staged(content) as staged:
                self._disk.replace(staged, file)
            self._disk.sync_folder(file.parent)
        except OSError as error:
            raise _failure("write", path, error) from error

    def make_durable(self, path: str) -> None:
        """Make an object that is there survive a crash, even where its writer failed before it could."""
        folder = (self._root / path).parent
        try:
            self._ensure_folder(folder)
            self._disk.sync_folder(folder)
        except OSError as error:
            raise _failure("write", path, error) from error

    def clean_staging(self, *, before: datetime) -> int:
        """Remove what writers that died left half-written before a time, and return how many files that were."""
        old = []
        try:
            for file in (self._root / STAGING).iterdir():
                with suppress(FileNotFoundError):  # its writer is done with it
                    if file.stat().st_mtime < before.timestamp():
                        old.append(file)
            for file in old:
                self._disk.remove(file)
        except OSError as error:
            raise _failure("clean", STAGING, error) from error
        return len(old)

    def delete(self, path: str) -> None:
        """Remove an object, if there is one, for good."""
        file = self._root / path
        try:
            if file.parent.is_dir():
                self._disk.remove(file)
                self._disk.sync_folder(file.parent)
        except OSError as error:
            raise _failure("delete", path, error) from error

    def local_path(self, path: str) -> Path | None:
        """Return where an object lies on this machine."""
        return self._root / path

    def _ensure_folder(self, folder: Path) -> None:
        """Make a folder and those above it; each is durable in the one above, whoever made it."""
        is_above = folder == self._root or folder in self._root.parents
        if folder in self._durable or (is_above and folder.is_dir()):
            return
        self._ensure_folder(folder.parent)
        self._disk.make_folder(folder)
        self._disk.sync_folder(folder.parent)
        self._durable.add(folder)

    def _publish(self, file: Path, content: bytes) -> bool:
        """Write and synchronise a staged file, link it to its name, synchronise the folder."""
        with self._staged(content) as staged:
            try:
                self._disk.link(staged, file)
            except FileExistsError:
                return False
            else:
                return True
            finally:
                self._disk.sync_folder(file.parent)

    @contextmanager
    def _staged(self, content: bytes) -> Iterator[Path]:
        """Give a new, synchronised file with the content, where no reader looks; afterwards it is gone."""
        staged = self._root / STAGING / uuid4().hex
        try:
            self._disk.write(staged, content)
            yield staged
        finally:
            self._disk.remove(staged)


def open_lake(url: str) -> Lake:
    """Return the lake at a URL.

    Args:
        url: a path or `file://` URL of a folder, `memory://` for a new and empty one, or any URL that obstore
            takes, for instance `s3://bucket/folder`; credentials come from the environment.
    """
    scheme = urlparse(url).scheme
    if scheme == "memory":
        return ObjectLake.in_memory()
    if scheme == "file":
        return LocalLake(Path(unquote(urlparse(url).path)))
    if "://" not in url:
        return LocalLake(Path(url))
    try:
        return ObjectLake(from_url(url))
    except (BaseError, ValueError, OSError) as error:
        raise StoreError(f"cannot open the lake {url}: {error}; expected a folder or an object store's URL") from error


def probe_lake(url: str) -> None:
    """Write an object anew and read it back.

    Raises:
        StoreError: the lake cannot be written or read.
    """
    lake = open_lake(url)
    lake.delete(PROBE)
    lake.put_if_absent(PROBE, PROBE.encode())
    if lake.get(PROBE) != PROBE.encode():
        raise StoreError(f"found other bytes in {PROBE} of the lake {url} than were written; check the disk")


def _failure(verb: str, path: str, error: Exception) -> StoreError:
    """Return the error for an operation that the lake could not do."""
    return StoreError(f"cannot {verb} {path} in the lake: {error}; check the space, the permissions and the network")
