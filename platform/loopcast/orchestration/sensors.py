"""The sensor that keeps the loop turning: new files become versions, and every unfinished version gets its run.

What is unfinished is told from the store (`loopcast.loop.turns`), not from what a sensor remembers.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

import dagster as dg

from loopcast.loop.ingest import take_inbox
from loopcast.loop.turns import Turn, note_finished, walk_turns
from loopcast.orchestration.jobs import CHAIN
from loopcast.orchestration.names import FIRST, OVERVIEW, REFLECTED, TURN, TURNS_OF, USE_CASE, Names
from loopcast.orchestration.stage import Stage, current_time

INTERVAL_SECONDS = 5
ATTEMPTS = 3
REST_SECONDS = 45
MOST_FILES = 100  # a tick must answer within a minute; what is left is taken by the next one
MOST_WAITING = 20  # runs of one use case, so that a thousand files after a holiday do not fill the queue
AUTOMATION = """\
Every ten seconds: looks at what is new, and asks for what follows from it where a turn does not make it itself. Each
asset's *Automation* tab says which term of its condition held."""
OF_ALL = "Every thirty seconds: asks for the overview when any use case has reflected, at most every five minutes."
INBOX = """\
Every five seconds: takes files from the inbox, one version each, and asks for one run per unfinished version, oldest
first. What is unfinished is told from the lake, so nothing is lost while nothing runs. A version whose run failed is
tried three times, and never stops those after it."""
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def build_inbox_sensor(stage: Stage) -> dg.SensorDefinition:
    """Return the sensor of one use case, running by default."""
    names = stage.names

    @dg.sensor(
        name=f"{names.use_case}_inbox",
        job_name=names.turn,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={stage.resource_key},
        description=INBOX,
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        project, now = stage.project(context), current_time()
        claims = take_inbox(project, now=now, most=MOST_FILES)
        requests = list_requests(context.instance, names, walk_turns(project), now=now)
        note_finished(project, now=now)
        if not requests:
            again = ", ".join(f"{claim.name} is {claim.version} already" for claim in claims if claim.duplicate)
            return dg.SkipReason(again or f"Nothing new in {project.inbox}.")
        keys = [str(request.partition_key) for request in requests]
        return dg.SensorResult(
            run_requests=requests, dynamic_partitions_requests=[names.versions.build_add_request(keys)]
        )

    return inbox


def build_automation_sensor(stage: Stage) -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the automation conditions of one use case, running by default."""
    return dg.AutomationConditionSensorDefinition(
        f"{stage.use_case.name}_automation",
        target=dg.AssetSelection.groups(stage.use_case.name),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=2 * INTERVAL_SECONDS,
        run_tags={USE_CASE: stage.use_case.name},
        description=AUTOMATION,
    )


def build_overview_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the condition of `overview`, running by default."""
    return dg.AutomationConditionSensorDefinition(
        "overview_of_all",
        target=dg.AssetSelection.assets(OVERVIEW),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=6 * INTERVAL_SECONDS,
        description=OF_ALL,
    )


def turn_tags(names: Names, turn: Turn) -> dict[str, str]:
    """Return the run tags of a turn: automation conditions tell by them what the run itself looks after."""
    tags = {TURN: turn.version, TURNS_OF: names.use_case, USE_CASE: names.use_case, **FIRST}
    return {**tags, REFLECTED: turn.version} if turn.has_zoo else tags


def turn_selection(names: Names, turn: Turn) -> list[dg.AssetKey]:
    """Return the assets of a turn; reflection joins where a zoo is in force, as `forecast` yields nothing otherwise."""
    nouns = CHAIN if turn.part == "chain" else ("forecast", "accuracy_report", "root_cause")
    return [names.asset(noun) for noun in ((*nouns, "reflection") if turn.has_zoo else nouns)]


def list_requests(
    instance: dg.DagsterInstance, names: Names, turns: Iterator[Turn], *, now: datetime
) -> list[dg.RunRequest]:
    """Return the runs to ask for, oldest version first; never so many that more than twenty of a use case wait.

    A version whose run is under way, has just failed or failed too often is passed over, so that it stops no other.

    Args:
        instance: whose records tell what ran.
        names: of the use case.
        turns: what is unfinished, oldest version first.
        now: the present time, aware.
    """
    under_way, requests = 0, list[dg.RunRequest]()
    while batch := list(islice(turns, MOST_WAITING)):
        runs = _find_runs(instance, names, [turn.version for turn in batch])
        for turn in batch:
            under_way += any(record.dagster_run.status in UNDER_WAY for record in runs[turn.version])
            if may_run(runs[turn.version], now=now):
                requests.append(_request_turn(names, turn, attempt=len(runs[turn.version])))
            if under_way + len(requests) >= MOST_WAITING:
                return requests
    return requests


def may_run(runs: Sequence[dg.RunRecord], *, now: datetime) -> bool:
    """Return whether a version may have one more run, given those it had.

    After a failure there is a rest, in which Dagster's own retry of a killed run comes first.

    Args:
        runs: of the version's turn.
        now: the present time, aware.
    """
    if any(record.dagster_run.status in UNDER_WAY for record in runs):
        return False
    failed = [record.end_time or 0.0 for record in runs if record.dagster_run.status != dg.DagsterRunStatus.SUCCESS]
    rested = now.timestamp() - max(failed, default=0.0) >= REST_SECONDS
    return rested and len(failed) < ATTEMPTS and len(runs) < 2 * ATTEMPTS


def _find_runs(instance: dg.DagsterInstance, names: Names, versions: Sequence[str]) -> dict[str, list[dg.RunRecord]]:
    """Return the runs that each version's turn has had, by one query."""
    found: dict[str, list[dg.RunRecord]] = {version: [] for version in versions}
    for record in instance.get_run_records(dg.RunsFilter(tags={TURN: list(versions), TURNS_OF: names.use_case})):
        found[record.dagster_run.tags[TURN]].append(record)
    return found


def _request_turn(names: Names, turn: Turn, *, attempt: int) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{turn.version}/{turn.part}/{attempt}",
        partition_key=turn.version,
        asset_selection=turn_selection(names, turn),
        tags=turn_tags(names, turn),
    )
