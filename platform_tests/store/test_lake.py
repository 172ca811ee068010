import os
from datetime import timedelta

import pytest

from loopcast.errors import NotFoundError, StoreError
from loopcast.store.lake import STAGING, LocalDisk, LocalLake, ObjectLake, open_lake
from store_examples import FIRST, NOW, FailingDisk, PowerCutError, store_over, upload


@pytest.fixture(params=["local", "memory"])
def lake(request, tmp_path):
    return LocalLake(tmp_path / "lake") if request.param == "local" else ObjectLake.in_memory()


def test_the_first_to_put_an_object_wins(lake):
    assert lake.put_if_absent("a/b/c.json", b"one")
    assert not lake.put_if_absent("a/b/c.json", b"two")
    assert lake.get("a/b/c.json") == b"one"


def test_an_object_that_is_not_there_is_said_so(lake):
    assert not lake.exists("a/b")
    with pytest.raises(NotFoundError, match="a/b"):
        lake.get("a/b")
    lake.put_if_absent("a/b", b"")
    assert lake.exists("a/b")
    assert lake.get("a/b") == b""


def test_putting_content_twice_is_putting_it_once_and_mends_damage(lake):
    lake.put_if_absent("digest", b"damaged")
    lake.put_content("digest", b"right")
    lake.put_content("digest", b"right")
    assert lake.get("digest") == b"right"


def test_listing_goes_by_folder_and_is_sorted(lake):
    for path in ("a/2", "a/10", "ab/1", "a/b/1"):
        lake.put_if_absent(path, b"x")
    assert lake.list("a") == ["a/10", "a/2", "a/b/1"]
    assert lake.list("nothing") == []


def test_only_a_local_lake_knows_files(tmp_path):
    local = LocalLake(tmp_path)
    local.put_if_absent("a/b", b"x")
    assert local.local_path("a/b").read_bytes() == b"x"
    assert ObjectLake.in_memory().local_path("a/b") is None


def test_a_lake_is_opened_by_path_url_or_in_memory(tmp_path):
    open_lake(str(tmp_path / "one two")).put_if_absent("x", b"1")
    assert open_lake((tmp_path / "one two").as_uri()).get("x") == b"1"
    open_lake("memory://").put_if_absent("x", b"1")
    assert not open_lake("memory://").exists("x")
    with pytest.raises(StoreError, match="nothing://"):
        open_lake("nothing://x")


def test_a_file_and_all_folders_above_it_are_synchronised_before_a_put_returns(tmp_path):
    calls = []

    class Recording(LocalDisk):
        def write(self, file, content):
            calls.append(("write", file.parent.name))
            super().write(file, content)

        def link(self, staged, file):
            calls.append(("link", file.name))
            super().link(staged, file)

        def sync_folder(self, folder):
            calls.append(("sync", folder.name))
            super().sync_folder(folder)

    lake = LocalLake(tmp_path / "lake", disk=Recording())
    calls.clear()
    lake.put_if_absent("a/b/c", b"x")
    assert calls == [("sync", "lake"), ("sync", "a"), ("write", STAGING), ("link", "c"), ("sync", "b")]
    calls.clear()
    assert not lake.put_if_absent("a/b/c", b"x")
    assert calls == [("sync", "b")]


def test_written_bytes_are_synchronised(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    LocalDisk().write(tmp_path / "x", b"1")
    assert len(synced) == 1


def test_nothing_half_written_is_visible_wherever_the_power_goes(tmp_path):
    step = 0
    while True:
        step += 1
        root = tmp_path / str(step)
        LocalLake(root)
        try:
            LocalLake(root, disk=FailingDisk(step)).put_if_absent("a/b", b"whole content")
        except PowerCutError:
            lake = LocalLake(root)
            assert not lake.exists("a/b") or lake.get("a/b") == b"whole content"
            lake.put_if_absent("a/b", b"whole content")
            assert lake.list("a") == ["a/b"]
            continue
        break
    assert step > 4


def test_a_full_or_forbidden_disk_is_a_store_error(tmp_path):
    class Full(LocalDisk):
        def write(self, file, content):
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        LocalLake(tmp_path, disk=Full()).put_if_absent("a", b"x")


def test_an_object_is_deleted_for_good_and_one_that_is_not_there_is_no_error(lake):
    lake.put_if_absent("a/b", b"x")
    for path in ("a/b", "a/b", "c/d"):
        lake.delete(path)
    assert not lake.exists("a/b")
    assert lake.put_if_absent("a/b", b"y")


def test_what_dead_writers_left_is_cleaned_when_it_is_old(tmp_path):
    lake = LocalLake(tmp_path)
    for name, at in (("old", NOW - timedelta(days=2)), ("new", NOW)):
        (tmp_path / STAGING / name).write_bytes(b"half")
        os.utime(tmp_path / STAGING / name, (at.timestamp(),) * 2)
    store_over(lake).versions.claim(upload(FIRST), now=NOW)
    assert [file.name for file in (tmp_path / STAGING).iterdir()] == ["new"]
    assert ObjectLake.in_memory().clean_staging(before=NOW) == 0
