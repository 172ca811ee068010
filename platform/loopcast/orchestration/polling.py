"""The sensor that asks the sources of a use case for news, and what it tells the catalog about them.

Versions that it claims get their runs from the inbox sensor, which looks after every unfinished version: two sensors
that ask for the same run at the same moment would get two. When a source is asked again is kept in the sensor's cursor;
losing it costs nothing but a poll.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

import dagster as dg
import numpy as np

from loopcast.loop.project import Project
from loopcast.loop.pull import Pulled, find_problems, pull, read_standing
from loopcast.orchestration.names import Names
from loopcast.orchestration.settings import read_environment
from loopcast.orchestration.stage import Stage, current_time
from loopcast.sources.schedule import Health, after_failure, after_success, dump_health, load_health, polling_interval
from loopcast.sources.secrets import Secrets, describe_url
from loopcast.use_case.sources import FilesSource, Polled, SqlSource

INTERVAL_SECONDS = 15
NEVER = Health()
ANSWERS, ALL_ANSWER = "sources_answer", "All sources answer."


def build_poll_sensors(stage: Stage) -> list[dg.SensorDefinition]:
    """Return the sensor that polls the use case's sources, running by default; none where there is nothing to poll."""
    sources = stage.use_case.polled
    if not sources:
        return []

    @dg.sensor(
        name=f"{stage.names.use_case}_sources",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={stage.resource_key},
        asset_selection=dg.AssetSelection.assets(stage.names.asset("raw_update")),
        description=f"Asks {', '.join(source.label for source in sources)} for news and claims a version per batch.",
    )
    def poll(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        project, before, now = stage.project(context), load_health(context.cursor), current_time()
        due = [source for source in sources if before.get(source.label, NEVER).is_due(now)]
        pulled = {one.source: one for one in pull(project, due, clock=current_time, environment=read_environment())}
        after = {source.label: _advance(stage, source, before, pulled) for source in sources}
        news = [source for source in due if _is_news(pulled[source.label], before)]
        polls = [_describe_poll(stage, project, source, pulled[source.label], after[source.label]) for source in news]
        checks = _check_if_changed(stage, before, after)
        return dg.SensorResult(
            skip_reason=_tell(pulled, after), cursor=dump_health(after), asset_events=[*polls, *checks]
        )

    return [poll]


def build_source_checks(stage: Stage) -> list[dg.AssetChecksDefinition]:
    """Return the check that the sources answer: the sensor reports it; run by hand, it asks them all."""
    if not stage.use_case.polled:
        return []

    @dg.asset_check(
        asset=stage.names.asset("source_feed"),
        name=ANSWERS,
        required_resource_keys={stage.resource_key},
        description="Fails when a source has failed several times in a row. By hand: asks each, and takes nothing.",
    )
    def sources_answer(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        problems = find_problems(stage.project(context), environment=read_environment(), now=current_time())
        words = "; ".join(f"{label}: {problem}" for label, problem in problems.items())
        return dg.AssetCheckResult(passed=not problems, description=words or ALL_ANSWER)

    return [sources_answer]


def _advance(stage: Stage, source: Polled, before: Mapping[str, Health], pulled: Mapping[str, Pulled]) -> Health:
    """Return a source's state after a tick, in which it may have been left alone."""
    health, now = before.get(source.label, NEVER), current_time()
    if source.label not in pulled:
        return health
    one = pulled[source.label]
    if one.problem is None:
        return after_success(now, interval=polling_interval(source, cadence=stage.use_case.contract.cadence))
    return after_failure(health, one.problem, now=now, rng=np.random.default_rng(), retry_after_s=one.retry_after_s)


def _is_news(pulled: Pulled, before: Mapping[str, Health]) -> bool:
    """Return whether a poll changed something: idle ones are in the sensor's ticks alone, not in the catalog."""
    failed_before = before.get(pulled.source, NEVER).problem is not None
    return bool(pulled.claims) or (pulled.problem is not None) != failed_before


def _describe_poll(
    stage: Stage, project: Project, source: Polled, pulled: Pulled, health: Health
) -> dg.AssetObservation:
    """Return what the catalog shows of a poll."""
    secrets = Secrets.of(source, read_environment())
    times = {"last_poll": health.polled_at, "next_poll": health.next_at}
    return dg.AssetObservation(
        asset_key=stage.names.asset("source_feed"),
        description=pulled.problem or f"{source.label}: {len(pulled.claims)} new versions",
        metadata={
            **describe_source(source, secrets=secrets),
            "cursor": str(read_standing(project, source.label).position.get("cursor", "")),
            "versions": ", ".join(claim.version for claim in pulled.claims),
            **({} if pulled.rows is None else {"rows": pulled.rows}),
            **{name: dg.MetadataValue.timestamp(moment) for name, moment in times.items() if moment},
        },
    )


def describe_source(source: Polled, *, secrets: Secrets | None = None) -> dict[str, str]:
    """Return what a source is, without secrets: name, kind, where it is, what is asked for.

    Args:
        source: the source.
        secrets: what it takes from the environment; None: variables are told by their names alone.
    """
    told = {"source": source.label, "kind": source.kind, "url": describe_url(source.url, secrets=secrets)}
    if isinstance(source, SqlSource):
        return {**told, "query": source.query}
    return {**told, "pattern": source.pattern} if isinstance(source, FilesSource) else {**told, "format": source.format}


def _check_if_changed(
    stage: Stage, before: Mapping[str, Health], after: Mapping[str, Health]
) -> Iterator[dg.AssetCheckEvaluation]:
    """Yield the check of all sources where one of them failed again and it is an alert, or all are back."""
    alarming = {s.label: after[s.label] for s in stage.use_case.polled if after[s.label].is_alarming(s)}
    failed_before = [s.label for s in stage.use_case.polled if before.get(s.label, NEVER).is_alarming(s)]
    is_known = before.keys() == after.keys()  # else the use case has another set of sources than at the tick before
    if is_known and alarming == {label: before[label] for label in failed_before}:
        return
    yield check_sources(stage.names, alarming)


def check_sources(names: Names, alarming: Mapping[str, Health]) -> dg.AssetCheckEvaluation:
    """Return the check of a use case's sources; it fails where some have failed too often in a row.

    Args:
        names: the use case's names.
        alarming: the sources that have.
    """
    words = "; ".join(
        f"{label} has failed {health.failures} times since {_at(health.since)}: {health.problem}. "
        f"Next try {_at(health.next_at)}"
        for label, health in alarming.items()
    )
    return dg.AssetCheckEvaluation(
        asset_key=names.asset("source_feed"),
        check_name=ANSWERS,
        passed=not alarming,
        severity=dg.AssetCheckSeverity.ERROR,
        description=words or ALL_ANSWER,
        metadata={f"{label}: next try": _at(health.next_at) for label, health in alarming.items()},
    )


def _tell(pulled: Mapping[str, Pulled], after: Mapping[str, Health]) -> str:
    """Return a tick in words."""
    told = [
        f"{one.source}: {one.problem or ', '.join(claim.version for claim in one.claims) or 'nothing new'}"
        for one in pulled.values()
    ]
    upcoming = min((health.next_at for health in after.values() if health.next_at), default=None)
    return f"{'; '.join(told) or 'No source is due'}. Next poll {_at(upcoming)}."


def _at(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "-"
