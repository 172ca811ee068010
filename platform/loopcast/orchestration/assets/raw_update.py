"""An update as it was delivered, byte for byte, with the version key it got.

Whether its content is right is judged by `dataset`.
"""

from collections.abc import Iterator

import dagster as dg

from loopcast.loop.ingest import claim_for_key, preview_upload
from loopcast.loop.stage_checks import check_raw_update
from loopcast.orchestration.stage import Stage, current_time, explain_failures
from loopcast.orchestration.stage_checks import list_stage_checks, show_checks

DESCRIPTION = """\
The update behind a version, as it was delivered: additions, corrections, removals; never changed afterwards.

A key added by hand takes the oldest file in the inbox."""


def build_raw_update(stage: Stage) -> dg.AssetsDefinition:
    """Return `raw_update[version]`."""

    @dg.asset(
        **stage.computed("raw_update", kinds={"file"}, description=DESCRIPTION),
        partitions_def=stage.names.versions,
        deps=[stage.names.asset("source_feed")],
        check_specs=list_stage_checks(stage, "raw_update", stage.names.versions),
    )
    def raw_update(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        with explain_failures():
            project = stage.project(context)
            claim = claim_for_key(project, context.partition_key, now=current_time())
            checked = check_raw_update(project, claim)
            preview = preview_upload(project.store.versions.upload_of(claim.version))
        yield dg.MaterializeResult(
            metadata={
                "file": claim.name,
                "source": claim.source,
                "actor": claim.actor,
                "reason": claim.reason,
                "claimed_at": dg.MetadataValue.timestamp(claim.claimed_at),
                "bytes": claim.size,
                "digest": claim.upload_digest,
                "idempotency_key": claim.idempotency_key,
                "first_lines": preview,
            },
            data_version=dg.DataVersion(claim.upload_digest),
        )
        yield from show_checks(checked)

    return raw_update
