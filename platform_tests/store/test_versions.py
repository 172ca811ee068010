import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from loopcast.dataops.digest import EMPTY_DIGEST, state_digest
from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.store import open_store
from loopcast.store.version_records import VersionRecord, version_key, version_number
from store_examples import BAD, FIRST, NOW, REMOVAL, SECOND, send, store_over, upload


@pytest.fixture(params=["local", "memory"])
def lake(request, tmp_path):
    return LocalLake(tmp_path) if request.param == "local" else ObjectLake.in_memory()


@pytest.fixture
def store(lake):
    return store_over(lake)


def test_an_update_becomes_a_version_with_its_counts_and_size(store):
    first, second, third = send(store, FIRST), send(store, SECOND), send(store, REMOVAL)
    assert [record.version for record in (first, second, third)] == ["v00000001", "v00000002", "v00000003"]
    assert (first.added, first.rows, first.series, first.parent) == (3, 3, 2, None)
    assert (second.added, second.corrected, second.rows, second.series, second.parent) == (1, 1, 4, 3, "v00000001")
    assert (third.removed, third.rows, third.series, third.parent) == (1, 3, 2, "v00000002")
    assert (str(second.first_timestamp), str(second.last_timestamp)) == ("2020-01-01 00:00:00", "2020-01-01 02:00:00")
    assert second.columns_sent == ("y",)
    assert (first.actor, first.reason, first.source, first.file) == ("ada", "test", "inbox", "update.csv")


def test_every_version_stays_as_it_was(store):
    send(store, FIRST)
    before = store.versions.read("v00000001")
    send(store, SECOND)
    send(store, REMOVAL)
    assert store.versions.read("v00000001").equals(before)
    assert store.versions.read("v00000003")["k"].tolist() == ["a", "a", "c"]


def test_what_was_never_sent_is_there_and_missing(store):
    send(store, FIRST)
    frame = store.versions.read("v00000001")
    assert list(frame.columns) == ["k", "t", "y", "z", "c"]
    assert [str(kind) for kind in frame.dtypes] == ["str", "datetime64[us]", "float64", "float64", "str"]
    assert frame["z"].isna().all()


def test_a_row_that_comes_back_after_its_removal_starts_empty(store):
    for text in (FIRST, REMOVAL, "k,t,z\nb,2020-01-01 00:00,5\n"):
        send(store, text)
    row = store.versions.read("v00000003", series=["b"]).iloc[0]
    assert row["z"] == 5
    assert row[["y", "c"]].isna().all()


def test_a_refused_update_keeps_its_number_and_has_the_state_of_its_parent(store):
    send(store, FIRST)
    refused = send(store, BAD)
    after = send(store, SECOND)
    assert (refused.version, refused.status, refused.parent) == ("v00000002", "refused", "v00000001")
    assert (refused.rows, refused.added, refused.patch_digest) == (3, 0, None)
    assert refused.state_digest == store.versions.record("v00000001").state_digest
    assert (after.version, after.parent, after.previous_digest) == ("v00000003", "v00000001", refused.digest)
    assert store.versions.read("v00000002").equals(store.versions.read("v00000001"))
    assert {item.rule for item in store.versions.refusal("v00000002").violations} == {"not_a_number", "off_grid"}
    with pytest.raises(NotFoundError, match="accepted"):
        store.versions.refusal("v00000001")
    with pytest.raises(NotFoundError, match="no patch"):
        store.versions.patch("v00000002")


def test_a_first_update_that_is_refused_leaves_an_empty_dataset(store):
    refused = send(store, BAD)
    assert (refused.parent, refused.rows, refused.state_digest) == (None, 0, EMPTY_DIGEST)
    frame = store.versions.read("v00000001")
    assert (len(frame), list(frame.columns)) == (0, ["k", "t", "y", "z", "c"])
    assert store.versions.newest() is None
    assert store.versions.newest(accepted=False) == refused
    assert send(store, FIRST).rows == 3


def test_the_same_upload_twice_is_one_version(store):
    send(store, FIRST)
    send(store, SECOND)
    again = store.versions.claim(upload(FIRST), now=NOW)
    assert (again.version, again.duplicate) == ("v00000001", True)
    assert store.versions.claims() == ["v00000001", "v00000002"]
    assert send(store, FIRST, name="other.csv").version == "v00000003"


