from datetime import UTC, datetime, timedelta, timezone

import pytest

from loopcast.errors import CallerError, DamageError
from loopcast.store.lake import ObjectLake
from loopcast.store.records import from_iso, put_record, read_content, read_record, sha256, to_canonical_json, to_iso


def test_a_record_holds_its_own_digest_and_reads_back():
    lake = ObjectLake.in_memory()
    assert put_record(lake, "a.json", {"b": 0.1, "a": "ü", "digest": "ignored"})
    assert not put_record(lake, "a.json", {"b": 2})
    record = read_record(lake, "a.json")
    digest = record.pop("digest")
    assert record == {"a": "ü", "b": 0.1}
    assert digest == sha256(b'{"a":"\xc3\xbc","b":0.1}\n')


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"0.1", b"0.2"),
        lambda content: content.replace(b"0.1", b"0.10"),
        lambda content: content.replace(b",", b", "),
        lambda content: content[:-1],
        lambda content: content[:-5],
        lambda _: b"",
        lambda _: b"[]\n",
        lambda _: b"\xff",
    ],
)
def test_a_changed_record_is_named(change):
    lake, other = ObjectLake.in_memory(), ObjectLake.in_memory()
    put_record(lake, "a.json", {"a": 0.1, "b": [1, 2]})
    other.put_if_absent("a.json", change(lake.get("a.json")))
    with pytest.raises(DamageError, match=r"a\.json"):
        read_record(other, "a.json")


def test_content_with_another_digest_is_named():
    lake = ObjectLake.in_memory()
    lake.put_if_absent("x", b"1")
    assert read_content(lake, "x", digest=sha256(b"1")) == b"1"
    with pytest.raises(DamageError, match="x is damaged"):
        read_content(lake, "x", digest=sha256(b"2"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, object()])
def test_what_is_no_json_is_the_callers_fault(value):
    with pytest.raises(CallerError, match="no JSON"):
        to_canonical_json({"a": value})


def test_times_are_kept_in_utc_and_need_a_zone():
    moment = datetime(2026, 1, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=2)))
    assert from_iso(to_iso(moment)) == moment
    assert from_iso(to_iso(moment)).tzinfo == UTC
    with pytest.raises(CallerError, match="no zone"):
        to_iso(datetime(2026, 1, 1))  # noqa: DTZ001
