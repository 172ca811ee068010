"""What Dagster knows to be the matter, and the sensor that has it told: failed checks, failed runs, overdue freshness.

Here belong bounded questions to the instance. Not here: what the store knows (`loopcast.loop.alerts.findings`), and
what is told to whom (`loopcast.loop.alerts.rounds`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

from loopcast.alerts.alert import Finding, Over
from loopcast.loop.alerts.book import Book, Observed, read_book
from loopcast.loop.alerts.findings import VERSIONS, find_matters
from loopcast.loop.alerts.rounds import Round, tell
from loopcast.loop.project import Project
from loopcast.orchestration.assets.accuracy_report import AS_PROMISED
from loopcast.orchestration.checks import ACCEPTED
from loopcast.orchestration.failed_runs import RUNS, Reached, find_failed_runs, find_recovered_runs
from loopcast.orchestration.polling import ANSWERS
from loopcast.orchestration.settings import read_alert_settings
from loopcast.orchestration.stage import Stage, current_time

INTERVAL_SECONDS = 30
# The mark: the newest event of all. Where none is newer no check has changed; it is seen twice, as Dagster writes an
# event first and then, in another transaction, the evaluation.
EVENTS, SEEN_TWICE = "events", "twice "
FIRST_LOOK = timedelta(days=1)
MOST_REPEATS = 20
FAILED, PASSED = AssetCheckExecutionRecordStatus.FAILED, AssetCheckExecutionRecordStatus.SUCCEEDED
# What the store tells better: a refused update with its file and rows, deterioration with its decision and its end.
BY_THE_STORE = {("dataset", ACCEPTED), ("accuracy_report", AS_PROMISED)}


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
    newest = str(instance.event_log_storage.get_maximum_record_id())
    is_idle = known.get(EVENTS) == SEEN_TWICE + newest
    marks[EVENTS] = SEEN_TWICE + newest if is_idle or known.get(EVENTS) == newest else newest
    found = find_matters(project, book, after=marks[VERSIONS] or None, now=now)
    if not is_idle:
        found += find_failed_checks(instance, watched.checks, book, now=now)
        found += find_overdue(instance, watched.fresh, now=now)
    reached = Reached.parse(marks[RUNS]) if marks[RUNS] else Reached(now - FIRST_LOOK)
    explained = {event.partition("/")[0] for event in _events_of(book, found)}
    found += find_failed_runs(instance, project, reached, explained=explained, now=now)
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
