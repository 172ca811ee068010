"""What several test files of the store share: one use case, updates as text, and a disk that fails when told to."""

from datetime import UTC, datetime
from pathlib import Path

from loopcast.dataops.table import TableSpec, Variable
from loopcast.store.lake import LocalDisk, LocalLake
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
    """A disk on which the power goes just before the n-th step; a write leaves half a file behind."""

    def __init__(self, fail_at: int) -> None:
        self.steps, self.fail_at = 0, fail_at

    def _step(self) -> None:
        self.steps += 1
        if self.steps >= self.fail_at:
            raise PowerCutError

    def write(self, file: Path, content: bytes) -> None:
        if self.steps + 1 >= self.fail_at:
            file.write_bytes(content[: len(content) // 2])
        self._step()
        super().write(file, content)

    def link(self, staged: Path, file: Path) -> None:
        self._step()
        super().link(staged, file)

    def replace(self, staged: Path, file: Path) -> None:
        self._step()
        super().replace(staged, file)

    def sync_folder(self, folder: Path) -> None:
        self._step()
        super().sync_folder(folder)

    def remove(self, staged: Path) -> None:
        self._step()
        super().remove(staged)


def failing_store(root: Path, *, fail_at: int):
    return store_over(LocalLake(root, disk=FailingDisk(fail_at)))
