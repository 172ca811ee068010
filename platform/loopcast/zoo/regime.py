"""Which members take part, and why: rules over what the data are like. One default configuration for all data.

How a member learns does not belong here; a member that was chosen and fails is a row in the build's report.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from loopcast.zoo.arrays import IntArray
from loopcast.zoo.members.base import Situation, is_far
from loopcast.zoo.members.registry import make_member
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
        n_categories: predictors that are text.
    """

    n_series: int
    length: int
    n_origins: int
    n_ahead: int
    n_measured: int
    situation: Situation
    n_categories: int = 0


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
        n_categories=sum(bool(np.isfinite(codes).any()) for codes in panel.codes.values()),
        situation=situation,
    )


def choose_members(spec: ZooSpec, regime: Regime) -> tuple[MemberChoice, ...]:
    """Return the members asked for, or what every rule says of the regime; both, and more, in a wide search."""
    asked = tuple(MemberChoice(member, taken=True, reason="asked for") for member in spec.members)
    if spec.search == "wide":
        return (*asked, *_search_widely(regime, besides={make_member(member).name for member in spec.members}))
    return asked or tuple(choice for rule in RULES for choice in rule(regime))


def _search_widely(regime: Regime, *, besides: set[str]) -> Iterator[MemberChoice]:
    """Yield what every rule says, but for members that are there; what seems not to be needed is tried as well."""
    for rule in RULES:
        tried = replace(regime, n_ahead=0) if rule is _own_past else regime
        yield from (choice for choice in rule(tried) if make_member(choice.spec).name not in besides)


def _seasonal_naive(regime: Regime) -> Iterator[MemberChoice]:
    for period in regime.situation.periods:
        spec = MemberSpec("seasonal_naive", MappingProxyType({"period": period}))
        yield MemberChoice(spec, taken=True, reason="always: the measure of all others", prior=0.1)


def _linear(regime: Regime) -> Iterator[MemberChoice]:
    recent = MemberSpec("linear", MappingProxyType({"half_life_origins": 60}), label="linear_recent")
    problems, rows = regime.n_series * regime.situation.steps, regime.n_origins * regime.situation.steps
    taken = problems <= LINEAR_PROBLEMS and rows <= LINEAR_ROWS
    reason = (
        f"{problems} regressions (series times steps), at most {LINEAR_PROBLEMS}; "
        f"{rows} rows of features a series, at most {LINEAR_ROWS}"
    )
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


def tells_from_values(regime: Regime) -> bool:
    """Return whether values say something of the target's time: recent ones, or predictors that are known then."""
    return regime.n_ahead > 0 or not is_far(regime.situation)


def _boosted(regime: Regime) -> Iterator[MemberChoice]:
    rows = regime.n_series * regime.n_origins * regime.situation.steps
    predictors = regime.n_ahead + regime.n_measured + regime.n_categories
    near = tells_from_values(regime)
    taken = predictors > 0 and rows >= BOOSTED_ROWS and near
    reason = f"{predictors} predictors and {rows} rows of features; it needs one, and {BOOSTED_ROWS}"
    reason = reason if near else f"{regime.situation.steps} steps ahead: too far for values of the past alone"
    yield MemberChoice(MemberSpec("boosted"), taken=taken, reason=reason)


def _stacked(regime: Regime) -> Iterator[MemberChoice]:
    predictors, cells = regime.n_ahead + regime.n_measured, regime.n_series * regime.situation.steps
    taken = predictors > 0 and cells <= NET_CELLS and regime.n_origins >= STACKED_ORIGINS
    found = f"{predictors} predictors, {cells} series times steps and {regime.n_origins} origins"
    reason = f"{found}; it needs one, at most {NET_CELLS} and at least {STACKED_ORIGINS}"
    yield MemberChoice(MemberSpec("stacked"), taken=taken, reason=reason, prior=BOOSTED_PRIOR)


def _lear(regime: Regime) -> Iterator[MemberChoice]:
    cells = regime.n_series * regime.situation.steps
    taken = cells <= LEAR_CELLS and regime.n_origins >= LEAR_ORIGINS
    reason = f"{cells} series times steps and {regime.n_origins} origins; at most {LEAR_CELLS}, at least {LEAR_ORIGINS}"
    for member in _on_scales("lear"):
        yield MemberChoice(member, taken=taken, reason=reason, prior=LEAR_PRIOR / len(SCALES))


def _net(regime: Regime) -> Iterator[MemberChoice]:
    predictors, cells = regime.n_ahead + regime.n_measured, regime.n_series * regime.situation.steps
    near = tells_from_values(regime)
    taken = predictors > 0 and cells <= NET_CELLS and regime.n_origins >= NET_ORIGINS and near
    found = f"{predictors} predictors, {cells} series times steps and {regime.n_origins} origins"
    reason = f"{found}; it needs one, at most {NET_CELLS} and at least {NET_ORIGINS}"
    reason = reason if near else f"{regime.situation.steps} steps ahead: too far for values of the past alone"
    for member in _on_scales("net"):
        yield MemberChoice(member, taken=taken, reason=reason, prior=NET_PRIOR / len(SCALES))


def _on_scales(kind: str) -> Iterator[MemberSpec]:
    """Yield a member once per scale: what one scale hides another shows, so that their mean is better than each."""
    for level, spread, factor in SCALES:
        memory = {"level": level, "spread": spread, "factor": factor}
        yield MemberSpec(kind, MappingProxyType(memory), label=f"{kind}_{level}_{spread}")


def _calendar(regime: Regime) -> Iterator[MemberChoice]:
    """Yield the member that knows the time of year: where the last values do not reach, and years are known."""
    years, cells = regime.length / (YEAR_DAYS * regime.situation.stride), regime.n_series * regime.length
    far = is_far(regime.situation)
    taken = far and years >= CALENDAR_YEARS and cells <= CALENDAR_CELLS
    reach = f"{regime.situation.steps} steps ahead, {'more' if far else 'not more'} than a week"
    reason = (
        f"{reach}; {years:.1f} years of history, {CALENDAR_YEARS:g} needed; {cells} values, at most {CALENDAR_CELLS}"
    )
    yield MemberChoice(MemberSpec("calendar_profile"), taken=taken, reason=reason, prior=3.0)


LINEAR_PROBLEMS, LINEAR_ROWS = 12_000, 1_000_000
CALENDAR_YEARS, CALENDAR_CELLS = 2.0, 10_000_000
YEAR_DAYS = 365.25
SCALES = ((28, 364, 1.0), (364, 364, 2.0), (7, 28, 1.0))  # level, spread and factor: usual, slow and quick
LEAR_CELLS, LEAR_ORIGINS, LEAR_PRIOR = 600, 60, 3.0
NET_CELLS, NET_ORIGINS, NET_PRIOR = 100, 180, 4.0
BOOSTED_ROWS, BOOSTED_PRIOR, STACKED_ORIGINS = 1_000, 3.0, 300
RULES: tuple[Rule, ...] = (_seasonal_naive, _linear, _own_past, _lear, _net, _boosted, _stacked, _calendar)
