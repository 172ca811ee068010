"""The sensor that keeps the loop turning: new files become versions, and every unfinished version gets its run.

What is unfinished is told from the store (`loopcast.loop.turns`), not from what a sensor remembers.
"""

from collections.abc import Sequence

import dagster as dg

from loopcast.loop.ingest import take_inbox
from loopcast.loop.turns import Turn, list_turns
from loopcast.orchestration.jobs import CHAIN
from loopcast.orchestration.names import OVERVIEW, REFLECTED, TURN, TURNS_OF, USE_CASE, Names
from loopcast.orchestration.stage import Stage, current_time

INTERVAL_SECONDS = 5
ATTEMPTS = 3
REST_SECONDS = 45
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
        description="Takes files from the inbox, one version each, and asks for one run per unfinished version.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        project = stage.project(context)
        claims = take_inbox(project, now=current_time())
        turns = list_turns(project)
        if not turns:
            again = ", ".join(f"{claim.name} is {claim.version} already" for claim in claims)
            return dg.SkipReason(again or f"Nothing new in {project.inbox}.")
        requests = [request for turn in turns if (request := _request_turn(context.instance, names, turn))]
        keys = [turn.version for turn in turns]
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
    )


def build_overview_sensor() -> dg.AutomationConditionSensorDefinition:
    """Return the sensor that evaluates the condition of `overview`, running by default."""
    return dg.AutomationConditionSensorDefinition(
        "overview_of_all",
        target=dg.AssetSelection.assets(OVERVIEW),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=6 * INTERVAL_SECONDS,
    )


def turn_tags(names: Names, turn: Turn) -> dict[str, str]:
    """Return the run tags of a turn: automation conditions tell by them what the run itself looks after."""
    tags = {TURN: turn.version, TURNS_OF: names.use_case, USE_CASE: names.use_case}
    return {**tags, REFLECTED: turn.version} if turn.has_zoo else tags


def turn_selection(names: Names, turn: Turn) -> list[dg.AssetKey]:
    """Return the assets of a turn; reflection joins where a zoo is in force, as `forecast` yields nothing otherwise."""
    nouns = CHAIN if turn.part == "chain" else ("forecast", "accuracy_report", "root_cause")
    return [names.asset(noun) for noun in ((*nouns, "reflection") if turn.has_zoo else nouns)]


def _request_turn(instance: dg.DagsterInstance, names: Names, turn: Turn) -> dg.RunRequest | None:
    """Return the request for a turn; None while one is under way, has just failed, or failed too often."""
    runs = instance.get_run_records(
        dg.RunsFilter(tags={"dagster/partition": turn.version, USE_CASE: names.use_case, TURN: turn.version})
    )
    if not _may_run(runs):
        return None
    return dg.RunRequest(
        run_key=f"{turn.version}/{turn.part}/{len(runs)}",
        partition_key=turn.version,
        asset_selection=turn_selection(names, turn),
        tags=turn_tags(names, turn),
    )


def _may_run(runs: Sequence[dg.RunRecord]) -> bool:
    """Return whether a version may have one more run, given those it had.

    After a failure there is a rest, in which Dagster's own retry of a killed run comes first.
    """
    if any(record.dagster_run.status in UNDER_WAY for record in runs):
        return False
    failed = [record.end_time or 0.0 for record in runs if record.dagster_run.status != dg.DagsterRunStatus.SUCCESS]
    rested = current_time().timestamp() - max(failed, default=0.0) >= REST_SECONDS
    return rested and len(failed) < ATTEMPTS and len(runs) < 2 * ATTEMPTS
