"""What the news mean: keep the zoo or open the next build, with the reason.

The rules are in `loopcast.reflection.decision`, the evidence is gathered in `loopcast.loop.reflect`.
"""

import dagster as dg
import pandas as pd

from loopcast.loop.forces import list_builds, list_zoos
from loopcast.loop.reflect import Reflection, list_decisions, reflect
from loopcast.orchestration.automation import reflection_condition
from loopcast.orchestration.describe import ROW_LIMIT, describe_numbers, describe_table
from loopcast.orchestration.instance import add_keys
from loopcast.orchestration.stage import Stage, current_time, explain_failures

DESCRIPTION = """\
The decision after the newest version: keep the zoo in force, or open the next build, and why.

Opening a build adds its key, and the new key materializes `experiment`: here the loop closes."""


def build_reflection(stage: Stage) -> dg.AssetsDefinition:
    """Return `reflection`."""
    names = stage.names

    @dg.asset(
        **stage.computed("reflection", kinds={"python"}, description=DESCRIPTION),
        deps=[
            dg.AssetDep(names.asset("dataset"), partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(names.asset("accuracy_report"), partition_mapping=dg.AllPartitionMapping()),
        ],
        automation_condition=reflection_condition(),
    )
    def reflection(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        project = stage.project(context)
        with explain_failures():
            made = reflect(project, now=current_time())
        # All keys, not only a new one: after a crash between the record and its key the next reflection adds it.
        add_keys(context.instance, names.builds, [request.build for request in list_builds(project)])
        add_keys(context.instance, names.zoos, [request.zoo for request in list_zoos(project)])
        return _describe_reflection(made, list_decisions(project, last=ROW_LIMIT).iloc[::-1])

    return reflection


def _describe_reflection(made: Reflection, decisions: pd.DataFrame) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={
            "version": made.version,
            "action": made.decision.action,
            "rule": made.decision.rule,
            "reason": made.decision.reason,
            "build": made.build.build if made.build else "none",
            **describe_numbers(made.decision.evidence),
            "evidence": dg.MetadataValue.json(made.decision.evidence),
            "decisions": describe_table(decisions),
        }
    )
