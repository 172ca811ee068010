"""The updates that a replay plays: a recorded history cut into those that would have arrived, or those that came.

Only the planning is here; the updates go through the same assets and runs as any other, or through a simulation.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from loopcast.dataops.table import OPERATION, REMOVE, UPSERT
from loopcast.errors import CallerError, NotFoundError
from loopcast.loop.project import Project
from loopcast.store.version_records import Claim, Upload, version_key, version_number
from loopcast.use_case.model import Replay, UseCase

REVISION_COLUMNS = ("corrected_on", "kind")
OPERATIONS = {"correction": UPSERT, "removal": REMOVE}


@dataclass(frozen=True)
class Delivery:
    """An update and when it came.

    Args:
        upload: the file.
        at: when, aware.
        is_before: whether it came before the period that is looked at: it makes a version, and that is all.
    """

    upload: Upload
    at: datetime
    is_before: bool = False


@dataclass(frozen=True)
class PlannedUpdate:
    """One update of a replay.

    Args:
        name: file name, which sorts by time.
        content: CSV bytes.
        reason: what it carries, in words.
        at: when it would have arrived, aware.
    """

    name: str
    content: bytes
    reason: str
    at: datetime

    @property
    def delivery(self) -> Delivery:
        """The update as it is sent."""
        upload = Upload(name=self.name, content=self.content, source="replay", actor="replay", reason=self.reason)
        return Delivery(upload, self.at)


def plan_replay(use_case: UseCase, *, folder: Path) -> list[PlannedUpdate]:
    """Return the updates of a use case's recorded history, oldest first.

    Args:
        use_case: with `replay` set.
        folder: where the history's files lie.

    Raises:
        CallerError: the use case records no history, or a file is not there.
    """
    replay = use_case.replay
    if replay is None:
        raise CallerError(f"use case {use_case.name} has no `replay`: add history, start and end to its defs.yaml")
    history = _read_text(folder / replay.history)
    stamps = pd.to_datetime(history[use_case.timestamp])
    revisions = _read_revisions(folder / replay.revisions) if replay.revisions else history.iloc[:0]
    first = _as_delivered(history, revisions, use_case)
    before = stamps < pd.Timestamp(replay.start)
    at = _arrival(use_case, pd.Timestamp(replay.start))
    upload = PlannedUpdate(f"{use_case.name}-until-{replay.start}.csv", _to_csv(first[before]), "first upload", at)
    return [upload, *_plan_steps(first, history, revisions, use_case, replay)]


def shift_period(use_case: UseCase, *, start: date | None, end: date | None) -> UseCase:
    """Return the use case with another period of its recorded history.

    Args:
        use_case: with `replay` set.
        start: first day that arrives as an update; None: as declared.
        end: first day that is no longer played; None: as declared.
    """
    if use_case.replay is None:
        return use_case
    wanted = {"start": start or use_case.replay.start, "end": end or use_case.replay.end}
    return use_case.model_copy(update={"replay": use_case.replay.model_copy(update=wanted)})


def resend_versions(project: Project, *, first: str, last: str) -> Iterator[Delivery]:
    """Yield the updates that made a store's versions, in order, up to one of them.

    An upload that is gone, because it was erased or let go, is sent as the patch that it made.

    Args:
        project: the use case.
        first: the first version of the period that is looked at.
        last: the last.
    """
    versions = project.store.versions
    for number in range(1, version_number(last) + 1):
        claim = versions.claim_of(version_key(number))
        name, content = _sent(project, claim)
        upload = Upload(name, content, claim.source, claim.actor, claim.reason, claim.idempotency_key)
        yield Delivery(upload, claim.claimed_at, is_before=claim.version < first)


def _sent(project: Project, claim: Claim) -> tuple[str, bytes]:
    """Return an upload's name and bytes; where they are gone, those of its patch."""
    versions = project.store.versions
    try:
        return claim.name, versions.upload_of(claim.version)
    except NotFoundError:  # erased, or let go
        pass
    if versions.record(claim.version).status == "refused":
        return claim.name, b""
    patch, spec = versions.patch(claim.version), project.store.spec
    if spec.time_zone is not None:
        patch = patch.assign(**{spec.timestamp: patch[spec.timestamp].dt.tz_localize("UTC")})
    return f"{claim.version}.parquet", _to_parquet(patch)


