"""After an erasure every version reads as if the rows had never been sent, and no file tells that they were."""

import shutil
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from loopcast.dataops.digest import state_digest
from loopcast.errors import NotFoundError
from loopcast.store.erasure import ErasureRequest
from loopcast.store.forgetting import erase, plan_erasure, retain
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.verify import verify
from store_examples import NOW, SPEC, FailingDisk, PowerCutError, send, store_over, upload

SECRET = "patient-4711"
WHOLE = ErasureRequest(((SECRET,),), None, None, "ada", "article 17")
PART = ErasureRequest(((SECRET,),), datetime(2020, 1, 1, 1), datetime(2020, 1, 1, 2), "ada", "wrong sensor")  # noqa: DTZ001
LATER = NOW + timedelta(days=1)


def updates(rng, *, count=8):
    """Return updates over three series, the secret one among them; some rows are removed, some updates lack it."""
    for at in range(count):
        names = ["a", "b"] if at % 3 == 2 else ["a", SECRET, "b"]
        rows = [(name, f"2020-01-01 0{hour}:00") for name in names for hour in range(4) if rng.random() < 0.7]
        frame = pd.DataFrame(rows, columns=["k", "t"])
        frame["y"] = rng.normal(size=len(frame)).round(3)
        frame["_operation"] = rng.choice(["upsert", "upsert", "remove"], len(frame)) if at else "upsert"
        yield frame


def fill(store, frames):
    for at, frame in enumerate(frames):
        claim = store.versions.claim(upload(frame.to_csv(index=False), key=str(at)), now=NOW)
        store.versions.settle(claim.version, now=NOW)
    bad = f"k,t,y\n{SECRET},2020-01-01 00:30,x{SECRET}\n"
    claim = store.versions.claim(upload(bad, key="bad"), now=NOW)
    store.versions.settle(claim.version, now=NOW)
    for version in ("v00000001", "v00000002"):
        forecast = pd.DataFrame(
            {"k": ["a", SECRET], "timestamp": pd.to_datetime(["2020-01-01 01:00"] * 2).as_unit("us")}
        )
        digest = store.outputs.write_document("zoos", {"series": [["a"], [SECRET]], "by_series": {SECRET: 1.0}})
        store.outputs.write(
            "forecasts", version, forecast, pins={"zoo_digest": digest}, facts={"worst": SECRET}, now=NOW
        )
    store.references.append("zoo_in_force", {"digest": digest, "series": SECRET}, now=NOW)
    store.versions.checkpoint("v00000004")
    return store


def mentions(lake, text):
    """Return the files in which a text stands, in their bytes or in a Parquet file's cells and statistics."""
    found = []
    for path in lake.list("demo"):
        content = lake.get(path)
        cells = (
            str(pq.read_table(lake.local_path(path)).to_pydict())
            if path.endswith(".parquet") and lake.local_path(path)
            else ""
        )
        if text.encode() in content or text in cells:
            found.append(path)
    return found


@pytest.mark.parametrize("request_", [WHOLE, PART], ids=["series", "range"])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_version_reads_as_if_the_rows_had_never_been_sent(tmp_path, request_, seed):
    frames = list(updates(np.random.default_rng(seed)))
    store = fill(store_over(LocalLake(tmp_path)), frames)
    plan = plan_erasure(store, request_, salt="s", now=LATER)
    assert plan.rows > 0
    done = erase(store, request_, salt="s", now=LATER)
    assert [one.rows for one in done] == [plan.rows]
    assert plan_erasure(store, request_, salt="s", now=LATER).files == ()
    oracle = store_over(ObjectLake.in_memory())
    left = [
        frame[~request_.find(frame.assign(t=pd.to_datetime(frame["t"])), series_keys=("k",), timestamp="t")]
        for frame in frames
    ]
    kept = [
        frame if len(frame) else pd.DataFrame({"k": ["a"], "t": ["1999-01-01"], "_operation": ["remove"]})
        for frame in left
    ]
    fill(oracle, kept)
    for handle in (store, store_over(LocalLake(tmp_path))):
        for version in oracle.versions.claims():
            frame, record = handle.versions.read(version), handle.versions.record(version)
            pd.testing.assert_frame_equal(frame, oracle.versions.read(version))
            assert record.state_digest == state_digest(frame, SPEC)
            wanted = oracle.versions.record(version)
            names = (
                "rows",
                "series",
                "first_timestamp",
                "last_timestamp",
                "added",
                "corrected",
                "removed",
                "state_digest",
            )
            assert [getattr(record, name) for name in names] == [getattr(wanted, name) for name in names]
    report = verify(store)
    assert report.damages == ()
    if request_ is WHOLE:
        assert mentions(store.lake, SECRET) == []
    after = store.versions.claim(upload("k,t,y\nb,2020-01-01 00:00,5\n", key="after"), now=LATER)
    record = store.versions.settle(after.version, now=LATER)
    assert record.state_digest == state_digest(store.versions.read(after.version), SPEC)
    assert verify(store).damages == ()


