"""Tombstones: what was erased, when, by whom, why, and what stands in its place; never the erased values themselves.

Here belong writing them and asking them. Not here: finding what must go (`loopcast.store.erasure`).

    erasures/00000001.json   erasures/00000001-done.json
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from loopcast.store.lake import Lake
from loopcast.store.records import from_iso, numbered, put_record, read_record, seal_record, to_canonical_json, to_iso
from loopcast.store.version_records import VersionRecord

RESTATED = (
    "patch_digest", "state_digest", "rows", "series", "first_timestamp", "last_timestamp", "added", "corrected",
    "removed", "unchanged", "emptied", "log_bytes",
)  # fmt: skip


@dataclass(frozen=True)
class Tombstone:
    """One erasure.

    Args:
        number: 1 for the first, and so on.
        kind: `erasure` of rows, `retention` of uploads, or `restatement` of versions settled during an erasure.
        at: when, in UTC.
        actor: who erased.
        reason: why.
        salt, fingerprint: SHA-256 over the salt and what was erased, so that it can be proven and not be read.
        through: number of the newest version at that time.
        versions: by version, what of its record is different `before` and `after`.
        uploads: digests of the uploads that are gone.
        digests: of output tables and documents, old to new.
        rewrites: records that stand in the place of others, by path.
        deletes: paths that are gone.
    """

    number: int
    kind: str
    at: datetime
    actor: str
    reason: str
    salt: str = ""
    fingerprint: str = ""
    through: int = 0
    versions: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    uploads: tuple[str, ...] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    rewrites: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    deletes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the tombstone as it is recorded."""
        return {**asdict(self), "at": to_iso(self.at), "uploads": list(self.uploads), "deletes": list(self.deletes)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return a recorded tombstone."""
        fields = {name: value for name, value in content.items() if name != "digest"}
        fields |= {name: tuple(content[name]) for name in ("uploads", "deletes")}
        return cls(**{**fields, "at": from_iso(content["at"])})


class Tombstones:
    """The tombstones of one use case."""

    def __init__(self, lake: Lake, *, folder: str) -> None:
        """Keep where they are."""
        self._lake, self._folder = lake, f"{folder}/erasures"
        self._known: list[Tombstone] = []

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._known)

    def refresh(self) -> bool:
        """Read those that are new and return whether there are any."""
        known = len(self._known)
        while self._lake.exists(self.path(len(self._known) + 1)):
            self._known.append(Tombstone.from_dict(read_record(self._lake, self.path(len(self._known) + 1))))
        return len(self._known) > known

    def add(self, tombstone: Tombstone) -> bool:
        """Write a tombstone, which is the moment from which on the erasure counts; False if another came first."""
        is_first = put_record(self._lake, self.path(tombstone.number), tombstone.to_dict())
        self.refresh()
        return is_first

    def list_unfinished(self) -> list[Tombstone]:
        """Return those whose files are not yet all gone."""
        return [one for one in self._known if not self._lake.exists(self.done_path(one.number))]

    def finish(self, tombstone: Tombstone, *, keep: set[str], now: datetime) -> None:
        """Put what stands in the place of other files there, and delete what must go.

        Args:
            tombstone: one whose files are not yet all gone.
            keep: paths that later versions need.
            now: the present time, aware.
        """
        for path, content in tombstone.rewrites.items():
            self._lake.put_content(path, to_canonical_json(seal_record(content)))
        for path in tombstone.deletes:
            if path not in keep:
                self._lake.delete(path)
        put_record(self._lake, self.done_path(tombstone.number), {"number": tombstone.number, "at": to_iso(now)})

    def restate(self, record: VersionRecord) -> VersionRecord:
        """Return a version's record as it is after all erasures."""
        for tombstone in self._known:
            if record.version in tombstone.versions:
                record = restate(record, tombstone.versions[record.version]["after"])
        return record

    def is_stale(self, record: VersionRecord, *, number: int) -> bool:
        """Return whether a version was settled on top of rows that an erasure, unknown to its writer, took away."""
        unknown = [one for one in self._known if one.versions and one.number > record.erasures]
        return any(one.through < number for one in unknown) and not any(
            record.version in one.versions for one in unknown
        )

    def find_upload(self, digest: str) -> Tombstone | None:
        """Return the tombstone of an upload, None where it was not erased."""
        return next((one for one in self._known if digest in one.uploads), None)

    def follow(self, digest: str) -> str:
        """Return the digest of what stands in the place of an output, itself where nothing does."""
        for tombstone in self._known:
            digest = tombstone.digests.get(digest, digest)
        return digest

    def path(self, number: int) -> str:
        """Return where a tombstone is."""
        return f"{self._folder}/{numbered(number)}.json"

    def done_path(self, number: int) -> str:
        """Return where it is recorded that a tombstone's files are gone."""
        return f"{self._folder}/{numbered(number)}-done.json"


def restate(record: VersionRecord, fields: Mapping[str, Any]) -> VersionRecord:
    """Return a record with those fields in which an erasure made it different, as JSON has them."""
    values = dict(fields)
    for name in ("first_timestamp", "last_timestamp"):
        if values.get(name) is not None:
            values[name] = datetime.fromisoformat(values[name])
    return replace(record, **values)


def tell_difference(before: VersionRecord, after: VersionRecord) -> dict[str, dict[str, Any]]:
    """Return what of a record an erasure makes different, before and after, in JSON's own types."""
    old, new = before.to_dict(), after.to_dict()
    names = [name for name in RESTATED if old[name] != new[name]]
    return {"before": {name: old[name] for name in names}, "after": {name: new[name] for name in names}}
