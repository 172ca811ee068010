"""What several test files of the store share: one use case, updates as text, and a disk that fails when told to."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.lake import STAGING, LocalDisk
from loopcast.store.store import Store
from loopcast.store.version_records import Upload

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SPEC = TableSpec("t", "h", "y", (Variable("y"), Variable("z"), Variable("c", "category")), series_keys=("k",))
FIRST = "k,t,y,c\na,2020-01-01 00:00,1,u\na,2020-01-01 01:00,2,\nb,2020-01-01 00:00,3,w\n"
SECOND = "k,t,y\na,2020-01-01 01:00,\nc,2020-01-01 02:00,4\n"
REMOVAL = "k,t,_operation\nb,2020-01-01 00:00,remove\n"
BAD = "k,t,y\na,2020-01-01 00:30,x\n"


def upload(text, *, name="update.csv", key=None):
    return Upload(name, text.encode(), "inbox", "ada", reason="test", idempotency_key=key)


def store_over(lake, *, spec=SPEC):
    return Store.over(lake, use_case="demo", spec=spec, code_version="test")


def send(store, text, *, name="update.csv"):
    claim = store.versions.claim(upload(text, name=name), now=NOW)
    return store.versions.settle(claim.version, now=NOW)


class PowerCutError(BaseException):
    """The machine stops; nothing may catch this."""


class FailingDisk(LocalDisk):
    """A disk on which the n-th step fails: the power goes, or, with an `errno`, that one step raises an OSError.

    A write leaves half a file behind. A name is there, or gone, for sure only once its folder was synchronised:
    `forget` takes back everything else, as the power's going may do.
    """

    def __init__(self, fail_at: float, *, errno: int | None = None) -> None:
        self.steps, self.fail_at, self.errno = 0, fail_at, errno
        self.unsynced: set[Path] = set()
        self.removed: dict[Path, bytes] = {}

    def _step(self) -> None:
        self.steps += 1
        if self.errno is None and self.steps >= self.fail_at:
            raise PowerCutError
        if self.steps == self.fail_at:
            raise OSError(self.errno, "planted")

    def forget(self) -> None:
        for path in sorted(self.unsynced, reverse=True):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for path, content in self.removed.items():
            path.write_bytes(content)
        self.unsynced.clear()
        self.removed.clear()

    def write(self, file: Path, content: bytes) -> None:
        try:
            self._step()
        except (PowerCutError, OSError):
            file.write_bytes(content[: len(content) // 2])
            raise
        super().write(file, content)

    def link(self, staged: Path, file: Path) -> None:
        self._step()
        super().link(staged, file)
        self.unsynced.add(file)

    def replace(self, staged: Path, file: Path) -> None:
        self._step()
        super().replace(staged, file)

    def sync_folder(self, folder: Path) -> None:
        self._step()
        super().sync_folder(folder)
        self.unsynced = {path for path in self.unsynced if path.parent != folder}
        self.removed = {path: content for path, content in self.removed.items() if path.parent != folder}

    def make_folder(self, folder: Path) -> None:
        self._step()
        if not folder.is_dir():
            super().make_folder(folder)
            self.unsynced.add(folder)

    def remove(self, file: Path) -> None:
        self._step()
        if file.exists() and file.parent.name != STAGING:
            self.removed[file] = file.read_bytes()
        super().remove(file)
