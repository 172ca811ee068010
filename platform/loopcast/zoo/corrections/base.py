"""The interface of corrections, the second stage of a zoo: what is added to the combination of the members.

A correction learns from the combination's own backtest errors. Members, and how they are combined, do not belong here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.members.base import Contributions, Offset, Situation
from loopcast.zoo.panel import Panel

Json = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Made:
    """What members and their combination said at W origins of one situation.

    Args:
        panel: everything known; a correction of the origin o may look at nothing after o but predictors known ahead.
        origins: positions on the panel's grid, shape (S, W), oldest first; negative before its start.
        members: names of the M members.
        forecasts: of the members, shape (S, W, H, M).
        base: what is to be corrected: the combination, weighted by what was known at each origin, and the
            corrections before this one; shape (S, W, H), NaN = nothing to say.
    """

    panel: Panel
    origins: IntArray
    members: tuple[str, ...]
    forecasts: FloatArray
    base: FloatArray


class FittedCorrection(ABC):
    """A correction that has learned. Immutable."""

    kind: ClassVar[str]

    @abstractmethod
    def predict(self, made: Made) -> FloatArray:
        """Return what is added to `made.base`, shape (S, W, H), in the target's unit; 0 where it has nothing to say."""

    @abstractmethod
    def contributions(self, made: Made) -> Contributions:
        """Return the addends of what `predict` returns."""

    def update(self, made: Made, targets: FloatArray) -> "FittedCorrection":
        """Return the correction after the targets of more windows became known; `targets` has the shape (S, W, H)."""
        del made, targets
        return self

    @abstractmethod
    def offsets(self) -> tuple[Offset, ...]:
        """Return the values it needs beside those of the members; one entry per variable."""

    @abstractmethod
    def importances(self) -> Mapping[str, float]:
        """Return the share of each variable in percent, summing to 100; the empty name is the calendar."""

    @abstractmethod
    def to_document(self) -> Json:
        """Return everything needed to predict and update, as JSON values; floats are kept bit for bit."""

    @classmethod
    @abstractmethod
    def from_document(cls, document: Json) -> "FittedCorrection":
        """Return the correction that `to_document` wrote."""


class Correction(ABC):
    """A recipe for a correction: parameters only, nothing learned."""

    kind: ClassVar[str]

    @abstractmethod
    def fit(
        self, made: Made, targets: FloatArray, situation: Situation, *, delay: int, seed: int
    ) -> tuple[FittedCorrection, FloatArray] | None:
        """Return the fitted correction and what it would have added out of sample; None where data do not suffice.

        Args:
            made: the backtest's forecasts.
            targets: shape (S, W, H), NaN = unknown.
            situation: what is forecast.
            delay: windows after which a window's targets are known.
            seed: of random numbers.

        Returns:
            The correction, and honest out-of-sample additions to `made.base` of shape (S, W, H): those of a window
            come from a fit that did not see its targets (folds over series, or earlier windows only).
        """
