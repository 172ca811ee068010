"""Verification: is everything in the store still what was written, and is nothing missing?

Here belongs reading all of it again and naming every file that is damaged or gone. Not here: mending it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loopcast.dataops.digest import state_digest
from loopcast.errors import DamageError, NotFoundError, StoreError
from loopcast.store.array_files import NPZ
from loopcast.store.erasure import LEARNED_AGAIN
from loopcast.store.outputs import is_table, to_manifest
from loopcast.store.records import numbered, read_content, read_record, sha256
from loopcast.store.store import Store
from loopcast.store.tombstones import Tombstones
from loopcast.store.version_records import VersionRecord, version_number

_DIGEST = r"[0-9a-f]{64}"
_BY_CONTENT = re.compile(
    rf"(?:uploads/({_DIGEST})|(?:patches|checkpoints)/({_DIGEST})\.parquet|[^/]+/({_DIGEST})\.(?:json|npz))"
)
_IDEMPOTENCY = re.compile(rf"idempotency/{_DIGEST}\.json")
_TABLE = re.compile(rf"[^/]+/[^/]+/({_DIGEST})\.parquet")
_NUMBERED = re.compile(r"((?:claims/v|versions/v|erasures/|[^/]+/[^/]+/))(\d{8})\.json")
_MANIFEST = re.compile(r"(?!refs/)[^/]+/[^/]+/\d{8}\.json")


@dataclass(frozen=True)
class Damage:
    """One file that is not what it should be.

    Args:
        file: its path in the lake.
        problem: what is wrong with it.
    """

    file: str
    problem: str


@dataclass(frozen=True)
class VerifyReport:
    """What a verification found.

    Args:
        checked: how many files were read.
        damages: what is wrong; empty is best.
    """

    checked: int
    damages: tuple[Damage, ...]


def verify(store: Store) -> VerifyReport:
    """Return what is damaged or missing in a use case's store, having read all of it.

    Checked are the digest of every file, the digest in every record, that the numbers are unbroken and every record
    names the one before it, that every file a record names is there, and the state of the newest version, read whole.

    Args:
        store: the store; nothing that it keeps in memory is trusted.
    """
    fresh = Store.over(store.lake, use_case=store.use_case, spec=store.spec, code_version="")
    paths = store.lake.list(store.use_case)
    damages = [damage for path in paths for damage in _check(fresh, path)]
    damages += _check_chain(fresh, set(paths))
    damages += _check_checkpoints(fresh, set(paths))
    if not damages:
        damages += _check_state(fresh)
    lasting = (damage for damage in dict.fromkeys(damages) if _is_lasting(fresh, damage, set(paths)))
    return VerifyReport(len(paths), tuple(lasting))


def _is_lasting(store: Store, damage: Damage, paths: set[str]) -> bool:
    """Return whether a damage is one, and not what others wrote, or a checkpoint or state they thinned, meanwhile."""
    is_there = store.lake.exists(damage.file)
    if damage.file not in paths:
        return not is_there
    return is_there or damage.file.split("/")[1] not in ("checkpoints", LEARNED_AGAIN)


def _check(store: Store, path: str) -> Iterator[Damage]:
    """Yield the damage that the check of one file meets; a manifest's includes that of its table."""
    at = path
    try:
        record = _check_file(store, path)
        if record is not None:
            manifest = to_manifest(record)
            at = manifest.file
            read_content(store.lake, at, digest=manifest.file_digest)
    except (DamageError, NotFoundError) as error:
        yield Damage(at, str(error))
    except (KeyError, TypeError, ValueError) as error:
        yield Damage(path, f"{path} is damaged: its fields are wrong ({error}); restore the file from a copy")


def _check_file(store: Store, path: str) -> dict[str, Any] | None:
    """Return a manifest's record; raise DamageError where a file is not what its name or its record's digest says."""
    name = path.removeprefix(f"{store.use_case}/")
    table = _TABLE.fullmatch(name)
    by_content = None if _IDEMPOTENCY.fullmatch(name) else _BY_CONTENT.fullmatch(name)
    if by_content is not None:
        content = read_content(store.lake, path, digest=next(group for group in by_content.groups() if group))
        _check_arrays(store, path, content)
    elif table is not None:
        if not is_table(store.lake.get(path), digest=table[1]):
            raise DamageError(f"{path} is damaged: its table does not have its digest; make the output again")
    elif name.endswith(".json"):
        record = read_record(store.lake, path)
        return record if _MANIFEST.fullmatch(name) else None
    else:
        raise DamageError(f"{path} does not belong here; move it out of the store")
    return None


def _check_arrays(store: Store, path: str, content: bytes) -> None:
    """Raise DamageError where a document's arrays are not beside it."""
    arrays = json.loads(content).get(NPZ) if path.endswith(".json") else None
    beside = f"{path.rsplit('/', 1)[0]}/{arrays}.npz"
    if arrays is not None and not store.lake.exists(beside):
        raise DamageError(f"{path} needs {beside}, which is missing; restore it from a copy")