def test_what_was_made_of_the_rows_goes_and_the_rest_stays(tmp_path):
    store = fill(store_over(LocalLake(tmp_path)), updates(np.random.default_rng(0)))
    digest = store.outputs.manifest("forecasts", "v00000001").pins["zoo_digest"]
    erase(store, WHOLE, salt="s", now=LATER)
    assert store.outputs.read("forecasts", "v00000002")["k"].tolist() == ["a"]
    document = store.outputs.read_document("zoos", digest)
    assert document["series"][0] == ["a"]
    assert document["series"][1][0].startswith("erased-")
    with pytest.raises(NotFoundError, match="erased on 2026-01-02 by ada: article 17"):
        store.versions.upload_of("v00000001")
    assert store.versions.upload_of("v00000003")
    assert store.versions.refusal("v00000009").violations[0].rule == "erased"
    tombstone = store.versions.parts.tombstones.refresh() or store.lake.get("demo/erasures/00000001.json")
    assert WHOLE.fingerprint("s") in tombstone.decode()


def test_an_erasure_of_nothing_leaves_everything_as_it_is(tmp_path):
    store = fill(store_over(LocalLake(tmp_path)), updates(np.random.default_rng(0)))
    before = store.lake.list("demo")
    assert erase(store, ErasureRequest((("nobody",),), None, None, "ada", "x"), salt="s", now=LATER) == []
    assert store.lake.list("demo") == before


def test_the_same_rows_sent_again_are_new_rows(tmp_path):
    frames = list(updates(np.random.default_rng(0)))
    store = fill(store_over(LocalLake(tmp_path)), frames)
    erase(store, WHOLE, salt="s", now=LATER)
    claim = store.versions.claim(upload(frames[0].to_csv(index=False), key="again"), now=LATER)
    record = store.versions.settle(claim.version, now=LATER)
    assert SECRET in store.versions.read(record.version)["k"].tolist()
    assert SECRET not in store.versions.read("v00000009")["k"].tolist()
    assert verify(store_over(LocalLake(tmp_path))).damages == ()
    assert len(erase(store, WHOLE, salt="t", now=LATER)) == 1
    assert mentions(store.lake, SECRET) == []
    assert verify(store).damages == ()


def test_a_handle_that_was_open_learns_of_the_erasure(tmp_path):
    one = fill(store_over(LocalLake(tmp_path)), updates(np.random.default_rng(0)))
    other = store_over(LocalLake(tmp_path))
    other.versions.read("v00000008")
    other.versions.settle(
        other.versions.claim(upload("k,t,y\na,2020-01-01 00:00,7\n", key="x"), now=NOW).version, now=NOW
    )
    erase(one, WHOLE, salt="s", now=LATER)
    assert SECRET not in other.versions.read("v00000008")["k"].tolist()
    record = other.versions.settle(
        other.versions.claim(upload("k,t,y\na,2020-01-01 00:00,8\n", key="y"), now=NOW).version, now=NOW
    )
    assert record.state_digest == state_digest(store_over(LocalLake(tmp_path)).versions.read(record.version), SPEC)


