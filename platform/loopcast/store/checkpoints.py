"""Checkpoints: whole versions as one file each, so that reading never starts far back. All can be made again.

Here belong writing, finding and thinning them. Not here: the rows (`loopcast.store.datasets`) and when one is made
(`loopcast.store.versions`).

    checkpoints/<sha256>.parquet   checkpoints/v00000100.json
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from loopcast.errors import StoreError
from loopcast.store.lake import Lake
from loopcast.store.patches import CHECKPOINTS, PatchRef
from loopcast.store.records import put_record, read_record
from loopcast.store.version_records import VersionRecord, version_key, version_number

PATCH_LIMIT = 256
SMALL_BYTES = 1_000_000  # below this the count alone decides: opening the files takes longer than reading them


@dataclass(frozen=True)
class Checkpoint:
    """One version's rows in one file.

    Args:
        version: the version.
        file_digest: SHA-256 of the file's bytes, which is its name.
        size: bytes in the file.
        state_digest: digest of the dataset in it.
        rows: how many rows it has.
        columns: the variables in it.
        log_patches, log_bytes: number and size of all patches up to the version.
    """

    version: str
    file_digest: str
    size: int
    state_digest: str
    rows: int
    columns: tuple[str, ...]
    log_patches: int
    log_bytes: int

    @property
    def number(self) -> int:
        """The version's number."""
        return version_number(self.version)

    @property
    def ref(self) -> PatchRef:
        """The file as the base of later patches."""
        return PatchRef(self.number, self.file_digest, self.columns, CHECKPOINTS)

    @classmethod
    def of(cls, record: VersionRecord, *, file_digest: str, size: int, columns: tuple[str, ...]) -> Self:
        """Return the checkpoint of a version in a file."""
        return cls(
            record.version, file_digest, size, record.state_digest, record.rows, columns, record.log_patches,
            record.log_bytes,
        )  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return a recorded checkpoint."""
        fields = {name: value for name, value in content.items() if name != "digest"}
        return cls(**{**fields, "columns": tuple(content["columns"])})

    def is_outgrown(self, record: VersionRecord) -> bool:
        """Return whether the patches since are so many, or so large, that a later version needs its own checkpoint."""
        patches, size = record.log_patches - self.log_patches, record.log_bytes - self.log_bytes
        return patches >= PATCH_LIMIT or size > max(self.size, SMALL_BYTES)


class Checkpoints:
    """The checkpoints of one use case."""

    def __init__(self, lake: Lake, *, folder: str, until: int | None = None) -> None:
        """Keep where they are; those of versions after `until` are not looked at."""
        self._until = until
        self._lake, self._folder = lake, f"{folder}/{CHECKPOINTS}"
        self._read: dict[int, Checkpoint] = {}

    def list_numbers(self) -> list[int]:
        """Return the numbers of all versions that have a checkpoint, in order."""
        numbers = (version_number(path[-14:-5]) for path in self._lake.list(self._folder) if path.endswith(".json"))
        return [number for number in numbers if self._until is None or number <= self._until]

    def at(self, number: int) -> Checkpoint:
        """Return the checkpoint of a number; raises NotFoundError where there is none."""
        if number not in self._read:
            self._read[number] = Checkpoint.from_dict(read_record(self._lake, self.path(number)))
        return self._read[number]

    def find(self, number: int, *, columns: Sequence[str]) -> Iterator[Checkpoint]:
        """Yield the checkpoints up to a number that have the columns, the newest first."""
        wanted = set(columns)
        found = (self._try_at(earlier) for earlier in reversed(self.list_numbers()) if earlier <= number)
        yield from (one for one in found if one is not None and wanted <= set(one.columns))

    def write(self, checkpoint: Checkpoint) -> None:
        """Make a checkpoint, whose file is written, visible."""
        content = {**asdict(checkpoint), "columns": list(checkpoint.columns)}
        put_record(self._lake, self.path(checkpoint.number), content)

    def remove(self, gone: Sequence[Checkpoint]) -> None:
        """Remove some checkpoints, which others may remove too: first they are no longer found, then their files go."""
        numbers = {one.number for one in gone}
        left = [self._try_at(number) for number in self.list_numbers() if number not in numbers]
        shared = {one.file_digest for one in left if one is not None}
        for one in gone:
            self._lake.delete(self.path(one.number))
            self._read.pop(one.number, None)
            if one.file_digest not in shared:
                self._lake.delete(f"{self._folder}/{one.file_digest}.parquet")

    def thin(self, *, budget: int) -> None:
        """Remove those that are too close together for their age, or together too large.

        Args:
            budget: bytes that all may have together; the newest stays whatever its size.
        """
        readable = [one for one in map(self._try_at, self.list_numbers()) if one is not None]
        kept = choose_kept({one.number: one.size for one in readable}, budget=budget)
        self.remove([one for one in readable if one.number not in kept])

    def forget(self) -> None:
        """Drop what is kept in memory."""
        self._read.clear()

    def _try_at(self, number: int) -> Checkpoint | None:
        """Return the checkpoint of a number, None where it cannot be read: it is done without, and verify names it."""
        try:
            return self.at(number)
        except StoreError:
            return None

    def path(self, number: int) -> str:
        """Return where the record of a checkpoint is."""
        return f"{self._folder}/{version_key(number)}.json"


def choose_kept(sizes: Mapping[int, int], *, budget: int) -> set[int]:
    """Return which checkpoints stay: the newest, then each at least twice as far back as the one kept before it.

    Args:
        sizes: bytes of each checkpoint by its version's number.
        budget: bytes that those that stay may have together.

    Examples:
        >>> sorted(choose_kept(dict.fromkeys(range(1, 17), 1), budget=100))
        [8, 12, 14, 15, 16]
        >>> sorted(choose_kept(dict.fromkeys(range(1, 17), 1), budget=2))
        [15, 16]
    """
    newest = max(sizes, default=0)
    kept: list[int] = []
    age = 0
    for number in sorted(sizes, reverse=True):
        is_far = newest - number >= 2 * age
        is_affordable = sum(sizes[one] for one in kept) + sizes[number] <= budget
        if not kept or (is_far and is_affordable):
            kept.append(number)
            age = max(newest - number, age)
    return set(kept)
