"""The forecast of a version by the zoo in force, with its interval.

Predicting is in `loopcast.zoo`, the choice of the zoo in `loopcast.loop.production`.
"""

from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from loopcast.loop.production import VersionForecast, forecast_version
from loopcast.loop.stage_checks import check_forecast
from loopcast.loop.zoos.forces import ZooChoice
from loopcast.loop.zoos.shadow import ShadowTurn, turn_shadow
from loopcast.orchestration.assets.champion import report_champion
from loopcast.orchestration.automation import forecast_condition
from loopcast.orchestration.charts import draw_forecast, to_markdown_image
from loopcast.orchestration.contest import describe_shadow
from loopcast.orchestration.describe import describe_columns, describe_inputs, describe_numbers, describe_table
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import attempt, list_stage_checks, show_checks, show_no_work

DESCRIPTION = """\
The forecast of the horizon after this version, with its interval, by the zoo in force.

Materializing an old version again uses the zoo that its forecast has pinned and gives the same digest; the run
configuration `zoo: current` takes the newest zoo instead."""


class ForecastConfig(dg.Config):
    """Run configuration of `forecast`."""

    zoo: ZooChoice = Field(
        default=ZooChoice.pinned,
        description="pinned: the zoo of this version's earlier forecast, else the one in force; current: the newest.",
    )


def build_forecast(stage: Stage) -> dg.AssetsDefinition:
    """Return `forecast[version]`; it yields nothing while there is no zoo."""
    names = stage.names

    @dg.asset(
        **stage.computed("forecast", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[
            names.asset("dataset"),
            dg.AssetDep(names.asset("model_zoo"), partition_mapping=dg.LastPartitionMapping()),
            names.asset("champion"),
        ],
        check_specs=list_stage_checks(stage, "forecast", names.versions),
        output_required=False,
        automation_condition=forecast_condition(names),
        freshness_policy=stage.freshness,
    )
    def forecast(
        context: dg.AssetExecutionContext, config: ForecastConfig
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project, version = stage.project(context), context.partition_key
        with explain_failures():
            made = yield from attempt(lambda: forecast_version(project, version, now=current_time(), choice=config.zoo))
        if made is None:
            reason = f"No forecast for {version}: no zoo is in force for it yet. `reflection` opens the first build."
            context.log.info(reason)
            yield from show_no_work(reason)
            return
        for variable, reason in made.ignored.items():
            context.log.info(f"Predictor {variable} is left out: {reason}.")
        for note in (*made.prediction.situations_unmet, *made.manifest.facts["notes"]):
            context.log.info(f"{note}.")
        with explain_failures():
            shadow = turn_shadow(project, made.manifest, now=current_time())
            if shadow is not None and shadow.verdict is not None:
                report_champion(context.instance, stage, project)
        yield _describe_forecast(stage, made, shadow)
        with explain_failures():
            yield from show_checks(check_forecast(project, made.manifest))

    return forecast


def _describe_forecast(stage: Stage, made: VersionForecast, shadow: ShadowTurn | None) -> dg.MaterializeResult[None]:
    table = made.prediction.forecasts
    width = (table["upper"] - table["lower"]).mean()
    numbers = {"mean_forecast": table["forecast"].mean(), "mean_interval_width": width}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(table),
            "dagster/column_schema": describe_columns(table),
            **describe_numbers(numbers),
            "digest": made.manifest.digest,
            **describe_inputs(made.manifest.pins),
            "situations_not_met": len(made.prediction.situations_unmet),
            **describe_shadow(shadow),
            "chart": dg.MetadataValue.md(_draw(stage, made)),
            "forecast": describe_table(table[[*stage.use_case.series_keys, "timestamp", "forecast", "lower", "upper"]]),
        },
        data_version=dg.DataVersion(made.manifest.digest),
    )


def _draw(stage: Stage, made: VersionForecast) -> str:
    history, table = made.history, made.prediction.forecasts
    for key in stage.use_case.series_keys:
        first = table[key].iloc[0]
        history, table = history[history[key] == first], table[table[key] == first]
    title = f"{stage.use_case.target.name} after {made.manifest.partition}, zoo {made.zoo}"
    return to_markdown_image(draw_forecast(history, table, title=title, unit=stage.use_case.target.unit), text=title)
