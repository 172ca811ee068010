"""What Dagster knows to be the matter, and the sensor that has it told: failed checks, failed runs, overdue freshness.

Here belong bounded questions to the instance. Not here: what the store knows (`loopcast.loop.alert_findings`), and what
is told to whom (`loopcast.loop.alerts`).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from loopcast.alerts.alert import Alert, Finding, Over
from loopcast.errors import NotFoundError
from loopcast.loop.alert_book import Book, Observed, read_book
from loopcast.loop.alert_findings import VERSIONS, find_matters
from loopcast.loop.alerts import Round, tell
from loopcast.loop.project import Project
from loopcast.orchestration.checks import ACCEPTED
from loopcast.orchestration.names import TURN, USE_CASE, Names
from loopcast.orchestration.polling import ANSWERS
from loopcast.orchestration.sensors import UNDER_WAY
from loopcast.orchestration.settings import read_alert_settings
from loopcast.orchestration.stage import Stage, current_time, explain_step

INTERVAL_SECONDS = 30
PATIENCE = timedelta(minutes=2)  # the inbox sensor tries a version again after 45 seconds, Dagster a killed run before
RUNS = "runs"  # the mark: when the newest failed run that was looked at had changed
EVENTS = "events"  # the mark: the newest event of all; where there is no newer one nothing can have changed
FIRST_LOOK = timedelta(days=1)
MOST_RUNS, MOST_REPEATS, MOST_ATTEMPTS = 20, 20, 10
FAILED, PASSED = AssetCheckExecutionRecordStatus.FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED
AS_PROMISED = "as_promised"
# What the store tells better: a refused update with its file and rows, deterioration with its decision and its end.
BY_THE_STORE = {("dataset", ACCEPTED), ("accuracy_report", AS_PROMISED)}
PARTITION = "dagster/partition"


@dataclass(frozen=True)
class Watched:
    """What of a use case is looked at.

    Args:
        checks: each check with its description.
        fresh: assets with a freshness policy, each before those made from it.
    """

    checks: Mapping[dg.AssetCheckKey, str]
    fresh: tuple[dg.AssetKey, ...]


def list_watched(assets: Iterable[dg.AssetsDefinition | dg.AssetSpec]) -> Watched:
    """Return what is looked at: every check there is, and every freshness policy.

    Args:
        assets: a use case's assets and checks, each asset before those made from it.
    """
    made = [asset for asset in assets if isinstance(asset, dg.AssetsDefinition)]
    specs = [spec for asset in made for spec in asset.check_specs]
    return Watched(
        {spec.key: spec.description or "" for spec in specs if not _is_told_by_the_store(spec.key)},
        tuple(spec.key for asset in made for spec in asset.specs if spec.freshness_policy is not None),
    )


def build_alert_sensor(stage: Stage, watched: Watched) -> dg.SensorDefinition:
    """Return the sensor that has alerts told, running by default.

    Args:
        stage: the use case.
        watched: what is looked at.
    """

    @dg.sensor(
        name=f"{stage.names.use_case}_alerts",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={stage.resource_key},
        description="Tells the responsible people what is the matter: once, how often, and when it is over.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        project, now = stage.project(context), current_time()
        observed = observe(context.instance, project, watched, cursor=context.cursor, now=now)
        done = tell(project, observed, settings=read_alert_settings(), now=now)
        context.update_cursor(json.dumps(dict(observed.marks)))
        return dg.SkipReason(_describe(done))

    return alerts


def observe(
    instance: dg.DagsterInstance, project: Project, watched: Watched, *, cursor: str | None, now: datetime
) -> Observed:
    """Return what is the matter with a use case, and what is not any more.

    Args:
        instance: where runs and events are.
        project: the use case.
        watched: what is looked at.
        cursor: how far an earlier look came, as JSON; lost, it is told from the book.
        now: the present time, aware.
    """
    book, known = read_book(project), json.loads(cursor or "{}")
    marks = {name: max(known.get(name, ""), book.marks.get(name, "")) for name in (VERSIONS, RUNS)}
    marks[EVENTS] = str(instance.event_log_storage.get_maximum_record_id())
    found = find_matters(project, book, after=marks[VERSIONS] or None, now=now)
    if marks[EVENTS] != known.get(EVENTS):
        found += find_failed_checks(instance, watched.checks, book, now=now)
        found += find_overdue(instance, watched.fresh, now=now)
    after = datetime.fromisoformat(marks[RUNS]) if marks[RUNS] else now - FIRST_LOOK
    explained = {event.partition("/")[0] for event in _events_of(book, found)}
    found += find_failed_runs(instance, project, after=after, explained=explained, now=now)
    found += find_recovered_runs(instance, project, book, now=now)
    return Observed(found.findings, found.over, {**marks, **found.marks})


def find_failed_checks(
    instance: dg.DagsterInstance, checks: Mapping[dg.AssetCheckKey, str], book: Book, *, now: datetime
) -> Observed:
    """Return the checks whose newest evaluation failed, each with its repeats, and those that pass.

    Args:
        instance: where evaluations are.
        checks: which checks, with their descriptions.
        book: what is known: repeats that were counted are not looked up again.
        now: the present time, aware.
    """
    storage = instance.event_log_storage
    newest = storage.get_latest_asset_check_execution_by_key(list(checks))
    findings: list[Finding] = []
    over: list[Over] = []
    for key, record in newest.items():
        finding = _describe_check(record, checks[key])
        known = book.find(finding.key)
        if record.status == PASSED:
            over.append(Over(finding.key, now, f"passes{f' with {record.partition}' if record.partition else ''}"))
        elif record.status == FAILED and (known is None or known.over or finding.event not in known.events):
            history = storage.get_asset_check_execution_history(key, limit=MOST_REPEATS)
            findings += [_describe_check(repeat, checks[key]) for repeat in reversed(_streak(history))]
    return Observed(tuple(findings), tuple(over))


def find_overdue(instance: dg.DagsterInstance, fresh: Sequence[dg.AssetKey], *, now: datetime) -> Observed:
    """Return the first asset in the chain that is overdue, on which the later ones wait, and those that are not."""
    states = instance.get_freshness_state_records(list(fresh))
    there = [states[key] for key in fresh if key in states]
    late = next((record for record in there if record.freshness_state == FreshnessState.FAIL), None)
    well = [record for record in there if record.freshness_state in {FreshnessState.PASS, FreshnessState.WARN}]
    over = tuple(Over(f"overdue/{record.entity_key.path[-1]}/freshness", now, "is there again") for record in well)
    if late is None:
        return Observed(over=over)
    use_case, noun = late.entity_key.path
    finding = Finding(
        kind="overdue",
        asset=noun,
        rule="freshness",
        severity="error",
        at=late.updated_at,
        event=late.updated_at.isoformat(),
        found="nothing new within the contract's cadence and grace",
        expected="an update as often as the contract says",
        to_do=f"Ask whoever sends the data; see what came last: loopcast versions {use_case} --last 5",
        path=f"/assets/{use_case}/{noun}",
    )
    return Observed((finding,), over)


def find_failed_runs(
    instance: dg.DagsterInstance, project: Project, *, after: datetime, explained: Collection[str], now: datetime
) -> Observed:
    """Return the failed runs that nothing will repeat: no later one of the same partition is under way or succeeded.

    Args:
        instance: where runs are.
        project: the use case.
        after: what has not changed since is not looked at.
        explained: ids of runs whose failure another finding tells.
        now: the present time, aware.
    """
    failed = dg.RunsFilter(tags={USE_CASE: project.name}, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=after)
    records = instance.get_run_records(failed, limit=MOST_RUNS, ascending=True)
    findings: list[Finding] = []
    mark = after
    for record in sorted(records, key=lambda record: record.update_timestamp):
        later = _later_attempts(instance, record)
        if _is_undecided(record, later, now=now):
            break
        mark = _aware(record.update_timestamp)
        is_explained = record.dagster_run.run_id in explained or _is_refused(project, record)
        if not is_explained and dg.DagsterRunStatus.SUCCESS not in later:
            findings.append(_describe_run(instance, Names(project.name), record))
    return Observed(tuple(findings), marks={RUNS: mark.isoformat()})


def find_recovered_runs(instance: dg.DagsterInstance, project: Project, book: Book, *, now: datetime) -> Observed:
    """Return the ends of failed runs: their asset was materialized since, or their job succeeded."""
    alerts = [alert for alert in book.open if alert.newest.kind == "failed_run"]
    over = [Over(alert.key, now, words) for alert in alerts if (words := _recovery(instance, project, alert))]
    return Observed(over=tuple(over))


def _is_told_by_the_store(key: dg.AssetCheckKey) -> bool:
    return (key.asset_key.path[-1], key.name) in BY_THE_STORE


def _streak(history: Sequence[AssetCheckExecutionRecord]) -> list[AssetCheckExecutionRecord]:
    """Return the newest failures in a row, newest first; evaluations that never came are no break."""
    done = [record for record in history if record.status in {FAILED, PASSED}]
    passed = next((number for number, record in enumerate(done) if record.status == PASSED), len(done))
    return done[:passed]


def _describe_check(record: AssetCheckExecutionRecord, description: str) -> Finding:
    use_case, noun = record.key.asset_key.path
    rule, evaluation = record.key.name, record.evaluation if record.status in {FAILED, PASSED} else None
    is_warning = evaluation is not None and evaluation.severity == dg.AssetCheckSeverity.WARN
    return Finding(
        kind="source" if rule == ANSWERS else "failed_check",
        asset=noun,
        rule=rule,
        severity="warning" if is_warning else "error",
        at=datetime.fromtimestamp(record.event.timestamp if record.event else record.create_timestamp, UTC),
        event=f"{record.run_id}/{record.id}",
        found=(evaluation.description if evaluation else None) or "the check failed",
        expected=description,
        to_do="Look at the check in the catalog: it shows what it found, with the figures.",
        path=f"/assets/{use_case}/{noun}?view=checks&checkDetail={rule}",
        version=record.partition or "",
    )


def _describe_run(instance: dg.DagsterInstance, names: Names, record: dg.RunRecord) -> Finding:
    run = record.dagster_run
    noun, found = _explain_run(instance, names, run)
    return Finding(
        kind="failed_run",
        asset=noun,
        rule="run" if noun else run.job_name.strip("_").lower(),
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
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        step = entry.step_key or ""
        return step.removeprefix(prefix) if step.startswith(prefix) else "", explain_step(
            entry.dagster_event.event_specific_data if entry.dagster_event else None
        )
    ends = list(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE))
    return "", ends[-1].message or ends[-1].user_message if ends else "the run ended without a word"


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
        tags={USE_CASE: project.name}, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=alert.newest.at
    )
    return "a later run succeeded" if instance.get_run_records(succeeded, limit=1) else ""


def _events_of(book: Book, found: Observed) -> Iterator[str]:
    for alert in book.alerts:  # those that are over among them: a failed run is decided on later
        yield from alert.events
    yield from (finding.event for finding in found.findings)


def _describe(done: Round) -> str:
    """Return a round in words."""
    told = [f"told {target}: {subject}" for target, subject in done.delivered]
    failed = [f"could not tell {target}: {problem}" for target, problem in done.problems]
    waiting = [f"{letter.target} is tried again at {letter.next_at:%H:%M:%S} UTC" for letter in done.book.letters]
    return "; ".join([f"{len(done.book.open)} alerts are open", *told, *failed, *waiting])


def _ended(record: dg.RunRecord) -> datetime:
    return datetime.fromtimestamp(record.end_time, UTC) if record.end_time else _aware(record.update_timestamp)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
