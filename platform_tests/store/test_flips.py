"""Every kind of stored file: one flipped byte, a lost end, or the file gone - verify names that very file."""

import random

import pytest

from loopcast.store.lake import LocalLake
from loopcast.store.records import sha256
from loopcast.store.verify import verify
from store_examples import NOW, store_over
from store_history import HISTORY

FOLDERS = {
    "uploads": "upload",
    "claims": "claim",
    "idempotency": "idempotency key",
    "patches": "patch",
    "versions": "version record",
    "quarantine": "quarantine",
    "refs": "reference",
}
KINDS = (
    *FOLDERS.values(),
    "erasure",
    "erasure done",
    "checkpoint",
    "checkpoint record",
    "document",
    "arrays",
    "table",
    "manifest",
)
UNNAMED = ("document", "checkpoint record", "erasure done")  # nothing in the store says that there was one
FLIPS = 10


def kind_of(path):
    """Return a file's kind by its place; a folder that is new here is a kind that nobody has thought of."""
    _, folder, *_ = path.split("/")
    if folder in ("forecast", "checkpoints"):
        names = ("table", "manifest") if folder == "forecast" else ("checkpoint", "checkpoint record")
        return names[path.endswith(".json")]
    if folder == "erasures":
        return "erasure done" if "-done" in path else "erasure"
    return ("arrays" if path.endswith(".npz") else "document") if folder == "zoos" else FOLDERS.get(folder, folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a store with everything in it, and of each kind the path of its first file."""
    root = tmp_path_factory.mktemp("lake")
    store = store_over(LocalLake(root))
    for step in HISTORY:
        step.do(store)
    store.references.append("zoo_in_force", {"digest": "b"}, now=NOW)
    paths = {}
    for path in store.lake.list("demo"):
        paths.setdefault(kind_of(path), path)
    key = store.versions.claim_of(
        "v00000001"
    ).idempotency_key  # the newest claim may have none: its writer may have died
    paths["idempotency key"] = f"demo/idempotency/{sha256(key.encode())}.json"
    return store, paths


def damaged_files(store):
    return {damage.file for damage in verify(store).damages}


def test_there_is_a_row_for_each_kind_of_file(made):
    store, paths = made
    assert set(paths) == set(KINDS)
    assert damaged_files(store) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_byte_is_found(made, kind):
    store, paths = made
    file = store.lake.local_path(paths[kind])
    whole, rng = file.read_bytes(), random.Random(kind)  # noqa: S311 - no secret
    for at in {0, len(whole) - 1, *rng.choices(range(len(whole)), k=FLIPS)}:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :])
        assert paths[kind] in damaged_files(store), at
    file.write_bytes(whole)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_has_lost_its_end_or_has_something_behind_it_is_found(made, kind):
    store, paths = made
    file = store.lake.local_path(paths[kind])
    whole = file.read_bytes()
    for content in (b"", whole[: len(whole) // 2], whole[:-1], whole + b"\n"):
        file.write_bytes(content)
        assert paths[kind] in damaged_files(store), len(content)
    file.write_bytes(whole)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNNAMED])
def test_a_file_that_is_gone_is_found(made, kind):
    store, paths = made
    file = store.lake.local_path(paths[kind])
    whole = file.read_bytes()
    file.unlink()
    assert paths[kind] in str(verify(store).damages)
    file.write_bytes(whole)
