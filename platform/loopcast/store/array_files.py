"""Arrays of documents: they go to one `.npz` beside the JSON, which holds their shapes and types, and its digest.

Here belong parting and joining them. Not here: what arrays mean, and where the files are (`loopcast.store.outputs`).
"""

import io
from collections.abc import Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from loopcast.errors import CallerError, DamageError
from loopcast.store.records import sha256, to_canonical_json

NPZ = "npz"  # the document's own entry: SHA-256 of the file with its arrays
OWNER = "npz/owner"  # entry of the file: digest of the JSON beside it, so that no two documents share a file
ARRAY = "array"
NUMBERS = "biufcmM"  # kinds of dtype; no text, so that no name of a series stands in an array
MOST_SHOWN = 4096  # so many numbers of an array's first row stand in the JSON, for people to read

Array = npt.NDArray[Any]
Json = dict[str, Any]


def part_arrays(document: Mapping[str, Any]) -> tuple[Json, bytes]:
    """Return a document in JSON's own types, and the `.npz` with its arrays; no bytes where it has none.

    Where an array was stands an object with its key in the `.npz`, `shape`, `dtype`, and its first row where that is a
    short row of numbers.

    Raises:
        CallerError: an array holds no numbers, or the document has an entry `npz` of its own.

    Examples:
        >>> document, content = part_arrays({"net": {"bias": np.zeros(2), "name": "n"}})
        >>> document["net"]
        {'bias': {'array': 'net/bias', 'shape': [2], 'dtype': 'float64'}, 'name': 'n'}
        >>> join_arrays(document, content)["net"]["bias"]
        array([0., 0.])
    """
    arrays: dict[str, Array] = {}
    parted: Json = _part(document, "", arrays)
    if not arrays:
        return parted, b""
    if NPZ in document:
        raise CallerError(f"found an entry {NPZ!r} in a document with arrays; expected another name")
    owner = np.frombuffer(bytes.fromhex(sha256(to_canonical_json(parted))), dtype=np.uint8)
    content = to_npz({**arrays, OWNER: owner})
    return {**parted, NPZ: sha256(content)}, content


def join_arrays(document: Mapping[str, Any], content: bytes) -> Json:
    """Return the document that `part_arrays` parted; raises DamageError where an array is not there."""
    arrays = read_npz(content)
    bare = {name: value for name, value in document.items() if name != NPZ}
    try:
        joined: Json = _join(bare, arrays)
    except KeyError as error:
        raise DamageError(f"arrays of a document are damaged: there is no {error}; make the document again") from error
    return joined


def to_npz(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as the bytes of a `.npz` without pickles; the same arrays always give the same bytes."""
    wrong = [key for key, array in arrays.items() if array.dtype.kind not in NUMBERS]
    if wrong:
        found = f"found {arrays[wrong[0]].dtype} in the array {wrong[0]}"
        raise CallerError(f"{found}; expected numbers, truth values or times")
    buffer = io.BytesIO()
    # Names of entries must not collide with the parameters of `savez`.
    np.savez(buffer, allow_pickle=False, **{f"/{key}": arrays[key] for key in sorted(arrays)})
    return buffer.getvalue()


def read_npz(content: bytes) -> dict[str, Array]:
    """Return the arrays in the bytes of a `.npz`; raises DamageError where it is none."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name.removeprefix("/"): file[name] for name in file.files}
    except (BadZipFile, NotImplementedError, OSError, ValueError, EOFError) as error:
        raise DamageError(f"the arrays of a document are damaged: {error}; make the document again") from error


def _part(value: Any, path: str, arrays: dict[str, Array]) -> Any:
    """Return a value without its arrays, which are added to those found."""
    if isinstance(value, np.ndarray):
        arrays[path] = value
        shown = {"first": value[0].tolist()} if _is_readable(value) else {}
        return {ARRAY: path, "shape": list(value.shape), "dtype": str(value.dtype), **shown}
    if isinstance(value, Mapping):
        return {key: _part(item, _join_path(path, key), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray | Mapping | list | tuple) for item in value):
        return [_part(item, _join_path(path, at), arrays) for at, item in enumerate(value)]
    return value


def _join_path(path: str, name: object) -> str:
    """Return the key of what lies in something, as in a JSON pointer (RFC 6901), so that no two are the same."""
    own = str(name).replace("~", "~0").replace("/", "~1")
    return f"{path}/{own}" if path else own


def _is_readable(array: Array) -> bool:
    """Return whether an array's first row is worth standing in the JSON: numbers, all finite, and not too many."""
    if array.ndim < 2 or not len(array) or array.dtype.kind not in "fiu" or array[0].size > MOST_SHOWN:
        return False
    return bool(np.isfinite(array[0]).all())


def _join(value: Any, arrays: Mapping[str, Array]) -> Any:
    """Return a value with its arrays in their places."""
    if isinstance(value, dict):
        if ARRAY in value and {"shape", "dtype"} <= set(value):
            return arrays[value[ARRAY]]
        return {key: _join(item, arrays) for key, item in value.items()}
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [_join(item, arrays) for item in value]
    return value
