"""One fault at one step of the disk: what is there after it, and after doing the interrupted thing again."""

from collections.abc import Mapping
from itertools import count
from pathlib import Path

from loopcast.dataops.digest import state_digest
from loopcast.errors import StoreError
from loopcast.store.lake import LocalLake
from loopcast.store.verify import verify
from store_examples import FailingDisk, PowerCutError, store_over
from store_history import Step, copy, tree, undisturbed


def sweep(root: Path, *, errnos: tuple[int | None, ...], each: int, verify_each: int) -> dict[str, int]:
    """Return how many faults each step of the history met; raises AssertionError where one did harm.

    Args:
        root: an empty folder to work in.
        errnos: the faults in turn; None: the power goes.
        each: only the first of so many steps of the disk fails, then the next one after as many; 1: all fail.
        verify_each: the whole store is verified after each so many steps.
    """
    met: dict[str, int] = {}
    for step, kept, before, after in undisturbed(root):
        for met[step.name], fail_at in enumerate(count(1, each)):
            lake = root / f"{kept.name}-{fail_at}"
            copy(kept, lake)
            disk = FailingDisk(fail_at, errno=errnos[met[step.name] % len(errnos)])
            if not _recovers(lake, step, disk, before, after, verify_each=verify_each):
                break
    return met


def _recovers(
    lake: Path,
    step: Step,
    disk: FailingDisk,
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    *,
    verify_each: int,
) -> bool:
    """Return whether the fault was met at all; a store that met an OSError goes on, one without power is reopened."""
    fail_at, disk.fail_at = disk.fail_at, float("inf")
    store = store_over(LocalLake(lake, disk=disk))
    store.versions.records()
    disk.steps, disk.fail_at = 0, fail_at
    try:
        step.do(store)
    except PowerCutError:
        disk.forget()
        store = store_over(LocalLake(lake))
    except StoreError:
        pass
    else:
        return False
    seen = tree(lake)
    assert lasting(before).keys() & after.keys() <= seen.keys(), "something acknowledged is lost"
    assert all(content in (before.get(name), after.get(name)) for name, content in seen.items()), "a half is visible"
    if fail_at % verify_each == 0:
        _check(lake, {name for name, content in seen.items() if content != after.get(name, content)})
    step.do(store)
    disk.forget()
    assert lasting(tree(lake)) == lasting(after), "done again, it is not what it is without the fault"
    return True


def _check(lake: Path, damaged: set[str]) -> None:
    """Look at a store after a fault: only what was damaged before is named, and every version reads as recorded."""
    store = store_over(LocalLake(lake))
    for record in store.versions.records():
        frame = store.versions.read(record.version)
        assert state_digest(frame, store.spec) == record.state_digest, f"{record.version} reads wrongly"
    named = {damage.file for damage in verify(store).damages}
    if any("/erasures/" in name for name in named):  # an unfinished one is said to be that, and so are its remains
        named = {name for name in named if "/erasures/" not in name and "/checkpoints/" not in name}
    assert named <= damaged, "verify finds damage"


def lasting(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files without those that may go and are made again: checkpoints, and notes of finished erasures."""
    return {
        name: content
        for name, content in files.items()
        if "/checkpoints/" not in name and not name.endswith("-done.json")
    }
