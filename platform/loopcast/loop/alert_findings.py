"""What the store knows to be the matter: refused updates, forecasts worse than promised, decisions that wait.

Here belongs looking, at what is new since the last time only. Not here: what Dagster knows
(`loopcast.orchestration.alerting`), and what becomes of a finding.
"""

from datetime import datetime

from loopcast.alerts.alert import Finding, Over
from loopcast.loop.alert_book import Observed
from loopcast.loop.decisions import DECISIONS
from loopcast.loop.project import Project
from loopcast.store.version_records import VersionRecord, version_key, version_number

VERSIONS = "versions"  # the mark: the newest version that was looked at
MOST_VERSIONS = 50
REFUSED = "refused_update/dataset/accepted"
WORSE = "deterioration/accuracy_report/worse_than_promised"


def find_matters(project: Project, *, after: str | None, now: datetime) -> Observed:
    """Return all that the store knows.

    Args:
        project: the use case.
        after: the newest version that was looked at before.
        now: the present time, aware.
    """
    return find_refused(project, after=after, now=now) + find_deterioration(project, now=now)


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


def find_deterioration(project: Project, *, now: datetime) -> Observed:
    """Return whether the newest decision found production worse than promised."""
    entry = project.store.references.current(DECISIONS)
    judgement = entry.value["evidence"].get("judgement") if entry else None
    if entry is None or not judgement or not judgement["scored_versions"]:
        return Observed()
    decided, unit = entry.value, project.use_case.target.unit
    if not judgement["is_worse"]:
        words = f"as promised again after {decided['version']}, decision: {decided['action']}"
        return Observed(over=(Over(WORSE, now, words),))
    kind, asset, rule = WORSE.split("/")
    found = f"mean absolute error {judgement['production_mae']:.6g} {unit} over {judgement['scored_versions']} versions"
    since = f", worse since {judgement['since']}" if judgement["since"] else ""
    promised = judgement["promised_mae"]
    return Observed(
        (
            Finding(
                kind=kind,  # type: ignore[arg-type]
                asset=asset,
                rule=rule,
                severity="error",
                at=entry.at,
                event=decided["version"],
                found=f"{found}{since}; decision: {decided['action']} ({decided['rule']})",
                expected="no more than the zoo promised" + (f", {promised:.6g} {unit}" if promised else ""),
                to_do="Look at the newest version's root causes, and at the build that reflection opened.",
                path=f"/assets/{project.name}/accuracy_report",
                version=decided["version"],
            ),
        )
    )


def _describe_refusal(project: Project, record: VersionRecord) -> Finding:
    """Return a refused update: the file, how many rows break rules, how it is repaired."""
    refusal = project.store.versions.refusal(record.version)
    kind, asset, rule = REFUSED.split("/")
    return Finding(
        kind=kind,  # type: ignore[arg-type]
        asset=asset,
        rule=rule,
        severity="error",
        at=record.settled_at,
        event=record.version,
        found=f"{refusal.file}: {refusal.total} violations. {refusal.summary()}",
        expected="a file that breaks no rule",
        to_do=(
            f"loopcast quarantine show {project.name} {record.version}, then repair and resubmit it; "
            "nothing else has changed"
        ),
        path=f"/assets/{project.name}/{asset}?view=checks&checkDetail={rule}",
        version=record.version,
    )


def _accepted(project: Project, record: VersionRecord, now: datetime) -> Over:
    words = f"{record.version} was accepted; what is still refused: loopcast quarantine list {project.name}"
    return Over(REFUSED, now, words)