def test_an_idempotency_key_of_the_callers_counts_before_the_content(store):
    first = store.versions.claim(upload(FIRST, key="monday"), now=NOW)
    again = store.versions.claim(upload(SECOND, key="monday"), now=NOW)
    other = store.versions.claim(upload(FIRST, key="tuesday"), now=NOW)
    assert (again.version, again.duplicate) == (first.version, True)
    assert (other.version, other.duplicate) == ("v00000002", False)


def test_an_update_that_changes_nothing_is_a_version_with_zero_counts(store):
    first = send(store, FIRST)
    again = send(store, FIRST, name="again.csv")
    assert (again.added, again.corrected, again.removed, again.unchanged) == (0, 0, 0, 3)
    assert again.state_digest == first.state_digest


def test_claiming_and_settling_are_apart_and_settling_takes_the_earlier_ones_along(store):
    for text in (FIRST, SECOND, BAD, REMOVAL):
        store.versions.claim(upload(text), now=NOW)
    assert store.versions.unsettled() == [version_key(number) for number in (1, 2, 3, 4)]
    assert store.versions.next_key() == "v00000005"
    with pytest.raises(NotFoundError):
        store.versions.record("v00000001")
    store.versions.settle("v00000003", now=NOW)
    assert store.versions.unsettled() == ["v00000004"]
    assert [record.status for record in store.versions.records()] == ["accepted", "accepted", "refused"]
    once = store.versions.settle("v00000004", now=NOW)
    assert store.versions.settle("v00000004", now=NOW) == once


def test_only_the_expected_version_is_claimed(store):
    store.versions.claim(upload(FIRST), now=NOW, expected="v00000001")
    with pytest.raises(CallerError, match="v00000002"):
        store.versions.claim(upload(SECOND), now=NOW, expected="v00000007")
    assert store.versions.claims() == ["v00000001"]


def test_what_was_delivered_is_kept_byte_for_byte(store):
    claim = store.versions.claim(upload(BAD), now=NOW)
    assert store.versions.upload_of(claim.version) == BAD.encode()
    assert replace(store.versions.claim_of(claim.version)) == claim
    assert claim.size == len(BAD)


def test_the_patch_is_the_update_as_it_was_sent(store):
    send(store, FIRST)
    send(store, SECOND)
    patch = store.versions.patch("v00000002")
    assert list(patch.columns) == ["k", "t", "y", "_operation"]
    assert patch["y"].isna().tolist() == [True, False]


def test_a_part_is_read_by_columns_series_and_time(store):
    send(store, FIRST)
    send(store, SECOND)
    versions = store.versions
    assert list(versions.read("v00000002", columns=["c", "y"]).columns) == ["k", "t", "c", "y"]
    assert versions.read("v00000002", series=["c", "a"])["k"].tolist() == ["a", "a", "c"]
    assert versions.read("v00000002", series=[{"k": "b"}])["k"].tolist() == ["b"]
    assert len(versions.read("v00000002", series=[])) == 0
    whole = versions.read("v00000002")
    one, two = whole["t"].min(), whole["t"].max()
    assert len(versions.read("v00000002", start=one, end=one)) == 2
    assert versions.read("v00000002", start=two)["k"].tolist() == ["c"]


def test_a_part_that_cannot_be_is_the_callers_fault(store):
    send(store, FIRST)
    for part in ({"columns": ["nothing"]}, {"series": [{"x": "a"}]}, {"start": NOW}):
        with pytest.raises(CallerError):
            store.versions.read("v00000001", **part)
    for version in ("1", "v1", "v00000000", "latest"):
        with pytest.raises(CallerError, match="v00000017"):
            store.versions.read(version)
    with pytest.raises(NotFoundError):
        store.versions.read("v00000002")


def test_two_stores_on_one_lake_make_one_chain(lake):
    one, two = store_over(lake), store_over(lake)
    assert one.versions.claim(upload(FIRST), now=NOW).version == "v00000001"
    assert two.versions.claim(upload(SECOND), now=NOW).version == "v00000002"
    assert one.versions.claim(upload(REMOVAL), now=NOW).version == "v00000003"
    assert two.versions.settle("v00000003", now=NOW).rows == 3
    assert one.versions.settle("v00000002", now=NOW).rows == 4
    assert one.versions.records() == two.versions.records()
    digests = [record.digest for record in one.versions.records()]
    assert [record.previous_digest for record in one.versions.records()] == [None, *digests[:-1]]


