"""Refused versions: which there are, their rows beside the reasons, and sending them again once repaired.

What a repair does to a file is in `loopcast.dataops.repair`; the rules are in `loopcast.dataops.updates`.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from loopcast.dataops.repair import Changes, RepairedFile, join_cells, repair_file
from loopcast.dataops.updates import read_update
from loopcast.dataops.violations import Refusal
from loopcast.errors import DataError
from loopcast.loop.project import Project
from loopcast.store.records import sha256
from loopcast.store.version_records import Upload, VersionRecord

RESUBMIT = "resubmit"
SOURCE = "quarantine"


def list_refused(project: Project) -> list[dict[str, Any]]:
    """Return the refused versions, oldest first: what, whence, when, who, why, and what became of it.

    `resubmitted_as` names the newest version that repairs it, `state` says whether one of them was accepted.
    """
    records = {record.version: record for record in project.store.versions.records()}
    repairs = _list_repairs(project, records)
    return [
        _describe(project, record, _list_repairs_of(record.version, repairs), records)
        for record in records.values()
        if record.status == "refused"
    ]


def read_refused(project: Project, version: str) -> pd.DataFrame:
    """Return the violations of a refused version, each beside the cells of its row.

    Raises:
        NotFoundError: the version is not refused, or not settled.
    """
    versions = project.store.versions
    return join_cells(versions.upload_of(version), versions.refusal(version), spec=project.store.spec)


def repair_version(project: Project, version: str, *, output: str, changes: Changes) -> RepairedFile:
    """Return a copy of a refused version's file with the changes made.

    Args:
        project: the use case.
        version: a refused version.
        output: name of the copy.
        changes: what to do.

    Raises:
        NotFoundError: the version is not refused, or not settled.
        CallerError: the changes make no sense for this file.
    """
    versions = project.store.versions
    refusal, came = versions.refusal(version), versions.claim_of(version).claimed_at
    content, spec = versions.upload_of(version), project.store.spec
    return repair_file(content, name=refusal.file, output=output, spec=spec, changes=changes, now=came)


def make_resubmission(
    project: Project, version: str, *, file: tuple[str, bytes] | None, actor: str, now: datetime, reason: str = ""
) -> Upload:
    """Return the upload that repairs a refused version; nothing is sent yet.

    Args:
        project: the use case.
        version: the refused version.
        file: name and content of the repaired file; None: what was sent, as it was.
        actor: who sends it.
        now: aware time.
        reason: what was done, in words.

    Raises:
        NotFoundError: the version is not refused, or not settled.
        DataError: it would be refused again.
    """
    refusal = project.store.versions.refusal(version)
    name, content = file or (refusal.file, project.store.versions.upload_of(version))
    result = read_update(content, name=name, spec=project.store.spec, now=now)
    if isinstance(result, Refusal):
        raise DataError(
            f"nothing is sent, as it would be refused again. {result.summary()}. "
            f"Repair the file, or correct the use case, and resubmit {version} then"
        )
    return Upload(
        name=name,
        content=content,
        source=SOURCE,
        actor=actor,
        reason=f"repair of {version}: {reason or _tell_how(is_new=file is not None)}",
        idempotency_key=f"{RESUBMIT}:{version}:{sha256(content)}",
    )


def repaired_by(idempotency_key: str) -> str | None:
    """Return the version that an upload with this key repairs, None where it repairs none.

    Examples:
        >>> repaired_by("resubmit:v00000017:0f3a")
        'v00000017'
    """
    head, _, rest = idempotency_key.partition(":")
    return rest.split(":")[0] if head == RESUBMIT and rest.count(":") == 1 else None


def _list_repairs_of(version: str, repairs: dict[str, list[str]]) -> list[str]:
    """Return the versions that repair a version, in order; repairs of repairs among them.

    Args:
        version: the refused version.
        repairs: versions sent to repair a version, by that version.

    Examples:
        >>> _list_repairs_of("v1", {"v1": ["v2"], "v2": ["v3"]})
        ['v2', 'v3']
    """
    direct = repairs.get(version, [])
    return sorted({*direct, *(later for made in direct for later in _list_repairs_of(made, repairs))})


def _list_repairs(project: Project, records: Mapping[str, VersionRecord]) -> dict[str, list[str]]:
    """Return the versions sent to repair a version, by that version; those that wait to be settled among them."""
    versions, repairs = project.store.versions, defaultdict(list)
    keys = {version: record.idempotency_key for version, record in records.items()}
    keys |= {version: versions.claim_of(version).idempotency_key for version in versions.unsettled()}
    for version, key in keys.items():
        repaired = repaired_by(key)
        if repaired is not None and repaired < version:
            repairs[repaired].append(version)
    return dict(repairs)


def _describe(
    project: Project, record: VersionRecord, repairs: list[str], records: dict[str, VersionRecord]
) -> dict[str, Any]:
    """Return a refused version as one row."""
    refusal = project.store.versions.refusal(record.version)
    accepted = [made for made in repairs if made in records and records[made].status == "accepted"]
    newest = (accepted or repairs)[-1] if repairs else None
    return {
        "version": record.version,
        "file": record.file,
        "source": record.source,
        "actor": record.actor,
        "refused_at": record.settled_at,
        "violations": refusal.total,
        "rules": sorted({violation.rule for violation in refusal.violations}),
        "resubmitted_as": newest,
        "state": "resolved" if accepted else "waiting" if newest and newest not in records else "open",
    }


def _tell_how(*, is_new: bool) -> str:
    return "sent again with a repaired file" if is_new else "sent again as it was"
