"""The warehouse: everything of a use case that people and BI tools query, as tables of one DuckDB file.

What is delivered is in `loopcast.loop.warehouse`, the file in `loopcast.store.warehouse_file`.
"""

from datetime import datetime
from pathlib import Path

import dagster as dg
from pydantic import Field

from loopcast.loop.warehouse import Delivery
from loopcast.orchestration.automation import warehouse_condition
from loopcast.orchestration.describe import describe_table
from loopcast.orchestration.names import DELIVERIES
from loopcast.orchestration.resources import WarehouseResource
from loopcast.orchestration.stage import Stage, current_time, explain_failures

WAREHOUSE = "warehouse"
SOURCES = ("dataset", "forecast", "accuracy_report", "model_zoo")
DESCRIPTION = """\
The newest dataset, all forecasts, their accuracy, leaderboards, decisions and refused updates as tables of
`warehouse.duckdb`, one schema per use case. Open it read-only, for as long as you like: it is replaced, never locked.

It holds nothing of its own: `loopcast warehouse rebuild` makes it anew from the lake."""


class WarehouseConfig(dg.Config):
    """Run configuration of `warehouse`."""

    fresh: bool = Field(default=False, description="Make everything anew instead of adding what is new.")


def build_warehouse(stage: Stage) -> dg.AssetsDefinition:
    """Return `warehouse`, which no turn waits for."""
    names, spec = stage.names, stage.computed(WAREHOUSE, kinds={"duckdb"}, description=DESCRIPTION)
    spec["required_resource_keys"] = {stage.resource_key, stage.warehouse_key}

    @dg.asset(
        **spec,
        deps=[
            *(dg.AssetDep(names.asset(noun), partition_mapping=dg.AllPartitionMapping()) for noun in SOURCES),
            names.asset("reflection"),
        ],
        automation_condition=warehouse_condition(),
        pool=DELIVERIES,
        retry_policy=dg.RetryPolicy(max_retries=1, delay=2),
    )
    def warehouse(context: dg.AssetExecutionContext, config: WarehouseConfig) -> dg.MaterializeResult[None]:
        resource: WarehouseResource = getattr(context.resources, stage.warehouse_key)
        started = current_time()
        with explain_failures():
            made = resource.deliver(stage.project(context), fresh=config.fresh)
        return _describe_delivery(stage, made, path=Path(resource.path), started=started)

    return warehouse


def _describe_delivery(stage: Stage, made: Delivery, *, path: Path, started: datetime) -> dg.MaterializeResult[None]:
    query = f"SELECT * FROM {stage.use_case.name}.latest_forecast ORDER BY timestamp DESC LIMIT 24"  # noqa: S608
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(made.tables.loc[made.tables["kind"] == "table", "rows"].sum()),
            "path": dg.MetadataValue.path(path),
            "bytes": path.stat().st_size,
            "seconds": (current_time() - started).total_seconds(),
            "delivered": "everything anew" if made.is_full else ", ".join(made.changed) or "nothing was new",
            "newest_version": made.version or "none",
            "tables": describe_table(made.tables),
            "example": f'loopcast warehouse query "{query}"',
        }
    )
