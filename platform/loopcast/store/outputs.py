"""Outputs: tables and documents that assets make, each table pinned by a manifest to what it was made from.

Here belong writing and reading them. Not here: what is in them, and pointers that move (`loopcast.store.refs`).

    <table>/<partition>/<digest>.parquet   <table>/<partition>/00000001.json   <kind>/<digest>.json, .npz
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from loopcast.dataops.digest import frame_digest
from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.store.array_files import NPZ, join_arrays, part_arrays
from loopcast.store.lake import Lake
from loopcast.store.records import (
    from_iso,
    numbered,
    put_record,
    read_content,
    read_record,
    sha256,
    to_canonical_json,
    to_iso,
)
from loopcast.store.tombstones import Tombstones
from loopcast.store.version_records import version_key, version_number

RESERVED = frozenset(
    {"uploads", "claims", "idempotency", "patches", "versions", "quarantine", "checkpoints", "refs", "erasures"}
)
MOST_MISSING = 366
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=@+,:-]*")


@dataclass(frozen=True)
class OutputManifest:
    """One writing of one partition of one table.

    Args:
        table: the table's name.
        partition: the partition, for instance a version.
        number: 1 for the first writing of the partition, and so on.
        digest: digest of the table's content.
        rows: how many rows it has.
        pins: what it was made from, for instance digests of a zoo and a dataset.
        facts: what a reader wants to know without opening the table, for instance measures or the time it covers.
        written_at: when, in UTC.
        file: the Parquet file's path in the lake.
        file_digest: SHA-256 of the Parquet file's bytes.
    """

    table: str
    partition: str
    number: int
    digest: str
    rows: int
    pins: dict[str, Any]
    facts: dict[str, Any]
    written_at: datetime
    file: str
    file_digest: str


class OutputStore:
    """The outputs of one use case."""

    def __init__(self, lake: Lake, *, folder: str) -> None:
        """Keep where the outputs are."""
        self._lake, self._folder = lake, folder
        self._tombstones = Tombstones(lake, folder=folder)

    def write(
        self,
        table: str,
        partition: str,
        frame: pd.DataFrame,
        *,
        pins: Mapping[str, Any],
        now: datetime,
        facts: Mapping[str, Any] | None = None,
    ) -> OutputManifest:
        """Write a partition of a table and return its manifest; the same content and pins are written once.

        Args:
            table: the table's name.
            partition: the partition.
            frame: the rows, in their order; the index is not kept.
            pins: what the rows were made from, in JSON's own types.
            now: the present time, aware.
            facts: what follows from the rows and is kept beside them, in JSON's own types.
        """
        digest = frame_digest(frame)
        file = f"{self._place(table, partition)}/{digest}.parquet"
        file_digest = ""
        while True:
            newest = self.manifest(table, partition)
            if newest is not None and (newest.digest, newest.pins) == (digest, dict(pins)):
                self._lake.make_durable(self._manifest_path(table, partition, newest.number))
                return newest
            file_digest = file_digest or self._put_table(file, frame, digest=digest)
            number = newest.number + 1 if newest is not None else 1
            manifest = OutputManifest(
                table, partition, number, digest, len(frame), dict(pins), dict(facts or {}), now, file, file_digest
            )  # fmt: skip
            content = {**asdict(manifest), "content_digest": digest, "written_at": to_iso(now)}
            if put_record(self._lake, self._manifest_path(table, partition, number), content):
                return manifest

    def read(self, table: str, partition: str, number: int | None = None) -> pd.DataFrame:
        """Return a partition of a table, as last written or as written the n-th time.

        Raises:
            NotFoundError: it was not written.
            DamageError: the file is not what was written.
        """
        manifest = self.manifest(table, partition) if number is None else self.manifest_at(table, partition, number)
        if manifest is None:
            raise NotFoundError(f"{table} has no partition {partition}; make it, or ask for another one")
        return self.load(manifest)

    def load(self, manifest: OutputManifest) -> pd.DataFrame:
        """Return the table that a manifest is of; raises DamageError where the file is not what was written."""
        return read_table(read_content(self._lake, manifest.file, digest=manifest.file_digest), path=manifest.file)

    def manifest(self, table: str, partition: str) -> OutputManifest | None:
        """Return the newest manifest of a partition, None where it was not written."""
        numbers = self._numbers(table, partition)
        return self.manifest_at(table, partition, numbers[-1]) if numbers else None

    def manifest_at(self, table: str, partition: str, number: int) -> OutputManifest:
        """Return the manifest of the n-th writing of a partition; raises NotFoundError where there is none."""
        return to_manifest(read_record(self._lake, self._manifest_path(table, partition, number)))

    def history(self, table: str, partition: str) -> list[OutputManifest]:
        """Return all manifests of a partition, in order."""
        return [self.manifest_at(table, partition, number) for number in self._numbers(table, partition)]

    def walk_back(self, table: str, version: str, *, first: str = "") -> Iterator[OutputManifest]:
        """Yield the newest manifest of each version's partition, from a version back, those not written left out.

        It goes by the versions' numbers, never lists the table, and gives up after a year of days without one.

        Args:
            table: the table's name.
            version: the version to begin at.
            first: the version to end at; empty: the first there is.
        """
        missing = 0
        for number in range(version_number(version), version_number(first) - 1 if first else 0, -1):
            manifest = self.manifest(table, version_key(number))
            if manifest is not None:
                yield manifest
            missing = missing + 1 if manifest is None else 0
            if missing > MOST_MISSING:
                return

    def partitions(self, table: str) -> list[str]:
        """Return the partitions of a table that were written, sorted; all are listed, so not for turns and ticks."""
        return sorted(self.newest_numbers(table))

    def newest_numbers(self, table: str) -> dict[str, int]:
        """Return the number of the newest writing of each partition, from the names of the files alone."""
        prefix = f"{self._folder}/{_check_name(table)}"
        paths = (path.removeprefix(f"{prefix}/") for path in self._lake.list(prefix))
        written = (path.split("/") for path in paths if path.count("/") == 1 and path.endswith(".json"))
        numbers: dict[str, int] = {}
        for partition, name in written:
            numbers[partition] = max(numbers.get(partition, 0), int(name.removesuffix(".json")))
        return numbers

    def write_document(self, kind: str, document: Mapping[str, Any]) -> str:
        """Write a document as JSON under the SHA-256 of its canonical form and return that digest.

        Its numpy arrays go to a `.npz` of their own, whose SHA-256 stands in the JSON.

        Raises:
            CallerError: the document holds something that JSON does not, for instance NaN.
        """
        parted, arrays = part_arrays(document)
        content = to_canonical_json(parted)
        digest = sha256(content)
        if arrays:
            self._lake.put_content(self._document_path(kind, parted[NPZ], end="npz"), arrays)
        self._lake.put_content(self._document_path(kind, digest), content)
        return digest

    def read_document(self, kind: str, digest: str, *, with_arrays: bool = True) -> dict[str, Any]:
        """Return a document; raises NotFoundError where there is none and DamageError where it has changed.

        Args:
            kind: what it is.
            digest: its digest.
            with_arrays: False: as it stands in the JSON, for those who look at nothing else.
        """
        path = self._document_path(kind, digest)
        if not self._lake.exists(path):  # what stands in its place after an erasure
            self._tombstones.refresh()
            digest = self._tombstones.follow(digest)
            path = self._document_path(kind, digest)
        # Bytes that have their digest are what was written: parsing them is enough.
        document: dict[str, Any] = json.loads(read_content(self._lake, path, digest=digest))
        if NPZ not in document or not with_arrays:
            return document
        arrays = self._document_path(kind, document[NPZ], end="npz")
        return join_arrays(document, read_content(self._lake, arrays, digest=document[NPZ]))

    def has_document(self, kind: str, digest: str) -> bool:
        """Return whether a document is there under its own digest."""
        return self._lake.exists(self._document_path(kind, digest))

    def delete_document(self, kind: str, digest: str) -> bool:
        """Remove a document that can be made again, and its arrays; return whether there was one."""
        path = self._document_path(kind, digest)
        if not self._lake.exists(path):
            return False
        arrays = json.loads(self._lake.get(path)).get(NPZ)
        self._lake.delete(path)  # first: arrays that no document names are noticed by nobody
        if arrays is not None:
            self._lake.delete(self._document_path(kind, arrays, end="npz"))
        return True

    def _put_table(self, file: str, frame: pd.DataFrame, *, digest: str) -> str:
        """Write a table if it is not there, or not whole, and return the digest of the file's bytes."""
        if self._lake.exists(file):
            present = self._lake.get(file)
            if is_table(present, digest=digest):
                return sha256(present)
        content = to_parquet(frame)
        self._lake.put_content(file, content)
        return sha256(content)

    def _numbers(self, table: str, partition: str) -> list[int]:
        """Return the numbers of a partition's manifests, in order."""
        paths = self._lake.list(self._place(table, partition))
        return [int(path[-13:-5]) for path in paths if path.endswith(".json")]

    def _manifest_path(self, table: str, partition: str, number: int) -> str:
        """Return where a manifest is."""
        return f"{self._place(table, partition)}/{numbered(number)}.json"

    def _document_path(self, kind: str, digest: str, *, end: str = "json") -> str:
        """Return where a document, or the `.npz` with its arrays, is."""
        return f"{self._folder}/{_check_name(kind)}/{_check_name(digest)}.{end}"

    def _place(self, table: str, partition: str) -> str:
        """Return the folder of a partition."""
        return f"{self._folder}/{_check_name(table)}/{_check_name(partition)}"