@pytest.mark.parametrize("first", [1, 2])
def test_the_power_may_go_at_any_step_of_an_erasure(tmp_path, first):
    made = LocalLake(tmp_path / "made")
    frame = next(updates(np.random.default_rng(0)))
    store = store_over(made)
    claim = store.versions.claim(upload(frame.to_csv(index=False)), now=NOW)
    store.versions.settle(claim.version, now=NOW)
    store.outputs.write("cells", "v00000001", frame[["k", "y"]], pins={}, facts={"k": SECRET}, now=NOW)
    before = store.versions.read("v00000001")
    unfinished = 0
    for step in range(first, 1_000, 4):
        root = tmp_path / str(step)
        shutil.copytree(tmp_path / "made", root)
        try:
            erase(store_over(LocalLake(root, disk=FailingDisk(step))), WHOLE, salt="s", now=LATER)
        except PowerCutError:
            after = store_over(LocalLake(root))
            is_erased = SECRET not in after.versions.read("v00000001")["k"].tolist()
            assert is_erased or after.versions.read("v00000001").equals(before)
            unfinished += "unfinished" in str(verify(after).damages)
            send(after, "k,t,y\na,2020-01-01 00:00,5\n")
            assert verify(after).damages == ()
            assert not is_erased or mentions(after.lake, SECRET) == []
            erase(after, WHOLE, salt="s", now=LATER)
            assert mentions(after.lake, SECRET) == []
            continue
        break
    assert step > 20
    assert unfinished > 1


def test_a_version_settled_during_an_erasure_is_restated(tmp_path):
    frames = list(updates(np.random.default_rng(0)))
    store = fill(store_over(LocalLake(tmp_path)), frames)
    unaware = store_over(LocalLake(tmp_path)).versions
    claim = unaware.claim(upload("k,t,y\na,2020-01-01 00:00,5\n", key="late"), now=NOW)
    unaware.parts.refresh = lambda: unaware.parts
    unaware.parts.tombstones.refresh = lambda: False
    from loopcast.store.erasure import Eraser

    eraser = Eraser(store.lake, folder="demo", parts=store.versions.parts)
    plan = eraser.plan(WHOLE, salt="s", now=LATER)
    unaware.settle(claim.version, now=NOW)
    assert eraser.carry_out(WHOLE, plan, now=LATER)
    for handle in (store, store_over(LocalLake(tmp_path))):
        record = handle.versions.record(claim.version)
        assert record.state_digest == state_digest(handle.versions.read(claim.version), SPEC)
    assert verify(store).damages == ()


def test_uploads_are_kept_as_long_as_was_said_and_then_answered_for(tmp_path):
    store = store_over(LocalLake(tmp_path))
    for at, now in enumerate((NOW, NOW, LATER)):
        claim = store.versions.claim(upload(f"k,t,y\na,2020-01-01 00:00,{at % 2}\n", key=str(at)), now=now)
        store.versions.settle(claim.version, now=now)
    gone = retain(store, uploads_since=LATER, actor="ada", reason="older than a day", now=LATER)
    assert gone == [store.versions.claim_of("v00000002").upload_digest]
    with pytest.raises(NotFoundError, match="older than a day"):
        store.versions.upload_of("v00000002")
    assert store.versions.upload_of("v00000001")
    assert store.versions.read("v00000002")["y"].tolist() == [1.0]
    assert verify(store).damages == ()
    assert retain(store, uploads_since=LATER, actor="ada", reason="again", now=LATER) == []


def test_versions_whose_patches_an_erasure_has_emptied_are_compared():
    store = store_over(ObjectLake.in_memory())
    for text in (
        f"k,t,y\na,2020-01-01 00:00,1\n{SECRET},2020-01-01 00:00,1\n",
        f"k,t,y\n{SECRET},2020-01-01 01:00,2\n",
    ):
        store.versions.settle(store.versions.claim(upload(text), now=NOW).version, now=NOW)
    erase(store, WHOLE, salt="s", now=LATER)
    found = store.versions.diff("v00000001", "v00000002")
    assert (found.added, found.corrected, found.removed, len(found.cells)) == (0, 0, 0, 0)
