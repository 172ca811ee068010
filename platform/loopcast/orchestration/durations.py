"""How long turns took, from Dagster's own records.

What is made of it is in `loopcast.loop.pipeline`.
"""

from datetime import datetime

import dagster as dg

from loopcast.orchestration.names import TURN, TURNS_OF, Names

NEWEST = 60
COUNTED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED]


def read_durations(
    instance: dg.DagsterInstance, names: Names, *, until: str, run_id: str, now: datetime
) -> dict[str, float]:
    """Return the seconds that the newest turns took, by version; the present run counts as far as it has come.

    Args:
        instance: whose records are read.
        names: of the use case.
        until: the newest version to look at.
        run_id: the present run.
        now: the present time, aware.
    """
    runs = dg.RunsFilter(tags={TURNS_OF: names.use_case}, statuses=COUNTED)
    durations = {}
    for record in reversed(instance.get_run_records(runs, limit=NEWEST)):
        version, is_here = record.dagster_run.tags[TURN], record.dagster_run.run_id == run_id
        end = now.timestamp() if is_here else record.end_time
        if version <= until and record.start_time and end:
            durations[version] = end - record.start_time
    return durations
