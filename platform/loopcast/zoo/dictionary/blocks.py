"""Blocks of features of the past and of predictors: values, means, extremes, each with its exact offsets.

The calendar is in `loopcast.zoo.dictionary.calendar`; which blocks suit a panel is in `loopcast.zoo.dictionary.choice`.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.dictionary.view import View, mean_present
from loopcast.zoo.terms import PRODUCT


@dataclass(frozen=True)
class Feature:
    """One feature of an origin, shared by all steps of the situation.

    Args:
        name: what it is, for instance `load[-23]`.
        variable: the column it comes from; empty for the calendar; of a product, those of its factors.
        first: oldest step looked at, relative to the origin; 0 where it is the calendar's.
        last: newest step looked at.
    """

    name: str
    variable: str
    first: int = 0
    last: int = 0

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns of all factors; empty text for the calendar."""
        return tuple(self.variable.split(PRODUCT))


class Block(ABC):
    """Some features that are computed together. A frozen dataclass of JSON values."""

    kind: ClassVar[str]

    @abstractmethod
    def features(self) -> tuple[Feature, ...]:
        """Return the K features."""

    @abstractmethod
    def values(self, view: View) -> FloatArray:
        """Return the features' values, shape (S, O, K); NaN where nothing is known."""


@dataclass(frozen=True)
class Values(Block):
    """The values themselves, or means of so many neighbours.

    Args:
        variable: column.
        first: oldest offset.
        last: newest offset.
        width: neighbours that share one feature; divides the number of offsets.
    """

    kind: ClassVar[str] = "values"
    variable: str
    first: int
    last: int
    width: int = 1

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per value or group of neighbours."""
        starts = range(self.first, self.last + 1, self.width)
        ends = [start + self.width - 1 for start in starts]
        return tuple(
            Feature(_name(self.variable, start, end), self.variable, start, end)
            for start, end in zip(starts, ends, strict=True)
        )

    def values(self, view: View) -> FloatArray:
        """Return the window, or the means of its neighbours."""
        window = view.window(self.variable, self.first, self.last)
        return window if self.width == 1 else mean_present(window.reshape(*window.shape[:2], -1, self.width))


@dataclass(frozen=True)
class PeriodMeans(Block):
    """The mean of each of the last periods.

    Args:
        variable: column.
        period: steps.
        depth: number of periods.
    """

    kind: ClassVar[str] = "period_means"
    variable: str
    period: int
    depth: int

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per period, newest first."""
        spans = [(1 - (number + 1) * self.period, -number * self.period) for number in range(self.depth)]
        return tuple(Feature(f"{_name(self.variable, *span)}:mean", self.variable, *span) for span in spans)

    def values(self, view: View) -> FloatArray:
        """Return the means, newest first."""
        return view.period_means(self.variable, self.period, self.depth)


@dataclass(frozen=True)
class Average(Block):
    """The moving average over periods, older ones counting less where it decays.

    Args:
        variable: column.
        period: steps.
        depth: number of periods.
        decay: share by which a period counts less than the next newer one, in [0, 1).
    """

    kind: ClassVar[str] = "average"
    variable: str
    period: int
    depth: int
    decay: float = 0.0

    def features(self) -> tuple[Feature, ...]:
        """Return the one feature."""
        first = 1 - self.depth * self.period
        what = f"average_decay_{self.decay:g}" if self.decay else "average"
        return (Feature(f"{_name(self.variable, first, 0)}:{what}", self.variable, first, 0),)

    def values(self, view: View) -> FloatArray:
        """Return the weighted mean of the periods' means."""
        means = view.period_means(self.variable, self.period, self.depth)
        weights = np.asarray((1.0 - self.decay) ** np.arange(self.depth), dtype=np.float64)
        return mean_present(means, weights)[..., None]


