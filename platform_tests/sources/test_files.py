"""Files in folders and object stores: each object once, in the order of the names, whenever it appears."""

import os
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.store import MemoryStore

from loopcast.errors import SourceError
from loopcast.sources.batch import NOWHERE
from loopcast.sources.files import choose_object, remember_repeat
from loopcast.store.foreign import ForeignObjects
from loopcast.use_case.sources import FilesSource
from made_use_case import NOW
from source_reading import Reader


class Folder(Reader):
    """A source on a folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        super().__init__(FilesSource(kind="files", url=folder.as_uri(), **options))

    def put(self, path: str, content: bytes = b"at,count\n", *, age_s: float = 60.0) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (NOW.timestamp() - age_s,) * 2)

    def take_all(self) -> list[str]:
        """Return the paths of what is new, and take it."""
        found = []
        while (batch := self.fetch().batch) is not None:
            found.append(batch.reason)
        return found


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_objects_come_in_the_order_of_their_names_each_once(folder: Folder) -> None:
    for path in ("b.csv", "a ü.csv", "2024/c.csv"):
        folder.put(path)
    assert folder.look().more
    assert folder.take_all() == ["2024/c.csv", "a ü.csv", "b.csv"]
    assert folder.take_all() == []


def test_a_name_that_sorts_first_and_one_written_again_are_taken_whenever_they_appear(folder: Folder) -> None:
    folder.put("b.csv")
    folder.take_all()
    folder.put("a.csv", age_s=1e6)
    assert folder.take_all() == ["a.csv"]
    folder.put("b.csv", b"at,count,promotion\n", age_s=30)
    assert folder.take_all() == ["b.csv"]


def test_hidden_unfinished_young_and_unwanted_objects_are_left_alone(tmp_path: Path) -> None:
    folder = Folder(tmp_path, pattern="*.csv*")
    for path in (".a.csv", ".hidden/a.csv", "a.csv.part", "a.csv~", "notes.txt"):
        folder.put(path)
    folder.put("young.csv", age_s=0.5)
    assert folder.take_all() == []
    folder.put("young.csv", age_s=1.5)
    assert folder.take_all() == ["young.csv"]


def test_the_version_s_file_has_the_name_alone_and_the_bytes_as_they_are(folder: Folder) -> None:
    folder.put("plant/day 1.parquet", b"\x00\x01")
    batch = folder.fetch().batch
    assert batch is not None
    assert (batch.name, batch.content, batch.rows) == ("day 1.parquet", b"\x00\x01", None)


def test_an_object_in_memory_is_read_like_any_other() -> None:
    store = MemoryStore()
    objects, claimed = ForeignObjects(store), set()
    obstore.put(store, "a.csv", b"1")
    found = [look(objects, claimed), look(objects, claimed)]
    obstore.put(store, "a.csv", b"2")
    assert [batch and batch.content for batch in [*found, look(objects, claimed)]] == [b"1", None, b"2"]


def look(objects: ForeignObjects, claimed: set[str]) -> Any:
    options = {"pattern": "*", "find_taken": claimed.intersection, "now": NOW, "settle_seconds": 0.0}
    batch = choose_object(objects, NOWHERE, **options).batch
    claimed.update({batch.key} if batch else ())
    return batch


def test_an_object_with_nothing_new_in_it_counts_as_taken_until_it_is_written_again(folder: Folder) -> None:
    folder.put("a.csv")
    batch = folder.look().batch
    assert batch is not None
    folder.position = remember_repeat(folder.position, batch)
    assert folder.take_all() == []
    folder.put("a.csv", age_s=30)
    assert folder.take_all() == ["a.csv"]


@pytest.mark.parametrize("url", ["file:///no/such/folder", "s3://bucket-of-nobody/x"])
def test_what_is_not_there_is_told_in_one_line(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with pytest.raises(SourceError, match=rf"^{url} cannot be ") as refused:
        Reader(FilesSource(kind="files", url=url, timeout_s=1.0)).fetch()
    assert "Debug source" not in str(refused.value)
