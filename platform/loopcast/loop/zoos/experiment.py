"""Experimentation: a build request becomes a leaderboard and, past the gate, a zoo; a release puts it in force.

Backtests, ranking and building are the domain's; here is what is read, written and referred to.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from time import process_time
from typing import Any

import pandas as pd

from loopcast.errors import NotFoundError
from loopcast.experimentation.backtest import Backtest, backtest
from loopcast.experimentation.leaderboard import GateResult, passes_gate, rank_members
from loopcast.experimentation.trial import try_zoo
from loopcast.loop.project import Project
from loopcast.loop.slices import read_build
from loopcast.loop.zoos.challenge import DUELS, Challenge, give_verdict, meet_champion, tell_pin
from loopcast.loop.zoos.forces import (
    BACKTESTS,
    ZOO_DOCUMENTS,
    BuildRequest,
    ZooInForce,
    ZooRequest,
    find_build,
    find_zoo,
    list_in_force,
    next_version,
    open_zoo,
    put_in_force,
    read_zoo,
)
from loopcast.loop.zoos.pins import read_pin
from loopcast.loop.zoos.promises import renew_promise
from loopcast.loop.zoos.shadow import Challenger, enter_shadow, read_challenger
from loopcast.loop.zoos.states import read_newest
from loopcast.loop.zoos.verdicts import Verdict, find_verdict, record_verdict
from loopcast.reflection.duel import FEWEST, NO_LOSSES
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
FIRST_ANSWER = "worse_than_promised"


@dataclass(frozen=True)
class Experiment:
    """What came out of a build.

    Args:
        request: who asked for it and why.
        leaderboard: the members and their combination, best first.
        failures: members that could not be fitted: `member`, `reason`.
        gate: whether the result is better than the seasonal naives.
        zoo: the zoo that was opened; None where it was rejected.
        manifest: the leaderboard as written, with the inputs it pins.
        verdict: what becomes of the zoo.
        losses: the forecasts that it and the champion were compared on, see `loopcast.reflection.duel`; no rows: none.
        periods: length of the history it is built on, in sampling periods.
        recommended: length that a build should have.
    """

    request: BuildRequest
    leaderboard: pd.DataFrame
    failures: pd.DataFrame
    gate: GateResult
    zoo: ZooRequest | None
    manifest: OutputManifest
    verdict: Verdict
    losses: pd.DataFrame
    periods: int
    recommended: int


@dataclass(frozen=True)
class ReleasedZoo:
    """A zoo that its experiment has released.

    Args:
        request: the build it comes from.
        digest: its document.
        in_force: from which version on; None: it is not in force.
        verdict: why; None: it is older than verdicts.
        zoo: the models.
    """

    request: ZooRequest
    digest: str
    in_force: ZooInForce | None
    verdict: Verdict | None
    zoo: Zoo


def run_experiment(project: Project, build: str, *, now: datetime) -> Experiment:
    """Return the experiment of a build, with its tables and the verdict written; its zoo is opened unless rejected.

    Raises:
        NotFoundError: nobody asked for that build.
        ModelError: every member failed.
    """
    request, started = find_build(project, build), process_time()
    store, seen = project.store, read_build(project, request.version)
    panel, spec = seen.panel, replace(project.use_case.zoo, preprocessing=seen.preprocessing, search=request.search)
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
    cost = {"cpu_s": process_time() - started}
    manifest = store.outputs.write(LEADERBOARDS, build, leaderboard, pins=pins, now=now, facts=cost)
    verdict, losses = _settle(project, request, gate, tested, panel, spec, digest=digest, now=now)
    zoo = open_zoo(project, request, now=now) if verdict.zoo else None
    failures = pd.DataFrame([asdict(failure) for failure in tested.failures], columns=["member", "reason"])
    recommended = recommended_periods(spec, panel.spec.frequency)
    return Experiment(
        request, leaderboard, failures, gate, zoo, manifest, verdict, losses, count_history(panel), recommended
    )


def release_zoo(project: Project, zoo: str, *, now: datetime) -> ReleasedZoo:
    """Put the zoo of an experiment in force or in the shadow, as the verdict says, and return it.

    While a person has pinned another one it takes no force.

    It is in force from the newest version on where that has no forecast yet, else from the next version on: what an
    earlier zoo has forecast stays as it was. A zoo that was in force once is not put in force again.

    Raises:
        NotFoundError: no experiment released that zoo.
    """
    request = find_zoo(project, zoo)
    digest = digest_of_build(project, request.build)
    verdict = find_verdict(project, request.build)
    entries = [entry for entry in list_in_force(project) if (entry.zoo, entry.digest) == (zoo, digest)]
    entry, pin = entries[-1] if entries else None, read_pin(project)
    if verdict is not None and verdict.outcome == "shadow":
        _enter_shadow(project, request, digest, verdict, now=now)
    elif entry is None and verdict is not None and verdict.outcome == "in_force" and verdict.champion and pin:
        verdict = replace(verdict, outcome="rejected", rule="pinned", reason=f"{tell_pin(pin)}; {verdict.reason}")
        record_verdict(project, verdict, now=now)
    elif entry is None and (verdict is None or verdict.outcome == "in_force"):
        entry = _put_in_force(project, request, digest, verdict, now=now)
    return ReleasedZoo(request, digest, entry, verdict, read_zoo(project, digest))


def _enter_shadow(project: Project, request: ZooRequest, digest: str, verdict: Verdict, *, now: datetime) -> None:
    """Put a zoo in the shadow of the champion, where it is not there already."""
    former, versions = read_challenger(project), project.use_case.policies.challenger.shadow
    if former is None or former.zoo != request.zoo:
        challenger = Challenger(
            request.zoo, digest, request.build, str(verdict.champion), next_version(project), versions
        )
        enter_shadow(project, challenger, now=now)


def digest_of_build(project: Project, build: str) -> str:
    """Return the document of the zoo that a build has made; raises NotFoundError where it has made none."""
    manifest = project.store.outputs.manifest(LEADERBOARDS, build)
    if manifest is None or manifest.pins["zoo_digest"] is None:
        raise NotFoundError(f"build {build} of {project.name} made no zoo: it did not run, or the gate was not passed")
    return str(manifest.pins["zoo_digest"])


def _put_in_force(
    project: Project, request: ZooRequest, digest: str, verdict: Verdict | None, *, now: datetime
) -> ZooInForce:
    imported = find_build(project, request.build).imported is not None
    return put_in_force(
        project,
        request.zoo,
        digest=digest,
        from_version=next_version(project),
        now=now,
        kind="import" if imported else "release",
        reason=verdict.reason if verdict else "",
    )


def _settle(
    project: Project,
    request: BuildRequest,
    gate: GateResult,
    tested: Backtest,
    panel: Panel,
    spec: ZooSpec,
    *,
    digest: str | None,
    now: datetime,
) -> tuple[Verdict, pd.DataFrame]:
    """Return the verdict on a build's zoo, recorded, and what it rests on; for the same zoo it is given once."""
    outputs, build = project.store.outputs, request.build
    known, before = find_verdict(project, build), outputs.manifest(DUELS, build)
    if known is not None and before is not None and before.pins["zoo_digest"] == digest:
        return known, outputs.read(DUELS, build)
    met = meet_champion(project, request, tested, panel, spec) if gate.passed else Challenge(None, None, None)
    verdict = give_verdict(project, request, gate, met)
    losses = met.duel.losses if met.duel else NO_LOSSES
    pins = {"zoo_digest": digest, "champion": met.champion.digest if met.champion else None}
    outputs.write(DUELS, build, losses, pins=pins, now=now)
    if verdict.outcome != "rejected":
        verdict = replace(verdict, zoo=open_zoo(project, request, now=now).zoo)
    if met.champion and met.replayed is not None and _has_to_stay(request, verdict):
        renew_promise(project, met.champion, met.replayed, tested.cells, build=build, now=now)
    record_verdict(project, verdict, now=now)
    return verdict, losses


def _has_to_stay(request: BuildRequest, verdict: Verdict) -> bool:
    """Return whether the champion stays because nothing better is found.

    The first rebuild after an alarm is not the last word: a wider search comes next.
    """
    is_beaten = verdict.outcome == "rejected" and verdict.rule in {"not_better", "worse"}
    return is_beaten and verdict.n >= FEWEST and request.rule != FIRST_ANSWER and request.imported is None


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
