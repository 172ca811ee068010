"""A backtest of all members on one dataset version, and whether the result may become a zoo.

The backtest is in `loopcast.experimentation`, what is read and written in `loopcast.loop.zoos.experiment`.
"""

from collections.abc import Iterator

import dagster as dg

from loopcast.loop.project import Project
from loopcast.loop.stage_checks import check_experiment
from loopcast.loop.zoos.experiment import Experiment, run_experiment
from loopcast.loop.zoos.forces import read_zoo
from loopcast.orchestration.assets.champion import report_champion
from loopcast.orchestration.automation import new_key_condition
from loopcast.orchestration.charts import draw_bars, to_markdown_image
from loopcast.orchestration.contest import describe_losses, describe_verdict
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_table
from loopcast.orchestration.exploration import describe_exploration
from loopcast.orchestration.instance import add_keys
from loopcast.orchestration.names import EXPERIMENTS
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks

GATE, BETTER = "gate", "better_than_champion"
DESCRIPTION = """\
A rolling-origin backtest of all members on the version that reflection chose, and the leaderboard.

When the combination is better than every seasonal naive, it meets the champion on forecasts from origins that
neither had learned beyond. Better there too, beyond chance, it gets the key of a new zoo; else the champion stays."""


def build_experiment(stage: Stage) -> dg.AssetsDefinition:
    """Return `experiment[build]` with its gate."""
    names = stage.names
    gate = dg.AssetCheckSpec(
        GATE,
        asset=names.asset("experiment"),
        partitions_def=names.builds,
        description="The best of the leaderboard is better than every seasonal naive.",
    )

    better = dg.AssetCheckSpec(
        BETTER,
        asset=names.asset("experiment"),
        partitions_def=names.builds,
        description="The new zoo takes force: it is better than the champion on data neither saw (Diebold-Mariano).",
    )

    @dg.asset(
        **stage.computed("experiment", kinds={"scikitlearn"}, description=DESCRIPTION),
        partitions_def=names.builds,
        deps=[dg.AssetDep(names.asset("dataset"), partition_mapping=dg.AllPartitionMapping())],
        check_specs=[gate, better, *list_stage_checks(stage, "experiment", names.builds)],
        automation_condition=new_key_condition(),
        pool=EXPERIMENTS,
    )
    def experiment(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, build = stage.project(context), context.partition_key
        with explain_failures():
            made = yield from attempt(lambda: run_experiment(project, build, now=current_time()))
        if made.zoo is not None:
            add_keys(context.instance, names.zoos, [made.zoo.zoo])
        else:
            report_champion(context.instance, stage, project)
        if made.periods < made.recommended:
            context.log.warning(f"Minimal history: {_describe_history(made)}.")
        yield _describe_experiment(stage, project, made)
        with explain_failures():
            yield from show_checks(check_experiment(project, made))

    return experiment


def _describe_history(made: Experiment) -> str:
    return f"built on {made.periods} periods; {made.recommended} recommended"


def _describe_experiment(stage: Stage, project: Project, made: Experiment) -> dg.MaterializeResult[None]:
    unit = stage.use_case.target.unit
    title = f"Backtest {made.request.build} on {made.request.version}"
    chart = draw_bars(
        made.leaderboard, label="member", value="mae", title=title, unit=f"mean absolute error {unit}".strip()
    )
    best, digest = made.leaderboard.iloc[0], made.manifest.pins["zoo_digest"]
    explored = describe_exploration(read_zoo(project, digest), name=made.request.build, unit=unit) if digest else {}
    severity = dg.AssetCheckSeverity.WARN
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(made.leaderboard),
            "dagster/column_schema": describe_columns(made.leaderboard),
            "champion": str(best["member"]),
            "mae": float(best["mae"]),
            "asked_for_by": f"{made.request.rule}: {made.request.reason}",
            **describe_verdict(made.verdict),
            "scope": made.request.scope.replace("_", " "),
            "history": _describe_history(made),
            "zoo": made.zoo.zoo if made.zoo else "none",
            "digest": made.manifest.digest,
            **describe_inputs(made.manifest.pins),
            "leaderboard": describe_table(made.leaderboard),
            "failures": describe_table(made.failures),
            **describe_losses(made.losses, title=f"{made.request.build} against {made.verdict.champion}", unit=unit),
            "chart": dg.MetadataValue.md(to_markdown_image(chart, text=title)),
            **explored,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name=GATE, passed=made.gate.passed, severity=severity, description=made.gate.reason
            ),
            dg.AssetCheckResult(
                check_name=BETTER,
                passed=made.verdict.outcome != "rejected",
                severity=severity,
                description=made.verdict.reason,
            ),
        ],
        data_version=dg.DataVersion(made.manifest.digest),
    )