def _check_chain(store: Store, paths: set[str]) -> Iterator[Damage]:
    """Yield what is missing or out of order among numbered records, and what they need and is not there."""
    folder = store.use_case
    claims = sorted(path for path in paths if path.startswith(f"{folder}/claims/"))
    records = sorted(path for path in paths if path.startswith(f"{folder}/versions/"))
    yield from _check_numbers(paths, folder=folder)
    yield from _check_keys(store, claims[:-1], paths)
    tombstones = Tombstones(store.lake, folder=folder)
    try:
        tombstones.refresh()
    except (DamageError, KeyError, TypeError, ValueError):
        return  # it is named as a file that is damaged, and what it would tell of the others is unknown
    for one in tombstones.list_unfinished():
        problem = f"the {one.kind} of {one.at:%Y-%m-%d %H:%M} is unfinished; the next update or erasure finishes it"
        yield Damage(tombstones.path(one.number), problem)
    previous: VersionRecord | None = None
    for path in records:
        try:
            record = VersionRecord.from_dict(read_record(store.lake, path))
        except (DamageError, KeyError, TypeError, ValueError):
            previous = None
            continue
        is_next = previous is not None and version_number(record.version) == version_number(previous.version) + 1
        if previous is not None and is_next and record.previous_digest != previous.digest:
            yield Damage(path, f"{path} does not follow {previous.version}: the chain is broken")
        yield from _check_named(tombstones.restate(record), folder=folder, paths=paths, tombstones=tombstones)
        previous = record


def _check_numbers(paths: set[str], *, folder: str) -> Iterator[Damage]:
    """Yield the records that are missing below the highest number of their row."""
    rows: dict[str, set[int]] = {}
    for path in sorted(paths):
        match = _NUMBERED.fullmatch(path.removeprefix(f"{folder}/"))
        if match is not None:
            rows.setdefault(match[1], set()).add(int(match[2]))
    done = {path.replace("-done.json", ".json") for path in paths if path.endswith("-done.json")}
    yield from (Damage(path, f"{path} is missing; restore it from a copy") for path in sorted(done - paths))
    for row, found in rows.items():
        missing = (f"{folder}/{row}{numbered(number)}.json" for number in range(1, max(found)) if number not in found)
        yield from (Damage(path, f"{path} is missing; restore it from a copy") for path in missing)


def _check_keys(store: Store, claims: list[str], paths: set[str]) -> Iterator[Damage]:
    """Yield the idempotency keys that are missing; that of the newest claim may be, its writer may have died."""
    for claim in claims:
        try:
            key = str(read_record(store.lake, claim)["idempotency_key"])
        except (DamageError, KeyError):
            continue
        path = f"{store.use_case}/idempotency/{sha256(key.encode())}.json"
        if path not in paths:
            yield Damage(path, f"{path} is missing; without it the upload of {claim} could be taken twice")


def _check_named(record: VersionRecord, *, folder: str, paths: set[str], tombstones: Tombstones) -> Iterator[Damage]:
    """Yield the files that a version's record needs and that are not there; erased uploads need not be."""
    needed = [f"{folder}/claims/{record.version}.json"]
    if tombstones.find_upload(record.upload_digest) is None:
        needed.append(f"{folder}/uploads/{record.upload_digest}")
    if record.patch_digest is None:
        needed.append(f"{folder}/quarantine/{record.version}.json")
    else:
        needed.append(f"{folder}/patches/{record.patch_digest}.parquet")
    yield from (Damage(path, f"{path} is missing; {record.version} needs it") for path in needed if path not in paths)


def _check_state(store: Store) -> Iterator[Damage]:
    """Yield a damage where the newest version does not read back as the state it was recorded with."""
    newest = store.versions.newest()
    if newest is None:
        return
    frame = store.versions.read(newest.version, is_whole=True)
    found = (len(frame), state_digest(frame, store.spec))
    if found != (newest.rows, newest.state_digest):
        path = f"{store.use_case}/versions/{newest.version}.json"
        problem = f"reads back with {found[0]} rows and the digest {found[1]}"
        yield Damage(path, f"{newest.version} {problem}; expected {newest.rows} rows and {newest.state_digest}")


def _check_checkpoints(store: Store, paths: set[str]) -> Iterator[Damage]:
    """Yield the checkpoints that are not what their version was recorded as; each can be made again."""
    for path in sorted(path for path in paths if re.fullmatch(rf"{store.use_case}/checkpoints/v\d{{8}}\.json", path)):
        try:
            problem = store.versions.check_checkpoint(path[-14:-5])
        except (StoreError, KeyError, TypeError, ValueError) as error:
            problem = str(error)
        if problem is not None:
            yield Damage(path, f"{path}: {problem}; delete it: nothing is lost, and it is made again when it is due")