def to_manifest(record: Mapping[str, Any]) -> OutputManifest:
    """Return the manifest in a record; `digest` is the record's own there, the table's is `content_digest`."""
    fields = {**record, "digest": record["content_digest"], "written_at": from_iso(record["written_at"])}
    del fields["content_digest"]
    return OutputManifest(**fields)


def read_table(content: bytes, *, path: str) -> pd.DataFrame:
    """Return the table in a Parquet file's bytes; raises DamageError where there is none."""
    try:
        frame: pd.DataFrame = pq.ParquetFile(pa.BufferReader(content)).read().to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamageError(f"{path} is damaged: {error}; make the output again") from error
    return frame


def is_table(content: bytes, *, digest: str) -> bool:
    """Return whether the bytes are a Parquet file whose table has the digest."""
    try:
        return frame_digest(read_table(content, path="")) == digest
    except DamageError:
        return False


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return a table as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), buffer, compression="zstd")
    return buffer.getvalue()


def _check_name(name: str) -> str:
    """Return the name; raises CallerError where it cannot be one in the lake."""
    if _NAME.fullmatch(name) is None or name in RESERVED:
        raise CallerError(
            f"found the name {name!r}; expected letters, digits and _.=@+,:- and none of {sorted(RESERVED)}"
        )
    return name