def test_a_claim_whose_writer_died_before_noting_its_key_is_found_by_the_next(lake):
    class DiesAfterClaim(Exception):  # noqa: N818
        pass

    class Dying:
        def __getattr__(self, name):
            return getattr(lake, name)

        def put_if_absent(self, path, content):
            if "idempotency" in path:
                raise DiesAfterClaim
            return lake.put_if_absent(path, content)

    with pytest.raises(DiesAfterClaim):
        store_over(Dying()).versions.claim(upload(FIRST), now=NOW)
    again = store_over(lake).versions.claim(upload(FIRST), now=NOW)
    assert (again.version, again.duplicate) == ("v00000001", True)


def test_many_writers_at_once_make_every_version_exactly_once(lake):
    texts = [f"k,t,y\na,2020-01-{day:02d} 00:00,{day}\n" for day in range(1, 13)]
    made = []

    def work(store, mine):
        for text in mine:
            claim = store.versions.claim(upload(text), now=NOW)
            made.append((text, claim.version))
            store.versions.settle(claim.version, now=NOW)

    workers = [threading.Thread(target=work, args=(store_over(lake), texts[at % 2 :: 2])) for at in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store = store_over(lake)
    assert len(made) == 24
    assert len(set(made)) == 12
    assert store.versions.claims() == [version_key(number) for number in range(1, 13)]
    assert store.versions.newest().rows == 12
    assert store.versions.newest().state_digest == state_digest(store.versions.read("v00000012"), store.spec)


def test_a_damaged_upload_or_patch_is_named(tmp_path):
    store = store_over(LocalLake(tmp_path))
    record = send(store, FIRST)
    claim = store.versions.claim(upload(SECOND), now=NOW)
    (tmp_path / "demo" / "uploads" / claim.upload_digest).write_bytes(b"k,t,y\n")
    refused = store.versions.settle(claim.version, now=NOW)
    reason = store.versions.refusal(refused.version).violations[0]
    assert (refused.status, refused.rows, reason.rule) == ("refused", 3, "damaged_upload")
    assert claim.upload_digest in reason.expected
    assert send(store, REMOVAL).rows == 2
    with pytest.raises(DamageError, match=claim.upload_digest):
        store.versions.upload_of(claim.version)
    (tmp_path / "demo" / "patches" / f"{record.patch_digest}.parquet").write_bytes(b"PAR1")
    with pytest.raises(DamageError, match=record.patch_digest):
        store_over(LocalLake(tmp_path)).versions.read("v00000001")


def test_a_reopened_store_goes_on_where_it_was(tmp_path):
    first = open_store(str(tmp_path / "lake"), use_case="demo", spec=store_over(None).spec, code_version="1")
    send(first, FIRST)
    second = open_store(
        str(tmp_path / "lake"), use_case="demo", spec=first.spec, code_version="2", contract_version="9"
    )
    record = send(second, SECOND)
    assert (record.version, record.code_version, record.contract_version) == ("v00000002", "2", "9")


def test_a_use_case_must_be_a_folders_name():
    with pytest.raises(CallerError, match="use case"):
        open_store("memory://", use_case="../x", spec=store_over(None).spec, code_version="1")


def test_version_keys_and_numbers_are_the_same_thing():
    assert version_key(17) == "v00000017"
    assert version_number("v00000017") == 17


def test_a_record_tells_how_the_file_was_read_and_how_many_values_it_emptied(store):
    assert send(store, FIRST.replace(",", ";")).facts["delimiter"] == "semicolon"
    record = send(store, SECOND)
    assert (record.emptied, record.corrected, record.facts["delimiter"]) == (1, 1, "comma")
    refused = send(store, BAD)
    assert (refused.emptied, refused.facts) == (0, {})
    old = {name: value for name, value in record.to_dict().items() if name not in ("emptied", "facts")}
    assert VersionRecord.from_dict(old).emptied == 0


def test_what_is_measured_after_the_claim_is_refused_however_late_it_is_settled(store):
    claim = store.versions.claim(upload("k,t,y\na,2026-01-03 00:00,1\n"), now=NOW)
    record = store.versions.settle(claim.version, now=NOW + timedelta(days=30))
    assert record.status == "refused"
    assert "future_value" in store.versions.refusal(claim.version).summary()
