"""How good earlier forecasts were, on the actuals that this version brought.

The measures are in `loopcast.reflection.accuracy`, the rows they are given in `loopcast.loop.judging.accuracy`.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import dagster as dg
import pandas as pd

from loopcast.loop.judging.accuracy import VersionAccuracy, score_version, trace_errors
from loopcast.loop.judging.judgement import judge_version, trace_judgements
from loopcast.loop.judging.unscored import list_unscored
from loopcast.loop.stage_checks import check_accuracy
from loopcast.orchestration.automation import accuracy_condition
from loopcast.orchestration.charts import draw_accuracy, draw_score, draw_steps, to_markdown_image
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_numbers, describe_table
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks
from loopcast.reflection.deterioration import Judgement

AS_PROMISED = "as_promised"
RECENT = 7  # versions of which the report says what it cannot evaluate
MOST_STEPS = 200  # rows of the table by samples ahead
DESCRIPTION = """\
Production accuracy: forecasts of earlier versions against the actuals that this version brought or corrected,
next to what every seasonal naive would have said from the same origin. A forecast whose actual was corrected is scored
again here; the report that scored it first stays as it is. Never scored: a forecast that was made when its actual had
been there already, or by a zoo that was built later.

The check `as_promised` warns when errors are larger than the zoo in force promised, beyond chance and tolerance; it
stops nothing."""
PROMISE = """\
Production errors are no larger than what the zoo in force promised by its own backtest, beyond chance and tolerance."""


def build_accuracy_report(stage: Stage) -> dg.AssetsDefinition:
    """Return `accuracy_report[version]`."""
    names = stage.names
    as_promised = dg.AssetCheckSpec(
        AS_PROMISED, asset=names.asset("accuracy_report"), partitions_def=names.versions, description=PROMISE
    )

    @dg.asset(
        **stage.computed("accuracy_report", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[
            names.asset("dataset"),
            dg.AssetDep(names.asset("forecast"), partition_mapping=dg.AllPartitionMapping()),
        ],
        check_specs=[as_promised, *list_stage_checks(stage, "accuracy_report", names.versions)],
        automation_condition=accuracy_condition(names),
    )
    def accuracy_report(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, version, now = stage.project(context), context.partition_key, current_time()
        with explain_failures():
            scored = yield from attempt(lambda: score_version(project, version, now=now))
            judgement = judge_version(project, version, now=now)
            errors = trace_errors(project, until=version)
            unscored = list_unscored(project, until=version, last_n=RECENT)
        yield _describe_accuracy(stage, scored, errors, unscored)
        with explain_failures():
            yield show_judgement(judgement, trace_judgements(project, until=version))
            yield from show_checks(check_accuracy(project, scored.manifest))

    return accuracy_report


def show_judgement(judgement: Judgement, scores: pd.DataFrame) -> dg.AssetCheckResult:
    """Return the check that errors are as promised, with the score's course.

    Args:
        judgement: after the version.
        scores: columns `version`, `score`, `limit`; oldest first.
    """
    figures = {
        "score": judgement.score,
        "limit": judgement.limit,
        "excess_pct": judgement.excess_pct,
        "production_mae": judgement.production_mae,
        "promised_mae": judgement.promised_mae,
        **{f"{sign.name}_score": sign.score for sign in judgement.signs},
    }
    metadata: dict[str, Any] = {
        **describe_numbers(figures),
        "bins": describe_table(pd.DataFrame([asdict(row) for row in judgement.bins])),
        "signs": describe_table(pd.DataFrame([asdict(sign) for sign in judgement.signs])),
    }
    if len(scores):
        title = f"How far errors are above the promise, up to {scores['version'].iloc[-1]}"
        metadata["chart"] = dg.MetadataValue.md(to_markdown_image(draw_score(scores, title=title), text=title))
    return dg.AssetCheckResult(
        check_name=AS_PROMISED,
        passed=not judgement.is_worse,
        severity=dg.AssetCheckSeverity.WARN,
        description=judgement.explain(),
        metadata=metadata,
    )


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
