"""What the orchestrator knows of the platform's health: whether its daemon lives, runs waiting and failed.

Here belong questions to the Dagster instance. Not here: what the use cases' own records say (`loopcast.loop.overview`).
"""

from collections import defaultdict
from datetime import datetime, timedelta

import dagster as dg

from loopcast.orchestration.names import USE_CASE

RECENT = timedelta(days=1)
SILENT_S = 120.0
MOST_FAILURES, MOST_LATER = 100, 10
PARTITION = "dagster/partition"
KINDS = {
    "queued": [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED],
    "started": [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
}


class RunHealth:
    """The health of one Dagster instance."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        """Keep the instance."""
        self._instance = instance

    def is_daemon_running(self, *, now: datetime) -> bool:
        """Return whether all of the daemon's parts have given a sign of life within the last two minutes.

        A part that is at work on a busy machine is silent for a minute at times; nobody should be woken for that.

        Args:
            now: the present time, aware.
        """
        age = self.heartbeat_age_s(now=now)
        is_whole = set(self._instance.get_required_daemon_types()) <= set(self._instance.get_daemon_heartbeats())
        return is_whole and (age is None or age <= SILENT_S)

    def heartbeat_age_s(self, *, now: datetime) -> float | None:
        """Return the seconds since the oldest of the newest signs of life of the daemon's parts; None: there is none.

        Args:
            now: the present time, aware.
        """
        required = self._instance.get_required_daemon_types()
        beats = self._instance.get_daemon_heartbeats()
        times = [beats[part].timestamp for part in required if part in beats]
        return max(0.0, now.timestamp() - min(times)) if times else None

    def count_runs(self, use_case: str, *, now: datetime) -> dict[str, int]:
        """Return how many runs of a use case are `queued` and `started`, and how many have `failed` in the last day.

        Args:
            use_case: its name.
            now: the present time, aware.
        """
        tags = {USE_CASE: use_case}
        counts = {
            kind: self._instance.get_runs_count(dg.RunsFilter(tags=tags, statuses=statuses))
            for kind, statuses in KINDS.items()
        }
        failed = dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - RECENT)
        return {**counts, "failed": self._instance.get_runs_count(failed)}

    def list_failed(self, *, now: datetime) -> dict[str, list[str]]:
        """Return by use case what has failed in the last day and not succeeded since: versions, builds, zoos, assets.

        Args:
            now: the present time, aware.
        """
        failures = self._instance.get_run_records(
            dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - RECENT), limit=MOST_FAILURES
        )
        found: dict[str, list[str]] = defaultdict(list)
        for record in failures:
            run = record.dagster_run
            use_case, what = run.tags.get(USE_CASE), _name_run(run)
            if use_case and what not in found[use_case] and self._is_newest(run):
                found[use_case].append(what)
        return {use_case: sorted(names) for use_case, names in found.items() if names}

    def _is_newest(self, run: dg.DagsterRun) -> bool:
        """Return whether no later run has tried the same."""
        tags = {name: run.tags[name] for name in (USE_CASE, PARTITION) if name in run.tags}
        later = self._instance.get_runs(dg.RunsFilter(tags=tags), limit=MOST_LATER)
        same = [other.run_id for other in later if _overlaps(run, other)]
        return bool(same) and same[0] == run.run_id


def _overlaps(run: dg.DagsterRun, other: dg.DagsterRun) -> bool:
    """Return whether two runs are for the same partition, if any, and share an asset."""
    if run.tags.get(PARTITION) != other.tags.get(PARTITION):
        return False
    return bool((run.asset_selection or frozenset()) & (other.asset_selection or frozenset()))


def _name_run(run: dg.DagsterRun) -> str:
    """Return what a run is for: its partition, else its assets, else its job."""
    names = sorted(key.path[-1] for key in run.asset_selection or ())
    return run.tags.get(PARTITION) or ", ".join(names) or run.job_name
