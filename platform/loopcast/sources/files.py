"""Files in a folder or an object store: every object that was not taken yet, in the order of the names.

What was taken is told by the claims themselves: an object's path and tag (the store's ETag) are the idempotency key of
its version. So there is no cursor that could be behind: a name that sorts before others, or an object that is written
again, is taken whenever it appears. One written again with the same content is remembered in the position alone.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from fnmatch import fnmatch

from loopcast.errors import SourceError
from loopcast.sources.batch import Batch, Fetched, Position
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.store.foreign import ForeignObject, ForeignObjects
from loopcast.use_case.sources import FilesSource

UNFINISHED = (".part", ".tmp", ".crdownload", ".swp", "~")
SETTLE_SECONDS = 1.0
REPEATED = "repeated"

FindTaken = Callable[[Sequence[str]], Collection[str]]


def fetch_files(
    source: FilesSource,
    position: Position,
    *,
    find_taken: FindTaken,
    now: datetime,
    secrets: Secrets,
) -> Fetched:
    """Return the first object that was not taken yet.

    Args:
        source: where objects are, and which of them count.
        position: objects that were written again with the same content.
        find_taken: returns those of some batches' keys that were claimed.
        now: the present time, aware.
        secrets: what the source takes from the environment.

    Raises:
        SourceError: the store does not answer as it should.
    """
    place, url = describe_url(source.url, secrets=secrets), secrets.resolve(source.url)
    settle_seconds = SETTLE_SECONDS if url.startswith("file:") else 0.0
    try:
        objects = ForeignObjects.at(url, timeout_s=source.timeout_s)
        return choose_object(
            objects, position, pattern=source.pattern, find_taken=find_taken, now=now, settle_seconds=settle_seconds
        )
    except SourceError as error:
        raise SourceError(f"{place} {error}") from None


def choose_object(
    objects: ForeignObjects,
    position: Position,
    *,
    pattern: str,
    find_taken: FindTaken,
    now: datetime,
    settle_seconds: float,
) -> Fetched:
    """Return the first of some objects that was not taken yet; hidden and unfinished ones are left alone."""
    repeated = position.get(REPEATED, {})
    there = [
        one
        for one in objects.list()
        if fnmatch(one.path, pattern)
        and not _is_unfinished(one, now=now, settle_seconds=settle_seconds)
        and repeated.get(one.path) != one.tag
    ]
    taken = find_taken([_key_of(one) for one in there])
    new = [one for one in there if _key_of(one) not in taken]
    if not new:
        return Fetched(None, position)
    first = new[0]
    name = first.path.rsplit("/", 1)[-1]
    batch = Batch(name, objects.get(first.path), _key_of(first), None, first.path)
    return Fetched(batch, position, more=len(new) > 1)


def remember_repeat(position: Position, batch: Batch) -> Position:
    """Return the position in which an object counts as taken though its content was nothing new."""
    path, tag = batch.key.rsplit("\n", 1)
    return {REPEATED: {**position.get(REPEATED, {}), path: tag}}


def _key_of(one: ForeignObject) -> str:
    return f"{one.path}\n{one.tag}"


def _is_unfinished(one: ForeignObject, *, now: datetime, settle_seconds: float) -> bool:
    is_hidden = any(part.startswith(".") for part in one.path.split("/"))
    age_s = now.timestamp() - one.modified_at.timestamp()  # below 0 where clocks differ
    return is_hidden or one.path.endswith(UNFINISHED) or 0.0 <= age_s < settle_seconds
