"""Forgetting on purpose: rows that must go from all versions, and uploads that are no longer kept.

Here belongs the order in which that is done, until nothing is found any more. Not here: what holds the rows and what
stands in its place (`loopcast.store.erasure`).
"""

from datetime import datetime, timedelta

from loopcast.errors import ConflictError
from loopcast.store.erasure import Eraser, ErasurePlan, ErasureRequest
from loopcast.store.store import Store
from loopcast.store.tombstones import Tombstone

WRITING_TIME = timedelta(minutes=10)  # a staged file older than this belongs to a writer that died
ROUNDS = 10  # one is enough where nobody else writes


def plan_erasure(store: Store, request: ErasureRequest, *, salt: str, now: datetime) -> ErasurePlan:
    """Return what an erasure would concern, after settling everything that is claimed."""
    for version in store.versions.unsettled()[-1:]:
        store.versions.settle(version, now=now)
    return _eraser(store).plan(request, salt=salt, now=now)


def erase(store: Store, request: ErasureRequest, *, salt: str, now: datetime) -> list[ErasurePlan]:
    """Erase rows from all versions, and all that holds them, until nothing is found; return what was erased.

    Args:
        store: the store.
        request: which rows, who, why.
        salt: a random text, different for each erasure.
        now: the present time, aware.

    Raises:
        ConflictError: others send these rows again and again.
    """
    store.versions.catch_up(now=now)
    has_checkpoints = bool(store.versions.parts.checkpoints.list_numbers())
    done = []
    for _ in range(ROUNDS):
        plan = plan_erasure(store, request, salt=salt, now=now)
        if not plan.files:
            break
        if _eraser(store).carry_out(request, plan, now=now):
            done.append(plan)
        store.versions.catch_up(now=now)
    else:
        raise ConflictError(f"rows that must go came back {ROUNDS} times; stop whoever sends them and erase again")
    store.lake.clean_staging(before=now - WRITING_TIME)
    newest = store.versions.newest()
    if done and has_checkpoints and newest is not None:
        store.versions.checkpoint(newest.version)
    return done


def retain(store: Store, *, uploads_since: datetime, actor: str, reason: str, now: datetime) -> list[str]:
    """Delete the uploads of versions claimed before a time, thin the checkpoints, and return the uploads' digests.

    Args:
        store: the store.
        uploads_since: uploads claimed from then on stay.
        actor: who decides so.
        reason: why, for those who ask for one of them later.
        now: the present time, aware.

    Raises:
        ConflictError: an erasure was recorded at the same moment.
    """
    versions, parts = store.versions, store.versions.parts
    versions.catch_up(now=now)
    settled = parts.log.count_records()
    claims = [versions.claim_of(version) for version in versions.claims()]
    kept = {one.upload_digest for at, one in enumerate(claims) if at >= settled or one.claimed_at >= uploads_since}
    paths = {digest: f"{store.use_case}/uploads/{digest}" for digest in {one.upload_digest for one in claims} - kept}
    paths = {digest: path for digest, path in sorted(paths.items()) if store.lake.exists(path)}
    if paths:
        number = len(parts.tombstones) + 1
        tombstone = Tombstone(
            number,
            "retention",
            now,
            actor,
            reason,
            through=settled,
            uploads=tuple(paths),
            deletes=tuple(paths.values()),
        )
        if not parts.tombstones.add(tombstone):
            raise ConflictError("another erasure was recorded at the same moment; try again")
        versions.catch_up(now=now)
    newest = versions.newest()
    if newest is not None:
        parts.checkpoints.thin(budget=newest.log_bytes)
    return list(paths)


def _eraser(store: Store) -> Eraser:
    """Return what erases in a store."""
    return Eraser(store.lake, folder=store.use_case, parts=store.versions.parts)
