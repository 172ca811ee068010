"""The feed that updates come from: known to the catalog, not computed by us.

What arrives from it becomes `raw_update`; how its sources answered is told by the sensor that polls them.
"""

import dagster as dg

from loopcast.orchestration.describe import describe_dataset_columns
from loopcast.orchestration.polling import describe_source
from loopcast.orchestration.stage import Stage
from loopcast.sources.schedule import polling_interval


def build_source_feed(stage: Stage) -> dg.AssetSpec:
    """Return the external asset that stands for the provider's feed."""
    use_case = stage.use_case
    expected = f"One update is expected every {use_case.contract.cadence}."
    description = f"{use_case.description}\n\n{_tell_sources(stage)} {expected}"
    spec = stage.spec("source_feed", kinds=_kinds(stage), description=description)
    told = {f"source {source.label}": dg.MetadataValue.json(describe_source(source)) for source in use_case.polled}
    columns = describe_dataset_columns(use_case)
    spec["metadata"] = {**spec["metadata"], **told, "dagster/column_schema": columns}
    return dg.AssetSpec(**spec)


def _tell_sources(stage: Stage) -> str:
    """Return where updates come from, as Markdown."""
    use_case, cadence = stage.use_case, stage.use_case.contract.cadence
    folder = f"inbox/{use_case.inbox.folder or use_case.name}"
    dropped = [f"Updates are files dropped into `{folder}`."] if use_case.inbox.enabled else []
    polled = [
        f"`{source.label}` ({source.kind}) is asked every {polling_interval(source, cadence=cadence)}."
        for source in use_case.polled
    ]
    return " ".join([*dropped, *polled])


def _kinds(stage: Stage) -> set[str]:
    """Return the icons of the feed: files, a database, an endpoint."""
    kinds = {"file" if source.kind == "files" else str(source.kind) for source in stage.use_case.polled}
    return kinds | {"file"} if stage.use_case.inbox.enabled else kinds
