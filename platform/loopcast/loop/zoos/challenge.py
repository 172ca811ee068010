"""The challenge: a build's zoo meets the champion on forecasts from origins that neither had learned beyond.

Here belong what the two are compared on, and the verdict. The test is in `loopcast.reflection.duel`, putting a zoo in
force in `loopcast.loop.zoos.experiment`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.errors import LoopcastError
from loopcast.experimentation.backtest import COMBINATION, Backtest
from loopcast.experimentation.leaderboard import GateResult
from loopcast.experimentation.trial import replay_zoo
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import (
    BACKTESTS,
    BuildRequest,
    ZooInForce,
    find_build,
    find_zoo,
    newest_in_force,
    read_zoo,
)
from loopcast.loop.zoos.pins import Pin, read_pin
from loopcast.loop.zoos.states import find_state, restore
from loopcast.loop.zoos.verdicts import Outcome, Verdict
from loopcast.reflection.duel import FEWEST, Duel, Ruling, compare, rule_on
from loopcast.store.version_records import version_key, version_number
from loopcast.zoo.panel import Panel, stored_timestamps
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.zoo import Zoo

DUELS = "duels"
TAKES_FORCE = {"better", "not_worse"}
ALARMS = frozenset({"worse_than_promised", "rebuild_did_not_help"})
ALARMED, MOST_LEVEL = 5.0, 0.49


@dataclass(frozen=True, eq=False)
class Challenge:
    """The champion that a new zoo meets.

    Args:
        champion: the zoo in force; None: there is none.
        absent: why there is no champion to compare with; None where there is one.
        duel: the comparison; None where there is none.
        replayed: what the champion forecast for it: series keys, `timestamp`, `cutoff`, `forecast`; None as the duel.
    """

    champion: ZooInForce | None
    absent: str | None
    duel: Duel | None
    replayed: pd.DataFrame | None = None


def meet_champion(project: Project, request: BuildRequest, tested: Backtest, panel: Panel, spec: ZooSpec) -> Challenge:
    """Return the champion beside a build's backtest.

    The champion forecasts again from the origins of the backtest's windows, on the same version: from the newest state
    that had learned nothing beyond the first of them, and retrained from origin to origin as the backtest is. From
    origins before the end of its own training it is taken from its own backtest, where its members were fitted earlier.

    Args:
        project: the use case.
        request: the build.
        tested: its backtest.
        panel: what it was made on.
        spec: what the build was asked for.
    """
    entry = newest_in_force(project)
    if entry is None:
        return Challenge(None, "no zoo was in force", None)
    if project.use_case.policies.challenger.takes_force == "always":
        return Challenge(entry, "by policy the champion is not met", None)
    champion = read_zoo(project, entry.digest)
    changes = find_changes(champion, panel, spec)
    if changes:
        return Challenge(entry, f"{entry.zoo} was built for something else: {', '.join(changes)}", None)
    challenger = tested.cells[tested.cells["member"] == COMBINATION]
    if request.imported is not None:
        until = learned_until(read_zoo(project, request.imported), panel)
        challenger = challenger[challenger["cutoff"] >= until]
    try:
        known = _replay_champion(project, entry, champion, panel, challenger, version=request.version)
    except LoopcastError as error:
        return Challenge(entry, f"{entry.zoo} cannot forecast this version: {error}", None)
    return Challenge(entry, None, compare(known, challenger, series_keys=panel.spec.series_keys), known)


def find_changes(champion: Zoo, panel: Panel, spec: ZooSpec) -> list[str]:
    """Return what a zoo answers otherwise than is asked today; while there is anything, it is no champion."""
    then, now = champion.spec, spec
    pairs = [
        ("target", champion.target, panel.spec.target),
        ("sampling period", champion.frequency, panel.spec.frequency),
        ("horizon", str(then.horizon), str(now.horizon)),
        ("level", then.level, now.level),
        ("quantiles", then.quantiles, now.quantiles),
        ("filter", dict(then.preprocessing.filter), dict(now.preprocessing.filter)),
    ]
    return [f"{what} {before}, now {after}" for what, before, after in pairs if before != after]


def learned_until(zoo: Zoo, panel: Panel) -> pd.Timestamp:
    """Return the stored time of the newest target that a zoo has learned from."""
    newest = np.nanmax(np.concatenate([block.until for block in zoo.blocks]))
    return stored_timestamps(pd.DatetimeIndex([newest]), panel.spec)[0]


def give_verdict(
    project: Project, request: BuildRequest, gate: GateResult, met: Challenge, *, zoo: str | None = None
) -> Verdict:
    """Return what becomes of a build's zoo.

    Args:
        project: the use case.
        request: the build.
        gate: whether it is better than the seasonal naives.
        met: the champion it met.
        zoo: its key; None where it has none.
    """
    outcome, rule, reason = _judge(project, request, gate, met)
    pin, duel = read_pin(project), met.duel if met.duel and met.duel.n else None
    if pin is not None and met.champion is not None and outcome != "rejected":
        outcome, rule, reason = "rejected", "pinned", f"{tell_pin(pin)}; without the pin: {reason}"
    return Verdict(
        build=request.build,
        zoo=zoo,
        outcome=outcome,
        champion=met.champion.zoo if met.champion else None,
        champion_mae=duel.champion_mae if duel else None,
        challenger_mae=duel.challenger_mae if duel else None,
        n=duel.n if duel else 0,
        p_value=duel.p_better if duel else None,
        reason=reason,
        rule=rule,
    )


def _judge(project: Project, request: BuildRequest, gate: GateResult, met: Challenge) -> tuple[Outcome, str, str]:
    """Return outcome, rule and reason as if nothing were pinned."""
    if not gate.passed:
        return "rejected", "gate", gate.reason
    if met.duel is None:
        return "in_force", "unopposed", f"{met.absent}; {gate.reason}"
    policy = project.use_case.policies.challenger
    rule = rule_on(met.duel, scope=request.scope, significance=policy.significance)
    if policy.shadow and request.scope != "new_situations":
        told = f"it forecasts beside the champion for {policy.shadow} versions first"
        return "shadow", "shadow", f"{told}; in the backtest {tell_duel(met.duel, rule)}"
    return "in_force" if rule in TAKES_FORCE else "rejected", rule, tell_duel(met.duel, rule)


def choose_level(project: Project, request: BuildRequest) -> float:
    """Return the level of the test: larger where the champion is known to be worse than it promised.

    That it is as good as ever is no longer the assumption to be refuted, so that less proof is asked of its successor.
    """
    usual = project.use_case.policies.challenger.significance
    return min(ALARMED * usual, MOST_LEVEL) if request.rule in ALARMS else usual


def tell_duel(duel: Duel, rule: Ruling) -> str:
    """Return what came of a duel, in words with its figures."""
    if duel.n < FEWEST:
        return f"{duel.n} forecasts that neither had learned from, fewer than {FEWEST}: too few to compare"
    found = f"MAE {duel.challenger_mae:.6g} against the champion's {duel.champion_mae:.6g} on {duel.n} forecasts"
    p_value = duel.p_worse if rule in {"worse", "not_worse"} else duel.p_better
    return f"{rule.replace('_', ' ')}: {found} that neither had learned from, p = {p_value:.3g}"


def tell_pin(pin: Pin) -> str:
    """Return who pinned which zoo, and why."""
    return f"{pin.zoo} is pinned by {pin.actor}" + (f" ({pin.reason})" if pin.reason else "")


def _replay_champion(
    project: Project, entry: ZooInForce, built: Zoo, panel: Panel, cells: pd.DataFrame, *, version: str
) -> pd.DataFrame:
    """Return what the champion forecasts from the origins of some cells: keys, `timestamp`, `cutoff`, `forecast`."""
    keys = list(panel.spec.series_keys)
    windows = cells[[*keys, "cutoff"]].drop_duplicates()
    if windows.empty:
        return cells
    zoo = _state_before(project, entry, version, windows["cutoff"].min()) or built
    until = learned_until(zoo, panel)
    own = find_build(project, find_zoo(project, entry.zoo).build)
    before = project.store.outputs.read(BACKTESTS, own.build) if own.imported is None else cells.iloc[:0]
    before = before[(before["member"] == COMBINATION) & (before["cutoff"] < until)]
    ahead = windows[windows["cutoff"] >= until]
    made = [before, replay_zoo(zoo, panel, ahead)] if len(ahead) else [before]
    return pd.concat([table[[*keys, "timestamp", "cutoff", "forecast"]] for table in made], ignore_index=True)


def _state_before(project: Project, entry: ZooInForce, version: str, first: pd.Timestamp) -> Zoo | None:
    """Return the newest state that a zoo had when nothing after a time was known; None: none was kept."""
    versions = project.store.versions
    for number in range(version_number(version), version_number(entry.from_version) - 1, -1):
        key = version_key(number)
        manifest = find_state(project, key, digest=entry.digest)
        if manifest is None or manifest.pins.get("state_digest") is None:
            continue
        end = versions.record(key).last_timestamp
        if end is not None and pd.Timestamp(end) <= first:
            return restore(project, manifest)
    return None
