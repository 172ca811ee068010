"""The evidence of a decision: what is known after the newest version, from the store.

What it leads to is in `loopcast.reflection.decision`. Whatever is looked for is looked for among the newest only, so
that it takes as long after a thousand versions as after a hundred.
"""

from datetime import UTC, datetime
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pandas as pd

from loopcast.loop.judging.accuracy import LOOK_BACK
from loopcast.loop.judging.decisions import Course
from loopcast.loop.judging.judgement import judge_version
from loopcast.loop.project import Project
from loopcast.loop.zoos.experiment import LEADERBOARDS
from loopcast.loop.zoos.forces import (
    BUILDS,
    FORECASTS,
    IN_FORCE,
    BuildRequest,
    ZooInForce,
    list_builds,
    newest_in_force,
    read_promise,
)
from loopcast.loop.zoos.pins import read_pin
from loopcast.loop.zoos.verdicts import count_rejected, list_verdicts
from loopcast.reflection.deterioration import Judgement
from loopcast.reflection.evidence import (
    BuildState,
    Evidence,
    RebuildPolicy,
    follow_episode,
)
from loopcast.store.version_records import VersionRecord

DAY = pd.Timedelta("1D")
NEWEST_VERDICTS = NEWEST_ZOOS = 5
BY_HAND = ("asked", "import")


def gather_evidence(project: Project, newest: VersionRecord, *, course: Course, now: datetime) -> Evidence:
    """Return what is known after the newest version.

    Args:
        project: the use case.
        newest: the newest accepted version.
        course: what goes on since the last decision.
        now: the present time, aware.
    """
    policy = make_policy(project)
    in_force = newest_in_force(project)  # it counts even where it is in force only from the next version on
    builds = list_builds(project, last=1)
    built_on = builds[-1].version if builds else None
    learned = max(filter(None, (course.retrain_after, built_on)), default=None)
    pin = read_pin(project)
    judgement = judge_version(project, newest.version, entry=in_force, now=now) if in_force else Judgement()
    return Evidence(
        has_zoo=in_force is not None,
        versions_since_build=_count_since(project, newest, built_on) or 0,
        age_days=_age_days(project, in_force, newest) if in_force else 0.0,
        judgement=judgement,
        versions_unmet=_count_unmet(project, newest),
        situations_unmet=_situations_unmet(project, newest.version),
        pinned=pin.zoo if pin else None,
        rejected_in_a_row=count_rejected(project),
        newest_build=_tell_build(project, builds[-1]) if builds else None,
        days_since_build=_days_since(project, newest, built_on),
        builds_in_budget=_count_builds(project, newest),
        clock=tell_clock(project, now),
        versions_since_retrain=_count_since(project, newest, learned),
        versions_since_overruled=_count_since(project, newest, course.overruled_after),
        episode=follow_episode(course.episode, judgement, policy, version=newest.version),
    )


def make_policy(project: Project) -> RebuildPolicy:
    """Return the rebuild policy of a use case."""
    policies = project.use_case.policies
    rebuild = policies.rebuild
    return RebuildPolicy(
        max_age_days=None if rebuild.max_age is None else pd.Timedelta(rebuild.max_age) / DAY,
        min_versions_between=rebuild.rest,
        when=rebuild.when,
        every_days=pd.Timedelta(rebuild.every) / DAY,
        retrain=policies.retrain,
        budget_builds=rebuild.budget.builds,
        hours=rebuild.budget.hours,
        approval=rebuild.approval,
        min_scored_versions=min(rebuild.rest, rebuild.window),
    )


def tell_clock(project: Project, now: datetime) -> str:
    """Return the time of day on the use case's clock, such as `14:05`; in UTC where it has no time zone."""
    zone = project.store.spec.time_zone
    return f"{now.astimezone(ZoneInfo(zone) if zone else UTC):%H:%M}"


def _count_since(project: Project, newest: VersionRecord, version: str | None) -> int | None:
    """Return how many accepted versions came after one; None where there is no such one."""
    if version is None:
        return None  # each record counts the accepted versions up to it
    return newest.log_patches - project.store.versions.record(version).log_patches


def _age_days(project: Project, in_force: ZooInForce, newest: VersionRecord) -> float:
    """Return the data time between the last target the zoo learned from and the version's end, in days."""
    if newest.last_timestamp is None:
        return 0.0
    _, training_end = read_promise(project, in_force.digest)
    return max(0.0, (pd.Timestamp(newest.last_timestamp) - pd.Timestamp(training_end)) / DAY)


def _days_since(project: Project, newest: VersionRecord, version: str | None) -> float | None:
    """Return the data time from the end of one version to that of the newest, in days."""
    start = None if version is None else project.store.versions.record(version).last_timestamp
    if start is None or newest.last_timestamp is None:
        return None
    return max(0.0, (pd.Timestamp(newest.last_timestamp) - pd.Timestamp(start)) / DAY)


def _count_builds(project: Project, newest: VersionRecord) -> int:
    """Return how many builds were opened without a person in the budget's time before the version's end."""
    days = pd.Timedelta(project.use_case.policies.rebuild.budget.per) / DAY
    inside = takewhile(
        lambda build: (_days_since(project, newest, build["version"]) or 0.0) < days,
        (entry.value for entry in project.store.references.walk_back(BUILDS)),
    )
    return sum(build["rule"] not in BY_HAND for build in inside)


def _tell_build(project: Project, request: BuildRequest) -> BuildState:
    """Return what became of a build."""
    verdicts = [verdict for verdict in list_verdicts(project, last=NEWEST_VERDICTS) if verdict.build == request.build]
    if verdicts:
        return verdicts[-1].outcome
    manifest = project.store.outputs.manifest(LEADERBOARDS, request.build)
    if manifest is None:
        return "under_way"
    digest = manifest.pins["zoo_digest"]
    if digest is None:
        return "rejected"
    newest = project.store.references.history(IN_FORCE, last=NEWEST_ZOOS)
    return "in_force" if any(entry.value["digest"] == digest for entry in newest) else "under_way"


def _situations_unmet(project: Project, version: str) -> tuple[str, ...]:
    manifest = project.store.outputs.manifest(FORECASTS, version)
    return tuple(manifest.facts["situations_unmet"]) if manifest else ()


def _count_unmet(project: Project, newest: VersionRecord) -> int:
    """Return how many of the newest versions in a row had an origin that their zoo had no models for."""
    forecasts = islice(project.store.outputs.walk_back(FORECASTS, newest.version), LOOK_BACK)
    return sum(1 for _ in takewhile(lambda manifest: manifest.facts["situations_unmet"], forecasts))
