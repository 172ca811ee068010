"""Erasing rows from every version, and from all that was made of them, so that nothing of them is left in the lake.

Here belong finding what holds the rows, writing what stands in its place, and making the erasure count. Not here: the
tombstones themselves (`loopcast.store.tombstones`), and files outside the lake.

First everything new is written, then the tombstone, which is the moment from which on the erasure counts, then the old
files are deleted. Whoever finds a tombstone whose files are not all gone finishes it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.digest import frame_digest
from loopcast.dataops.files.formats import read_columns
from loopcast.dataops.table import label_series
from loopcast.dataops.updates import Update
from loopcast.dataops.violations import Refusal, Violation
from loopcast.store.erased_texts import scrub
from loopcast.store.lake import Lake
from loopcast.store.outputs import read_table, to_manifest, to_parquet
from loopcast.store.records import read_json, read_record, sha256, to_canonical_json
from loopcast.store.tombstones import RESTATED, Tombstone, tell_difference
from loopcast.store.transition import Transition
from loopcast.store.version_log import ref_of
from loopcast.store.version_records import VersionRecord, version_key, version_number

SERIES_LABEL = "series"  # where a table sums up series, see `loopcast.dataops.table.label_series`
LEARNED_AGAIN = "zoo_states"  # what was learned from rows that go: it is learned again when it is asked for
OWN_FOLDERS = frozenset(
    {"uploads", "claims", "idempotency", "patches", "versions", "quarantine", "checkpoints", "erasures"}
)


@dataclass(frozen=True)
class ErasureRequest:
    """Which rows must go, and why.

    Args:
        series: values of the series keys of each series; empty: all series.
        start: the first timestamp, as stored; None: from the beginning.
        end: the last timestamp, itself included; None: to the end.
        actor: who erases.
        reason: why.
    """

    series: tuple[tuple[str, ...], ...]
    start: datetime | None
    end: datetime | None
    actor: str
    reason: str

    @property
    def is_whole(self) -> bool:
        """Whether the series go as a whole, so that their names must go too."""
        return self.start is None and self.end is None

    def fingerprint(self, salt: str) -> str:
        """Return the SHA-256 of the salt and what is erased."""
        bounds = [None if moment is None else moment.isoformat() for moment in (self.start, self.end)]
        return sha256(salt.encode() + to_canonical_json({"series": [list(key) for key in self.series], "time": bounds}))

    def find(self, frame: pd.DataFrame, *, series_keys: tuple[str, ...], timestamp: str) -> npt.NDArray[np.bool_]:
        """Return which rows of a table must go; none where it lacks the columns that would tell.

        What sums up a series goes as a whole, whatever the time.
        """
        if self.series and SERIES_LABEL in frame.columns and SERIES_LABEL not in series_keys:
            return frame[SERIES_LABEL].isin([label_series(key) for key in self.series]).to_numpy(dtype=bool)
        needed = [*(series_keys if self.series else ()), *(() if self.is_whole else (timestamp,))]
        if not set(needed) <= set(frame.columns):
            return np.zeros(len(frame), dtype=bool)
        mask = np.ones(len(frame), dtype=bool)
        if self.series:
            keys = pd.MultiIndex.from_frame(frame[list(series_keys)].astype("str"))
            mask &= keys.isin(list(self.series))
        if self.start is not None:
            mask &= (frame[timestamp] >= self.start).to_numpy(dtype=bool)
        if self.end is not None:
            mask &= (frame[timestamp] <= self.end).to_numpy(dtype=bool)
        return mask


@dataclass(frozen=True)
class ErasurePlan:
    """What an erasure concerns.

    Args:
        rows: how many rows of the patches, counted in each of them.
        versions: the versions that brought them, or were refused with them.
        files: the files that must go or be rewritten.
        first: number of the first version that will read otherwise; None: none does.
        tombstone: what would be recorded, but for what stands in the place of the patches.
    """

    rows: int
    versions: tuple[str, ...]
    files: tuple[str, ...]
    first: int | None
    tombstone: Tombstone


class Eraser:
    """Erases rows of one use case; everything before must be settled."""

    def __init__(self, lake: Lake, *, folder: str, parts: Transition) -> None:
        """Keep where everything is."""
        self._lake, self._folder, self._parts, self._spec = lake, folder, parts, parts.spec

    def plan(self, request: ErasureRequest, *, salt: str, now: datetime) -> ErasurePlan:
        """Return what an erasure would concern; nothing that counts is written."""
        log = self._parts.refresh().log
        through = log.count_records()
        rows: dict[str, int] = {}
        refused = []
        for number in range(1, through + 1):
            record = log.record_at(number)
            if record.status == "accepted":
                frame = self._parts.patches.read(ref_of(record)).to_pandas()
                rows[record.version] = int(self._find(request, frame).sum())
            elif self._is_in_refused(request, record):
                refused.append(record.version)
        brought = [version for version, count in rows.items() if count]
        outputs, digests, rewrites = self._plan_outputs(request, salt)
        uploads = sorted({log.claim_at(version_number(version)).upload_digest for version in [*brought, *refused]})
        uploads = [digest for digest in uploads if self._lake.exists(self._path("uploads", digest))]
        rewrites |= {self._path("quarantine", f"{version}.json"): _empty_refusal(version) for version in refused}
        rewrites = {path: content for path, content in rewrites.items() if self._is_other(path, content)}
        patches = [
            self._path("patches", f"{log.record_at(version_number(one)).patch_digest}.parquet") for one in brought
        ]
        first = version_number(brought[0]) if brought else None
        deletes = [*patches, *(self._path("uploads", digest) for digest in uploads), *outputs]
        deletes += self._list_checkpoints(first)
        deletes += self._lake.list(self._path(LEARNED_AGAIN)) if first is not None else []
        tombstone = Tombstone(
            len(self._parts.tombstones) + 1, "erasure", now, request.actor, request.reason, salt,
            request.fingerprint(salt), through, {}, tuple(uploads), digests, rewrites, tuple(dict.fromkeys(deletes)),
        )  # fmt: skip
        files = tuple(sorted({*tombstone.deletes, *rewrites}))
        return ErasurePlan(sum(rows.values()), tuple(sorted([*brought, *refused])), files, first, tombstone)

    def carry_out(self, request: ErasureRequest, plan: ErasurePlan, *, now: datetime) -> bool:
        """Erase what was planned and return whether that was done; False where another erasure came in between."""
        changes: dict[str, Any] = {}
        if plan.first is not None:
            changes = restate_versions(
                self._lake, folder=self._folder, present=self._parts, first=plan.first, request=request,
                through=plan.tombstone.through,
            )  # fmt: skip
        kept = {
            self._path("patches", f"{change['after']['patch_digest']}.parquet")
            for change in changes.values()
            if "patch_digest" in change["after"]
        }
        deletes = tuple(path for path in plan.tombstone.deletes if path not in kept)
        tombstone = replace(plan.tombstone, versions=changes, deletes=deletes)
        if not self._parts.tombstones.add(tombstone):
            return False
        finish_erasure(self._parts, tombstone, lake=self._lake, folder=self._folder, now=now)
        return True

    def _find(self, request: ErasureRequest, frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return which rows of a patch must go."""
        return request.find(frame, series_keys=self._spec.series_keys, timestamp=self._spec.timestamp)

    def _is_in_refused(self, request: ErasureRequest, record: VersionRecord) -> bool:
        """Return whether a refused upload may hold the rows: where that cannot be told, it does."""
        path = self._path("uploads", record.upload_digest)
        if not self._lake.exists(path):
            return False
        if not request.series:
            return True
        content = self._lake.get(path)
        table, _ = read_columns(content, name=record.file, spec=self._spec)
        if table is None:
            return True
        cells = {str(cell) for column in table.columns for cell in column.unique().to_pylist()}
        return any(all(any(value in cell for cell in cells) for value in key) for key in request.series)

    def _plan_outputs(
        self, request: ErasureRequest, salt: str
    ) -> tuple[list[str], dict[str, str], dict[str, Mapping[str, Any]]]:
        """Write outputs without the rows; return the old files, their digests old to new, and records to rewrite."""
        deletes: list[str] = []
        digests: dict[str, str] = {}
        rewrites: dict[str, Mapping[str, Any]] = {}
        for path in self._list_outputs():
            if path.endswith(".parquet"):
                if self._leave_out(request, path) is not None:
                    deletes.append(path)
            elif self._is_document(path):
                content = read_json(self._lake.get(path), path=path)
                scrubbed = self._scrub(content, request, salt)
                if scrubbed != content:
                    old, new = path[-69:-5], sha256(to_canonical_json(scrubbed))
                    self._lake.put_content(path.replace(old, new), to_canonical_json(scrubbed))
                    deletes.append(path)
                    digests[old] = new
            else:
                record = read_record(self._lake, path)
                changed = self._scrub({**record, **self._rewrite_table(request, record)}, request, salt)
                if changed != record:
                    rewrites[path] = {name: value for name, value in changed.items() if name != "digest"}
                if changed.get("content_digest") != record.get("content_digest"):
                    digests[str(record["content_digest"])] = str(changed["content_digest"])
        return deletes, digests, rewrites

    def _rewrite_table(self, request: ErasureRequest, record: Mapping[str, Any]) -> dict[str, Any]:
        """Write a manifest's table without the rows and return the fields that change; none where it has none."""
        if "content_digest" not in record:
            return {}
        file = to_manifest(record).file
        left = self._leave_out(request, file) if self._lake.exists(file) else None
        if left is None:
            return {}
        digest, content = frame_digest(left), to_parquet(left)
        file = f"{file.rsplit('/', 1)[0]}/{digest}.parquet"
        self._lake.put_content(file, content)
        return {"content_digest": digest, "rows": len(left), "file": file, "file_digest": sha256(content)}

    def _leave_out(self, request: ErasureRequest, file: str) -> pd.DataFrame | None:
        """Return a table without the rows, None where it has none of them."""
        frame = read_table(self._lake.get(file), path=file)
        time = self._spec.timestamp if self._spec.timestamp in frame.columns else "timestamp"
        gone = request.find(frame, series_keys=self._spec.series_keys, timestamp=time)
        return frame[~gone].reset_index(drop=True) if gone.any() else None

    def _scrub(self, content: Mapping[str, Any], request: ErasureRequest, salt: str) -> dict[str, Any]:
        """Return a document without the names of series that go as a whole."""
        if not request.is_whole or not request.series:
            return dict(content)
        return dict(scrub(content, request.series, series_keys=self._spec.series_keys, salt=salt))

    def _list_outputs(self) -> Iterator[str]:
        """Yield the files beside those of the versions: tables, manifests, references, documents; no arrays.

        What stands in a `.npz` are numbers that models learned: no row, and no name of a series.
        """
        for path in self._lake.list(self._folder):
            folder = path.removeprefix(f"{self._folder}/").split("/")[0]
            if folder not in {*OWN_FOLDERS, LEARNED_AGAIN} and not path.endswith(".npz"):
                yield path

    def _is_document(self, path: str) -> bool:
        """Return whether a file is a document, named by its digest."""
        return path.removeprefix(f"{self._folder}/").count("/") == 1 and len(path.rsplit("/", 1)[-1]) == 69

    def _list_checkpoints(self, first: int | None) -> list[str]:
        """Return the files of all checkpoints from a version on, and of those that nothing names."""
        if first is None:
            return []
        kept = [
            self._parts.checkpoints.at(number) for number in self._parts.checkpoints.list_numbers() if number < first
        ]
        names = {version_key(one.number) for one in kept} | {one.file_digest for one in kept}
        files = self._lake.list(self._path("checkpoints"))
        return [path for path in files if path.rsplit("/", 1)[-1].split(".")[0] not in names]

    def _is_other(self, path: str, content: Mapping[str, Any]) -> bool:
        """Return whether a record is not yet what it shall be."""
        present = read_record(self._lake, path)
        return {name: value for name, value in present.items() if name != "digest"} != dict(content)

    def _path(self, *parts: str) -> str:
        """Return a path in the use case's folder."""
        return "/".join((self._folder, *parts))


