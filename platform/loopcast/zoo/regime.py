"""Which members take part, and why: rules over what the data are like. One default configuration for all data.

How a member learns does not belong here; a member that was chosen and fails is a row in the build's report.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from loopcast.zoo.arrays import IntArray
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import Panel
from loopcast.zoo.spec import MemberSpec, ZooSpec


@dataclass(frozen=True)
class Regime:
    """What the rules look at.

    Args:
        n_series: series of the situation.
        length: steps of the longest history.
        n_origins: origins of the situation in the longest history.
        n_ahead: predictors known ahead.
        n_measured: predictors known up to the origin only.
        situation: steps, stride, periods, calendar.
    """

    n_series: int
    length: int
    n_origins: int
    n_ahead: int
    n_measured: int
    situation: Situation


@dataclass(frozen=True)
class MemberChoice:
    """One member and whether it takes part.

    Args:
        spec: kind, parameters, label.
        taken: whether it takes part.
        reason: why, in words, with the figures.
        prior: its weight before any backtest, relative to the others'; at least 0.
    """

    spec: MemberSpec
    taken: bool
    reason: str
    prior: float = 1.0


Rule = Callable[[Regime], Iterator[MemberChoice]]


def find_regime(panel: Panel, situation: Situation, ends: IntArray) -> Regime:
    """Return what a panel is like.

    Args:
        panel: the series of the situation.
        situation: what is forecast.
        ends: position of each series' origin, shape (S,).
    """
    known = {name for name in panel.known_ahead if np.isfinite(panel.x[name]).any()}
    measured = [name for name, values in panel.x.items() if name not in known and np.isfinite(values).any()]
    present = np.flatnonzero(np.isfinite(panel.y).any(axis=0))
    length = int(ends.max()) + 1 - int(present[0]) if len(present) else 0
    return Regime(
        n_series=len(ends),
        length=length,
        n_origins=max(0, length // situation.stride),
        n_ahead=len(known),
        n_measured=len(measured),
        situation=situation,
    )


def choose_members(spec: ZooSpec, regime: Regime) -> tuple[MemberChoice, ...]:
    """Return the members asked for, or what every rule says of the regime."""
    if spec.members:
        return tuple(MemberChoice(member, taken=True, reason="asked for") for member in spec.members)
    return tuple(choice for rule in RULES for choice in rule(regime))


def _seasonal_naive(regime: Regime) -> Iterator[MemberChoice]:
    for period in regime.situation.periods:
        spec = MemberSpec("seasonal_naive", MappingProxyType({"period": period}))
        yield MemberChoice(spec, taken=True, reason="always: the measure of all others", prior=0.1)


def _linear(regime: Regime) -> Iterator[MemberChoice]:
    recent = MemberSpec("linear", MappingProxyType({"half_life_origins": 60}), label="linear_recent")
    problems = regime.n_series * regime.situation.steps
    taken = problems <= LINEAR_PROBLEMS
    word = "at most" if taken else "more than"
    reason = f"{problems} regressions (series times steps), {word} {LINEAR_PROBLEMS}"
    yield MemberChoice(MemberSpec("linear"), taken=taken, reason=reason)
    yield MemberChoice(recent, taken=taken, reason=reason)


def _own_past(regime: Regime) -> Iterator[MemberChoice]:
    """Yield members that look at nothing but the series itself: where predictors tell more, they are not needed."""
    alone = regime.n_ahead == 0
    reason = "no predictor known ahead" if alone else f"{regime.n_ahead} predictors known ahead tell more"
    seasonal = any(period > 1 for period in regime.situation.periods)
    variants = ("level", "difference", *(("seasonal_difference", "profile") if seasonal else ()))
    for variant in variants:
        yield MemberChoice(MemberSpec("autoregression", MappingProxyType({"variant": variant})), alone, reason)
    yield MemberChoice(MemberSpec("smoothing"), alone, reason)


def _boosted(regime: Regime) -> Iterator[MemberChoice]:
    rows = regime.n_series * regime.n_origins * regime.situation.steps
    predictors = regime.n_ahead + regime.n_measured
    taken = predictors > 0 and rows >= BOOSTED_ROWS
    reason = f"{predictors} predictors and {rows} rows of features; it needs one, and {BOOSTED_ROWS}"
    yield MemberChoice(MemberSpec("boosted"), taken=taken, reason=reason)


LINEAR_PROBLEMS = 12_000
BOOSTED_ROWS = 1_000
RULES: tuple[Rule, ...] = (_seasonal_naive, _linear, _own_past, _boosted)
