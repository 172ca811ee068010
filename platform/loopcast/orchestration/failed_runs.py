"""Failed runs as alerts: those that nothing will repeat, and what ended them.

Here belong bounded questions about runs. Not here: what else is the matter (`loopcast.orchestration.alerting`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import dagster as dg

from loopcast.alerts.alert import Alert, Finding, Over
from loopcast.errors import NotFoundError
from loopcast.loop.alerts.book import Book, Observed
from loopcast.loop.project import Project
from loopcast.orchestration.names import TURN, USE_CASE, Names
from loopcast.orchestration.sensors import UNDER_WAY
from loopcast.orchestration.stage import explain_step

PATIENCE = timedelta(minutes=2)  # the inbox sensor tries a version again after 45 seconds, Dagster a killed run before
RUNS = "runs"  # the mark, see `Reached`
MOST_RUNS, MOST_ATTEMPTS = 20, 10
PARTITION = "dagster/partition"


@dataclass(frozen=True)
class Reached:
    """How far failed runs were looked at.

    Args:
        at: what has not changed since is done with, aware.
        done: ids of later ones that are done with, while an earlier one is still being repeated.
    """

    at: datetime
    done: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `str` gave."""
        at, *done = text.split()
        return cls(datetime.fromisoformat(at), tuple(done))

    def __str__(self) -> str:
        """Return it as text, of which a later one is the greater."""
        return " ".join([self.at.isoformat(timespec="microseconds"), *self.done])

    def go_on(self, records: Sequence[dg.RunRecord], undecided: Sequence[dg.RunRecord]) -> Self:
        """Return how far it is after a look.

        Args:
            records: what was looked at.
            undecided: those of them that must be looked at again.
        """
        open_since = min((_aware(record.update_timestamp) for record in undecided), default=None)
        times = {record.dagster_run.run_id: _aware(record.update_timestamp) for record in records}
        passed = [time for time in times.values() if open_since is None or time < open_since]
        at = max([self.at, *passed])
        waiting = {record.dagster_run.run_id for record in undecided}
        return type(self)(at, tuple(run for run, time in times.items() if time > at and run not in waiting))


def find_failed_runs(
    instance: dg.DagsterInstance, project: Project, reached: Reached, *, explained: Collection[str], now: datetime
) -> Observed:
    """Return the failed runs that nothing will repeat: no later one of the same partition is under way or succeeded.

    Args:
        instance: where runs are.
        project: the use case.
        reached: how far an earlier look came.
        explained: ids of runs whose failure another finding tells.
        now: the present time, aware.
    """
    failed = dg.RunsFilter(
        tags={USE_CASE: project.name}, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=reached.at
    )
    records = instance.get_run_records(failed, limit=MOST_RUNS, order_by="update_timestamp", ascending=True)
    findings: list[Finding] = []
    undecided: list[dg.RunRecord] = []
    for record in records:
        if record.dagster_run.run_id in reached.done:
            continue
        later = _later_attempts(instance, record)
        if _is_undecided(record, later, now=now):
            undecided.append(record)
            continue
        is_explained = record.dagster_run.run_id in explained or _is_refused(project, record)
        if not is_explained and dg.DagsterRunStatus.SUCCESS not in later:
            findings.append(_describe_run(instance, Names(project.name), record))
    return Observed(tuple(findings), marks={RUNS: str(reached.go_on(records, undecided))})


def find_recovered_runs(instance: dg.DagsterInstance, project: Project, book: Book, *, now: datetime) -> Observed:
    """Return the ends of failed runs: their asset was materialized since, or their job succeeded."""
    alerts = [alert for alert in book.open if alert.newest.kind == "failed_run"]
    over = [Over(alert.key, now, words) for alert in alerts if (words := _recovery(instance, project, alert))]
    return Observed(over=tuple(over))


def _describe_run(instance: dg.DagsterInstance, names: Names, record: dg.RunRecord) -> Finding:
    run = record.dagster_run
    noun, found = _explain_run(instance, names, run)
    return Finding(
        kind="failed_run",
        asset=noun,
        rule="run" if noun else run.job_name,
        severity="error",
        at=_ended(record),
        event=f"{run.run_id}/run",
        found=found,
        expected="a run that succeeds; what was acknowledged is kept",
        to_do="Read the run's events and mend the cause; then re-execute it there. Later versions go on by themselves.",
        path=f"/runs/{run.run_id}",
        version=run.tags.get(PARTITION, ""),
    )


def _explain_run(instance: dg.DagsterInstance, names: Names, run: dg.DagsterRun) -> tuple[str, str]:
    """Return the noun of the asset at which a run failed, empty where at none, and why it did."""
    prefix = f"{names.use_case}__"
    failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for step, event in ((entry.step_key or "", entry.dagster_event) for entry in failures):
        noun = step.removeprefix(prefix) if step.startswith(prefix) else ""
        return noun, explain_step(event.event_specific_data) if event else ""
    ends = list(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE))
    found = ends[-1].message or ends[-1].user_message if ends else "the run ended without a word"
    selected = [key.path[-1] for key in run.asset_selection or ()]
    return selected[0] if len(selected) == 1 else "", found


def _later_attempts(instance: dg.DagsterInstance, record: dg.RunRecord) -> list[dg.DagsterRunStatus]:
    """Return how later runs of the same turn stand, or of the same assets and partition."""
    run = record.dagster_run
    same = dg.RunsFilter(
        tags={name: run.tags[name] for name in (USE_CASE, TURN, PARTITION) if name in run.tags},
        created_after=record.create_timestamp,
    )
    later = [one.dagster_run for one in instance.get_run_records(same, limit=MOST_ATTEMPTS)]
    # A turn's next attempt may leave out what the first one has done.
    return [one.status for one in later if TURN in run.tags or one.asset_selection == run.asset_selection]


def _is_undecided(record: dg.RunRecord, later: Collection[dg.DagsterRunStatus], *, now: datetime) -> bool:
    """Return whether a run may yet be repeated, or is being repeated."""
    if dg.DagsterRunStatus.SUCCESS in later:
        return False
    if any(status in UNDER_WAY for status in later):
        return True
    return not later and now - _ended(record) < PATIENCE


def _is_refused(project: Project, record: dg.RunRecord) -> bool:
    """Return whether a run failed because its update was refused, which is told as such."""
    version = record.dagster_run.tags.get(TURN)
    try:
        return version is not None and project.store.versions.record(version).status == "refused"
    except NotFoundError:
        return False


def _recovery(instance: dg.DagsterInstance, project: Project, alert: Alert) -> str:
    """Return how a failed run's alert ended, empty where it has not."""
    if alert.newest.asset:
        event = instance.get_latest_materialization_event(dg.AssetKey([project.name, alert.newest.asset]))
        if event is None or event.timestamp <= alert.newest.at.timestamp():
            return ""
        partition = event.dagster_event.partition if event.dagster_event else None
        return f"was materialized again{f', {partition}' if partition else ''}"
    succeeded = dg.RunsFilter(
        job_name=alert.newest.rule,
        tags={USE_CASE: project.name},
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_after=alert.newest.at,
    )
    return "a later run succeeded" if instance.get_run_records(succeeded, limit=1) else ""


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else _aware(record.update_timestamp)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
