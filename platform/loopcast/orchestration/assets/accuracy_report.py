"""How good earlier forecasts were, on the actuals that this version brought.

The measures are in `loopcast.reflection.accuracy`, the rows they are given in `loopcast.loop.accuracy`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pandas as pd

from loopcast.loop.accuracy import VersionAccuracy, score_version, trace_errors
from loopcast.loop.stage_checks import check_accuracy
from loopcast.loop.unscored import list_unscored
from loopcast.orchestration.automation import accuracy_condition
from loopcast.orchestration.charts import draw_accuracy, draw_steps, to_markdown_image
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_numbers, describe_table
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks

RECENT = 7  # versions of which the report says what it cannot evaluate
MOST_STEPS = 200  # rows of the table by samples ahead
DESCRIPTION = """\
Production accuracy: forecasts of earlier versions against the actuals that this version brought or corrected,
next to what every seasonal naive would have said from the same origin. A forecast whose actual was corrected is scored
again here; the report that scored it first stays as it is. Never scored: a forecast that was made when its actual had
been there already, or by a zoo that was built later."""


def build_accuracy_report(stage: Stage) -> dg.AssetsDefinition:
    """Return `accuracy_report[version]`."""
    names = stage.names

    @dg.asset(
        **stage.computed("accuracy_report", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[
            names.asset("dataset"),
            dg.AssetDep(names.asset("forecast"), partition_mapping=dg.AllPartitionMapping()),
        ],
        check_specs=list_stage_checks(stage, "accuracy_report", names.versions),
        automation_condition=accuracy_condition(names),
    )
    def accuracy_report(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, version = stage.project(context), context.partition_key
        with explain_failures():
            scored = yield from attempt(lambda: score_version(project, version, now=current_time()))
            errors = trace_errors(project, until=version)
            unscored = list_unscored(project, until=version, last_n=RECENT)
        yield _describe_accuracy(stage, scored, errors, unscored)
        with explain_failures():
            yield from show_checks(check_accuracy(project, scored.manifest))

    return accuracy_report


def _describe_accuracy(
    stage: Stage, scored: VersionAccuracy, errors: pd.DataFrame, unscored: list[dict[str, Any]]
) -> dg.MaterializeResult[None]:
    report = scored.report
    metadata = {
        "dagster/row_count": len(report.cells),
        "dagster/column_schema": describe_columns(report.cells),
        **describe_numbers(scored.manifest.facts),
        "digest": scored.manifest.digest,
        **describe_inputs(scored.manifest.pins),
        "by_bin": describe_table(report.by_bin),
        "by_samples_ahead": describe_table(report.by_samples_ahead, limit=MOST_STEPS),
        "rescored_cells": describe_table(scored.rescored),
        "not_evaluated": describe_table(pd.DataFrame(unscored)),
        **_draw(stage, scored, errors),
    }
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(scored.manifest.digest))


def _draw(stage: Stage, scored: VersionAccuracy, errors: pd.DataFrame) -> dict[str, dg.MarkdownMetadataValue]:
    """Return the error from version to version, and by samples ahead, as charts."""
    unit, version, charts = stage.use_case.target.unit, scored.manifest.partition, {}
    if len(errors):
        title = f"Production error up to {version}"
        charts["chart"] = (title, draw_accuracy(errors, title=title, unit=unit))
    if len(scored.report.by_samples_ahead) > 1:
        title = f"Error by samples ahead, {version}"
        charts["chart_by_samples_ahead"] = (title, draw_steps(scored.report.by_samples_ahead, title=title, unit=unit))
    return {name: dg.MetadataValue.md(to_markdown_image(chart, text=title)) for name, (title, chart) in charts.items()}
