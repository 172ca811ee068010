"""Digests over content, so that the same data has the same digest whoever wrote them, in whatever order.

Here belong the order-free digest of a dataset (moved on by a patch without reading the rest) and the exact
digest of an output table. Not here: digests of files and of the records in the store.

The dataset's digest is a multiset hash: the sum, modulo 2**64 in four lanes, of one hash per row and per cell that
is not missing. It finds damage and differences; it is no defence against forgery, which is the records' chain's work.

References:
    Bellare, Micciancio (1997), "A new paradigm for collision-free hashing: incrementality at reduced cost".
    Steele, Lea, Flood (2014), "Fast splittable pseudorandom number generators", figure 16 (the mixing function).
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.table import TableSpec

LANES = 4
EMPTY_DIGEST = "0" * 64
_ROW = "\x00row"

Lanes = npt.NDArray[np.uint64]


def state_digest(frame: pd.DataFrame, spec: TableSpec) -> str:
    """Return the digest of a dataset's content: 64 hexadecimal digits, all zero for no rows.

    Independent of the order of rows and columns and of dtypes (1 and 1.0, 0.0 and -0.0 are the same). A missing
    cell adds nothing, so a column that was never sent and one that is missing throughout are the same.

    Args:
        frame: the keys and any of the variables; keys unique.
        spec: names and kinds of the columns.
    """
    return _to_hex(_sum_rows(frame, spec))


def advance(digest: str, removed_rows: pd.DataFrame, added_rows: pd.DataFrame, spec: TableSpec) -> str:
    """Return the digest after some rows were replaced, without reading the others.

    Args:
        digest: the digest before.
        removed_rows: the touched rows as they were; whole rows, as in `state_digest`.
        added_rows: the touched rows as they are now.
        spec: names and kinds of the columns.
    """
    before = np.array([int(digest[16 * lane : 16 * lane + 16], 16) for lane in range(LANES)], dtype=np.uint64)
    return _to_hex(before - _sum_rows(removed_rows, spec) + _sum_rows(added_rows, spec))


def frame_digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of an output table: values bit for bit, rows in their order, columns in any order.

    Args:
        frame: columns of numbers, booleans, text or timestamps; the index does not count.
    """
    total = hashlib.sha256(str(len(frame)).encode())
    for name in sorted(map(str, frame.columns)):
        kind, parts = _canonical_parts(frame[name])
        total.update(f"\n{len(name.encode())} {name} {kind}\n".encode())
        for part in parts:
            total.update(part)
    return total.hexdigest()


def _sum_rows(frame: pd.DataFrame, spec: TableSpec) -> Lanes:
    """Return the sum over all rows and their cells that are not missing, one number per lane."""
    if frame.empty:
        return np.zeros(LANES, dtype=np.uint64)
    keys = _hash_keys(frame, spec)
    total = _mix(keys ^ _seed(_ROW)[:, None]).sum(axis=1, dtype=np.uint64)
    for variable in spec.variables:
        if variable.name in frame.columns:
            total += _sum_cells(frame[variable.name], keys, is_text=variable.kind == "category")
    return np.asarray(total, dtype=np.uint64)


def _hash_keys(frame: pd.DataFrame, spec: TableSpec) -> Lanes:
    """Return one hash per row over its key columns; shape (lanes, rows)."""
    keys = np.zeros((LANES, len(frame)), dtype=np.uint64)
    for name in sorted(spec.keys):
        if name == spec.timestamp:
            values = _spread(_timestamp_bits(frame[name]), name)
        else:
            values = _text_lanes(frame[name], name)
        keys = _mix(keys + values)
    return keys


def _sum_cells(column: pd.Series, keys: Lanes, *, is_text: bool) -> Lanes:
    """Return the sum over one column's cells that are not missing, one number per lane."""
    present = column.notna().to_numpy(dtype=bool)
    if not present.all():
        column, keys = column[present], keys[:, present]
    name = str(column.name)
    values = _text_lanes(column, name) if is_text else _spread(_number_bits(column), name)
    return np.asarray(_mix(keys ^ values).sum(axis=1, dtype=np.uint64), dtype=np.uint64)


def _spread(bits: Lanes, name: str) -> Lanes:
    """Return four hashes of each 64-bit value, different per column; shape (lanes, rows)."""
    return _mix(bits[None, :] ^ _seed(name)[:, None])


def _text_lanes(column: pd.Series, name: str) -> Lanes:
    """Return four hashes of each text, each distinct text hashed once; shape (lanes, rows)."""
    codes, texts = pd.factorize(column)
    hashes = np.array([_seed(str(text)) for text in texts], dtype=np.uint64).reshape(-1, LANES)
    return np.ascontiguousarray(_mix(hashes.T ^ _seed(name)[:, None])[:, codes])


def _number_bits(column: pd.Series) -> Lanes:
    """Return the bits of each number as float64, -0.0 as 0.0."""
    return (column.to_numpy(dtype=np.float64) + 0.0).view(np.uint64)


def _timestamp_bits(column: pd.Series) -> Lanes:
    """Return the microseconds since 1970 of each timestamp."""
    return column.to_numpy(dtype="datetime64[us]").astype(np.int64).view(np.uint64)


def _seed(text: str) -> Lanes:
    """Return the 256-bit BLAKE2b of a text as four numbers."""
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=8 * LANES).digest(), dtype="<u8")


def _mix(values: Lanes) -> Lanes:
    """Return the values mixed bit by bit (a bijection of 64-bit numbers); the argument is left alone."""
    mixed = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _to_hex(lanes: Lanes) -> str:
    """Return four numbers as 64 hexadecimal digits."""
    return "".join(f"{int(lane):016x}" for lane in lanes)


def _canonical_parts(column: pd.Series) -> tuple[str, tuple[bytes, ...]]:
    """Return a column's kind and its content as bytes that do not depend on the library that holds it."""
    kind: Any = column.dtype.kind
    if kind in "iub":
        return "integer", (column.to_numpy(dtype="<i8").tobytes(),)
    if kind == "f":
        values = column.to_numpy(dtype="<f8").copy()
        values[np.isnan(values)] = np.nan
        return "number", (values.tobytes(),)
    if kind == "M":
        return "timestamp", (column.to_numpy(dtype="datetime64[us]").astype("<i8").tobytes(),)
    texts = [None if missing else str(text).encode() for text, missing in zip(column, column.isna(), strict=True)]
    lengths = np.array([-1 if text is None else len(text) for text in texts], dtype="<i8")
    return "text", (lengths.tobytes(), b"".join(text for text in texts if text is not None))
