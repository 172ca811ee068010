"""Dataset versions: claimed in one unbroken sequence, settled in order, read back whole, without any lock.

Here belongs the protocol. Claiming makes an update durable and gives it its number; settling decides, in the order
of the numbers, whether it is accepted, and anybody may settle anybody's claim: whoever is first has written the
record, and all others read it. Not here: how rows are put together (`loopcast.store.reading`).

    uploads/<sha256>  claims/v00000017.json  idempotency/<sha256>.json  patches/<sha256>.parquet
    versions/v00000017.json  quarantine/v00000017.json
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from loopcast.dataops.diff import Difference, compare_rows
from loopcast.dataops.digest import state_digest
from loopcast.dataops.table import TableSpec
from loopcast.dataops.updates import Update, read_update
from loopcast.dataops.violations import Refusal, Violation
from loopcast.errors import CallerError, DamageError, NotFoundError
from loopcast.store.checkpoints import Checkpoint
from loopcast.store.erasure import finish_erasure
from loopcast.store.lake import Lake
from loopcast.store.lookup import HEAD_BYTES
from loopcast.store.records import put_record, read_content, read_record, sha256
from loopcast.store.statements import Selection
from loopcast.store.transition import Transition
from loopcast.store.version_log import ref_of
from loopcast.store.version_records import Claim, Upload, VersionRecord, version_key, version_number

SeriesChoice = Sequence[Mapping[str, str]] | Sequence[str]
LEFTOVER_AGE = timedelta(days=1)


class VersionStore:
    """The dataset versions of one use case."""

    def __init__(
        self,
        lake: Lake,
        *,
        folder: str,
        spec: TableSpec,
        code_version: str,
        contract_version: str = "1",
        head_bytes: int = HEAD_BYTES,
        contract_digest: str = "",
    ) -> None:
        """Keep where the versions are; nothing is read yet.

        Args:
            lake: where everything is.
            folder: the use case's folder in the lake.
            spec: the table's columns, keys and time.
            code_version: recorded with every version settled here.
            contract_version: recorded with every version settled here.
            head_bytes: how much memory the newest version's rows may take, so that updates are settled sooner.
            contract_digest: recorded with every version settled here.
        """
        self._lake, self._folder, self._spec = lake, folder, spec
        self._code_version, self._contract_version = code_version, contract_version
        self._contract_digest = contract_digest
        self.parts = Transition(lake, folder=folder, spec=spec, head_bytes=head_bytes)
        self._log, self._patches, self._datasets = self.parts.log, self.parts.patches, self.parts.datasets
        self._base: Checkpoint | None = None
        self._remembered = 0
        self._caught_up = -1

    def claim(self, upload: Upload, *, now: datetime, expected: str | None = None) -> Claim:
        """Return the version that an upload gets; when this returns the upload is durable.

        Args:
            upload: the file and where it comes from.
            now: the present time, aware.
            expected: claim this version or none.

        Raises:
            CallerError: the next version is not the expected one.
        """
        self.catch_up(now=now)
        known = len(self.parts.tombstones)
        digest = sha256(upload.content)
        key = upload.idempotency_key or f"{upload.source}\n{upload.name}\n{digest}"
        wanted = Claim("", False, upload.name, upload.source, upload.actor, upload.reason, digest,  # noqa: FBT003
                       len(upload.content), now, key)  # fmt: skip
        while True:
            number = self._remember_last_key()
            earlier = self._find_key(key)
            if earlier is not None:
                self._lake.make_durable(self._path("claims", f"{earlier.version}.json"))
                return replace(earlier, duplicate=True)
            claim = replace(wanted, version=version_key(number + 1))
            if expected is not None and expected != claim.version:
                raise CallerError(f"found the next version {claim.version}; expected {expected}; claim the next one")
            self._lake.put_content(self._path("uploads", digest), upload.content)
            if put_record(self._lake, self._path("claims", f"{claim.version}.json"), claim.to_dict()):
                if len(self.parts.refresh().tombstones) > known:  # it may have taken the upload for an old one
                    self._lake.put_content(self._path("uploads", digest), upload.content)
                self._remember_key(claim)
                return claim

    def claims(self) -> list[str]:
        """Return all versions that are claimed, in order."""
        return [version_key(number) for number in range(1, self._log.count_claims() + 1)]

    def claim_of(self, version: str) -> Claim:
        """Return a version's claim; raises NotFoundError where it is not claimed."""
        return self._log.claim_at(version_number(version))

    def find_claim(self, idempotency_key: str) -> Claim | None:
        """Return the claim that was made with an idempotency key, None where there is none."""
        self._remember_last_key()
        return self._find_key(idempotency_key)

    def find_claimed(self, idempotency_keys: Iterable[str]) -> frozenset[str]:
        """Return those of some idempotency keys that have a claim, however many they are, by one look."""
        self._remember_last_key()
        known = frozenset(self._lake.list(self._path("idempotency")))
        return frozenset(key for key in idempotency_keys if self._key_path(key) in known)

    def is_delivered(self, content: bytes) -> bool:
        """Return whether some version was made of just these bytes."""
        return self._lake.exists(self._path("uploads", sha256(content)))

    def upload_of(self, version: str) -> bytes:
        """Return the bytes that were delivered for a version.

        Raises:
            NotFoundError: the version is not claimed, or its upload was erased: the message says when and why.
            DamageError: they have changed.
        """
        digest = self.claim_of(version).upload_digest
        erased = self.parts.refresh().tombstones.find_upload(digest)
        if erased is not None and not self._lake.exists(self._path("uploads", digest)):
            raise NotFoundError(
                f"the upload of {version} was erased on {erased.at:%Y-%m-%d} by {erased.actor}: {erased.reason}"
            )
        return read_content(self._lake, self._path("uploads", digest), digest=digest)

    def unsettled(self) -> list[str]:
        """Return all versions that are claimed and not yet settled, in order."""
        return [version_key(number) for number in range(self._log.count_records() + 1, self._log.count_claims() + 1)]

    def next_key(self) -> str:
        """Return the version that the next upload gets."""
        return version_key(self._log.count_claims() + 1)

    def settle(self, version: str, *, now: datetime) -> VersionRecord:
        """Return a version's record, after settling it and everything claimed before it.

        Args:
            version: a claimed version.
            now: the present time, aware.

        Raises:
            NotFoundError: the version is not claimed.
            DamageError: an upload or a patch is not what was written.
        """
        number = version_number(version)
        self._log.claim_at(number)
        self.catch_up(now=now)
        unsettled = range(self._log.count_records() + 1, number + 1)
        for earlier in unsettled:
            self._settle_one(earlier, now=now)
        if not unsettled:
            self._lake.make_durable(self._path("versions", f"{version}.json"))
        return self._log.record_at(number)

    def record(self, version: str) -> VersionRecord:
        """Return a version's record; raises NotFoundError where it is not settled."""
        return self._log.record_at(self._settled_number(version))

    def records(self) -> list[VersionRecord]:
        """Return the records of all settled versions, in order."""
        self.parts.refresh()
        return [self._log.record_at(number) for number in range(1, self._log.count_records() + 1)]

    def newest(self, *, accepted: bool = True) -> VersionRecord | None:
        """Return the newest settled version, or the newest accepted one; None where there is none."""
        self.parts.refresh()
        number = self._log.count_records()
        if accepted or not number:
            return self._log.accepted_at(number)
        return self._log.record_at(number)

    def refusal(self, version: str) -> Refusal:
        """Return why a version was refused; raises NotFoundError where it was not."""
        record = self.record(version)
        if record.status != "refused":
            raise NotFoundError(f"{version} is {record.status}; only refused versions have a refusal")
        return Refusal.from_dict(read_record(self._lake, self._path("quarantine", f"{version}.json")))

    def read(
        self,
        version: str,
        *,
        columns: Sequence[str] | None = None,
        series: SeriesChoice | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        is_whole: bool = False,
    ) -> pd.DataFrame:
        """Return a version: keys and variables, sorted by the keys; what was never sent is missing.

        Args:
            version: a settled version; a refused one reads as its parent.
            columns: the variables wanted; None: all.
            series: the series wanted, as dicts of the series keys, or as plain values where there is one key.
            start: the first timestamp wanted; naive times are as stored, aware ones are converted.
            end: the last timestamp wanted, itself included.
            is_whole: whether to put all patches together from the first on, whatever checkpoints there are.

        Raises:
            NotFoundError: the version is not settled.
            CallerError: a column or series key that the table does not have.
        """
        wanted = self._spec.variable_names if columns is None else tuple(columns)
        unknown = [name for name in wanted if name not in self._spec.variable_names]
        if unknown:
            raise CallerError(f"found the columns {unknown}; expected some of {list(self._spec.variable_names)}")
        selection = Selection(wanted, self._choose_series(series), self._stored_time(start), self._stored_time(end))
        return self._datasets.read(self._settled_number(version), selection, is_whole=is_whole)

    def patch(self, version: str) -> pd.DataFrame:
        """Return an accepted version's update as stored: keys, the variables that were sent, `_operation`."""
        frame: pd.DataFrame = self._patches.read(ref_of(self.record(version))).to_pandas()
        return frame

    def diff(self, old: str, new: str) -> Difference:
        """Return which rows and cells are different in two settled versions; the later may stand first.

        Only the keys that the patches between the two speak of are looked at.
        """
        numbers = [self._settled_number(old), self._settled_number(new)]
        keys = list(self._spec.keys)
        refs = self._log.list_refs(max(numbers), after=min(numbers))
        touched = [self._patches.read(ref).select(keys).to_pandas() for ref in refs]
        selection = Selection(self._spec.variable_names)
        if not any(len(one) for one in touched):  # an erasure may have left nothing of a patch
            nothing = self._datasets.read(0, selection)
            return compare_rows(nothing, nothing, spec=self._spec)
        wanted = pd.concat(touched, ignore_index=True).drop_duplicates(ignore_index=True)
        times = wanted[self._spec.timestamp]
        selection = replace(selection, keys=wanted, start=times.min(), end=times.max())
        before, after = (self._datasets.read(number, selection) for number in numbers)
        return compare_rows(before, after, spec=self._spec)

    def checkpoint(self, version: str) -> Checkpoint | None:
        """Return the checkpoint of a settled version, which is made if there is none; None where it has no data.

        Raises:
            DamageError: the version does not read back as it was recorded.
        """
        record = self._log.accepted_at(self._settled_number(version))
        if record is None:
            return None
        present = self._datasets.find_base(record)
        if present.version == record.version and present.file_digest:
            return present
        frame = self._datasets.read(version_number(record.version), Selection(self._spec.variable_names))
        if state_digest(frame, self._spec) != record.state_digest:
            raise DamageError(f"{record.version} does not read back as it was recorded; verify the store")
        return self._datasets.write_checkpoint(record, frame)

    def check_checkpoint(self, version: str) -> str | None:
        """Return what is wrong with the checkpoint of a version, None where nothing is."""
        return self._datasets.check_checkpoint(self._log.record_at(self._settled_number(version)))

    def _settle_one(self, number: int, *, now: datetime) -> None:
        """Write the record of the oldest version that has none, or find that somebody else did."""
        if self._log.is_settled(number):
            self._lake.make_durable(self._log.path("versions", number))
            return
        claim = self._log.claim_at(number)
        known = len(self.parts.tombstones)
        result = self._read_claimed(claim)
        if isinstance(result, Refusal):
            put_record(self._lake, self._path("quarantine", f"{claim.version}.json"), result.to_dict())
            outcome = self.parts.refuse(number)
        else:
            outcome = self.parts.accept(number, result)
        previous = self._log.record_at(number - 1).digest if number > 1 else None
        record = replace(
            outcome, **self._attribution(claim), previous_digest=previous, settled_at=now, erasures=known
        )  # fmt: skip
        put_record(self._lake, self._path("versions", f"{claim.version}.json"), record.to_dict())
        self.catch_up(now=now)
        if len(self.parts.tombstones) > known and isinstance(
            result, Update
        ):  # it may have taken the patch for an old one
            self._patches.write(result, generation=known)
        self._check_base(self._log.record_at(number))

    def _read_claimed(self, claim: Claim) -> Update | Refusal:
        """Return the update that was claimed; one whose bytes are gone or damaged is refused, so that others go on."""
        path = self._path("uploads", claim.upload_digest)
        erased = self.parts.tombstones.find_upload(claim.upload_digest)
        if erased is not None and not self._lake.exists(path):
            return _refuse_bytes(claim, "erased_upload", f"an upload erased on {erased.at:%Y-%m-%d}")
        content = self._lake.get(path)
        if sha256(content) != claim.upload_digest:
            return _refuse_bytes(claim, "damaged_upload", f"{len(content)} bytes with the digest {sha256(content)}")
        return read_update(content, name=claim.name, spec=self._spec, now=claim.claimed_at)

    def catch_up(self, *, now: datetime) -> None:
        """Learn of new erasures, finish interrupted ones, and, the first time, clear what dead writers left."""
        if self._caught_up < 0:
            self._lake.clean_staging(before=now - LEFTOVER_AGE)
            self._caught_up = 0
        tombstones = self.parts.refresh().tombstones
        if len(tombstones) > self._caught_up:
            for tombstone in tombstones.list_unfinished():
                finish_erasure(self.parts, tombstone, lake=self._lake, folder=self._folder, now=now)
            self._caught_up = len(tombstones)

    def _check_base(self, record: VersionRecord) -> None:
        """Make a checkpoint of an accepted version where its base is outgrown; most often a glance in memory."""
        if record.status != "accepted":
            return
        base = self._base
        if base is None or base.is_outgrown(record):
            base = self._datasets.find_base(record)
        if base.is_outgrown(record):
            try:
                base = self.checkpoint(record.version) or base
            except DamageError:  # what is settled is settled: the next attempt is as far away as after a success
                base = Checkpoint.of(record, file_digest="", size=base.size, columns=())
        self._base = base

    def _settled_number(self, version: str) -> int:
        """Return a version's number; raises NotFoundError where it is not settled."""
        number, last = version_number(version), self._log.count_records()
        if number > last:
            newest = f"the newest is {version_key(last)}" if last else "there is none"
            raise NotFoundError(f"found no settled version {version}; {newest}")
        self.parts.refresh().log.record_at(number)
        return number

    def _attribution(self, claim: Claim) -> dict[str, Any]:
        """Return the fields of a record that say who, whence, why and by which code."""
        return {
            "version": claim.version,
            "idempotency_key": claim.idempotency_key,
            "upload_digest": claim.upload_digest,
            "actor": claim.actor,
            "reason": claim.reason,
            "source": claim.source,
            "file": claim.name,
            "code_version": self._code_version,
            "contract_version": self._contract_version,
            "contract_digest": self._contract_digest,
        }

    def _choose_series(self, series: SeriesChoice | None) -> pd.DataFrame | None:
        """Return the series wanted as a frame of their keys."""
        if series is None:
            return None
        names = list(self._spec.series_keys)
        rows = [dict(item) if isinstance(item, Mapping) else {names[0]: item} for item in series if names]
        if len(rows) != len(series) or any(set(row) != set(names) for row in rows):
            raise CallerError(f"found the series {list(series)[:3]}; expected a value for each of the keys {names}")
        return pd.DataFrame(rows, columns=names).astype("str").drop_duplicates()

    def _stored_time(self, moment: datetime | None) -> datetime | None:
        """Return a time as it is stored: naive, in UTC or on the wall clock."""
        if moment is None or moment.tzinfo is None:
            return moment
        if self._spec.time_zone is None:
            raise CallerError(f"found {moment.isoformat()}; the use case has no time zone: pass a time without one")
        return moment.astimezone(UTC).replace(tzinfo=None)

    def _find_key(self, key: str) -> Claim | None:
        """Return the claim that was made with an idempotency key."""
        path = self._key_path(key)
        if not self._lake.exists(path):
            return None
        return self._log.claim_at(version_number(read_record(self._lake, path)["version"]))

    def _remember_last_key(self) -> int:
        """Return the highest number claimed; whoever made that claim may have died before noting its key."""
        number = self._log.count_claims()
        if number > self._remembered:
            self._remember_key(self._log.claim_at(number))
        return number

    def _remember_key(self, claim: Claim) -> None:
        """Make sure that a claim is found by its idempotency key; done for others before claiming after them."""
        content = {"version": claim.version, "idempotency_key": claim.idempotency_key}
        put_record(self._lake, self._key_path(claim.idempotency_key), content)
        self._remembered = max(self._remembered, version_number(claim.version))

    def _key_path(self, key: str) -> str:
        """Return where an idempotency key is kept."""
        return self._path("idempotency", f"{sha256(key.encode())}.json")

    def _path(self, *parts: str) -> str:
        """Return a path in the use case's folder."""
        return "/".join((self._folder, *parts))


def _refuse_bytes(claim: Claim, rule: str, found: str) -> Refusal:
    """Return the refusal of an upload whose bytes are not those that were claimed."""
    expected = f"the {claim.size} bytes with the digest {claim.upload_digest}"
    violation = Violation(rule, found, expected, None, None, "send the update again, under another name")
    return Refusal(claim.name, (violation,), 1)
