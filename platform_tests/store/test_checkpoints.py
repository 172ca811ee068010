"""Checkpoints make reading start later and change nothing that is read; each can go without a loss."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.digest import state_digest
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import DamageError
from loopcast.store import checkpoints
from loopcast.store.checkpoints import choose_kept
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.verify import verify
from store_examples import BAD, FIRST, NOW, REMOVAL, SECOND, SPEC, FailingDisk, PowerCutError, send, store_over, upload


@pytest.fixture(params=["local", "memory"])
def lake(request, tmp_path):
    return LocalLake(tmp_path) if request.param == "local" else ObjectLake.in_memory()


def fill(store, *, rounds=5):
    for at in range(rounds):
        for text in (FIRST, SECOND, BAD, REMOVAL, f"k,t,z\nd,2020-01-02 0{at}:00,{at}\n"):
            claim = store.versions.claim(upload(text, key=f"{at} {text}"), now=NOW)
            store.versions.settle(claim.version, now=NOW)
    return store


def checkpoint_files(lake):
    return [path for path in lake.list("demo/checkpoints") if path.endswith(".json")]


def test_every_version_reads_the_same_before_and_after_checkpoints(lake):
    store = fill(store_over(lake))
    before = {version: store.versions.read(version) for version in store.versions.claims()}
    for version in ("v00000003", "v00000011", "v00000024"):
        made = store.versions.checkpoint(version)
        assert store.versions.checkpoint(version) == made
    assert store.versions.checkpoint("v00000003").version == "v00000002"
    fresh = store_over(lake).versions
    for version, frame in before.items():
        pd.testing.assert_frame_equal(fresh.read(version), frame)
        assert fresh.record(version).state_digest == state_digest(frame, SPEC)
    part = fresh.read("v00000025", columns=["z"], series=["d"], start=pd.Timestamp("2020-01-02 01:00"))
    pd.testing.assert_frame_equal(
        part, before["v00000025"].query("k == 'd' and t >= '2020-01-02 01:00'")[["k", "t", "z"]].reset_index(drop=True)
    )
    assert verify(store).damages == ()


def test_a_version_without_data_has_no_checkpoint():
    store = store_over(ObjectLake.in_memory())
    send(store, BAD)
    assert store.versions.checkpoint("v00000001") is None


def test_checkpoints_are_made_when_the_patches_are_many_and_old_ones_are_thinned(lake, monkeypatch):
    monkeypatch.setattr(checkpoints, "PATCH_LIMIT", 4)
    store = fill(store_over(lake), rounds=10)
    numbers = [int(path[-13:-5]) for path in checkpoint_files(lake)]
    assert numbers[-1] > 42
    assert 2 <= len(numbers) <= 5
    assert len(lake.list("demo/checkpoints")) == 2 * len(numbers)
    assert len(store_over(lake).versions._datasets.list_refs(50)) <= 5
    assert verify(store).damages == ()


def test_settling_after_a_checkpoint_in_another_process_gives_the_same_versions(monkeypatch):
    plain, other = ObjectLake.in_memory(), ObjectLake.in_memory()
    wanted = fill(store_over(plain)).versions.records()
    monkeypatch.setattr(checkpoints, "PATCH_LIMIT", 2)
    for at in range(5):
        for text in (FIRST, SECOND, BAD, REMOVAL, f"k,t,z\nd,2020-01-02 0{at}:00,{at}\n"):
            versions = store_over(other).versions
            versions.settle(versions.claim(upload(text, key=f"{at} {text}"), now=NOW).version, now=NOW)
    assert store_over(other).versions.records() == wanted


@pytest.mark.parametrize("kind", ["json", "parquet"])
@pytest.mark.parametrize("is_gone", [True, False])
def test_a_checkpoint_that_is_gone_or_damaged_loses_nothing(tmp_path, kind, is_gone):
    store = fill(store_over(LocalLake(tmp_path)))
    wanted = store.versions.read("v00000025")
    store.versions.checkpoint("v00000024")
    for file in (tmp_path / "demo" / "checkpoints").glob(f"*.{kind}"):
        file.write_bytes(file.read_bytes()[:-9]) if not is_gone else file.unlink()
    fresh = store_over(LocalLake(tmp_path))
    pd.testing.assert_frame_equal(fresh.versions.read("v00000025"), wanted)
    send(fresh, "k,t,y\na,2020-01-01 00:00,9\n")
    assert bool(verify(fresh).damages) == (not (is_gone and kind == "json"))


def test_a_checkpoint_with_other_rows_is_found(tmp_path):
    store, other = fill(store_over(LocalLake(tmp_path / "a"))), store_over(LocalLake(tmp_path / "b"))
    send(other, FIRST)
    send(other, SECOND.replace("4", "5"))
    store.versions.checkpoint("v00000002")
    other.versions.checkpoint("v00000002")
    for file in (tmp_path / "a/demo/checkpoints").iterdir():
        file.unlink()
    for file in (tmp_path / "b/demo/checkpoints").iterdir():
        file.rename(tmp_path / "a/demo/checkpoints" / file.name)
    assert ["delete it" in damage.problem for damage in verify(store).damages] == [True]


def test_a_checkpoint_without_a_variable_that_the_use_case_has_now_is_not_used():
    lake = ObjectLake.in_memory()
    few = TableSpec("t", "h", "y", (Variable("y"),), series_keys=("k",))
    narrow = store_over(lake, spec=few)
    send(narrow, "k,t,y\na,2020-01-01 00:00,1\n")
    narrow.versions.checkpoint("v00000001")
    wide = store_over(lake)
    send(wide, FIRST)
    assert wide.versions.read("v00000002")["c"].tolist()[0] == "u"
    assert [ref.kind for ref in wide.versions._datasets.list_refs(2)] == ["patches", "patches"]


def test_a_checkpoint_that_cannot_be_made_does_not_keep_updates_from_being_settled(monkeypatch):
    monkeypatch.setattr(checkpoints, "PATCH_LIMIT", 2)
    lake = ObjectLake.in_memory()
    send(store_over(lake), FIRST)
    fewer = store_over(lake, spec=TableSpec("t", "h", "y", (Variable("y"),), series_keys=("k",)))
    for at in range(5):
        send(fewer, f"k,t,y\na,2020-01-03 0{at}:00,1\n")
    assert lake.list("demo/checkpoints") == []
    with pytest.raises(DamageError, match="as it was recorded"):
        fewer.versions.checkpoint("v00000003")


def test_the_power_may_go_before_any_step_of_a_checkpoint(tmp_path):
    step = 0
    while True:
        step += 1
        root = tmp_path / str(step)
        store = fill(store_over(LocalLake(root)), rounds=2)
        store.versions.checkpoint("v00000002")
        wanted = store.versions.read("v00000010")
        try:
            store_over(LocalLake(root, disk=FailingDisk(step))).versions.checkpoint("v00000009")
        except PowerCutError:
            after = store_over(LocalLake(root))
            pd.testing.assert_frame_equal(after.versions.read("v00000010"), wanted)
            after.versions.checkpoint("v00000009")
            assert verify(after).damages == ()
            continue
        break
    assert step > 8


def test_thinning_keeps_the_newest_and_then_ever_fewer():
    sizes = dict.fromkeys(range(1, 1_001), 10)
    kept = choose_kept(sizes, budget=10_000)
    ages = sorted(1_000 - number for number in kept)
    assert ages == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert choose_kept(sizes, budget=5) == {1_000}
    assert choose_kept({}, budget=5) == set()


def test_differences_are_those_of_two_full_reads():
    rng = np.random.default_rng(0)
    store = store_over(ObjectLake.in_memory())
    for at in range(12):
        rows = [
            (
                k,
                f"2020-01-01 0{h}:00",
                rng.integers(3),
                rng.choice(["", "u"]),
                rng.choice(["upsert", "upsert", "remove"]),
            )
            for k in "ab"
            for h in range(4)
        ]
        frame = pd.DataFrame(rows, columns=["k", "t", "y", "c", "_operation"]).sample(3, random_state=at)
        claim = store.versions.claim(upload(frame.to_csv(index=False), key=str(at)), now=NOW)
        store.versions.settle(claim.version, now=NOW)
    store.versions.checkpoint("v00000006")
    states = {
        version: {(row[0], row[1]): row[2:] for row in store.versions.read(version).itertuples(index=False, name=None)}
        for version in store.versions.claims()
    }
    for old, before in states.items():
        for new in ("v00000001", "v00000005", "v00000012"):
            check_difference(store.versions.diff(old, new), before, states[new])


def check_difference(difference, before, after):
    def plain(value):
        return None if pd.isna(value) else value

    names = ("y", "z", "c")
    wanted = set()
    for key in before.keys() | after.keys():
        change = "removed" if key not in after else "added" if key not in before else "corrected"
        sides = [[plain(value) for value in state.get(key, (None,) * 3)] for state in (before, after)]
        cells = [(key, change, name, old, new) for name, old, new in zip(names, *sides, strict=True) if old != new]
        wanted |= set(cells) or ({(key, change, None, None, None)} if change != "corrected" else set())
    cells = difference.cells
    found = {((row.k, row.t), row.change, plain(row.column), row.before, row.after) for row in cells.itertuples()}
    assert found == wanted
    assert len(cells) == len(wanted)
    assert (difference.added, difference.removed) == (
        len(after.keys() - before.keys()),
        len(before.keys() - after.keys()),
    )
    assert difference.corrected == len({key for key, change, *_ in wanted if change == "corrected"})


def test_a_version_does_not_differ_from_itself_and_refused_ones_not_from_their_parent():
    store = fill(store_over(ObjectLake.in_memory()), rounds=1)
    for old, new in (("v00000002", "v00000002"), ("v00000002", "v00000003")):
        difference = store.versions.diff(old, new)
        assert (difference.added, difference.corrected, difference.removed, len(difference.cells)) == (0, 0, 0, 0)
        assert list(difference.cells.columns) == ["k", "t", "change", "column", "before", "after"]
