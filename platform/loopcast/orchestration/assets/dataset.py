"""A version of the dataset: the update is checked, then applied whole or refused whole.

The rules are in `loopcast.dataops.updates`, the versions in `loopcast.store.versions`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from loopcast.dataops.contract.attainment import Attainment
from loopcast.loop.contract import judge_version, settle_version
from loopcast.loop.production import read_last_values
from loopcast.loop.project import Project
from loopcast.loop.stage_checks import check_dataset
from loopcast.orchestration.charts import draw_history, to_markdown_image
from loopcast.orchestration.checks import ACCEPTED, check_version, explain_refusal
from loopcast.orchestration.contract_checks import (
    check_promises,
    describe_promises,
    explain_broken,
    list_promise_checks,
)
from loopcast.orchestration.describe import describe_dataset_columns, describe_table
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import list_stage_checks, show_checks
from loopcast.store.version_records import VersionRecord

DESCRIPTION = """\
The dataset after this update, readable whole for ever.

The blocking check `accepted` runs every rule on the update. A refused update is kept in quarantine, its number
stays unused, and all later versions build on the last accepted one. The checks `contract_...` say whether each promise
of the contract is kept; only a promise of severity error stops what follows."""


def build_dataset(stage: Stage) -> dg.AssetsDefinition:
    """Return `dataset[version]` with its blocking check."""
    names = stage.names
    check = dg.AssetCheckSpec(
        ACCEPTED,
        asset=names.asset("dataset"),
        blocking=True,
        partitions_def=names.versions,
        description="Columns, types, ranges, timestamps and keys of the update are what the use case declares.",
    )

    @dg.asset(
        **stage.computed("dataset", kinds={"parquet"}, description=DESCRIPTION),
        partitions_def=names.versions,
        deps=[names.asset("raw_update")],
        check_specs=[
            check,
            *list_stage_checks(stage, "dataset", names.versions, blocking=True),
            *list_promise_checks(stage),
        ],
        output_required=False,
        freshness_policy=stage.freshness,
    )
    def dataset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        project = stage.project(context)
        store, now = project.store, current_time()
        with explain_failures():
            record = settle_version(project, context.partition_key, by=f"run {context.run.run_id}", now=now)
            attained = judge_version(project, record.version, now=now) if record.status == "accepted" else ()
            # First the materialization: to Dagster a check that came before it is one of an older state, never passed.
            yield from [_describe_version(stage, project, record, attained)] if record.status == "accepted" else []
            yield check_version(store, record)
            yield from show_checks(check_dataset(project, record))
            yield from check_promises(attained)
            explain_refusal(store, record)
            explain_broken(record.version, attained)

    return dataset


def _describe_version(
    stage: Stage, project: Project, record: VersionRecord, attained: Sequence[Attainment]
) -> dg.MaterializeResult[None]:
    numbers = {
        "added": record.added,
        "corrected": record.corrected,
        "removed": record.removed,
        "unchanged": record.unchanged,
        "emptied": record.emptied,
    }
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": record.rows,
            "dagster/column_schema": describe_dataset_columns(stage.use_case),
            **numbers,
            "parent": record.parent or "none",
            "columns_sent": ", ".join(record.columns_sent),
            "read_as": ", ".join(f"{name} {value}" for name, value in record.facts.items()),
            "first_timestamp": str(record.first_timestamp),
            "last_timestamp": str(record.last_timestamp),
            "digest": record.state_digest,
            "patch": record.patch_digest or "none",
            "contract_version": record.contract_version,
            "preprocessing": dg.MetadataValue.json(stage.use_case.zoo.preprocessing.to_document()),
            **describe_promises(attained),
            "code_version": record.code_version,
            "chart": dg.MetadataValue.md(_draw(stage, project, record)),
            "update": describe_table(project.store.versions.patch(record.version)),
        },
        data_version=dg.DataVersion(record.state_digest),
    )


def _draw(stage: Stage, project: Project, record: VersionRecord) -> str:
    history, title = read_last_values(project, record), f"{stage.use_case.target.name} up to {record.version}"
    return to_markdown_image(draw_history(history, title=title, unit=stage.use_case.target.unit), text=title)
