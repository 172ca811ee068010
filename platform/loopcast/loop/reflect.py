"""Reflection: the evidence of the newest version, the decision, and the build it opens.

The rules are in `loopcast.reflection.decision`.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice, takewhile

import pandas as pd

from loopcast.errors import CallerError
from loopcast.loop.accuracy import LOOK_BACK, read_cells
from loopcast.loop.forces import (
    BACKTESTS,
    BUILDS,
    FORECASTS,
    BuildRequest,
    ZooInForce,
    find_build,
    find_zoo,
    list_builds,
    newest_in_force,
    open_build,
    read_promise,
)
from loopcast.loop.pins import read_pin
from loopcast.loop.project import Project
from loopcast.loop.verdicts import count_rejected
from loopcast.reflection.decision import Decision, Evidence, RebuildPolicy, choose_scope, decide
from loopcast.reflection.deterioration import Judgement, Limits, judge
from loopcast.store.version_records import VersionRecord

DECISIONS = "decisions"


@dataclass(frozen=True)
class Reflection:
    """A decision and what it led to.

    Args:
        version: the version it was taken after.
        decision: action, rule, reason, evidence.
        build: the build it opened, or None.
    """

    version: str
    decision: Decision
    build: BuildRequest | None


def reflect(project: Project, *, now: datetime) -> Reflection:
    """Return the decision after the newest version, recorded, with the build it opened.

    Asked again for the same version, it returns the decision that is there: a decision is taken once per version.

    Raises:
        CallerError: there is no version yet.
    """
    newest = project.store.versions.newest()
    if newest is None:
        raise CallerError(f"nothing to reflect on: {project.name} has no version yet; send an update first")
    known = project.store.references.current(DECISIONS)
    evidence = _gather(project, newest)
    decision = decide(evidence, make_policy(project))
    opens = decision.action != "keep"
    if known and known.value["version"] == newest.version and (known.value["build"] or not opens):
        return _recall(project, known.value)
    build = _open(project, newest.version, decision, now=now) if opens else None
    value = {
        "version": newest.version,
        "action": decision.action,
        "rule": decision.rule,
        "reason": decision.reason,
        "evidence": decision.evidence,
        "build": build.build if build else None,
    }
    project.store.references.append(DECISIONS, value, now=now)
    return Reflection(newest.version, decision, build)


def list_decisions(project: Project, *, last: int | None = None) -> pd.DataFrame:
    """Return the decisions, oldest first: `version`, `action`, `rule`, `build`, `reason`, `at`.

    Args:
        project: the use case.
        last: only the newest so many.
    """
    columns = ["version", "action", "rule", "build", "reason"]
    entries = project.store.references.history(DECISIONS, last=last)
    rows = [{**{name: entry.value[name] for name in columns}, "at": entry.at} for entry in entries]
    return pd.DataFrame(rows, columns=[*columns, "at"])


def make_policy(project: Project) -> RebuildPolicy:
    """Return the rebuild policy of a use case."""
    rebuild = project.use_case.policies.rebuild
    max_age = None if rebuild.max_age is None else pd.Timedelta(rebuild.max_age) / pd.Timedelta("1D")
    return RebuildPolicy(max_age_days=max_age, min_versions_between=rebuild.rest)


def make_limits(project: Project) -> Limits:
    """Return how sure a use case's judgement of deterioration must be."""
    rebuild = project.use_case.policies.rebuild
    per_year = pd.Timedelta("365D") / pd.Timedelta(project.use_case.contract.cadence)
    return Limits(
        tolerance_pct=rebuild.tolerance_pct,
        window=rebuild.window,
        false_alarms_per_year=rebuild.false_alarms_per_year,
        versions_per_year=per_year,
    )


def judge_zoo(project: Project, entry: ZooInForce, *, until: str) -> Judgement:
    """Return whether production with a zoo is worse than it promised, after a version.

    Args:
        project: the use case.
        entry: the zoo and the version from which on it is in force.
        until: the version.
    """
    promise, _ = read_promise(project, entry.digest)
    cells = read_cells(project, until=until)
    cells = cells[cells["forecast_version"] >= entry.from_version]
    return judge(cells, promise, make_limits(project), reference=_read_reference(project, entry.zoo))


def _read_reference(project: Project, zoo: str) -> pd.DataFrame:
    """Return the combination's errors in the backtest of a zoo's build; no rows where there was none."""
    build = find_zoo(project, zoo).build
    if project.store.outputs.manifest(BACKTESTS, build) is None:
        return pd.DataFrame()
    return project.store.outputs.read(BACKTESTS, build)


def _open(project: Project, version: str, decision: Decision, *, now: datetime) -> BuildRequest:
    """Return the build that a decision asks for; one opened before a crash, for the same version, is taken up."""
    for request in list_builds(project):
        if request.version == version and request.imported is None:
            return request
    scope = choose_scope(decision.rule)
    return open_build(project, version=version, rule=decision.rule, reason=decision.reason, scope=scope, now=now)


def _gather(project: Project, newest: VersionRecord) -> Evidence:
    """Return what is known after the newest version."""
    in_force = newest_in_force(project)  # it counts even where it is in force only from the next version on
    since = _versions_since_build(project, newest.version)
    if in_force is None:
        return Evidence(has_zoo=False, versions_since_build=since)
    _, training_end = read_promise(project, in_force.digest)
    pin = read_pin(project)
    return Evidence(
        has_zoo=True,
        versions_since_build=since,
        age_days=_age_days(training_end, newest),
        judgement=judge_zoo(project, in_force, until=newest.version),
        versions_unmet=_count_unmet(project, newest.version),
        situations_unmet=_situations_unmet(project, newest.version),
        pinned=pin.zoo if pin else None,
        rejected_in_a_row=count_rejected(project),
    )


def _versions_since_build(project: Project, version: str) -> int:
    """Return how many accepted versions came after the newest build's; 0 where none was asked for."""
    build = project.store.references.current(BUILDS)
    if build is None:
        return 0
    versions = project.store.versions  # each record counts the accepted versions up to it
    return versions.record(version).log_patches - versions.record(build.value["version"]).log_patches


def _age_days(training_end: str, newest: VersionRecord) -> float:
    """Return the data time between the last target the zoo learned from and the version's end, in days."""
    if newest.last_timestamp is None:
        return 0.0
    return max(0.0, (pd.Timestamp(newest.last_timestamp) - pd.Timestamp(training_end)) / pd.Timedelta("1D"))


def _situations_unmet(project: Project, version: str) -> tuple[str, ...]:
    manifest = project.store.outputs.manifest(FORECASTS, version)
    return tuple(manifest.facts["situations_unmet"]) if manifest else ()


def _count_unmet(project: Project, version: str) -> int:
    """Return how many of the newest versions in a row had an origin that their zoo had no models for."""
    newest = islice(project.store.outputs.walk_back(FORECASTS, version), LOOK_BACK)
    return sum(1 for _ in takewhile(lambda manifest: manifest.facts["situations_unmet"], newest))


def _recall(project: Project, value: dict[str, object]) -> Reflection:
    """Return a recorded decision."""
    build = find_build(project, str(value["build"])) if value["build"] else None
    decision = Decision(value["action"], str(value["rule"]), str(value["reason"]), value["evidence"])  # type: ignore[arg-type]
    return Reflection(str(value["version"]), decision, build)
