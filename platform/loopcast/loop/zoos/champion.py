"""What a person does to the champion: roll back, promote, pin and unpin; each an entry with who and why, none undone.

Which zoo takes force by itself is said in `loopcast.loop.zoos.experiment` and `loopcast.loop.zoos.challenge`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from loopcast.errors import CallerError
from loopcast.loop.project import Project
from loopcast.loop.zoos.challenge import tell_pin
from loopcast.loop.zoos.experiment import digest_of_build
from loopcast.loop.zoos.forces import (
    ForceKind,
    ZooInForce,
    find_build,
    find_zoo,
    list_in_force,
    newest_in_force,
    next_version,
    open_zoo,
    put_in_force,
)
from loopcast.loop.zoos.pins import Pin, put_pin, read_pin
from loopcast.loop.zoos.verdicts import find_verdict, record_verdict


class Action(Enum):
    """What may be done to the champion."""

    # Dagster takes the names, not the values, in a run configuration: so they are what a user writes.
    none = "none"
    rollback = "rollback"
    promote = "promote"
    pin = "pin"
    unpin = "unpin"


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Args:
        action: what.
        actor: who asks.
        reason: why.
        zoo: with `promote` the key of a zoo, or of a build whose zoo was rejected; with `pin` of a zoo; None: of the
            champion.
        key: what tells it from other requests: the same one is carried out once; empty: nothing does.
    """

    action: Action
    actor: str
    reason: str = ""
    zoo: str | None = None
    key: str = ""


def act(project: Project, request: Request, *, now: datetime) -> str:
    """Do what a person asks and return what was done, in words.

    Raises:
        CallerError: it cannot be done, see `rollback`, `promote`, `pin` and `unpin`; or nobody says who asks.
        NotFoundError: there is no such zoo or build.
    """
    if request.action is Action.none:
        return "nothing was asked for"
    if not request.actor.strip():
        raise CallerError("found no actor; say who asks: it is kept with what is done")
    if request.action is Action.unpin:
        return f"{unpin(project, actor=request.actor, reason=request.reason, now=now).zoo} is no longer pinned"
    if request.action is Action.pin:
        return tell_pin(pin(project, request.zoo, actor=request.actor, reason=request.reason, now=now))
    entry = (
        rollback(project, request, now=now) if request.action is Action.rollback else promote(project, request, now=now)
    )
    return f"{entry.zoo} is in force from {entry.from_version} on"


def rollback(project: Project, request: Request, *, now: datetime) -> ZooInForce:
    """Put the previous champion in force, from the next version on, and return the entry.

    The newest version counts as the next one while it has no forecast. The zoo goes on from what it knew, and catches
    up when it forecasts (`loopcast.loop.zoos.states`).

    Args:
        project: the use case.
        request: who asks, and why.
        now: the present time, aware.

    Raises:
        CallerError: there is no previous champion, or another zoo is pinned.
    """
    done, line = _find_done(project, request), list_champions(project)
    if done is not None:
        return done
    if len(line) < 2:
        raise CallerError(f"{project.name} has no champion before the present one; there is nothing to go back to")
    _refuse_pinned(project, line[-2].zoo)
    return _put(project, line[-2], request, kind="rollback", now=now)


def promote(project: Project, request: Request, *, now: datetime) -> ZooInForce:
    """Put a zoo in force, whatever its verdict, from the next version on, and return the entry.

    Args:
        project: the use case.
        request: which zoo, who asks, and why.
        now: the present time, aware.

    Raises:
        CallerError: no zoo is named, it is in force already, or another zoo is pinned.
        NotFoundError: there is no such zoo or build, or the build made no zoo.
    """
    key, done = request.zoo, _find_done(project, request)
    if done is not None:
        return done
    if not key:
        raise CallerError("found no zoo to promote; name one, such as z0002, or a build, such as b0003")
    build = key if key.startswith("b") else find_zoo(project, key).build
    digest = digest_of_build(project, build)
    _refuse_pinned(project, key)
    chosen = ZooInForce(open_zoo(project, find_build(project, build), now=now).zoo, digest, "")
    entry = _put(project, chosen, request, kind="promote", now=now)
    verdict = find_verdict(project, build)
    if verdict is not None and verdict.outcome != "in_force":
        told = (
            f"promoted by {request.actor}{f' ({request.reason})' if request.reason else ''}; before: {verdict.reason}"
        )
        verdict = replace(verdict, zoo=chosen.zoo, outcome="in_force", rule="promoted", reason=told)
        record_verdict(project, verdict, now=now)
    return entry


