"""Erasing rows and letting old uploads go: in the lake, and in the inbox where taken files lie.

What holds the rows is found in `loopcast.store.erasure`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from loopcast.errors import CallerError
from loopcast.loop.clock import to_stored
from loopcast.loop.ingest import TAKEN
from loopcast.loop.project import Project
from loopcast.store.erasure import ErasurePlan, ErasureRequest
from loopcast.store.forgetting import erase, plan_erasure, retain


def make_request(
    project: Project,
    *,
    series: Sequence[Mapping[str, str]] | None,
    start: datetime | None,
    end: datetime | None,
    actor: str,
    reason: str,
) -> ErasureRequest:
    """Return what shall be erased.

    Args:
        project: the use case.
        series: a value for each series key, per series; None: all series.
        start: first timestamp; naive ones are on the use case's own clock.
        end: last timestamp, itself included.
        actor: who erases.
        reason: why; it is kept for ever.

    Raises:
        CallerError: nothing is named, a key is missing or unknown, or the reason names what is erased.
    """
    names = project.store.spec.series_keys
    if not series and start is None and end is None:
        raise CallerError("found neither a series nor a time; name what shall be erased: --series, --key, --from, --to")
    for one in series or ():
        if set(one) != set(names):
            raise CallerError(f"found the series {dict(one)}; expected a value for each of the keys {list(names)}")
        if any(re.search(rf"(?<!\w){re.escape(value)}(?!\w)", reason) for value in one.values()):
            raise CallerError("the reason names what is erased, and it is kept for ever; give another reason")
    keys = tuple(tuple(one[name] for name in names) for one in series or ())
    first, last = (None if moment is None else to_stored(moment, project.store.spec) for moment in (start, end))
    return ErasureRequest(keys, first, last, actor, reason)


def plan(project: Project, request: ErasureRequest, *, salt: str, now: datetime) -> ErasurePlan:
    """Return what an erasure would concern in the lake."""
    return plan_erasure(project.store, request, salt=salt, now=now)


def erase_rows(project: Project, request: ErasureRequest, *, salt: str, now: datetime) -> list[ErasurePlan]:
    """Erase rows from the lake, and the files they came in from the inbox; return what was erased.

    The files go first: should this be interrupted, the lake still tells which versions are concerned.
    """
    for version in plan(project, request, salt=salt, now=now).versions:
        for file in list_taken(project, version):
            file.unlink()
    return erase(project.store, request, salt=salt, now=now)


def list_taken(project: Project, version: str) -> list[Path]:
    """Return the files of a version that were moved aside in the inbox."""
    return sorted((project.inbox / TAKEN).glob(f"{version}-*"))


def retain_uploads(project: Project, *, since: datetime, actor: str, reason: str, now: datetime) -> list[str]:
    """Let uploads claimed before a time go, from the lake and the inbox; return their digests."""
    gone = set(retain(project.store, uploads_since=since, actor=actor, reason=reason, now=now))
    versions = project.store.versions
    for version in versions.claims():
        if versions.claim_of(version).upload_digest in gone:
            for file in list_taken(project, version):
                file.unlink()
    return sorted(gone)
