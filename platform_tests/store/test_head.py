"""The newest rows in memory find what the files would tell, and no patch costs more for the versions before it."""

import numpy as np
import pandas as pd
import pytest

from loopcast.dataops.digest import state_digest
from loopcast.store import key_index
from loopcast.store.key_index import KeyIndex
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.lookup import Lookup
from loopcast.store.version_log import find_highest
from loopcast.store.versions import VersionStore
from store_examples import FIRST, NOW, SPEC, send, store_over, upload

STAMPS = pd.date_range("2020", periods=6, freq="h", unit="us")


def keys(*rows):
    frame = pd.DataFrame(rows, columns=["k", "t"])
    return frame.astype({"k": "str", "t": "datetime64[us]"})


def random_updates(rng, count):
    """Return updates in which rows are added, corrected, removed and brought back."""
    for _ in range(count):
        chosen = rng.choice(4 * len(STAMPS), rng.integers(1, 12), replace=False)
        names, times = np.array(list("abcd"))[chosen // len(STAMPS)], STAMPS[chosen % len(STAMPS)]
        frame = pd.DataFrame(
            {"k": names, "t": times, "_operation": rng.choice(["upsert", "upsert", "remove"], len(chosen))}
        )
        for name in ("y", "z"):
            if rng.random() < 0.6:
                frame[name] = rng.normal(size=len(frame)).round(2)
        if rng.random() < 0.5:
            frame["c"] = rng.choice(["u", "v", None], len(frame))
        yield frame.to_csv(index=False)


@pytest.mark.parametrize("seed", range(4))
def test_versions_settled_with_and_without_rows_in_memory_are_the_same(seed):
    rng = np.random.default_rng(seed)
    updates = list(random_updates(rng, 25))
    records = []
    for head_bytes in (10**9, 0):
        lake = ObjectLake.in_memory()
        versions = VersionStore(lake, folder="demo", spec=SPEC, code_version="test", head_bytes=head_bytes)
        for at, text in enumerate(updates):
            versions.settle(versions.claim(upload(text, key=str(at)), now=NOW).version, now=NOW)
        records.append(versions.records())
        fresh = store_over(lake).versions
        for record in fresh.records():
            assert record.state_digest == state_digest(fresh.read(record.version), SPEC)
    assert records[0] == records[1]
    assert {"added", "corrected", "removed"} <= {
        name for record in records[0] for name in ("added", "corrected", "removed") if getattr(record, name)
    }


def test_a_store_whose_head_is_behind_or_ahead_of_another_writers_versions_goes_on_rightly():
    lake = ObjectLake.in_memory()
    one, two = store_over(lake), store_over(lake)
    for at, text in enumerate(random_updates(np.random.default_rng(9), 30)):
        writer = (one, two)[at // 5 % 2].versions
        writer.settle(writer.claim(upload(text, key=str(at)), now=NOW).version, now=NOW)
    newest = store_over(lake).versions.newest()
    assert newest.state_digest == state_digest(store_over(lake).versions.read(newest.version), SPEC)


def test_rows_after_the_end_are_added_without_looking_anything_up(monkeypatch):
    store = store_over(ObjectLake.in_memory())
    send(store, FIRST)

    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(Lookup, "_find_head", refuse)
    record = send(store, "k,t,y\na,2020-01-01 02:00,1\nc,2020-01-01 02:00,4\n")
    assert (record.added, record.rows, record.series) == (2, 5, 3)


def test_a_key_keeps_its_place_while_others_are_added(monkeypatch):
    monkeypatch.setattr(key_index, "RECENT_LIMIT", 2)
    index = KeyIndex(keys(("b", STAMPS[1]), ("a", STAMPS[0])), series_keys=["k"], timestamp="t")
    assert index.find(keys(("a", STAMPS[0]), ("a", STAMPS[1]), ("z", STAMPS[0]))).tolist() == [1, -1, -1]
    for at in range(2, 6):
        assert index.add(keys(("c", STAMPS[at]))).tolist() == [at]
    assert index.find(keys(("c", STAMPS[5]), ("c", STAMPS[2]), ("b", STAMPS[1]), ("c", STAMPS[1]))).tolist() == [
        5,
        2,
        0,
        -1,
    ]
    assert index.list_times().tolist() == [int(STAMPS[at].value // 1000) for at in (1, 0, 2, 3, 4, 5)]


@pytest.mark.parametrize("highest", [0, 1, 2, 3, 7, 8, 9, 1_000])
def test_the_highest_number_is_found_in_few_looks(highest):
    for known in {0, highest // 2, highest}:
        looks = []
        assert find_highest(lambda at, looks=looks: looks.append(at) or at <= highest, known=known) == highest
        assert len(looks) <= 22


def test_a_new_process_reads_few_records_however_many_there_are(tmp_path):
    lake = LocalLake(tmp_path)
    store = store_over(lake)
    for at in range(40):
        store.versions.settle(
            store.versions.claim(upload(f"k,t,y\na,2020-01-02 {at % 24:02d}:00,{at}\n", key=str(at)), now=NOW).version,
            now=NOW,
        )
    read = []

    class Counting(LocalLake):
        def get(self, path):
            read.append(path)
            return super().get(path)

        def list(self, prefix):
            assert prefix == "demo/checkpoints"
            return super().list(prefix)

    fresh = store_over(Counting(tmp_path))
    fresh.versions.claim(upload("k,t,y\na,2020-01-05 00:00,1\n"), now=NOW)
    fresh.versions.settle("v00000041", now=NOW)
    assert len(read) < 10
