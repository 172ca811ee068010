"""Patches: one accepted update each, as a Parquet file named by the SHA-256 of its bytes.

Here belong writing and reading the files. Not here: making one dataset of many (`loopcast.store.reading`).
"""

import io
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loopcast.dataops.table import OPERATION, TableSpec
from loopcast.dataops.updates import Update
from loopcast.errors import DamageError
from loopcast.store.lake import Lake
from loopcast.store.records import read_content, sha256

ROW_GROUP_SIZE = 100_000
CACHE_BYTES = 128_000_000
PATCHES, CHECKPOINTS = "patches", "checkpoints"
CACHE_SHARE = 16  # what is larger than this part of the cache is not kept when it is written


@dataclass(frozen=True)
class PatchRef:
    """Where one accepted version's patch is, or a checkpoint: a patch that brings the whole version.

    Args:
        number: the version's number.
        digest: the SHA-256 of the file.
        columns_sent: the variables it carries.
        kind: `patches` or `checkpoints`, which is its folder.
    """

    number: int
    digest: str
    columns_sent: tuple[str, ...]
    kind: str = PATCHES


class PatchFiles:
    """The patches of one use case; small ones are kept in memory once read, since they never change."""

    def __init__(self, lake: Lake, *, folder: str, spec: TableSpec) -> None:
        """Keep where the patches are and what their columns are."""
        self._lake, self._folder, self._spec = lake, folder, spec
        self._cache: OrderedDict[str, Any] = OrderedDict()
        self._cached_bytes = 0
        self._checked: set[str] = set()
        self._time_ranges: dict[str, tuple[datetime, datetime]] = {}

    def write(self, update: Update, *, kind: str = PATCHES, generation: int = 0) -> tuple[str, int]:
        """Write an update as a patch and return the file's digest and how many bytes it has.

        Args:
            update: the update.
            kind: `patches` or `checkpoints`.
            generation: number of erasures before; no file has the name of one that an erasure takes away.
        """
        table = pa.Table.from_pandas(
            update.frame, schema=self._schema(update.columns_sent), preserve_index=False, nthreads=1
        )
        table = table.replace_schema_metadata({"erasures": str(generation)} if generation else None)
        content = _to_parquet(table)
        table = table.replace_schema_metadata(None)
        digest = sha256(content)
        self._lake.put_content(self._path(kind, digest), content)
        if table.nbytes * CACHE_SHARE <= CACHE_BYTES:
            self._keep(digest, table)
        return digest, len(content)

    def read_update(self, ref: PatchRef) -> Update:
        """Return a patch as the update that it was."""
        return Update(self.read(ref).to_pandas(), ref.columns_sent)

    def read(self, ref: PatchRef) -> Any:
        """Return a patch as an Arrow table: keys, the variables that were sent, `_operation`."""
        if ref.digest in self._cache:
            return self._cache[ref.digest]
        content = read_content(self._lake, self.path(ref), digest=ref.digest)
        try:
            table = pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False).replace_schema_metadata(None)
        except (pa.ArrowException, OSError) as error:
            raise DamageError(f"{self.path(ref)} is damaged: {error}; restore the file from a copy") from error
        self._keep(ref.digest, table)
        return table

    def time_range(self, ref: PatchRef) -> tuple[datetime, datetime]:
        """Return the first and the last timestamp of a patch; without rows the end of time and its beginning."""
        if ref.digest not in self._time_ranges:
            bounds = pc.min_max(self.read(ref)[self._spec.timestamp]).as_py()
            self._time_ranges[ref.digest] = (bounds["min"] or datetime.max, bounds["max"] or datetime.min)  # noqa: DTZ901
        return self._time_ranges[ref.digest]

    def forget(self) -> None:
        """Drop everything that is kept in memory."""
        self._cache.clear()
        self._checked.clear()
        self._time_ranges.clear()
        self._cached_bytes = 0

    def path(self, ref: PatchRef) -> str:
        """Return a patch's path in the lake."""
        return self._path(ref.kind, ref.digest)

    def local_path(self, ref: PatchRef) -> str | None:
        """Return a patch's path on this machine, None where it is elsewhere.

        The first time its bytes are checked; DamageError is raised where they are not what was written.
        """
        path = self._lake.local_path(self.path(ref))
        if path is None:
            return None
        if ref.digest not in self._checked:
            read_content(self._lake, self.path(ref), digest=ref.digest)
            self._checked.add(ref.digest)
        return str(path)

    def _path(self, kind: str, digest: str) -> str:
        """Return the path of a file of one kind."""
        return f"{self._folder}/{kind}/{digest}.parquet"

    def _keep(self, digest: str, table: Any) -> None:
        """Keep a table in memory; the ones read longest ago make room."""
        if digest in self._cache:
            return
        self._cache[digest] = table
        self._cached_bytes += table.nbytes
        while self._cached_bytes > CACHE_BYTES and self._cache:
            _, oldest = self._cache.popitem(last=False)
            self._cached_bytes -= oldest.nbytes

    def _schema(self, columns_sent: tuple[str, ...]) -> Any:
        """Return the Arrow schema of a patch."""
        text = [(name, pa.string()) for name in self._spec.series_keys]
        values = [
            (name, pa.float64() if self._spec.variable(name).kind == "number" else pa.string()) for name in columns_sent
        ]
        return pa.schema([*text, (self._spec.timestamp, pa.timestamp("us")), *values, (OPERATION, pa.string())])


def _to_parquet(table: Any) -> bytes:
    """Return a table as the bytes of a Parquet file; text columns alone have dictionaries."""
    texts = [field.name for field in table.schema if pa.types.is_string(field.type)]
    buffer = io.BytesIO()
    pq.write_table(
        table, buffer, compression="zstd", use_dictionary=texts, row_group_size=ROW_GROUP_SIZE, store_schema=False
    )
    return buffer.getvalue()
