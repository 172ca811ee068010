"""From a file in the inbox to a claimed version: taking updates in, once each and in order.

What is in the bytes is judged later, when the version is settled (`loopcast.store.versions`).
"""

import os
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path

from loopcast.errors import CallerError
from loopcast.loop.project import Project
from loopcast.sources.files import SETTLE_SECONDS, UNFINISHED
from loopcast.store.version_records import Claim, Upload

TAKEN = "taken"
PREVIEW_BYTES = 4_000
NAME_BYTES = 200  # file systems allow 255, and the version goes before it


@dataclass(frozen=True)
class InboxItem:
    """A file that waits in the inbox."""

    path: Path
    modified_at: float


def list_inbox(project: Project, *, now: datetime, settle_seconds: float = SETTLE_SECONDS) -> list[InboxItem]:
    """Return the files that wait in the inbox, oldest first.

    Hidden files, files that may not be read, files that look unfinished and files changed within the last second are
    left for later: whoever writes them may not be done. Best is to write elsewhere and rename.

    Args:
        project: the use case.
        now: aware time.
        settle_seconds: how long a file must have been left alone, in seconds.
    """
    if not project.use_case.inbox.enabled:
        return []
    pattern = project.use_case.inbox.pattern
    items = []
    for path in project.inbox.iterdir():
        if path.name.startswith(".") or path.name.endswith(UNFINISHED) or not fnmatch(path.name, pattern):
            continue
        if (
            path.is_file()
            and os.access(path, os.R_OK)
            and now.timestamp() - (modified_at := path.stat().st_mtime) >= settle_seconds
        ):
            items.append(InboxItem(path=path, modified_at=modified_at))
    return sorted(items, key=lambda item: (item.modified_at, item.path.name))


def readable_name(path: Path) -> str:
    """Return a file's name as text that can be stored; bytes that are not UTF-8 are written as question marks."""
    return os.fsencode(path.name).decode("utf-8", errors="replace")


def take_item(project: Project, item: InboxItem, *, now: datetime, expected: str | None = None) -> Claim:
    """Claim a version for one inbox file and move the file to `taken/`.

    The claim is durable before the file is moved: after a crash in between, the same file is met again, is known by
    its idempotency key, and gets the same version.

    Raises:
        CallerError: `expected` is not the next version key.
    """
    upload = Upload(
        name=readable_name(item.path),
        content=item.path.read_bytes(),
        source=f"inbox:{project.name}",
        actor="inbox",
    )
    claim = project.store.versions.claim(upload, now=now, expected=expected)
    _move_taken(item.path, claim=claim)
    return claim


def take_inbox(project: Project, *, now: datetime, most: int | None = None) -> list[Claim]:
    """Claim a version for every file that waits, oldest first.

    Args:
        project: the use case.
        now: aware time.
        most: take at most so many.
    """
    return [take_item(project, item, now=now) for item in list_inbox(project, now=now)[:most]]


def claim_for_key(project: Project, version: str, *, now: datetime) -> Claim:
    """Return the claim behind a version key; a key added by hand takes the oldest file of the inbox.

    Raises:
        CallerError: the key has no claim and either is not the next one or there is nothing to ingest.
    """
    versions = project.store.versions
    if version in versions.claims():
        return versions.claim_of(version)
    if version != versions.next_key():
        raise CallerError(f"found the version key {version}; expected {versions.next_key()}, the next one")
    waiting = list_inbox(project, now=now, settle_seconds=0.0)
    if not waiting:
        raise CallerError(
            f"nothing to ingest for {version}: {project.inbox} holds no file. Put an update there and run this again"
        )
    return take_item(project, waiting[0], now=now, expected=version)


def preview_upload(content: bytes, *, lines: int = 6) -> str:
    r"""Return the first lines of an upload as text; what cannot be read as text is only counted.

    Examples:
        >>> preview_upload(b"day,sales\n2024-01-01,3\n", lines=1)
        'day,sales'
    """
    text = content[:PREVIEW_BYTES].decode("utf-8", errors="replace")
    if "\x00" in text or text.count("\ufffd") > 1:  # one may be a character that the cut went through
        return f"{len(content)} bytes that are not plain text"
    return "\n".join(text.splitlines()[:lines])


def _move_taken(path: Path, *, claim: Claim) -> None:
    folder = path.parent / TAKEN
    folder.mkdir(exist_ok=True)
    label = f"{claim.version}-again" if claim.duplicate else claim.version
    kept = readable_name(path).encode()[-NAME_BYTES:].decode("utf-8", errors="ignore")
    path.replace(folder / f"{label}-{kept}")