def find_range(project: Project, *, start: datetime | None, end: datetime | None) -> tuple[str, str]:
    """Return the first and the last version whose data end in a period.

    Args:
        project: the use case.
        start: stored time; None: from the first version on.
        end: stored time; None: up to the newest version.

    Raises:
        CallerError: no version's data do.
    """
    ends = {record.version: record.last_timestamp for record in project.store.versions.records()}
    found = [
        version
        for version, at in ends.items()
        if at is not None and (start is None or at >= start) and (end is None or at <= end)
    ]
    if not found:
        known = [at for at in ends.values() if at is not None]
        told = f"they end between {min(known)} and {max(known)}" if known else "there is no version yet"
        raise CallerError(f"found no version of {project.name} whose data end between {start} and {end}; {told}")
    return found[0], found[-1]


def _plan_steps(
    first: pd.DataFrame, history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase, replay: Replay
) -> Iterator[PlannedUpdate]:
    stamps = pd.to_datetime(history[use_case.timestamp])
    step = pd.Timedelta(replay.step)
    for start in pd.date_range(replay.start, replay.end, freq=step, inclusive="left"):
        fresh = first[(stamps >= start) & (stamps < start + step)]
        later = _revise(history, revisions, use_case, start=start, end=start + step)
        reason = f"update of {start:%Y-%m-%d %H:%M}" + (f" with {len(later)} revisions" if len(later) else "")
        rows = pd.concat([fresh, later], ignore_index=True) if len(later) else fresh
        at = _arrival(use_case, start + step)
        yield PlannedUpdate(f"{use_case.name}-{start:%Y-%m-%dT%H%M}.csv", _to_csv(rows), reason, at)


def _arrival(use_case: UseCase, moment: pd.Timestamp) -> datetime:
    """Return a time of the recorded history as an aware one; a wall clock without a zone is taken for UTC."""
    zone = ZoneInfo(use_case.time_zone) if use_case.time_zone else UTC
    return moment.to_pydatetime().replace(tzinfo=zone).astimezone(UTC)


def _as_delivered(history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase) -> pd.DataFrame:
    """Return the history with the values that were first delivered otherwise."""
    values = [name for name in revisions.columns if name not in (*REVISION_COLUMNS, *use_case.table.keys)]
    if revisions.empty or not values:
        return history
    keys = list(use_case.table.keys)
    delivered = history.set_index(keys)
    delivered.update(revisions.set_index(keys)[values])
    return delivered.reset_index()[history.columns]


def _revise(
    history: pd.DataFrame, revisions: pd.DataFrame, use_case: UseCase, *, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """Return the rows that correct or remove earlier ones between two times."""
    if "corrected_on" not in revisions.columns:
        return revisions
    days = pd.to_datetime(revisions["corrected_on"])
    due = revisions[(days >= start) & (days < end)]
    keys = list(use_case.table.keys)
    rows = due[[*keys, "kind"]].merge(history, on=keys, how="left")
    return rows.assign(**{OPERATION: rows["kind"].map(OPERATIONS)}).drop(columns="kind")


def _read_revisions(path: Path) -> pd.DataFrame:
    revisions = _read_text(path)
    missing = [name for name in REVISION_COLUMNS if name not in revisions.columns]
    if missing:
        raise CallerError(f"found no column {', '.join(missing)} in {path}; expected the keys, values and both of them")
    unknown = sorted(set(revisions["kind"]) - set(OPERATIONS))
    if unknown:
        raise CallerError(f"found the kind {unknown[0]!r} in {path}; expected {' or '.join(OPERATIONS)}")
    return revisions


def _read_text(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise CallerError(f"found no file {path}; the use case's `replay` names it")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _to_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()
