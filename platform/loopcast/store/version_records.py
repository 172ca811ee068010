"""What is recorded of dataset versions: the upload, the claim on a number, and the record of how it was settled.

Writing and reading these is the protocol's part (`loopcast.store.versions`).
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from loopcast.dataops.digest import EMPTY_DIGEST
from loopcast.errors import CallerError
from loopcast.store.records import from_iso, numbered, to_iso

_KEY = re.compile(r"v(\d{8})")


def version_key(number: int) -> str:
    """Return the version of a number, for instance `v00000017`."""
    return f"v{numbered(number)}"


def is_version(text: str) -> bool:
    """Return whether a text is written as a version is."""
    return _KEY.fullmatch(text) is not None


def version_number(version: str) -> int:
    """Return the number of a version; raises CallerError where it is none."""
    match = _KEY.fullmatch(version)
    if match is None or int(match[1]) < 1:
        raise CallerError(f"found the version {version!r}; expected one such as v00000017")
    return int(match[1])


@dataclass(frozen=True)
class Upload:
    """An update file as somebody delivers it.

    Args:
        name: the file's name; its ending says what the bytes are.
        content: the file's bytes.
        source: where it comes from, for instance `inbox`.
        actor: who sends it.
        reason: why it is sent.
        idempotency_key: two uploads with the same key are one; None: source, name and content make the key.
    """

    name: str
    content: bytes
    source: str
    actor: str
    reason: str = ""
    idempotency_key: str | None = None


@dataclass(frozen=True)
class Claim:
    """A version's number, taken by an update that is stored and acknowledged.

    Args:
        version: the version, for instance `v00000017`.
        duplicate: whether an earlier upload with the same idempotency key had made the claim.
        upload_digest: SHA-256 of the file's bytes.
        size: bytes in the file.
        claimed_at: when, in UTC.
    """

    version: str
    duplicate: bool
    name: str
    source: str
    actor: str
    reason: str
    upload_digest: str
    size: int
    claimed_at: datetime
    idempotency_key: str

    def to_dict(self) -> dict[str, Any]:
        """Return the claim as it is recorded."""
        content = {**asdict(self), "claimed_at": to_iso(self.claimed_at)}
        del content["duplicate"]
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return a recorded claim."""
        fields = {name: value for name, value in content.items() if name != "digest"}
        return cls(**{**fields, "claimed_at": from_iso(content["claimed_at"]), "duplicate": False})


@dataclass(frozen=True)
class VersionRecord:
    """What one settled version is.

    Args:
        status: `refused` versions have the state of their parent.
        parent: the newest accepted version before this one.
        previous_digest: digest of the record before this one, of whatever status; it makes the chain.
        digest: SHA-256 of this record's canonical JSON without this field.
        patch_digest: SHA-256 of the patch file; None if refused.
        columns_sent: the variables the update carried.
        added, corrected, removed, unchanged: rows of the update, by what they did.
        state_digest: digest of the whole dataset at this version.
        rows, series: size of the whole dataset at this version.
        first_timestamp, last_timestamp: its reach, naive, in UTC or wall-clock time.
        log_patches, log_bytes: number and size of all patches up to here; they tell when a checkpoint is due.
        contract_digest: digest of the contract's document; empty in records from before there were any.
        emptied: cells the update sent empty where a value was.
        erasures: how many erasures there were when it was settled.
        facts: how the file was read: kind, delimiter, decimal separator, encoding; nothing in older records.
    """

    version: str
    status: Literal["accepted", "refused"]
    parent: str | None
    previous_digest: str | None
    digest: str
    idempotency_key: str
    upload_digest: str
    patch_digest: str | None
    columns_sent: tuple[str, ...]
    added: int
    corrected: int
    removed: int
    unchanged: int
    state_digest: str
    rows: int
    first_timestamp: datetime | None
    last_timestamp: datetime | None
    series: int
    settled_at: datetime
    actor: str
    reason: str
    source: str
    file: str
    code_version: str
    contract_version: str
    log_patches: int = 0
    log_bytes: int = 0
    contract_digest: str = ""
    emptied: int = 0
    erasures: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the record in JSON's own types."""
        content = {**asdict(self), "settled_at": to_iso(self.settled_at), "columns_sent": list(self.columns_sent)}
        for name in ("first_timestamp", "last_timestamp"):
            moment = getattr(self, name)
            content[name] = None if moment is None else moment.isoformat()
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Return the record that `to_dict` wrote."""
        fields = {**content, "settled_at": from_iso(content["settled_at"])}
        fields["columns_sent"] = tuple(content["columns_sent"])
        for name in ("first_timestamp", "last_timestamp"):
            fields[name] = None if content[name] is None else datetime.fromisoformat(content[name])
        return cls(**fields)


# What stands before the first version.
NOTHING = VersionRecord(
    version="", status="accepted", parent=None, previous_digest=None, digest="", idempotency_key="",
    upload_digest="", patch_digest=None, columns_sent=(), added=0, corrected=0, removed=0, unchanged=0,
    state_digest=EMPTY_DIGEST, rows=0, first_timestamp=None, last_timestamp=None, series=0,
    settled_at=datetime(1970, 1, 1, tzinfo=UTC), actor="", reason="", source="", file="", code_version="",
    contract_version="",
)  # fmt: skip
