"""Reflection: the evidence of the newest version, the decision, and the build it opens; and the orders of people.

The rules are in `loopcast.reflection.decision`, the records in `loopcast.loop.judging.decisions`.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from loopcast.errors import CallerError, ConflictError
from loopcast.loop.judging.costs import read_costs, read_hints
from loopcast.loop.judging.decisions import (
    Course,
    DecisionRecord,
    append_decision,
    decision_key,
    find_decision,
    read_newest,
)
from loopcast.loop.judging.evidence import gather_evidence, make_policy, tell_clock
from loopcast.loop.judging.orders import list_pending, to_asked
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import (
    BuildRequest,
    find_build,
    list_builds,
    look_up_zoo,
    newest_in_force,
    next_build,
    open_build,
)
from loopcast.reflection.decision import Decision, decide
from loopcast.reflection.evidence import Asked, Evidence, is_within, note_action
from loopcast.store.version_records import VersionRecord
from loopcast.zoo.spec import Search

ACTS = 2
NEWEST_BUILDS = 20


@dataclass(frozen=True)
class Reflection:
    """A decision and what it led to.

    Args:
        version: the version it was taken after.
        decision: action, rule, reason, evidence.
        build: the build it opened, or None.
        record: the decision as recorded.
    """

    version: str
    decision: Decision
    build: BuildRequest | None
    record: DecisionRecord


def reflect(project: Project, *, now: datetime) -> Reflection:
    """Return the decision after the newest version, recorded, with the build it opened.

    Orders of people that wait are carried out first. Asked again for the same version, it returns the decision that is
    there: a decision is taken once per version. One that waits is carried out when it need not wait any longer.

    Raises:
        CallerError: there is no version yet.
    """
    newest = project.store.versions.newest()
    if newest is None:
        raise CallerError(f"nothing to reflect on: {project.name} has no version yet; send an update first")
    known = read_newest(project)
    if known is not None:
        _open(project, known, now=now)  # what a crash has left undone
        for given in list_pending(project, known):
            known = _take(project, newest, known, asked=to_asked(given, known), orders=given.number, now=now)
    if known is None or known.version != newest.version or _rank(known.decision) < ACTS:
        known = _take(project, newest, known, now=now)
    return Reflection(known.version, known.decision, _open(project, known, now=now), known)


def find_due(project: Project, *, now: datetime) -> str | None:
    """Return what reflection has to do though there is no new version, None where there is nothing; a glance is enough.

    Args:
        project: the use case.
        now: the present time, aware.
    """
    known = read_newest(project)
    if known is None:
        return None
    pending = list_pending(project, known)
    if pending:
        return f"order-{pending[-1].number}"
    if known.decision.waits_for != "outside_hours":
        return None
    hours = make_policy(project).hours
    return known.key if hours is None or is_within(tell_clock(project, now), hours) else None


def _take(
    project: Project,
    newest: VersionRecord,
    known: DecisionRecord | None,
    *,
    now: datetime,
    asked: Asked | None = None,
    orders: int | None = None,
) -> DecisionRecord:
    """Return the decision after a version, recorded and carried out; the one that is there where nothing new is said.

    Args:
        project: the use case.
        newest: the version.
        known: the newest decision.
        now: the present time, aware.
        asked: what a person wants.
        orders: how many orders are dealt with when this one is.
    """
    number, course = (known.number + 1, known.course) if known else (1, Course())
    evidence = replace(gather_evidence(project, newest, course=course, now=now), asked=asked)
    decision = decide(evidence, make_policy(project))
    is_again = known is not None and known.version == newest.version
    if known and is_again and asked is None and _rank(decision) <= _rank(known.decision):
        return known
    record = DecisionRecord(
        number=number,
        version=newest.version,
        decision=decision,
        build=next_build(project) if decision.opens_build else None,
        since=known.since if known and _waits_on(known.decision, decision) else decision_key(number),
        course=_go_on(course, evidence, decision, newest.version, orders=orders),
        asked=asked,
        costs=tuple(cost.to_dict() for cost in read_costs(project, evidence, version=newest.version)),
        hints=read_hints(project, evidence, version=newest.version),
    )
    try:
        taken = append_decision(project, record, now=now)
    except ConflictError:  # a run beside this one was first: what it decided holds
        return find_decision(project, record.key)
    _open(project, taken, now=now)
    return taken


def _rank(decision: Decision) -> int:
    """Return how much a decision changes: 0 for nothing, 1 where it waits, 2 where something is done."""
    if decision.action == "keep":
        return 0
    return ACTS if decision.waits_for is None else 1


def _waits_on(before: Decision, now: Decision) -> bool:
    """Return whether two decisions in a row wait, for the same to be done."""
    return bool(before.waits_for and now.waits_for) and (before.action, before.scope) == (now.action, now.scope)


def _go_on(course: Course, evidence: Evidence, decision: Decision, version: str, *, orders: int | None) -> Course:
    """Return what goes on after a decision."""
    asked, acts = evidence.asked, _rank(decision) == ACTS
    overruled = asked is not None and asked.kind == "overrule" and asked.action == "keep" and not asked.is_late
    return Course(
        episode=note_action(evidence.episode, decision.action) if acts else evidence.episode,
        retrain_after=version if acts and decision.action == "retrain" else course.retrain_after,
        overruled_after=version if overruled else course.overruled_after,
        orders=course.orders if orders is None else orders,
    )


def _open(project: Project, record: DecisionRecord, *, now: datetime) -> BuildRequest | None:
    """Return the build of a decision, opened where it is not yet; None where it opens none."""
    if record.build is None:
        return None
    decision = record.decision
    asked_for = partial(
        open_build,
        project,
        version=record.version,
        rule=decision.rule,
        reason=decision.reason,
        scope=decision.scope,
        search=_choose_search(project, decision),
        decision=record.key,
        now=now,
    )
    known = _find_opened(project, record)
    if known is not None:
        return known
    try:
        return asked_for(build=record.build)
    except ConflictError:  # a run beside this one has opened it, or a person has imported a zoo at that moment
        return _find_opened(project, record) or asked_for()


def _choose_search(project: Project, decision: Decision) -> Search:
    """Return how widely a build searches: no less so than the one whose zoo is in force."""
    in_force = newest_in_force(project)
    zoo = look_up_zoo(project, in_force.zoo) if in_force else None
    return find_build(project, zoo.build).search if zoo and decision.search == "usual" else decision.search


def _find_opened(project: Project, record: DecisionRecord) -> BuildRequest | None:
    """Return the build that a decision has opened, under the key it meant to or a later one."""
    newest = list_builds(project, last=NEWEST_BUILDS)
    return next((request for request in newest if request.decision == record.key), None)
