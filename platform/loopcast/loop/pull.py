"""From a source's batch to a claimed version: each batch once, whatever crashes in between.

How sources are asked is in `loopcast.sources`. Where a source stands is kept in the reference `source_<name>`.

A batch is announced first: the reference gets the position after it, together with the batch's idempotency key. Then
the version is claimed with that key. A position counts from the claim on, so there is no moment at which one is there
without the other: after a crash before the claim the old position counts and the batch is met again; after a crash
behind it nothing is left to do.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from loopcast.errors import CallerError, ConflictError, LoopcastError
from loopcast.loop.project import Project
from loopcast.sources.batch import NOWHERE, Batch, Fetched, Position
from loopcast.sources.fetch import Question, fetch_all
from loopcast.sources.files import remember_repeat
from loopcast.store.records import sha256
from loopcast.store.version_records import Claim, Upload
from loopcast.use_case.sources import FilesSource, Polled

ANOTHER_ROUND_WITHIN = timedelta(seconds=8)  # a sensor's tick may last a minute, and one round most of that


@dataclass(frozen=True)
class Standing:
    """Where a source stands.

    Args:
        position: what was taken, as the source knows it.
        effective: number of the reference that says so; 0 where none does.
        newest: number of the newest reference, which an unfinished poll may have left.
    """

    position: Position
    effective: int
    newest: int


@dataclass(frozen=True)
class Pulled:
    """What became of one source in a poll.

    Args:
        source: its name.
        claims: the versions that its batches got.
        rows: rows taken; None where nobody counts them before they are checked, as in files.
        problem: why it failed, None where it did not.
        retry_after_s: how long it asks to be left alone.
    """

    source: str
    claims: tuple[Claim, ...] = ()
    rows: int | None = None
    problem: str | None = None
    retry_after_s: float | None = None


def choose_sources(project: Project, names: Collection[str] = ()) -> list[Polled]:
    """Return the use case's polled sources, or those of some names.

    Raises:
        CallerError: there is none, or none of such a name; the message lists those there are.
    """
    there = {source.label: source for source in project.use_case.polled}
    if not there:
        raise CallerError(f"{project.name} has no source to poll; name one under `source`, or send a file")
    unknown = [name for name in names if name not in there]
    if unknown:
        raise CallerError(f"{project.name} has no source {unknown[0]!r} to poll; found: {', '.join(there)}")
    return [source for label, source in there.items() if not names or label in names]


def pull(
    project: Project, sources: Collection[Polled], *, clock: Callable[[], datetime], environment: Mapping[str, str]
) -> list[Pulled]:
    """Ask sources for what is new, all at the same time, and claim a version for each batch.

    Those that have more are asked again, as long as that takes no longer than a sensor's tick may.

    Args:
        project: the use case.
        sources: which to ask.
        clock: gives the present time, aware.
        environment: where secrets are.
    """
    begun = clock()
    done = {source.label: Pulled(source.label) for source in sources}
    waiting = {source.label: source for source in sources}
    while waiting and clock() - begun < ANOTHER_ROUND_WITHIN:
        standings = {label: read_standing(project, label) for label in waiting}
        answers = _ask(project, waiting.values(), standings, environment=environment, now=clock())
        for label, answer in answers.items():
            source = waiting.pop(label)
            done[label] = _take(project, source, answer, standings[label], done[label], now=clock())
            if isinstance(answer, Fetched) and answer.more and done[label].problem is None:
                waiting[label] = source
    return list(done.values())


def find_problems(project: Project, *, environment: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Return why sources of the use case do not answer, by name; nothing that they answer is taken."""
    sources = choose_sources(project)
    standings = {source.label: read_standing(project, source.label) for source in sources}
    answers = _ask(project, sources, standings, environment=environment, now=now)
    return {label: str(answer) for label, answer in answers.items() if isinstance(answer, LoopcastError)}


def read_standing(project: Project, label: str) -> Standing:
    """Return where a source stands: the newest position whose batch was claimed."""
    history = project.store.references.history
    newest = history(_reference(label), last=1)
    number = newest[-1].number if newest else 0
    for last in (1, None):  # nearly always the newest one counts
        for reference in reversed(history(_reference(label), last=last)):
            if _counts(project, reference.value):
                return Standing(reference.value["position"], reference.number, number)
    return Standing(NOWHERE, 0, number)


