"""The sensor that lets reflection carry out what waits: orders of people, and builds whose hour has come.

What waits is told from the store (`loopcast.loop.judging.reflect.find_due`), not from what a sensor remembers.
"""

import dagster as dg

from loopcast.loop.judging.reflect import find_due
from loopcast.orchestration.names import DUE, USE_CASE
from loopcast.orchestration.sensors import ATTEMPTS, UNDER_WAY
from loopcast.orchestration.stage import Stage, current_time

INTERVAL_SECONDS = 15


def build_waiting_sensor(stage: Stage) -> dg.SensorDefinition:
    """Return the sensor of one use case, running by default."""
    names = stage.names

    @dg.sensor(
        name=f"{names.use_case}_waiting",
        target=dg.AssetSelection.assets(names.asset("reflection")),
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={stage.resource_key},
        description=(
            "Asks for a reflection when a person has given an order by the API, or when the hours begin in which a "
            "build that waits may start."
        ),
    )
    def waiting(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        due = find_due(stage.project(context), now=current_time())
        if due is None:
            return dg.SkipReason("No order and no build waits for its hour.")
        tags = {USE_CASE: names.use_case, DUE: due}
        runs = context.instance.get_runs(dg.RunsFilter(tags=tags))
        if len(runs) >= ATTEMPTS or any(run.status in UNDER_WAY for run in runs):
            return dg.SkipReason(f"{due} has had {len(runs)} runs, the newest is {runs[0].status.value}.")
        return dg.RunRequest(run_key=f"{due}/{len(runs)}", tags=tags)

    return waiting
