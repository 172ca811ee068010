"""Experimentation: a build request becomes a leaderboard and, past the gate, a zoo; a release puts it in force.

Backtests, ranking and building are the domain's; here is what is read, written and referred to.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import pandas as pd

from loopcast.experimentation.backtest import Backtest, backtest
from loopcast.experimentation.leaderboard import GateResult, passes_gate, rank_members
from loopcast.experimentation.trial import try_zoo
from loopcast.loop.forces import (
    BACKTESTS,
    FORECASTS,
    ZOO_DOCUMENTS,
    BuildRequest,
    ZooInForce,
    ZooRequest,
    find_build,
    find_zoo,
    open_zoo,
    put_in_force,
    read_zoo,
)
from loopcast.loop.project import Project
from loopcast.loop.slices import read_build
from loopcast.loop.states import read_newest
from loopcast.schemas import backtest_schema, check_table, leaderboard_schema
from loopcast.store.outputs import OutputManifest
from loopcast.zoo.build import build_zoo, count_history, recommended_periods
from loopcast.zoo.document import zoo_to_document
from loopcast.zoo.minimal import required_window
from loopcast.zoo.panel import Panel
from loopcast.zoo.rebuild import RebuildPolicy, rebuild
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.summary import summarize
from loopcast.zoo.zoo import Zoo

LEADERBOARDS = "leaderboards"


@dataclass(frozen=True)
class Experiment:
    """What came out of a build.

    Args:
        request: who asked for it and why.
        leaderboard: the members and their combination, best first.
        failures: members that could not be fitted: `member`, `reason`.
        gate: whether the result may become a zoo.
        zoo: the zoo that was opened; None where the gate was not passed.
        manifest: the leaderboard as written, with the inputs it pins.
        periods: length of the history it is built on, in sampling periods.
        recommended: length that a build should have.
    """

    request: BuildRequest
    leaderboard: pd.DataFrame
    failures: pd.DataFrame
    gate: GateResult
    zoo: ZooRequest | None
    manifest: OutputManifest
    periods: int
    recommended: int


@dataclass(frozen=True)
class ReleasedZoo:
    """A zoo that is in force.

    Args:
        request: the build it comes from.
        in_force: from which version on.
        zoo: the models.
    """

    request: ZooRequest
    in_force: ZooInForce
    zoo: Zoo


def run_experiment(project: Project, build: str, *, now: datetime) -> Experiment:
    """Return the experiment of a build, with its tables written and its zoo opened where the gate is passed.

    Raises:
        NotFoundError: nobody asked for that build.
        ModelError: every member failed.
    """
    request = find_build(project, build)
    store, seen = project.store, read_build(project, request.version)
    panel, spec = seen.panel, replace(project.use_case.zoo, preprocessing=seen.preprocessing)
    zoo_from_elsewhere = None if request.imported is None else read_zoo(project, request.imported)
    tested = backtest(panel, spec) if zoo_from_elsewhere is None else try_zoo(zoo_from_elsewhere, panel, spec)
    cells = check_table(tested.cells, backtest_schema(store.spec.series_keys))
    leaderboard = check_table(rank_members(tested), leaderboard_schema())
    gate = passes_gate(leaderboard)
    digest = _write_zoo(project, request, panel, tested, spec=spec) if gate.passed else None
    pins = {
        "version": request.version,
        "dataset": store.versions.record(request.version).state_digest,
        "scope": request.scope,
        "configuration": spec.to_document(),
        "code_version": project.code_version,
        "zoo_digest": digest,
    }
    store.outputs.write(BACKTESTS, build, cells, pins=pins, now=now)
    manifest = store.outputs.write(LEADERBOARDS, build, leaderboard, pins=pins, now=now)
    zoo = open_zoo(project, request, now=now) if gate.passed else None
    failures = pd.DataFrame([asdict(failure) for failure in tested.failures], columns=["member", "reason"])
    recommended = recommended_periods(spec, panel.spec.frequency)
    return Experiment(request, leaderboard, failures, gate, zoo, manifest, count_history(panel), recommended)


def release_zoo(project: Project, zoo: str, *, now: datetime) -> ReleasedZoo:
    """Put the zoo of an experiment in force and return it.

    It is in force from the newest version on where that has no forecast yet, else from the next version on: what an
    earlier zoo has forecast stays as it was.

    Raises:
        NotFoundError: no experiment released that zoo.
    """
    request = find_zoo(project, zoo)
    manifest = project.store.outputs.manifest(LEADERBOARDS, request.build)
    digest = str(manifest.pins["zoo_digest"]) if manifest else ""
    in_force = put_in_force(project, zoo, digest=digest, from_version=_first_version(project, request), now=now)
    return ReleasedZoo(request, in_force, read_zoo(project, digest))


def _write_zoo(project: Project, request: BuildRequest, panel: Panel, tested: Backtest, *, spec: ZooSpec) -> str:
    """Write the zoo of a build, merged with the one in force where only some situations are built anew."""
    if request.imported is not None:
        return request.imported
    known = read_newest(project, request.version)
    if known is None or (known.target, known.frequency) != (panel.spec.target, panel.spec.frequency):
        zoo = build_zoo(panel, spec, rolling=tested.rolling)
    else:
        zoo = rebuild(known, panel, RebuildPolicy(request.scope), spec=spec, rolling=tested.rolling)
    return project.store.outputs.write_document(ZOO_DOCUMENTS, {**zoo_to_document(zoo), "readable": summarize(zoo)})


def _first_version(project: Project, request: ZooRequest) -> str:
    newest = project.store.versions.newest()
    version = newest.version if newest else request.version
    has_forecast = project.store.outputs.manifest(FORECASTS, version) is not None
    return project.store.versions.next_key() if has_forecast else version


def describe_weights(zoo: Zoo) -> pd.DataFrame:
    """Return each member's mean weight over series and situations, percent: `member`, `weight_pct`."""
    rows = [
        {"member": member.name, "weight_pct": 100.0 * float(block.weights[..., number].mean())}
        for block in zoo.blocks
        for number, member in enumerate(block.members)
    ]
    table: pd.DataFrame = pd.DataFrame(rows).groupby("member")[["weight_pct"]].mean().reset_index()
    return table.sort_values("weight_pct", ascending=False, ignore_index=True)


def describe_promise(zoo: Zoo) -> pd.DataFrame:
    """Return the zoo's own out-of-sample errors per bin: what production may expect."""
    return pd.DataFrame([asdict(row) for row in zoo.promise])


def describe_history(zoo: Zoo) -> pd.DataFrame:
    """Return the least history that a forecast from the end of the training needs: `variable`, `from`, `to`, `rows`."""
    windows = required_window(zoo, pd.Timestamp(zoo.training_end))
    rows = [{"variable": w.variable, "from": w.first, "to": w.last, "rows": w.rows} for w in windows]
    return pd.DataFrame(rows)


def describe_importances(zoo: Zoo) -> pd.DataFrame:
    """Return each variable's share in percent, largest first; the calendar stands beside the variables."""
    rows: list[dict[str, Any]] = [
        {"variable": name or "(calendar)", "importance_pct": share} for name, share in zoo.importances.items()
    ]
    return pd.DataFrame(rows)
