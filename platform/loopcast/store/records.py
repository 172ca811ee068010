"""Records: small JSON files in one canonical form, each with the digest of its own content.

Here belong writing, reading and checking them. Not here: what any of them says.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from loopcast.errors import CallerError, DamageError
from loopcast.store.lake import Lake

DIGEST = "digest"
NUMBER_WIDTH = 8


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def to_canonical_json(document: Mapping[str, Any]) -> bytes:
    r"""Return a document as canonical JSON: keys sorted, no blanks, UTF-8, a final newline.

    Raises:
        CallerError: the document holds something that JSON does not, for instance NaN.

    Examples:
        >>> to_canonical_json({"b": 1, "a": "é"})
        b'{"a":"\xc3\xa9","b":1}\n'
    """
    try:
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return (text + "\n").encode()
    except (TypeError, ValueError) as error:
        raise CallerError(f"the document is no JSON: {error}; use finite numbers, text, lists and dicts") from error


def seal_record(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record: the content with the SHA-256 of its canonical JSON as `digest`."""
    bare = {name: value for name, value in content.items() if name != DIGEST}
    return {**bare, DIGEST: sha256(to_canonical_json(bare))}


def put_record(lake: Lake, path: str, content: Mapping[str, Any]) -> bool:
    """Write a record if there is none of that name, and return whether this call wrote it."""
    return lake.put_if_absent(path, to_canonical_json(seal_record(content)))


def read_record(lake: Lake, path: str) -> dict[str, Any]:
    """Return a record.

    Raises:
        NotFoundError: there is none of that name.
        DamageError: it is not what was written.
    """
    record = read_json(lake.get(path), path=path)
    if seal_record(record) != record:
        raise DamageError(f"{path} is damaged: its content does not have its digest; restore the file from a copy")
    return record


def read_json(content: bytes, *, path: str) -> dict[str, Any]:
    """Return a canonical JSON document; raises DamageError where it is none, or not canonical."""
    try:
        document = json.loads(content)
        is_whole = isinstance(document, dict) and to_canonical_json(document) == content
    except (ValueError, CallerError) as error:
        raise DamageError(f"{path} is damaged: it is no JSON ({error}); restore the file from a copy") from error
    if not is_whole:
        raise DamageError(f"{path} is damaged: it is no canonical JSON object; restore the file from a copy")
    return dict(document)


def read_content(lake: Lake, path: str, *, digest: str) -> bytes:
    """Return an object's bytes; raises DamageError where their SHA-256 is not the digest."""
    content = lake.get(path)
    if sha256(content) != digest:
        raise DamageError(
            f"{path} is damaged: its bytes have the digest {sha256(content)}; restore the file from a copy"
        )
    return content


def numbered(number: int) -> str:
    """Return a record's number as it stands in file names, in which text order is the numbers' order."""
    return f"{number:0{NUMBER_WIDTH}d}"


def to_iso(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC; raises CallerError where it has no zone."""
    if moment.tzinfo is None:
        raise CallerError(f"the time {moment.isoformat()} has no zone; pass an aware time, as datetime.now(UTC) gives")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def from_iso(text: str) -> datetime:
    """Return the aware time that `to_iso` wrote."""
    return datetime.fromisoformat(text)
