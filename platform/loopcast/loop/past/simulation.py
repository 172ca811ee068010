"""Past updates taken through the loop again, under one policy or several side by side, in a lake of their own.

Here belong the turns, by the very functions that production runs, at the time that each update came; the future is not
there yet. Which updates are played is in `loopcast.loop.past.replay`, what is told of the policies in
`loopcast.loop.past.comparison`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from loopcast.errors import LoopcastError
from loopcast.loop.contract import is_stopped, judge_version, settle_version
from loopcast.loop.judging.accuracy import score_version
from loopcast.loop.judging.reflect import Reflection, find_due, reflect
from loopcast.loop.past.replay import Delivery
from loopcast.loop.production import VersionForecast, forecast_version
from loopcast.loop.project import Project, open_apart
from loopcast.loop.zoos.experiment import release_zoo, run_experiment
from loopcast.loop.zoos.forces import BuildRequest
from loopcast.loop.zoos.shadow import turn_shadow
from loopcast.store.lake import open_lake
from loopcast.store.outputs import OutputStore
from loopcast.store.refs import References
from loopcast.store.version_records import VersionRecord
from loopcast.use_case.policies import Policies

OWN_LAKE = "memory://"


@dataclass(frozen=True)
class Policy:
    """A way to run the loop.

    Args:
        name: as tables show it.
        policies: what the use case would declare.
    """

    name: str
    policies: Policies


class Stopwatch:
    """Seconds spent, by stage.

    Args:
        clock: returns seconds that only ever grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Keep the clock; nothing is spent yet."""
        self._clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count what is spent inside to a stage."""
        begun = self._clock()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + self._clock() - begun


@dataclass(frozen=True)
class Conclusion:
    """A decision and what it led to.

    Args:
        reflection: the decision.
        released: the zoo that took force with the build that the decision opened; None: no build, or it was rejected.
        failure: why the build failed; empty: it did not.
    """

    reflection: Reflection
    released: str | None = None
    failure: str = ""


@dataclass(frozen=True, eq=False)
class Turned:
    """What a turn of the loop has come to.

    Args:
        forecast: the version's forecast; None while no zoo is in force.
        cells: earlier forecasts, scored on the actuals that the version brought.
        conclusion: the decision, and what it led to.
    """

    forecast: VersionForecast | None
    cells: pd.DataFrame
    conclusion: Conclusion


@dataclass(frozen=True, eq=False)
class SimulatedTurn:
    """One version under one policy.

    Args:
        policy: its name.
        version: the version.
        at: when its update came.
        cells: see `Turned`; they hold what the seasonal naives said.
        rule: the rule that decided; empty where nothing was decided.
        is_worse: whether the decision found production to be worse than promised.
        build: the build that was opened, or None.
        released: the zoo that took force, or None.
        failure: why the turn could not be taken to its end; empty on success.
        seconds: spent, by stage: `forecast`, `judge`, `build`.
    """

    policy: str
    version: str
    at: datetime
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    rule: str = ""
    is_worse: bool = False
    build: str | None = None
    released: str | None = None
    failure: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)


def take_turn(project: Project, version: str, *, now: datetime, watch: Stopwatch | None = None) -> Turned:
    """Take a settled version through the loop without Dagster: forecast, accuracy, decision, and what it leads to.

    Args:
        project: the use case.
        version: its newest version, accepted.
        now: the time it is, aware.
        watch: what the time spent is counted with.

    Raises:
        LoopcastError: a stage cannot do its part.
    """
    watch = watch or Stopwatch(lambda: 0.0)
    with watch.measure("forecast"):
        forecast = forecast_version(project, version, now=now)
        if forecast is not None:
            turn_shadow(project, forecast.manifest, now=now)
    with watch.measure("judge"):
        cells = score_version(project, version, now=now).report.cells
    conclusion = conclude(project, now=now, watch=watch)
    if forecast is None and conclusion.released is not None:
        with watch.measure("forecast"):
            forecast = forecast_version(project, version, now=now)
    return Turned(forecast, cells, conclusion)


def conclude(project: Project, *, now: datetime, watch: Stopwatch) -> Conclusion:
    """Take the decision after the newest version and run the build it opens; return both."""
    with watch.measure("judge"):
        reflection = reflect(project, now=now)
    if reflection.build is None:
        return Conclusion(reflection)
    try:
        with watch.measure("build"):
            return Conclusion(reflection, _build(project, reflection.build, now=now))
    except LoopcastError as error:  # as in production, where a build is a run of its own
        return Conclusion(reflection, failure=str(error))


