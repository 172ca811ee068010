"""A released zoo: a readable document, in force from a version on.

Building is in `loopcast.zoo`, what is read and written in `loopcast.loop.zoos.experiment`.
"""

from collections.abc import Iterator

import dagster as dg

from loopcast.loop.stage_checks import check_zoo
from loopcast.loop.zoos.experiment import (
    ReleasedZoo,
    describe_history,
    describe_importances,
    describe_promise,
    describe_weights,
    release_zoo,
)
from loopcast.orchestration.automation import new_key_condition
from loopcast.orchestration.describe import describe_columns, describe_numbers, describe_table
from loopcast.orchestration.exploration import describe_exploration
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import list_stage_checks, show_checks

DESCRIPTION = """\
The models that forecast from a version on: members and their weights, one model per situation, intervals,
importances, and the history they need. Its key is added only when an experiment has passed its gate."""


def build_model_zoo(stage: Stage) -> dg.AssetsDefinition:
    """Return `model_zoo[zoo]`."""
    names = stage.names

    @dg.asset(
        **stage.computed("model_zoo", kinds={"json"}, description=DESCRIPTION),
        partitions_def=names.zoos,
        deps=[dg.AssetDep(names.asset("experiment"), partition_mapping=dg.LastPartitionMapping())],
        check_specs=list_stage_checks(stage, "model_zoo", names.zoos),
        automation_condition=new_key_condition(),
    )
    def model_zoo(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project = stage.project(context)
        with explain_failures():
            released = release_zoo(project, context.partition_key, now=current_time())
        yield _describe_zoo(stage, released)
        with explain_failures():
            yield from show_checks(check_zoo(project, released))

    return model_zoo


def _describe_zoo(stage: Stage, released: ReleasedZoo) -> dg.MaterializeResult[None]:
    zoo, importances = released.zoo, describe_importances(released.zoo)
    promised = {f"promised_{row.bin}_mae": row.mae for row in zoo.promise if row.bin == "all"}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(importances),
            "dagster/column_schema": describe_columns(importances),
            **_describe_force(released),
            "digest": released.digest,
            "build": released.request.build,
            "built_on": released.request.version,
            "learned_until": zoo.training_end,
            **describe_numbers({**promised, "situations": sum(b.situation.steps for b in zoo.blocks)}),
            **describe_exploration(zoo, name=released.request.zoo, unit=stage.use_case.target.unit),
            "promise": describe_table(describe_promise(zoo)),
            "weights": describe_table(describe_weights(zoo)),
            "importances": describe_table(importances),
            "minimal_history": describe_table(describe_history(zoo)),
        },
        data_version=dg.DataVersion(released.digest),
    )


def _describe_force(released: ReleasedZoo) -> dict[str, str]:
    """Return whether it is in force, since which version, and why."""
    verdict, entry = released.verdict, released.in_force
    return {
        "verdict": verdict.outcome.replace("_", " ") if verdict else "in force",
        "verdict_reason": verdict.reason if verdict else "",
        "in_force_from": entry.from_version if entry else "not in force",
    }
