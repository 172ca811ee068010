"""Many processes on one store make one chain, and whoever reads meanwhile reads what was committed."""

from concurrent.futures import ThreadPoolExecutor

from crowd import gather
from loopcast.dataops.digest import state_digest
from loopcast.store import checkpoints
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.verify import verify
from store_examples import FIRST, NOW, SECOND, send, store_over, upload


def test_writers_a_reader_and_a_verification_at_the_same_time(tmp_path):
    outcome = gather(tmp_path, writers=3, patches=5, readers=1, checkers=1, patch_limit=3)
    assert outcome.errors == ()
    assert (outcome.versions, outcome.is_one_chain, outcome.damages) == (15, True, 0)
    assert outcome.reads > 0
    assert outcome.checks > 0
    assert (outcome.wrong_reads, outcome.false_alarms) == (0, 0)


def test_a_version_made_while_somebody_counts_the_claims_is_no_damage():
    lake = ObjectLake.in_memory()
    send(store_over(lake), FIRST)

    class Busy:
        """A lake in which somebody else makes the next version between two looks."""

        def __getattr__(self, name):
            return getattr(lake, name)

        def exists(self, path):
            is_there = lake.exists(path)
            if path.endswith("claims/v00000002.json") and not is_there:
                send(store_over(lake), SECOND)
            return is_there

    versions = store_over(Busy()).versions
    assert versions.claims() == ["v00000001"]
    assert versions.claims() == ["v00000001", "v00000002"]


def test_threads_share_one_store(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "PATCH_LIMIT", 2)
    store = store_over(LocalLake(tmp_path))

    def work(thread):
        records = []
        for number in range(6):
            operation = "remove" if number % 3 == 2 else ""
            rows = f"w{thread},2020-01-01 0{number}:00,{number},\nboth,2020-01-01 00:00,{number},{operation}\n"
            claim = store.versions.claim(upload(f"k,t,y,_operation\n{rows}"), now=NOW)
            records.append(store.versions.settle(claim.version, now=NOW))
            frame = store.versions.read(claim.version)
            assert state_digest(frame, store.spec) == records[-1].state_digest
        return records

    with ThreadPoolExecutor(4) as pool:
        made = [record.version for records in pool.map(work, range(4)) for record in records]
    assert sorted(made) == store_over(LocalLake(tmp_path)).versions.claims()
    assert len(set(made)) == 24
    assert verify(store).damages == ()