@dataclass(frozen=True)
class Profile(Block):
    """The mean of each phase over the last periods, older ones counting less where it decays.

    Args:
        variable: column.
        first: oldest offset of the newest period.
        last: newest offset of it.
        period: steps.
        depth: number of periods.
        decay: share by which a period counts less than the next newer one, in [0, 1).
        width: neighbouring phases that share one feature; divides the number of offsets.
    """

    kind: ClassVar[str] = "profile"
    variable: str
    first: int
    last: int
    period: int
    depth: int
    decay: float = 0.0
    width: int = 1

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per phase, named after its newest value."""
        starts = range(self.first, self.last + 1, self.width)
        oldest = (self.depth - 1) * self.period
        ends = [start + self.width - 1 for start in starts]
        return tuple(
            Feature(
                f"{_name(self.variable, start, end)}:profile_{self.depth}x{self.period}",
                self.variable,
                start - oldest,
                end,
            )
            for start, end in zip(starts, ends, strict=True)
        )

    def values(self, view: View) -> FloatArray:
        """Return the weighted mean over the periods of each phase."""
        windows = [
            view.window(self.variable, self.first - number * self.period, self.last - number * self.period)
            for number in range(self.depth)
        ]
        phases = np.stack(windows, axis=-1)
        weights = np.repeat([(1.0 - self.decay) ** number for number in range(self.depth)], self.width)
        grouped = phases.reshape(*phases.shape[:2], -1, self.width, self.depth).swapaxes(3, 4)
        return mean_present(grouped.reshape(*grouped.shape[:3], -1), weights)


@dataclass(frozen=True)
class Extremes(Block):
    """Highest and lowest value and standard deviation of the last period.

    Args:
        variable: column.
        period: steps.
    """

    kind: ClassVar[str] = "extremes"
    variable: str
    period: int

    def features(self) -> tuple[Feature, ...]:
        """Return the three features."""
        name, first = _name(self.variable, 1 - self.period, 0), 1 - self.period
        return tuple(Feature(f"{name}:{what}", self.variable, first, 0) for what in ("max", "min", "sd"))

    def values(self, view: View) -> FloatArray:
        """Return them; NaN where the period holds no value."""
        window = view.window(self.variable, 1 - self.period, 0)
        mean = mean_present(window)
        high = np.fmax.reduce(window, axis=2)
        low = np.fmin.reduce(window, axis=2)
        return np.stack([high, low, np.sqrt(mean_present((window - mean[..., None]) ** 2))], axis=2)


@dataclass(frozen=True)
class Change(Block):
    """The mean over some offsets, usually ahead, minus the moving average before.

    Args:
        variable: column.
        first: oldest offset of the mean.
        last: newest offset of the mean.
        period: steps.
        depth: number of periods in the moving average.
        until: offset that the moving average ends at.
    """

    kind: ClassVar[str] = "change"
    variable: str
    first: int
    last: int
    period: int
    depth: int
    until: int = 0

    def features(self) -> tuple[Feature, ...]:
        """Return the one feature."""
        oldest = min(self.first, self.until + 1 - self.depth * self.period)
        name = f"{_name(self.variable, self.first, self.last)}:change_{self.depth * self.period}"
        return (Feature(name, self.variable, oldest, max(self.last, self.until)),)

    def values(self, view: View) -> FloatArray:
        """Return the difference."""
        now = mean_present(view.window(self.variable, self.first, self.last))
        before = mean_present(view.period_means(self.variable, self.period, self.depth, until=self.until))
        return np.asarray(now - before)[..., None]


@dataclass(frozen=True)
class Volatility(Block):
    """The logarithm of the origin's scale.

    Args:
        variable: column.
        first: oldest offset that the scale comes from.
        last: newest one.
    """

    kind: ClassVar[str] = "volatility"
    variable: str
    first: int
    last: int

    def features(self) -> tuple[Feature, ...]:
        """Return the one feature."""
        return (
            Feature(f"{_name(self.variable, self.first, self.last)}:log_scale", self.variable, self.first, self.last),
        )

    def values(self, view: View) -> FloatArray:
        """Return the logarithm."""
        return np.log(view.scalings[self.variable].scale)[..., None]


def _name(variable: str, first: int, last: int) -> str:
    return f"{variable}[{first:+d}]" if first == last else f"{variable}[{first:+d}..{last:+d}]"
