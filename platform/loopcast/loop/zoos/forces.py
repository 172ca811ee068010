"""Which zoo is in force for which version, which builds are asked for, which zoos are released: the references.

Everything here is append-only; building and predicting are in the sibling modules.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from loopcast.errors import NotFoundError
from loopcast.loop.project import Project
from loopcast.store.version_records import version_number
from loopcast.zoo.document import promise_from_document, zoo_from_document
from loopcast.zoo.rebuild import Scope
from loopcast.zoo.spec import Search
from loopcast.zoo.zoo import BinPromise, Zoo

BUILDS, ZOOS, IN_FORCE = "builds", "zoos", "zoo_in_force"
ZOO_DOCUMENTS, FORECASTS, BACKTESTS = "zoos", "forecasts", "backtests"
SHADOWS, SHADOW_FORECASTS = "shadow_zoos", "shadow_forecasts"

ForceKind = Literal["release", "import", "rollback", "promote"]


class ZooChoice(Enum):
    """Which zoo forecasts a version: the one its earlier forecast pins (else the one in force), or the newest."""

    # Dagster takes the names, not the values, in a run configuration: so they are what a user writes.
    pinned = "pinned"
    current = "current"


@dataclass(frozen=True)
class BuildRequest:
    """A build that reflection has opened.

    Args:
        build: its key, `b0001` onwards.
        version: the dataset version it is built on.
        rule: the rule that asked for it.
        reason: why, in words.
        scope: which situations are built anew, see `loopcast.zoo.rebuild`.
        imported: the zoo document that came from elsewhere and is to be judged; None: members are fitted.
        search: `usual`: the members of the use case; `wide`: more than these.
        decision: the decision that opened it; None: no decision did.
    """

    build: str
    version: str
    rule: str
    reason: str
    scope: Scope = "all"
    imported: str | None = None
    search: Search = "usual"
    decision: str | None = None


@dataclass(frozen=True)
class ZooRequest:
    """A zoo whose experiment has passed the gate.

    Args:
        zoo: its key, `z0001` onwards.
        build: the experiment it comes from.
        version: the dataset version it is built on.
    """

    zoo: str
    build: str
    version: str


@dataclass(frozen=True)
class ZooInForce:
    """A zoo and the version from which on it forecasts.

    Args:
        zoo: its key.
        digest: its document.
        from_version: first version it is in force for.
        kind: what put it in force: the `release` of a build, or of one that judged an `import`, or a person by
            `rollback` or `promote`.
        actor: that person; empty: the platform.
        reason: why.
        request: what tells one request of a person from another, so that it is carried out once; empty: nothing does.
    """

    zoo: str
    digest: str
    from_version: str
    kind: ForceKind = "release"
    actor: str = ""
    reason: str = ""
    request: str = ""


def list_builds(project: Project, *, last: int | None = None) -> list[BuildRequest]:
    """Return the builds asked for, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    history = project.store.references.history(BUILDS, last=last)
    return [BuildRequest(build=f"b{entry.number:04d}", **entry.value) for entry in history]


def open_build(
    project: Project,
    *,
    version: str,
    rule: str,
    reason: str,
    now: datetime,
    scope: Scope = "all",
    imported: str | None = None,
    search: Search = "usual",
    decision: str | None = None,
    build: str | None = None,
) -> BuildRequest:
    """Ask for a build on a version and return the request with its key; the arguments are its fields.

    Raises:
        ConflictError: the key `build` is wanted for it, and taken.
    """
    value: dict[str, Any] = {
        "version": version,
        "rule": rule,
        "reason": reason,
        "scope": scope,
        "imported": imported,
        "search": search,
        "decision": decision,
    }
    entry = project.store.references.append(BUILDS, value, now=now, number=_number_of(build) if build else None)
    return BuildRequest(build=f"b{entry.number:04d}", **value)


def next_build(project: Project) -> str:
    """Return the key that the next build gets."""
    newest = project.store.references.current(BUILDS)
    return f"b{newest.number + 1 if newest else 1:04d}"


def find_build(project: Project, build: str) -> BuildRequest:
    """Return the request behind a build key.

    Raises:
        NotFoundError: nobody asked for that build.
    """
    entry = project.store.references.find(BUILDS, _number_of(build))
    if entry is not None and f"b{entry.number:04d}" == build:
        return BuildRequest(build=build, **entry.value)
    raise NotFoundError(
        f"found no request for build {build!r}; builds are opened by `reflection`, which also adds their key"
    )


