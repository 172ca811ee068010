"""The numbered records of dataset versions: how many there are, what each says, and which patches make a version.

Here belongs walking along them without reading all. Not here: writing them (`loopcast.store.versions`).
"""

from collections.abc import Callable, Iterator

from loopcast.errors import DamageError, NotFoundError
from loopcast.store.lake import Lake
from loopcast.store.patches import PatchRef
from loopcast.store.records import read_record
from loopcast.store.tombstones import Tombstones
from loopcast.store.version_records import Claim, VersionRecord, version_key, version_number


class VersionLog:
    """The claims and records of one use case; each is read once, since it never changes."""

    def __init__(self, lake: Lake, *, folder: str, tombstones: Tombstones) -> None:
        """Keep where they are, and what erasures make of them."""
        self._lake, self._folder, self._tombstones = lake, folder, tombstones
        self._claims: dict[int, Claim] = {}
        self._records: dict[int, VersionRecord] = {}
        self._highest = {"claims": 0, "versions": 0}

    def count_claims(self) -> int:
        """Return the highest number that is claimed; raises DamageError where a claim has got lost."""
        settled = 0 if self._highest["claims"] else self.count_records()  # first: a claim comes before its record
        number = self._count("claims")
        if settled > number:
            raise DamageError(f"{self.path('claims', number + 1)} is missing; restore it from a copy")
        return number

    def count_records(self) -> int:
        """Return the highest number that is settled."""
        return self._count("versions")

    def claim_at(self, number: int) -> Claim:
        """Return the claim of a number; raises NotFoundError where there is none."""
        if number not in self._claims:
            self._claims[number] = Claim.from_dict(read_record(self._lake, self.path("claims", number)))
        return self._claims[number]

    def record_at(self, number: int) -> VersionRecord:
        """Return the record of a number; raises NotFoundError where it is not settled."""
        if number not in self._records:
            record = VersionRecord.from_dict(read_record(self._lake, self.path("versions", number)))
            self._records[number] = self._tombstones.restate(record)
        return self._records[number]

    def put_instead(self, record: VersionRecord) -> None:
        """Let a version be another one from now on, in this log alone."""
        self._records[version_number(record.version)] = record

    def forget(self) -> None:
        """Drop the records that were read."""
        self._records.clear()

    def is_settled(self, number: int) -> bool:
        """Return whether a number is settled; raises DamageError where it is not and the next one is."""
        is_next = self._lake.exists(self.path("versions", number + 1))  # first: a record comes before the next one
        is_there = self._lake.exists(self.path("versions", number))
        if is_next and not is_there:
            raise DamageError(f"{self.path('versions', number)} is missing; restore it from a copy")
        return is_there

    def accepted_at(self, number: int) -> VersionRecord | None:
        """Return the newest accepted version up to a settled number, None where there is none."""
        if number < 1:
            return None
        record = self.record_at(number)
        if record.status == "accepted":
            return record
        return None if record.parent is None else self.record_at(version_number(record.parent))

    def walk_back(self, number: int) -> Iterator[VersionRecord]:
        """Yield the accepted versions up to a settled number, the newest first."""
        record = self.accepted_at(number)
        while record is not None:
            yield record
            record = None if record.parent is None else self.record_at(version_number(record.parent))

    def first_accepted(self, number: int) -> VersionRecord:
        """Return the first accepted version, of which there is one up to a settled number."""
        return next(record for record in map(self.record_at, range(1, number + 1)) if record.status == "accepted")

    def list_refs(self, number: int, *, after: int = 0) -> list[PatchRef]:
        """Return the patches that make a settled version, in order.

        Args:
            number: the version's number.
            after: the number of a version whose rows are known; 0: none.
        """
        refs = []
        for record in self.walk_back(number):
            if version_number(record.version) <= after:
                break
            refs.append(ref_of(record))
        return refs[::-1]

    def path(self, kind: str, number: int) -> str:
        """Return where the record of a number is."""
        return f"{self._folder}/{kind}/{version_key(number)}.json"

    def _count(self, kind: str) -> int:
        """Return the highest number of a kind, looking on from the one known."""
        number = find_highest(lambda at: self._lake.exists(self.path(kind, at)), known=self._highest[kind])
        self._highest[kind] = number
        return number


def ref_of(record: VersionRecord) -> PatchRef:
    """Return the patch of an accepted version."""
    if record.patch_digest is None:
        raise NotFoundError(f"{record.version} is {record.status} and has no patch; ask for its refusal")
    return PatchRef(version_number(record.version), record.patch_digest, record.columns_sent)


def find_highest(is_there: Callable[[int], bool], *, known: int = 0) -> int:
    """Return the highest number that is there, by steps that double and then halve; the numbers are unbroken.

    Args:
        is_there: whether a number is there.
        known: a number that is there, or 0.

    Examples:
        >>> find_highest(lambda number: number <= 1_000)
        1000
    """
    step = 1
    while is_there(known + step):
        known, step = known + step, 2 * step
    while step > 1:
        step //= 2
        if is_there(known + step):
            known += step
    return known
