"""What the newest stretch of a version looks like, and whether it is in control.

The judging is in `loopcast.dataops.quality.fitness`, what it is given in `loopcast.loop.profile`.
"""

from collections.abc import Iterator

import dagster as dg

from loopcast.dataops.quality.fitness import explain_signals
from loopcast.dataops.quality.pipeline import explain_beyond
from loopcast.dataops.quality.profile import ALL_SERIES
from loopcast.loop.pipeline import VersionPipeline, judge_pipeline
from loopcast.loop.profile import VersionProfile, profile_version
from loopcast.loop.stage_checks import check_profile
from loopcast.orchestration.automation import profile_condition
from loopcast.orchestration.charts import draw_control, to_markdown_image
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_numbers, describe_table
from loopcast.orchestration.durations import read_durations
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks

IN_CONTROL, PIPELINE_IN_CONTROL = "in_control", "pipeline_in_control"
DESCRIPTION = """\
Each variable's values, gaps, constant runs and outliers, and where it ends relative to the target; control charts and
drift tests on what no model expected, with limits from the variable's own past.

The check `in_control` names what is not as it used to be. It warns; it stops nothing."""
LAST = {"dagster/priority": "-1"}  # the forecast of the same run does not wait for it


def build_profile(stage: Stage) -> dg.AssetsDefinition:
    """Return `profile[version]` with its warning checks."""
    names = stage.names
    told = {
        IN_CONTROL: "No control chart and no drift test fires on what the update brought.",
        PIPELINE_IN_CONTROL: "Rows, lateness, duration and refused updates are what they were in earlier versions.",
    }
    checks = [
        dg.AssetCheckSpec(name, asset=names.asset("profile"), partitions_def=names.versions, description=text)
        for name, text in told.items()
    ]

    @dg.asset(
        **stage.computed("profile", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[names.asset("dataset")],
        check_specs=[*checks, *list_stage_checks(stage, "profile", names.versions)],
        automation_condition=profile_condition(names),
        op_tags=LAST,
    )
    def profile(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, version, now = stage.project(context), context.partition_key, current_time()
        with explain_failures():
            made = yield from attempt(lambda: profile_version(project, version, now=now))
            durations = read_durations(context.instance, names, until=version, run_id=context.run.run_id, now=now)
            pipeline = judge_pipeline(project, version, durations=durations, now=now)
        yield _describe_profile(stage, made, pipeline)
        yield from show_checks(check_profile(project, made.manifest))

    return profile


def _describe_profile(stage: Stage, made: VersionProfile, pipeline: VersionPipeline) -> dg.MaterializeResult[None]:
    fitness, facts = made.fitness, made.manifest.facts
    overall = fitness.profile[fitness.profile["series"] == ALL_SERIES]
    title = f"Residuals of {stage.use_case.target.name} up to {made.manifest.partition}"
    metadata = {
        "dagster/row_count": len(fitness.profile),
        "dagster/column_schema": describe_columns(fitness.profile),
        **describe_numbers(facts),
        "sampling_period": f"declared {facts['sampling_declared']}, found {facts['sampling_estimated'] or 'none'}",
        "digest": made.manifest.digest,
        **describe_inputs(made.manifest.pins),
        "summary": describe_table(fitness.profile),
        "alignment": describe_table(overall[["variable", "last", "ends_at"]]),
        "signals_found": describe_table(fitness.control),
        "worst_outliers": describe_table(fitness.outliers),
        "pipeline": describe_table(pipeline.table),
        **describe_numbers(dict(zip(pipeline.table["characteristic"], pipeline.table["value"], strict=True))),
    }
    if len(fitness.chart):
        chart = draw_control(fitness.chart, title=title, unit="standard deviations")
        metadata["chart"] = dg.MetadataValue.md(to_markdown_image(chart, text=title))
    return dg.MaterializeResult(
        metadata=metadata,
        check_results=[_check_control(made), _check_pipeline(pipeline)],
        data_version=dg.DataVersion(made.manifest.digest),
    )


def _check_control(made: VersionProfile) -> dg.AssetCheckResult:
    """Return the check: what fired, the furthest beyond its limit first."""
    control = made.fitness.control
    return dg.AssetCheckResult(
        check_name=IN_CONTROL,
        passed=control.empty,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(explain_signals(control)) or "Nothing fired.",
        metadata={"signals": len(control), "found": describe_table(control)},
    )


def _check_pipeline(pipeline: VersionPipeline) -> dg.AssetCheckResult:
    """Return the check on the pipeline's own characteristics."""
    told = explain_beyond(pipeline.table)
    return dg.AssetCheckResult(
        check_name=PIPELINE_IN_CONTROL,
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(told) or "All within their limits.",
    )