def take_batch(
    project: Project, source: Polled, fetched: Fetched, standing: Standing, *, now: datetime
) -> Claim | None:
    """Claim a version for what was fetched and move the source's position; None where there was no batch.

    Args:
        project: the use case.
        source: where it comes from.
        fetched: what the source answered.
        standing: where it stood when it was asked.
        now: the present time, aware.

    Raises:
        ConflictError: another poll of this source was faster; nothing was done.
    """
    batch, position = fetched.batch, fetched.position
    if batch is None:
        return None
    key: str | None = _idempotency_key(source, batch, standing)
    if _is_repeat(project, source, batch):
        key, position = None, remember_repeat(position, batch)
    if position != standing.position:
        announced = {"position": dict(position), "key": key}
        reference = project.store.references.append(_reference(source.label), announced, now=now)
        if reference.number != standing.newest + 1:
            raise ConflictError(f"another poll of {source.label} was faster; this one took nothing")
    return None if key is None else project.store.versions.claim(_upload(source, batch, key), now=now)


def _ask(
    project: Project,
    sources: Collection[Polled],
    standings: Mapping[str, Standing],
    *,
    environment: Mapping[str, str],
    now: datetime,
) -> dict[str, Fetched | LoopcastError]:
    """Return what each source answers from where it stands."""

    def find_taken(source: Polled, keys: Sequence[str]) -> set[str]:
        by_full_key = {f"{_origin(source)}\n{key}": key for key in keys}
        return {by_full_key[full] for full in project.store.versions.find_claimed(by_full_key)}

    questions = {
        source.label: Question(
            source=source,
            position=standings[source.label].position,
            spec=project.store.spec,
            environment=environment,
            now=now,
            find_taken=partial(find_taken, source),
        )
        for source in sources
    }
    return fetch_all(questions)


def _is_repeat(project: Project, source: Polled, batch: Batch) -> bool:
    """Return whether an object was written again with the content that was taken last from its path."""
    versions = project.store.versions
    if not isinstance(source, FilesSource) or not versions.is_delivered(batch.content):
        return False
    claims = (versions.claim_of(version) for version in reversed(versions.claims()))
    last = next((claim for claim in claims if (claim.source, claim.reason) == (_origin(source), batch.reason)), None)
    return last is not None and last.upload_digest == sha256(batch.content)


def _take(
    project: Project,
    source: Polled,
    answer: Fetched | LoopcastError,
    standing: Standing,
    so_far: Pulled,
    *,
    now: datetime,
) -> Pulled:
    """Return what became of a source, with one more answer."""
    if isinstance(answer, LoopcastError):
        return replace(so_far, problem=str(answer), retry_after_s=getattr(answer, "retry_after_s", None))
    try:
        claim = take_batch(project, source, answer, standing, now=now)
    except ConflictError:
        return so_far
    if claim is None:
        return so_far
    counted = answer.batch.rows if answer.batch else None
    rows = so_far.rows if counted is None else (so_far.rows or 0) + counted
    return replace(so_far, claims=(*so_far.claims, claim), rows=rows)


def _upload(source: Polled, batch: Batch, key: str | None) -> Upload:
    return Upload(
        name=batch.name,
        content=batch.content,
        source=_origin(source),
        actor=source.kind,
        reason=batch.reason,
        idempotency_key=key,
    )


def _idempotency_key(source: Polled, batch: Batch, standing: Standing) -> str:
    """Return the key of a batch: the source and, where the batch's own key does not tell, where it began."""
    began = "" if isinstance(source, FilesSource) else f"{standing.effective}\n"
    return f"{_origin(source)}\n{began}{batch.key}"


def _origin(source: Polled) -> str:
    """Return how versions name their source."""
    return f"{source.kind}:{source.label}"


def _counts(project: Project, value: Mapping[str, Any]) -> bool:
    """Return whether a position is in force: it moved without a batch, or its batch was claimed."""
    return value["key"] is None or project.store.versions.find_claim(value["key"]) is not None


def _reference(label: str) -> str:
    return f"source_{label}"