def _build(project: Project, request: BuildRequest, *, now: datetime) -> str | None:
    """Run a build and return the zoo that took force with it, or None."""
    zoo = run_experiment(project, request.build, now=now).zoo
    in_force = None if zoo is None else release_zoo(project, zoo.zoo, now=now).in_force
    return in_force.zoo if in_force else None


class Simulation:
    """Some policies over the same updates: versions are settled once, everything else is each policy's own.

    A policy that could change what a version is would not be one: only `policies` of the use case differ.
    """

    def __init__(
        self, project: Project, policies: Sequence[Policy], *, clock: Callable[[], float], lake: str = OWN_LAKE
    ) -> None:
        """Open a lake for the versions and one for each policy; nothing is played yet.

        Args:
            project: the use case; its own lake is never written to.
            policies: with names that differ.
            clock: what spent time is counted by, such as `time.process_time`.
            lake: where the versions go; in memory, it is gone with this object.
        """
        self.base = open_apart(project, lake=lake)
        self.projects = {policy.name: _branch(self.base, policy) for policy in policies}
        self._clock = clock
        self._at: datetime | None = None

    def play(self, delivery: Delivery) -> list[SimulatedTurn]:
        """Return what each policy makes of the next update; nothing where it came before the period looked at.

        Of an update that is refused, or that breaks a promise of severity error, nobody makes anything.
        """
        now = delivery.at
        waited = [] if self._at is None else self._open_hours(self._at, until=now)
        self._at = now
        claim = self.base.store.versions.claim(delivery.upload, now=now)
        if claim.duplicate:
            return waited
        record = settle_version(self.base, claim.version, by="simulation", now=now)
        if delivery.is_before or record.status == "refused" or self._is_stopped(record, now=now):
            return waited
        return [*waited, *(self._turn(name, record, now=now) for name in self.projects)]

    def _is_stopped(self, record: VersionRecord, *, now: datetime) -> bool:
        judge_version(self.base, record.version, now=now)
        return is_stopped(self.base, record.version)

    def _turn(self, name: str, record: VersionRecord, *, now: datetime) -> SimulatedTurn:
        watch = Stopwatch(self._clock)
        made = partial(SimulatedTurn, policy=name, version=record.version, at=now, seconds=watch.seconds)
        try:
            turned = take_turn(self.projects[name], record.version, now=now, watch=watch)
        except LoopcastError as error:  # as in production: this version has no forecast, the next ones go on
            return made(failure=str(error))
        return made(cells=turned.cells, **_tell(turned.conclusion))

    def _open_hours(self, after: datetime, *, until: datetime) -> list[SimulatedTurn]:
        """Return the builds that waited for their hours, and started when these began before the next update."""
        turns = []
        for name, project in self.projects.items():
            now = find_opening(project, after)
            if now is not None and now < until and find_due(project, now=now):
                watch = Stopwatch(self._clock)
                late = conclude(project, now=now, watch=watch)
                told = _tell(late)
                turns.append(SimulatedTurn(name, late.reflection.version, now, seconds=watch.seconds, **told))
        return turns


def find_opening(project: Project, after: datetime) -> datetime | None:
    """Return when the hours in which builds may start next begin, None where they may start at any time.

    Args:
        project: the use case.
        after: aware time.
    """
    hours = project.use_case.policies.rebuild.budget.hours
    if hours is None:
        return None
    clock = after.astimezone(ZoneInfo(project.use_case.time_zone or "UTC"))
    begin = clock.replace(hour=int(hours[:2]), minute=int(hours[3:5]), second=0, microsecond=0)
    return (begin if begin > clock else begin + timedelta(days=1)).astimezone(UTC)


def _tell(conclusion: Conclusion) -> dict[str, Any]:
    decision, build = conclusion.reflection.decision, conclusion.reflection.build
    return {
        "rule": decision.rule,
        "is_worse": bool(decision.evidence["judgement"]["is_worse"]),
        "build": build.build if build else None,
        "released": conclusion.released,
        "failure": conclusion.failure,
    }


def _branch(base: Project, policy: Policy) -> Project:
    """Return the use case under a policy: the same versions, other outputs and references."""
    lake, name = open_lake(OWN_LAKE), base.name
    store = replace(base.store, outputs=OutputStore(lake, folder=name), references=References(lake, folder=name))
    use_case = base.use_case.model_copy(update={"policies": policy.policies})
    return replace(base, use_case=use_case, store=store)
