"""Arrays of documents: readable beside the JSON, guarded by their digest, never pickled."""

import json
import pickle

import numpy as np
import pytest

from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.store.array_files import join_arrays, part_arrays, to_npz
from loopcast.store.lake import LocalLake, ObjectLake
from loopcast.store.outputs import OutputStore
from loopcast.store.verify import verify
from store_examples import store_over

NET = {"name": "net", "layers": [{"bias": np.array([0.5, np.nan])}, {"bias": np.arange(6.0).reshape(2, 3)}]}


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def draw(rng, depth=0):
    """Return a random leaf, list or object; keys that look like paths are among them."""
    kind = rng.integers(0, 8 if depth < 3 else 5)
    if kind < 3:
        shape = tuple(rng.integers(0, 4, rng.integers(0, 4)))
        return rng.integers(0, 2, shape).astype(rng.choice(["f8", "f4", "i8", "u1", "?", "datetime64[us]"]))
    if kind < 5:
        return [1.5, "text", None, [0.1, None], True][rng.integers(5)]
    items = [draw(rng, depth + 1) for _ in range(rng.integers(0, 4))]
    return items if kind == 5 else dict(zip(["a", "a/b", "b", "~1"], items, strict=False))


@pytest.mark.parametrize("seed", range(40))
def test_a_document_comes_back_to_the_last_bit_and_the_same_one_gives_the_same_bytes(seed):
    rng = np.random.default_rng(seed)
    document = {"a": draw(rng), "a/b": draw(rng), "b": draw(rng), "c": draw(rng)}
    parted, content = part_arrays(document)
    text = json.dumps(parted, allow_nan=False)
    assert part_arrays(document) == (parted, content)
    back = join_arrays(json.loads(text), content) if content else json.loads(text)
    assert same(back, document)


def test_the_json_tells_key_shape_type_and_the_first_row():
    parted, _ = part_arrays(NET)
    assert parted["layers"][0]["bias"] == {"array": "layers/0/bias", "shape": [2], "dtype": "float64"}
    assert parted["layers"][1]["bias"]["first"] == [0.0, 1.0, 2.0]
    assert len(parted["npz"]) == 64


@pytest.mark.parametrize("value", [np.array([object()]), np.array(["a name"]), np.array([b"x"])])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(CallerError, match="expected numbers"):
        part_arrays({"x": value})


def test_a_document_with_arrays_may_not_have_an_entry_of_that_name():
    with pytest.raises(CallerError, match="npz"):
        part_arrays({"npz": 1, "x": np.zeros(1)})


def test_a_pickle_is_not_opened():
    buffer = to_npz({"x": np.zeros(1)})
    with pytest.raises(DamageError):
        join_arrays({}, pickle.dumps([1]))
    with pytest.raises(DamageError, match="there is no 'y'"):
        join_arrays({"y": {"array": "y", "shape": [1], "dtype": "float64"}}, buffer)


@pytest.mark.parametrize("make", [LocalLake, lambda _: ObjectLake.in_memory()], ids=["local", "memory"])
def test_the_store_keeps_arrays_beside_the_json_and_deletes_them_with_it(make, tmp_path):
    lake = make(tmp_path)
    outputs = OutputStore(lake, folder="demo")
    digest, other = outputs.write_document("states", NET), outputs.write_document("states", {**NET, "name": "other"})
    assert same(outputs.read_document("states", digest), NET)
    assert len(lake.list("demo/states")) == 4  # the same arrays, one file for each document
    assert outputs.delete_document("states", digest)
    assert not outputs.delete_document("states", digest)
    assert same(outputs.read_document("states", other), {**NET, "name": "other"})
    assert len(lake.list("demo/states")) == 2
    with pytest.raises(NotFoundError):
        outputs.read_document("states", digest)


def test_one_flipped_byte_in_the_arrays_is_refused_and_named(tmp_path):
    store = store_over(LocalLake(tmp_path))
    digest = store.outputs.write_document("zoos", NET)
    path = next(path for path in store.lake.list("demo/zoos") if path.endswith(".npz"))
    file = store.lake.local_path(path)
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DamageError, match=path):
            store.outputs.read_document("zoos", digest)
    assert [damage.file for damage in verify(store).damages] == [path]
    file.unlink()
    assert path in verify(store).damages[0].problem
