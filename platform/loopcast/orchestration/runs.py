"""Runs in this process: one version through the chain, and what follows from it, without a daemon.

The same jobs and assets as in the daemon's runs; nothing is computed here.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from loopcast.loop.project import Project
from loopcast.loop.turns import Turn, list_turns
from loopcast.loop.zoos.forces import list_builds, list_zoos
from loopcast.orchestration.assets.warehouse import WAREHOUSE
from loopcast.orchestration.component import build_use_case_defs
from loopcast.orchestration.instance import PROCESS_TAG, add_keys
from loopcast.orchestration.names import USE_CASE, Names
from loopcast.orchestration.resources import ProjectResource
from loopcast.orchestration.sensors import turn_selection, turn_tags
from loopcast.orchestration.stage import explain_step

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Args:
        run_id: its id in the UI.
        success: whether all its steps succeeded or were skipped for a reason.
        explanation: why it failed, in words; empty on success.
    """

    run_id: str
    success: bool
    explanation: str


class Runner:
    """Runs the assets of one use case in this process."""

    def __init__(self, project: Project, instance: dg.DagsterInstance) -> None:
        """Resolve the use case's jobs once.

        Args:
            project: the use case, its store and inbox.
            instance: where runs and events are recorded.
        """
        self.project = project
        self.instance = instance
        self._names = Names(project.name)
        resource = ProjectResource.of(project.use_case, settings=project.settings)
        defs = build_use_case_defs(project.use_case, resource=resource)
        self._turn_job = defs.resolve_job_def(self._names.turn)
        self._asset_job = defs.resolve_implicit_global_asset_job_def()

    def turn_all(self) -> list[tuple[Turn, RunOutcome]]:
        """Run every unfinished version, oldest first, and return how each run ended."""
        return [(turn, self.turn(turn)) for turn in list_turns(self.project)]

    def turn(self, turn: Turn) -> RunOutcome:
        """Run one version through what it still needs, then reflect if the run could not."""
        add_keys(self.instance, self._names.versions, [turn.version])
        outcome = self._execute(
            self._turn_job, turn_selection(self._names, turn), key=turn.version, tags=turn_tags(self._names, turn)
        )
        if outcome.success and not turn.has_zoo:
            self.materialize("reflection")
        return outcome

    def follow(self) -> dict[str, RunOutcome]:
        """Run the builds that reflection opened, release their zoos, forecast what waits; return how each ended."""
        done = {}
        for build in self._missing("experiment", [request.build for request in list_builds(self.project)]):
            done[build] = self.materialize("experiment", key=build)
        for zoo in self._missing("model_zoo", [request.zoo for request in list_zoos(self.project)]):
            done[zoo] = self.materialize("model_zoo", key=zoo)
        return done | {turn.version: outcome for turn, outcome in (self.turn_all() if done else ())}

    def deliver(self, *, fresh: bool = False) -> RunOutcome:
        """Bring the warehouse up to date, or make the use case's schema in it anew."""
        key, tags = self._names.asset(WAREHOUSE), {USE_CASE: self._names.use_case}
        config = {"ops": {"__".join(key.path): {"config": {"fresh": fresh}}}}
        return self._execute(self._asset_job, [key], key=None, tags=tags, config=config)

    def materialize(self, noun: str, *, key: str | None = None, config: Mapping[str, Any] | None = None) -> RunOutcome:
        """Run one asset, for one partition where it has any, with its run configuration."""
        asset, tags = self._names.asset(noun), {USE_CASE: self._names.use_case}
        given = {"ops": {"__".join(asset.path): {"config": dict(config)}}} if config else None
        return self._execute(self._asset_job, [asset], key=key, tags=tags, config=given)

    def _missing(self, noun: str, keys: Sequence[str]) -> list[str]:
        there = self.instance.get_materialized_partitions(self._names.asset(noun))
        return [key for key in keys if key not in there]

    def _execute(
        self,
        job: dg.JobDefinition,
        selection: Sequence[dg.AssetKey],
        *,
        key: str | None,
        tags: dict[str, str],
        config: Mapping[str, Any] | None = None,
    ) -> RunOutcome:
        result = job.execute_in_process(
            asset_selection=list(selection),
            partition_key=key,
            tags={**tags, PROCESS_TAG: str(os.getpid())},
            instance=self.instance,
            raise_on_error=False,
            run_config={**QUIET, **(config or {})},
        )
        return RunOutcome(run_id=result.run_id, success=result.success, explanation=_explain(result))


def _explain(result: dg.ExecuteInProcessResult) -> str:
    failures: list[Any] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return "; ".join(text for data in failures if (text := explain_step(data)))
