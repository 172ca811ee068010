"""The leakage property: what comes after an origin, or was not available there, changes nothing that is said of it.

A random panel is forecast at a random cutoff twice, the second time with all that was not known there exchanged.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import Horizon
from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import ModelError
from loopcast.zoo.build import build_zoo
from loopcast.zoo.dictionary.choice import Memory, choose_dictionary
from loopcast.zoo.features import build_design, make_recipe
from loopcast.zoo.members.base import FittedMember, Situation
from loopcast.zoo.members.registry import KINDS, make_member
from loopcast.zoo.panel import Panel, find_predictor_ends, panel_from_frame
from loopcast.zoo.predict import predict
from loopcast.zoo.rolling import Rolling, roll
from loopcast.zoo.spec import MemberSpec, ZooSpec
from loopcast.zoo.tree_features import build_tree_rows, find_floor, make_tree_recipe
from loopcast.zoo.zoo import Zoo

KINDS_OF_TIME = (
    ("h", 24 * 60, Situation(24, 23 * 60, 24, "US", (24, 168))),
    ("D", 220, Situation(7, 0, 1, "US", (7,))),
    ("MS", 150, Situation(6, 0, 1, None, (12,))),
    ("D", 600, Situation(6, 0, 6, None, (6,), calendar=False)),
)
CHEAP = {
    "seasonal_naive": {"period": 7},
    "autoregression": {"variant": "profile"},
    "lear": {"half_lives": [30.0]},
    "net": {"count": 1, "epochs": 1},
    "boosted": {"trees": 5, "refit_origins": 3},
    "stacked": {"trees": 5, "refit_origins": 3},
}
MEMBERS = tuple(MemberSpec(kind, CHEAP.get(kind, {})) for kind in KINDS if kind != "sktime")


@dataclass(frozen=True, eq=False)
class Case:
    """A random panel, and what was learned from its first half.

    Args:
        panel: series of equal length, with gaps, and predictors of all kinds.
        situation: what is forecast.
        lags: steps by which measured predictors end before the target.
        spec: of zoo and backtest.
        learned_until: position up to which was learned.
        members: one of each kind that could be fitted.
        zoo: built from the first half.
        backtest: of the whole panel.
    """

    panel: Panel
    situation: Situation
    lags: dict[str, int]
    spec: ZooSpec
    learned_until: int
    members: tuple[FittedMember, ...]
    zoo: Zoo
    backtest: Rolling


def make_panel(rng: np.random.Generator, frequency: str, length: int, steps: int) -> tuple[Panel, dict[str, int]]:
    """Return a random panel, and by how many steps its measured predictors end before the target."""
    names = [("ahead", True)] * int(rng.integers(0, 2)) + [("seen", False), ("late", False)][: int(rng.integers(0, 3))]
    lags = {"seen": 0, "late": int(rng.integers(1, 4))}
    parts = []
    for series in range(int(rng.integers(1, 4))):
        when = pd.date_range("2024-01-01", periods=length + steps, freq=frequency, unit="us")
        time = np.arange(length + steps)
        y = rng.normal(100, 5, len(time)) + 20 * np.sin(time / rng.integers(3, 13)) + rng.normal(0, 1) * time / 50
        y[rng.random(len(time)) < 0.03] = np.nan
        y[length - 1], y[length:] = 100.0, np.nan
        frame = pd.DataFrame({"key": f"s{series}", "when": when, "y": y})
        for name, known_ahead in names:
            values = rng.normal(size=len(time)) + 0.01 * np.nan_to_num(y)
            values[len(time) if known_ahead else length - lags[name] :] = np.nan
            frame[name] = values
        parts.append(frame)
    variables = (Variable("y"), *(Variable(name, known_ahead=known) for name, known in names))
    spec = TableSpec("when", frequency, "y", variables, series_keys=("key",))
    frame = pd.concat(parts, ignore_index=True).astype({"key": "str"})
    return panel_from_frame(frame, spec), {name: lags[name] for name, known in names if not known}


def make_case(seed: int) -> Case:
    """Return a random case."""
    rng = np.random.default_rng(seed)
    frequency, length, situation = KINDS_OF_TIME[seed % len(KINDS_OF_TIME)]
    panel, lags = make_panel(rng, frequency, length, situation.steps)
    situation = replace(situation, predictor_ends=find_predictor_ends(panel, situation.steps))
    spec = ZooSpec(
        horizon=Horizon(steps=situation.steps), members=MEMBERS, holidays=situation.holidays, n_windows=6,
        periods=situation.periods, calendar=situation.calendar, seed=seed,
    )  # fmt: skip
    until = length // 2 // situation.stride * situation.stride - 1
    ends = np.full(len(panel.y), until)
    view = panel.cut(ends, ahead=situation.steps)
    members = []
    for member in MEMBERS:
        with suppress(ModelError):  # what a kind of member refuses is the contract suite's matter
            members.append(make_member(member, seed=seed).fit(view, situation, ends))
    return Case(panel, situation, lags, spec, until, tuple(members), build_zoo(view, spec), roll(panel, spec)[0])


def exchange_unknown(case: Case, cutoff: int, rng: np.random.Generator) -> Panel:
    """Return the panel with other values wherever nothing could be known at the cutoff; gaps stay gaps."""
    time, panel = np.arange(case.panel.y.shape[1]), case.panel

    def exchange(values: np.ndarray, last: int) -> np.ndarray:
        other = np.where(np.isfinite(values), rng.normal(1e5, 1e5, values.shape), np.nan)
        return np.where(time > last, other, values)

    ahead = cutoff + case.situation.steps
    x = {
        name: exchange(values, ahead if name in panel.known_ahead else cutoff - case.lags[name])
        for name, values in panel.x.items()
    }
    return replace(panel, y=exchange(panel.y, cutoff), x=x)


def is_same(left: np.ndarray, right: np.ndarray) -> bool:
    """Return whether all values are the same to the last bit."""
    return bool(np.array_equal(left, right, equal_nan=True))


def compare(case: Case, cutoff: int, rng: np.random.Generator) -> Iterator[tuple[str, bool]]:
    """Yield what was looked at from the cutoff, and whether it knew nothing that was not known there."""
    other = exchange_unknown(case, cutoff, rng)
    origins = np.full((len(case.panel.y), 1), cutoff)
    for member in case.members:
        yield "member forecast", is_same(member.predict(case.panel, origins), member.predict(other, origins))
    for left, right in zip(features_at(case, case.panel, origins), features_at(case, other, origins), strict=True):
        yield "feature matrix", is_same(left, right)
    known, known_other = (each.cut(origins[:, 0], ahead=case.situation.steps) for each in (case.panel, other))
    left, right = predict(case.zoo, known).forecasts, predict(case.zoo, known_other).forecasts
    yield "zoo forecast", left.equals(right)


def features_at(case: Case, panel: Panel, origins: np.ndarray) -> Iterator[np.ndarray]:
    """Yield every kind of feature matrix at the origins; which features there are was decided on the first half."""
    ends = np.full(len(panel.y), case.learned_until)
    first = case.panel.cut(ends, ahead=case.situation.steps)
    yield build_design(panel, origins, make_recipe(first, case.situation, ends)).values  # noqa: PD011
    yield choose_dictionary(first, case.situation, ends, Memory(28, 56)).values(panel, origins)[0]
    floor, series = find_floor(first, ends), np.arange(len(ends))
    recipe = make_tree_recipe(first, case.situation, ends)
    yield build_tree_rows(panel, series, origins[:, 0], recipe, floor=floor).values  # noqa: PD011


def compare_learning(case: Case, cutoff: int, rng: np.random.Generator) -> Iterator[tuple[str, bool]]:
    """Yield whether members that learn up to the cutoff, and backtest cells up to it, know nothing that comes after."""
    other, steps = exchange_unknown(case, cutoff, rng), case.situation.steps
    ends, since = np.full(len(case.panel.y), cutoff), np.full(len(case.panel.y), case.learned_until)
    for member in case.members:
        made = [
            member.update(each.cut(ends, ahead=steps), ends, since=since).predict(each, ends[:, None])
            for each in (case.panel, other)
        ]
        yield "updated member", is_same(*made)
    again, past = roll(other, case.spec)[0], (case.backtest.origins <= cutoff).all(axis=0)
    if past.any():
        yield "backtest cells", is_same(case.backtest.forecasts[:, past], again.forecasts[:, past])
        yield "combined cells", is_same(case.backtest.combined[:, past], again.combined[:, past])


def count_violations(n_cases: int, n_cutoffs: int, *, n_learning: int, seed: int = 0) -> tuple[Counter, Counter]:
    """Return how often each thing was looked at, and how often it knew too much.

    Args:
        n_cases: random panels.
        n_cutoffs: random cutoffs of each.
        n_learning: how many of them are learned up to as well.
        seed: of everything.
    """
    looked, wrong = Counter(), Counter()
    for number in range(n_cases):
        case, rng = make_case(seed + number), np.random.default_rng([seed, number])
        steps, last = case.situation.steps, int(case.panel.last.max())
        for cutoff in rng.integers(case.learned_until, last - steps, n_cutoffs):
            record(compare(case, int(cutoff), rng), looked, wrong)
        for origin in rng.choice(case.backtest.origins[0], n_learning):
            record(compare_learning(case, int(origin), rng), looked, wrong)
    return looked, wrong


def record(found: Iterator[tuple[str, bool]], looked: Counter, wrong: Counter) -> None:
    """Count what was looked at in one place, and what was wrong in another."""
    for what, is_right in found:
        looked[what] += 1
        wrong[what] += not is_right