def pin(project: Project, zoo: str | None, *, actor: str, reason: str, now: datetime) -> Pin:
    """Pin the champion and return the pin: while it holds no other zoo takes force, and no build is opened by itself.

    Args:
        project: the use case.
        zoo: its key; one that is not in force is put in force; None: the champion.
        actor: who asks.
        reason: why.
        now: the present time, aware.

    Raises:
        CallerError: no zoo is in force yet, or another one is pinned.
        NotFoundError: there is no such zoo.
    """
    champion = newest_in_force(project)
    if champion is None:
        raise CallerError(f"{project.name} has no zoo in force yet; there is nothing to pin")
    if zoo and zoo != champion.zoo:
        champion = promote(project, Request(Action.promote, actor, reason, zoo), now=now)
    return put_pin(project, champion.zoo, actor=actor, reason=reason, now=now)


def unpin(project: Project, *, actor: str, reason: str, now: datetime) -> Pin:
    """Remove the pin and return the one that held; raises CallerError where none did."""
    held = read_pin(project)
    if held is None:
        raise CallerError(f"{project.name} has no pinned zoo; there is nothing to unpin")
    put_pin(project, None, actor=actor, reason=reason, now=now)
    return held


def list_champions(project: Project) -> list[ZooInForce]:
    """Return the champions in line, the present one last: what a rollback has gone back from is not among them."""
    return stack_champions(list_in_force(project))


def stack_champions(entries: list[ZooInForce]) -> list[ZooInForce]:
    """Return the entries that a rollback may go back to, the present one last.

    Args:
        entries: all that were put in force, oldest first.

    Examples:
        >>> kinds = [("z1", "release"), ("z2", "release"), ("z3", "release"), ("z2", "rollback"), ("z1", "rollback")]
        >>> line = [ZooInForce(zoo, zoo, "", kind) for zoo, kind in kinds]
        >>> [[one.zoo for one in stack_champions(line[:count])] for count in (3, 4, 5)]
        [['z1', 'z2', 'z3'], ['z1', 'z2'], ['z1']]
    """
    line: list[ZooInForce] = []
    for entry in entries:
        if entry.kind == "rollback":
            while line and (line[-1].zoo, line[-1].digest) != (entry.zoo, entry.digest):
                line.pop()
            line = line[:-1]
        line.append(entry)
    return line


def _put(project: Project, chosen: ZooInForce, request: Request, *, kind: ForceKind, now: datetime) -> ZooInForce:
    """Put a zoo in force for a person; raises CallerError where it is already."""
    champion = newest_in_force(project)
    if champion is not None and (champion.zoo, champion.digest) == (chosen.zoo, chosen.digest):
        raise CallerError(f"{chosen.zoo} is in force already, from {champion.from_version} on")
    return put_in_force(
        project,
        chosen.zoo,
        digest=chosen.digest,
        from_version=next_version(project),
        now=now,
        kind=kind,
        actor=request.actor,
        reason=request.reason,
        request=request.key,
    )


def _find_done(project: Project, request: Request) -> ZooInForce | None:
    """Return the champion where this very request has put it in force, for instance in a run that was killed then."""
    champion = newest_in_force(project)
    return champion if champion is not None and request.key and champion.request == request.key else None


def _refuse_pinned(project: Project, key: str) -> None:
    """Raise a CallerError where another zoo is pinned."""
    held = read_pin(project)
    if held is not None and held.zoo != key:
        raise CallerError(f"{tell_pin(held)}; unpin it first: loopcast zoo unpin {project.name}")
