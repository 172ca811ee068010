"""Jobs of one use case: a turn takes one version through the whole chain, a rebuild runs one experiment.

When they run is decided by sensors and automation conditions.
"""

from typing import Any

import dagster as dg

from loopcast.orchestration.names import Names

CHAIN = ("raw_update", "dataset", "forecast", "accuracy_report", "root_cause", "profile")


def build_turn(names: Names) -> Any:
    """Return the job that takes one version from the update to reflection in one run.

    Where no zoo is in force the run request selects the chain only: a step after `forecast` is skipped when
    `forecast` yields nothing, and reflection must not be.
    """
    keys = [names.asset(noun) for noun in (*CHAIN, "reflection")]
    return dg.define_asset_job(
        names.turn,
        selection=dg.AssetSelection.assets(*keys),
        description="One version: update, dataset, forecast, accuracy report, decision, root causes, profile.",
        executor_def=dg.in_process_executor,
    )