def restate_versions(
    lake: Lake, *, folder: str, present: Transition, first: int, through: int, request: ErasureRequest | None
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return what an erasure makes of the records from one version to another, with their new patches written.

    Args:
        lake: the lake.
        folder: the use case's folder.
        present: what reads the versions as they are now.
        first: number of the first version that becomes another.
        through: number of the last.
        request: which rows go; None: the versions' own patches stay, on top of a parent that has become another.
    """
    spec = present.spec
    parts = Transition(lake, folder=folder, spec=spec, until=first - 1).refresh()
    changes = {}
    for number in range(first, through + 1):
        before = present.log.record_at(number)
        if before.status == "accepted":
            earlier = present.log.accepted_at(number - 1)
            size = before.log_bytes - (earlier.log_bytes if earlier else 0)
            made = _restate_accepted(parts, before, present.patches.read_update(ref_of(before)), size, request)
        else:
            made = parts.refuse(number)
        after = replace(before, **{name: getattr(made, name) for name in RESTATED})
        parts.log.put_instead(after)
        change = tell_difference(before, after)
        if change["after"]:
            changes[before.version] = change
    return changes


def _restate_accepted(
    parts: Transition, before: VersionRecord, update: Update, size: int, request: ErasureRequest | None
) -> VersionRecord:
    """Return what an erasure makes of one accepted version, with its new patch written."""
    spec, digest = parts.spec, str(before.patch_digest)
    gone = (
        np.zeros(len(update.frame), dtype=bool)
        if request is None
        else request.find(update.frame, series_keys=spec.series_keys, timestamp=spec.timestamp)
    )
    if gone.any():
        update = Update(update.frame[~gone].reset_index(drop=True), update.columns_sent)
        digest, size = parts.patches.write(update, generation=len(parts.tombstones) + 1)
    return parts.derive(version_number(before.version), update, digest=digest, size=size)


def finish_erasure(parts: Transition, tombstone: Tombstone, *, lake: Lake, folder: str, now: datetime) -> None:
    """Delete what an erasure takes away, after restating versions that were settled without knowing of it."""
    log = parts.refresh().log
    newest = log.count_records()
    later = [log.record_at(number) for number in range(tombstone.through + 1, newest + 1)]
    stale = [one for one in later if parts.tombstones.is_stale(one, number=version_number(one.version))]
    if stale:
        first = version_number(stale[0].version)
        changes = restate_versions(lake, folder=folder, present=parts, first=first, through=newest, request=None)
        number = len(parts.tombstones) + 1
        restatement = Tombstone(
            number, "restatement", now, tombstone.actor, "settled during an erasure", through=newest, versions=changes
        )
        if parts.tombstones.add(restatement):
            parts.tombstones.finish(restatement, keep=set(), now=now)
        parts.log.forget()
        later = [log.record_at(number) for number in range(tombstone.through + 1, newest + 1)]
    keep = {f"{folder}/patches/{one.patch_digest}.parquet" for one in later if one.patch_digest}
    claims = (log.claim_at(number) for number in range(tombstone.through + 1, log.count_claims() + 1))
    keep |= {f"{folder}/uploads/{claim.upload_digest}" for claim in claims}
    parts.tombstones.finish(tombstone, keep=keep, now=now)


def _empty_refusal(version: str) -> dict[str, Any]:
    """Return what stands in the place of a refusal whose cells were erased."""
    violation = Violation("erased", "nothing any more", "nothing", None, None, "nothing is left to be done")
    return Refusal(version, (violation,), 1).to_dict()
