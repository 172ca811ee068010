"""The interface of every member of the zoo: fit, update, predict, contributions, offsets, importances, JSON form.

How members are combined, and what interval their errors give, does not belong here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from loopcast.errors import CallerError
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.panel import Panel

Json = dict[str, Any]


@dataclass(frozen=True)
class Situation:
    """From where, and how far, a member forecasts.

    Args:
        steps: samples ahead that it forecasts, 1 .. steps, in wall-clock steps.
        time_of_day: local minute of the day of the origin; 0 for periods of a day or longer.
        stride: steps between two origins of this situation: a day where there is one, else 1; without a calendar the
            shortest seasonal period where the horizon holds one.
        holidays: place whose public holidays count, or None.
        periods: seasonal periods in steps, shortest first; `(1,)` where there is none.
        calendar: whether times are real ones; False for integer time, which has no weekdays and no holidays.
        predictor_ends: availability of each predictor: steps from the last target to its last value; at most 0 for a
            measured one, 1 .. steps for one known ahead.
    """

    steps: int
    time_of_day: int
    stride: int
    holidays: str | None = None
    periods: tuple[int, ...] = (1,)
    calendar: bool = True
    predictor_ends: tuple[tuple[str, int], ...] = ()


def is_far(situation: Situation) -> bool:
    """Return whether the horizon is longer than the week, in a calendar of days or parts of them.

    Examples:
        >>> is_far(Situation(744, 0, 24, periods=(24, 168))), is_far(Situation(24, 0, 24, periods=(24, 168)))
        (True, False)
    """
    week = 7 * situation.stride
    return situation.calendar and week in situation.periods and situation.steps > week


def situation_from_document(document: Json) -> Situation:
    """Return the situation whose fields, as JSON values, are given."""
    ends = tuple((name, end) for name, end in document["predictor_ends"])
    return Situation(**{**document, "periods": tuple(document["periods"]), "predictor_ends": ends})


@dataclass(frozen=True)
class Offset:
    """Which values of a variable a member looks at, in steps relative to the origin (0 = the origin itself).

    Args:
        variable: column name.
        first: oldest step looked at, usually negative.
        last: newest step looked at; positive for values that are known ahead.
    """

    variable: str
    first: int
    last: int


@dataclass(frozen=True)
class Term:
    """One addend of a forecast.

    Args:
        name: what it is, for instance `traffic_volume[-168]`.
        variable: the column it comes from; empty for calendar and constant terms.
    """

    name: str
    variable: str


@dataclass(frozen=True, eq=False)
class Contributions:
    """How forecasts add up.

    Args:
        terms: the K addends.
        addends: shape (series, origins, steps, K), in the target's unit; they sum over K to the forecast.
    """

    terms: tuple[Term, ...]
    addends: FloatArray


class FittedMember(ABC):
    """A member that has learned from a panel. Immutable."""

    kind: ClassVar[str]
    name: str

    @abstractmethod
    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return forecasts that use nothing after each origin but predictors known ahead.

        Args:
            panel: the series it was fitted on, in that order; the grid may be longer or start elsewhere.
            origins: positions on the panel's grid, shape (series, origins).

        Returns:
            Shape (series, origins, steps), in the target's unit; NaN where it cannot say anything.
        """

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedMember":
        """Return the member after it has learned from what came since it last did: same terms, new coefficients.

        Cheap: it starts from what is fitted, and refits at most on a schedule of its own. A member with nothing to
        learn returns itself.

        Args:
            panel: what is known now; its grid may start elsewhere, and later, than that of `fit`.
            ends: position of each series' new origin, shape (series,).
            since: position of the origin up to which it has learned, shape (series,); negative: before the panel's
                start. Equal to `ends` for a series that brought nothing new.
        """
        del panel, ends, since
        return self

    @abstractmethod
    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return the addends of what `predict` returns for the same arguments."""

    @abstractmethod
    def offsets(self) -> tuple[Offset, ...]:
        """Return the values it needs; one entry per variable."""

    @abstractmethod
    def importances(self) -> Mapping[str, float]:
        """Return the share of each variable in percent, summing to 100; the empty name is the calendar."""

    def term_importances(self) -> tuple[tuple[Term, ...], FloatArray]:
        """Return its K terms and their share in percent per step, shape (steps or 1, K), each row summing to 100.

        Of a member that does not say, each variable is one term and counts alike at all steps.
        """
        shares = self.importances()
        return tuple(Term(name or "calendar", name) for name in shares), np.array([list(shares.values())])

    def term_coefficients(self, series: int) -> FloatArray | None:
        """Return the coefficients of the terms of `term_importances` for one series, shape (steps, K).

        None where terms have none, as those of trees.
        """
        del series
        return None

    @abstractmethod
    def to_document(self) -> Json:
        """Return everything needed to predict, as JSON values; floats are kept bit for bit."""

    @classmethod
    @abstractmethod
    def from_document(cls, document: Json) -> "FittedMember":
        """Return the member that `to_document` wrote."""


class Member(ABC):
    """A recipe for fitting: parameters only, nothing learned.

    A kind of member says in `accepts` which parameters it knows, and in `needs` which of them it cannot do without.
    """

    kind: ClassVar[str]
    accepts: ClassVar[frozenset[str]] = frozenset()
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, parameters: Mapping[str, Any], *, label: str | None = None) -> None:
        """Keep the parameters as they are.

        Raises:
            CallerError: a parameter that the member does not know, or one that it needs is not there.
        """
        self.parameters = dict(parameters)
        unknown, absent = set(parameters) - self.accepts, self.needs - set(parameters)
        if unknown or absent:
            found = f"found the parameters {sorted(parameters)} for {self.kind}"
            raise CallerError(f"{found}; expected {sorted(self.needs)} of {sorted(self.accepts)}")
        self.name = label or self.default_name()

    def default_name(self) -> str:
        """Return the name in tables when the user gave none."""
        return self.kind

    @abstractmethod
    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> FittedMember:
        """Return the fitted member.

        Args:
            panel: what is known; nothing after `ends` may be looked at but predictors known ahead.
            situation: what is to be forecast.
            ends: position of each series' origin, shape (series,); earlier origins lie `stride` steps apart.

        Raises:
            ModelError: the history does not suffice.
        """


def training_origins(ends: IntArray, situation: Situation, *, limit: int) -> IntArray:
    """Return the origins before each series' end that have the same situation, newest last.

    Args:
        ends: shape (series,).
        situation: gives the stride.
        limit: steps to go back at most.

    Returns:
        Shape (series, origins); negative ones lie before the panel's start.

    Examples:
        >>> training_origins(np.array([5]), Situation(2, 0, 2), limit=5).tolist()
        [[1, 3, 5]]
    """
    count = max(1, -(-limit // situation.stride))
    back = np.arange(count, dtype=np.int64)[::-1] * situation.stride
    return np.asarray(ends, dtype=np.int64)[:, None] - back
