"""What a zoo is: values only. Building, predicting and writing it down live in modules of those names."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from loopcast.zoo.arrays import FloatArray, IntArray, TimeArray
from loopcast.zoo.corrections.base import FittedCorrection
from loopcast.zoo.intervals import Intervals
from loopcast.zoo.members.base import FittedMember, Offset, Situation
from loopcast.zoo.regime import MemberChoice
from loopcast.zoo.rolling import Failure
from loopcast.zoo.spec import ZooSpec
from loopcast.zoo.weights import WeightState

SeriesKey = tuple[str, ...]


@dataclass(frozen=True)
class BinPromise:
    """Out-of-sample errors of the combination over one bin of samples ahead: what production may expect.

    Args:
        bin: for instance `S+1:S+24`; `all` for the whole.
        n: number of forecasts with a target.
        mae: mean absolute error, target's unit.
        rmse: root mean squared error, target's unit.
        coverage_pct: share of targets inside of the interval, percent.
    """

    bin: str
    n: int
    mae: float
    rmse: float
    coverage_pct: float


@dataclass(frozen=True, eq=False)
class Pending:
    """Forecasts that were made and whose targets were not known yet: what the next retrain learns from.

    Args:
        origins: local times, shape (S, P), oldest first; NaT where a series made none.
        forecasts: of the members, shape (S, P, H, M).
        stages: the combination before each of C corrections and after the last, shape (S, P, H, C + 1).
        is_blind: whether the predictors of the newest one's horizon were not there yet: it is NaN, and made when they
            are, before anything is learned from it.
    """

    origins: TimeArray
    forecasts: FloatArray
    stages: FloatArray
    is_blind: bool = False


@dataclass(frozen=True, eq=False)
class Block:
    """The models of one time of day of the origin: H situations for some series.

    Args:
        situation: from where, and how far.
        series: numbers of its S series in the zoo's list.
        members: M fitted members.
        learned: what is known of the members' errors; gives their weights.
        corrections: what is added to the combination, in this order.
        intervals: spreads and quantiles.
        bounds: lowest and highest forecast allowed, shape (S, 2).
        until: local time of the origin up to which each series was learned, shape (S,).
        pending: forecasts that nothing was learned from yet.
        choices: which members take part, and why.
        n_windows: backtest windows that weights and intervals were learned from.
        first_index: number of its first model; the model of step h has first_index + h - 1.
    """

    situation: Situation
    series: IntArray
    members: tuple[FittedMember, ...]
    learned: WeightState
    corrections: tuple[FittedCorrection, ...]
    intervals: Intervals
    bounds: FloatArray
    until: TimeArray
    pending: Pending
    choices: tuple[MemberChoice, ...]
    n_windows: int
    first_index: int

    @cached_property
    def weights(self) -> FloatArray:
        """Weights of the members, shape (S, 1 or H, M), summing to 1 over them."""
        return self.learned.weights


@dataclass(frozen=True)
class Availability:
    """What there was of a variable when a zoo was built, per series in the zoo's order: more is never demanded.

    Args:
        variable: column name.
        first: local time of the first value, ISO 8601; None where there was none.
        ahead: steps after the last target up to which a predictor was known; 0 where that was not the whole horizon.
    """

    variable: str
    first: tuple[str | None, ...]
    ahead: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Zoo:
    """All models built from one dataset version.

    Args:
        spec: what was asked for.
        target: name of the target.
        frequency: sampling period, pandas offset alias.
        seasonal_periods: in steps.
        series: key values of each series as text; one empty tuple for a single series.
        blocks: one per time of day of the origin met.
        promise: out-of-sample errors over all and per bin.
        training_start: local time of the first value learned from, ISO 8601.
        training_end: local time of the last target seen, ISO 8601.
        training_length: steps between them, both included.
        importances: share of each variable in percent, summing to 100; the empty name is the calendar.
        minimal_history: deepest and newest step each variable is needed at, relative to the origin.
        availability: what there was of these variables at the build.
        failures: members that were left out.
        difficulty: 0 to 100, see `loopcast.zoo.difficulty`; None where nothing could be compared.
    """

    spec: ZooSpec
    target: str
    frequency: str
    seasonal_periods: tuple[int, ...]
    series: tuple[SeriesKey, ...]
    blocks: tuple[Block, ...]
    promise: tuple[BinPromise, ...]
    training_start: str
    training_end: str
    training_length: int
    importances: Mapping[str, float]
    minimal_history: tuple[Offset, ...]
    availability: tuple[Availability, ...]
    failures: tuple[Failure, ...]
    difficulty: float | None = None

    @property
    def member_names(self) -> tuple[str, ...]:
        """Names of the members of all blocks, in order of appearance."""
        return tuple(dict.fromkeys(member.name for block in self.blocks for member in block.members))