def list_zoos(project: Project, *, last: int | None = None) -> list[ZooRequest]:
    """Return the zoos whose experiment has passed, oldest first.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    history = project.store.references.history(ZOOS, last=last)
    return [ZooRequest(zoo=f"z{entry.number:04d}", **entry.value) for entry in history]


def open_zoo(project: Project, request: BuildRequest, *, now: datetime) -> ZooRequest:
    """Return the zoo of a build, opening it where the build has none yet."""
    for known in list_zoos(project):
        if known.build == request.build:
            return known
    value = {"build": request.build, "version": request.version}
    entry = project.store.references.append(ZOOS, value, now=now)
    return ZooRequest(zoo=f"z{entry.number:04d}", **value)


def find_zoo(project: Project, zoo: str) -> ZooRequest:
    """Return the request behind a zoo key.

    Raises:
        NotFoundError: no experiment released that zoo.
    """
    request = look_up_zoo(project, zoo)
    if request is None:
        raise NotFoundError(f"found no zoo {zoo!r}; a zoo's key is added when its experiment has passed the gate")
    return request


def look_up_zoo(project: Project, zoo: str) -> ZooRequest | None:
    """Return the request behind a zoo key, None where no experiment released that zoo."""
    entry = project.store.references.find(ZOOS, _number_of(zoo))
    return ZooRequest(zoo=zoo, **entry.value) if entry and f"z{entry.number:04d}" == zoo else None


def _number_of(key: str) -> int:
    """Return the number in the key of a build or a zoo, 0 where there is none.

    Examples:
        >>> _number_of("z0012"), _number_of("nobody")
        (12, 0)
    """
    return int(key[1:]) if key[1:].isdecimal() else 0


def put_in_force(
    project: Project,
    zoo: str,
    *,
    digest: str,
    from_version: str,
    now: datetime,
    kind: ForceKind = "release",
    actor: str = "",
    reason: str = "",
    request: str = "",
) -> ZooInForce:
    """Put a zoo in force from a version on and return the entry.

    Args:
        project: the use case.
        zoo: its key.
        digest: its document.
        from_version: first version it is in force for.
        now: the present time, aware.
        kind: what puts it in force.
        actor: who does, where it is a person.
        reason: why.
        request: what tells a person's request from others.
    """
    entry = ZooInForce(zoo, digest, from_version, kind, actor, reason, request)
    project.store.references.append(IN_FORCE, asdict(entry), now=now)
    return entry


def next_version(project: Project) -> str:
    """Return the version from which on a zoo that is put in force now forecasts: what was forecast stays as it was.

    It is the newest accepted version where that has no forecast yet, else the next one.
    """
    newest, coming = project.store.versions.newest(), project.store.versions.next_key()
    if newest is None or project.store.outputs.manifest(FORECASTS, newest.version) is not None:
        return coming
    return newest.version


def list_spans(project: Project, digest: str) -> Iterator[tuple[int, int | None]]:
    """Yield the numbers of the first and the last version of each time that a zoo was in force, or in the shadow.

    The newest first of each; the last version is None where that time is not over.

    Args:
        project: the use case.
        digest: the zoo's document.
    """
    for name in (IN_FORCE, SHADOWS):
        after: int | None = None
        for entry in project.store.references.walk_back(name):
            first = version_number(entry.value["from_version"])
            last = None if after is None else after - 1
            if entry.value["digest"] == digest and (last is None or first <= last):
                yield first, last
            after = first


def list_in_force(project: Project) -> list[ZooInForce]:
    """Return which zoos were put in force, oldest first."""
    return [ZooInForce(**entry.value) for entry in project.store.references.history(IN_FORCE)]


def zoo_for_version(project: Project, version: str) -> ZooInForce | None:
    """Return the zoo in force for a version: the latest put in force from that version or an earlier one on."""
    entries = (ZooInForce(**entry.value) for entry in project.store.references.walk_back(IN_FORCE))
    return next((entry for entry in entries if entry.from_version <= version), None)


def newest_in_force(project: Project) -> ZooInForce | None:
    """Return the zoo put in force last, even where that is only from the next version on; None where there is none."""
    entry = project.store.references.current(IN_FORCE)
    return ZooInForce(**entry.value) if entry else None


def choose_zoo(project: Project, version: str, *, choice: ZooChoice = ZooChoice.pinned) -> tuple[str, str] | None:
    """Return key and digest of the zoo that forecasts a version, or None."""
    if choice is ZooChoice.current:
        newest = newest_in_force(project)
        return (newest.zoo, newest.digest) if newest else None
    earlier = project.store.outputs.manifest(FORECASTS, version)
    if earlier is not None:
        return str(earlier.pins["zoo"]), str(earlier.pins["zoo_digest"])
    entry = zoo_for_version(project, version)
    return (entry.zoo, entry.digest) if entry else None


def read_promise(project: Project, digest: str) -> tuple[tuple[BinPromise, ...], str]:
    """Return what a zoo promised, and the local time up to which its build had learned; its models are not read."""
    return project.shelf.fetch(f"promise {digest}", lambda: _read_promise(project, digest))


def _read_promise(project: Project, digest: str) -> tuple[tuple[BinPromise, ...], str]:
    document = project.store.outputs.read_document(ZOO_DOCUMENTS, digest, with_arrays=False)
    return promise_from_document(document), str(document["training_end"])


def read_zoo(project: Project, digest: str) -> Zoo:
    """Return the zoo of a document; raises NotFoundError where there is none with that digest."""
    outputs = project.store.outputs
    return project.shelf.fetch(digest, lambda: zoo_from_document(outputs.read_document(ZOO_DOCUMENTS, digest)))
