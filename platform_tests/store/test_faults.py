"""Whichever step of the disk fails, and however: what was acknowledged stays, and nothing half-made is ever seen."""

import errno
import random

import pytest

from fault_sweep import lasting, sweep
from loopcast.errors import StoreError
from loopcast.store.lake import LocalLake
from loopcast.store.verify import verify
from store_examples import NOW, FailingDisk, store_over
from store_history import HISTORY, tree, undisturbed


def test_any_step_of_the_disk_may_fail(tmp_path):
    met = sweep(tmp_path, errnos=(errno.ENOSPC, errno.EIO, None), each=3, verify_each=5)
    print(f"{sum(met.values())} steps failed: {met}")  # noqa: T201 - with `pytest -s`
    assert list(met) == [step.name for step in HISTORY]
    assert sum(met.values()) > 80


@pytest.mark.parametrize("seed", range(2))
def test_a_process_goes_on_through_any_number_of_faults(tmp_path, seed):
    for _, _, _, after in undisturbed(tmp_path / "undisturbed"):
        wanted = after
    rng = random.Random(seed)  # noqa: S311 - no secret
    disk = FailingDisk(0, errno=errno.EIO)
    lake = LocalLake(tmp_path / "lake", disk=disk)
    store, faults = store_over(lake), 0
    for step in HISTORY:
        for _ in range(20):
            disk.fail_at = disk.steps + rng.randint(1, 25)
            try:
                step.do(store)
                break
            except StoreError:
                faults += 1
    disk.forget()
    assert faults > 5
    assert lasting(tree(tmp_path / "lake")) == lasting(wanted)
    reopened = store_over(LocalLake(tmp_path / "lake"))
    reopened.versions.catch_up(now=NOW)
    assert verify(reopened).damages == ()
