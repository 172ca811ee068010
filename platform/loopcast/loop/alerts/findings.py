"""What the store knows to be the matter: refused updates, forecasts worse than promised, decisions that wait.

Here belongs looking, at what is new since the last time only. Not here: what Dagster knows
(`loopcast.orchestration.alerting`), and what becomes of a finding.
"""

from datetime import datetime

from loopcast.alerts.alert import Finding, Over
from loopcast.dataops.violations import Refusal
from loopcast.loop.alerts.book import Book, Observed
from loopcast.loop.judging.decisions import DecisionRecord, read_newest
from loopcast.loop.project import Project
from loopcast.reflection.deterioration import Judgement, judgement_from_dict
from loopcast.store.version_records import VersionRecord, version_key, version_number

VERSIONS = "versions"  # the mark: the newest version that was looked at
MOST_VERSIONS = 50
REFUSED = "refused_update/dataset/accepted"
WORSE = "deterioration/accuracy_report/worse_than_promised"


def find_matters(project: Project, book: Book, *, after: str | None, now: datetime) -> Observed:
    """Return all that the store knows.

    Args:
        project: the use case.
        book: what is open.
        after: the newest version that was looked at before.
        now: the present time, aware.
    """
    newest = read_newest(project)
    decided = find_deterioration(project, newest, now=now) + find_waiting(project, newest, book, now=now)
    return find_refused(project, after=after, now=now) + decided


def find_refused(project: Project, *, after: str | None, now: datetime) -> Observed:
    """Return the refused updates among the versions after one; an accepted one says that it is over.

    At most the newest fifty are looked at, and at the first time the newest alone.
    """
    newest = project.store.versions.newest(accepted=False)
    if newest is None or newest.version == after:
        return Observed()
    last = version_number(newest.version)
    first = max(last - MOST_VERSIONS, version_number(after)) + 1 if after else last
    records = [project.store.versions.record(version_key(number)) for number in range(first, last + 1)]
    refused = tuple(_describe_refusal(project, record) for record in records if record.status == "refused")
    return Observed(
        refused, (_accepted(project, newest, now),) if newest.status == "accepted" else (), {VERSIONS: newest.version}
    )


def find_deterioration(project: Project, newest: DecisionRecord | None, *, now: datetime) -> Observed:
    """Return whether the newest decision found production worse than promised; not over before the episode is.

    Args:
        project: the use case.
        newest: the newest decision.
        now: the present time, aware.
    """
    known = newest.decision.evidence.get("judgement") if newest else None
    if newest is None or not known or not known["scored_versions"]:
        return Observed()
    judgement = judgement_from_dict({"signs": (), "data_drift": (), **known})  # older records have none
    if judgement.is_worse:
        return Observed((_describe_deterioration(project, newest, judgement),))
    if newest.course.episode.since is not None:
        return Observed()
    words = f"as promised again after {newest.version}, decision: {newest.decision.action}"
    return Observed(over=(Over(WORSE, now, words),))


def find_waiting(project: Project, newest: DecisionRecord | None, book: Book, *, now: datetime) -> Observed:
    """Return the decision that waits for a person; those that waited before are over.

    Args:
        project: the use case.
        newest: the newest decision.
        book: what is open.
        now: the present time, aware.
    """
    waits = newest is not None and newest.decision.waits_for == "approval"
    findings = (_describe_waiting(project, newest),) if newest and waits else ()
    waiting = {finding.key for finding in findings}
    answered = [alert.key for alert in book.open if alert.newest.kind == "approval" and alert.key not in waiting]
    words = f"{newest.key} came after it: {newest.decision.action}, {newest.decision.reason}" if newest else ""
    return Observed(findings, tuple(Over(key, now, words) for key in answered))


def _describe_deterioration(project: Project, newest: DecisionRecord, judgement: Judgement) -> Finding:
    """Return how much worse production is, since when, what has changed beside it, and what was decided."""
    decision = newest.decision
    return Finding(
        kind="deterioration",
        asset="accuracy_report",
        rule="worse_than_promised",
        severity="error",
        at=newest.at or project.store.versions.record(newest.version).settled_at,
        event=newest.version,
        found=f"{judgement.explain()}; decision: {decision.action} ({decision.rule})",
        expected="errors as the zoo in force promised by its own backtest, beyond chance and tolerance",
        to_do="Look at the newest version's root causes, and at the build that reflection opened.",
        path=f"/assets/{project.name}/accuracy_report?view=checks&checkDetail=as_promised",
        version=newest.version,
    )


def _describe_waiting(project: Project, newest: DecisionRecord) -> Finding:
    """Return a decision that waits, told once however many later ones wait for the same."""
    answer = f"loopcast decision approve {project.name} {newest.since} --reason WHY"
    return Finding(
        kind="approval",
        asset="reflection",
        rule=newest.since,
        severity="error",
        at=newest.at or project.store.versions.record(newest.version).settled_at,
        event=newest.since,
        found=f"{newest.decision.action}: {newest.decision.reason}",
        expected="somebody approves or overrules it",
        to_do=f"{answer}, or: loopcast decision overrule {project.name} {newest.since} --reason WHY",
        path=f"/assets/{project.name}/reflection",
        version=newest.version,
    )


def _describe_refusal(project: Project, record: VersionRecord) -> Finding:
    """Return a refused update: the file, how many rows break rules, how it is repaired."""
    refusal = project.store.versions.refusal(record.version)
    return Finding(
        kind="refused_update",
        asset="dataset",
        rule="accepted",
        severity="error",
        at=record.settled_at,
        event=record.version,
        found=_count_violations(refusal),
        expected="a file that breaks no rule",
        to_do=(
            f"loopcast quarantine show {project.name} {record.version}, then repair and resubmit it; "
            "nothing else has changed"
        ),
        path=f"/assets/{project.name}/dataset?view=checks&checkDetail=accepted",
        version=record.version,
    )


def _count_violations(refusal: Refusal) -> str:
    """Return how many violations there are, of which rules, and where; no values: messages leave the house."""
    noun = "violation" if refusal.total == 1 else "violations"
    rules = ", ".join(sorted({violation.rule for violation in refusal.violations}))
    places = (("row", refusal.violations[0].row), ("column", refusal.violations[0].column)) if rules else ()
    place = ", ".join(f"{name} {at}" for name, at in places if at is not None)
    return f"{refusal.file} is refused: {refusal.total} {noun} ({rules}){f', first in {place}' if place else ''}"


def _accepted(project: Project, record: VersionRecord, now: datetime) -> Over:
    words = f"{record.version} was accepted; what is still refused: loopcast quarantine list {project.name}"
    return Over(REFUSED, now, words)
