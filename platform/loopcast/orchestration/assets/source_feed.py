"""The feed that updates come from: known to the catalog, not computed by us.

What arrives from it becomes `raw_update`.
"""

import dagster as dg

from loopcast.orchestration.describe import describe_dataset_columns
from loopcast.orchestration.stage import Stage


def build_source_feed(stage: Stage) -> dg.AssetSpec:
    """Return the external asset that stands for the provider's feed."""
    use_case = stage.use_case
    folder = f"inbox/{use_case.source.folder or use_case.name}"
    expected = f"One update is expected every {use_case.contract.cadence}."
    description = f"{use_case.description}\n\nUpdates are files dropped into `{folder}`. {expected}"
    spec = stage.spec("source_feed", kinds={"file"}, description=description)
    spec["metadata"] = {**spec["metadata"], "dagster/column_schema": describe_dataset_columns(use_case)}
    return dg.AssetSpec(**spec)
