"""Why the sharpest points of a version are what they are: term by term, and next to what was forecast before.

The ranking and the arithmetic are in `loopcast.reflection`, what they are given in
`loopcast.loop.explaining.root_cause`.
"""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from loopcast.loop.explaining.root_cause import VersionRootCause, list_steps, trace_version
from loopcast.loop.stage_checks import check_root_cause
from loopcast.orchestration.automation import root_cause_condition
from loopcast.orchestration.charts import draw_waterfall, to_markdown_image
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_numbers, describe_table
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks

DESCRIPTION = """\
The points of a version that matter most, a few of them: the largest changes against the previous forecast of the same
timestamp, the largest errors of what the version brought actuals for, the widest intervals; and why they are so.

The terms of each sum to its forecast. Its change is the sum of what corrected data, new data, other preprocessing and
a retrained or other model did, each found by forecasting once more. `loopcast explain` says the same of any point."""
LAST = {"dagster/priority": "-1"}  # the decision of the same run does not wait for it
SHOWN = 12


def build_root_cause(stage: Stage) -> dg.AssetsDefinition:
    """Return `root_cause[version]`."""
    names = stage.names

    @dg.asset(
        **stage.computed("root_cause", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[names.asset("forecast"), names.asset("accuracy_report")],
        check_specs=list_stage_checks(stage, "root_cause", names.versions),
        automation_condition=root_cause_condition(names),
        op_tags=LAST,
    )
    def root_cause(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, version = stage.project(context), context.partition_key
        with explain_failures():
            made = yield from attempt(lambda: trace_version(project, version, now=current_time()))
        for note in made.notes:
            context.log.info(f"{note}.")
        yield _describe_root_cause(stage, made)
        with explain_failures():
            yield from show_checks(check_root_cause(project, made.manifest))

    return root_cause


def _describe_root_cause(stage: Stage, made: VersionRootCause) -> dg.MaterializeResult[None]:
    keys = stage.use_case.series_keys
    told = made.points[["rank", *keys, "timestamp", "forecast_version", "reason", "score", "explanation"]]
    sharpest = made.causes[made.causes["rank"] == made.points["rank"].min()]
    metadata = {
        "dagster/row_count": len(made.causes),
        "dagster/column_schema": describe_columns(made.causes),
        **describe_numbers({**made.manifest.facts, "points": len(made.points)}),
        "digest": made.manifest.digest,
        **describe_inputs(made.manifest.pins),
        "sharpest_points": describe_table(told),
        "terms_of_the_sharpest": _show_causes(sharpest, "term", ["term", "variable", "contribution"]),
        "change_of_the_sharpest": _show_causes(sharpest, "change", ["part", "term", "variable", "contribution"]),
    }
    if len(made.points):
        title, steps = list_steps(made, stage.use_case.table)
        chart = draw_waterfall(steps, title=title, unit=stage.use_case.target.unit)
        metadata["chart"] = dg.MetadataValue.md(to_markdown_image(chart, text=title))
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(made.manifest.digest))


def _show_causes(causes: pd.DataFrame, view: str, columns: list[str]) -> dg.TableMetadataValue:
    return describe_table(causes.loc[causes["view"] == view, columns], limit=SHOWN)
