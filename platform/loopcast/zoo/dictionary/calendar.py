"""Blocks of calendar features: phases of a period, the season of the year, holidays on the days that matter.

Anything that looks at a value does not belong here.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.dictionary.blocks import Block, Feature
from loopcast.zoo.dictionary.view import View
from loopcast.zoo.holiday import holiday_of_days

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
YEAR_DAYS = 365.25


@dataclass(frozen=True)
class Weekdays(Block):
    """The weekday of the first step ahead, one feature per day."""

    kind: ClassVar[str] = "weekdays"

    def features(self) -> tuple[Feature, ...]:
        """Return the seven features."""
        return tuple(Feature(f"weekday:{name}", "") for name in WEEKDAYS)

    def values(self, view: View) -> FloatArray:
        """Return 1 for the weekday, else 0."""
        weekday = view.times(1).dayofweek.to_numpy().reshape(view.origins.shape)
        return np.asarray(weekday[..., None] == np.arange(7), dtype=np.float64)


@dataclass(frozen=True)
class Weekend(Block):
    """Whether the first step ahead lies on a Saturday or a Sunday.

    Args:
        apart: one feature for each of them, instead of one for both.
    """

    kind: ClassVar[str] = "weekend"
    apart: bool = False

    def features(self) -> tuple[Feature, ...]:
        """Return the features."""
        names = WEEKDAYS[5:] if self.apart else ("weekend",)
        return tuple(Feature(f"weekday:{name}", "") for name in names)

    def values(self, view: View) -> FloatArray:
        """Return 1 for such a day, else 0."""
        weekday = view.times(1).dayofweek.to_numpy().reshape(view.origins.shape)
        days = np.stack([weekday == 5, weekday == 6], axis=2).astype(np.float64)
        return days if self.apart else days.sum(axis=2, keepdims=True)


@dataclass(frozen=True)
class Phases(Block):
    """Where in a period the first step ahead lies, one feature per phase.

    Args:
        period: steps.
    """

    kind: ClassVar[str] = "phases"
    period: int

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per phase."""
        return tuple(Feature(f"phase_{self.period}:{number}", "") for number in range(self.period))

    def values(self, view: View) -> FloatArray:
        """Return 1 for the phase, else 0."""
        phase = (view.number + view.origins + 1) % self.period
        return np.asarray(phase[..., None] == np.arange(self.period), dtype=np.float64)


@dataclass(frozen=True)
class Fourier(Block):
    """Sine and cosine of where in a period the first step ahead lies.

    Args:
        period: steps.
        order: number of harmonics.
    """

    kind: ClassVar[str] = "fourier"
    period: int
    order: int

    def features(self) -> tuple[Feature, ...]:
        """Return the sines, then the cosines."""
        return _waves(f"period_{self.period}", self.order)

    def values(self, view: View) -> FloatArray:
        """Return the waves."""
        return _wave_values((view.number + view.origins + 1) / self.period, self.order)


@dataclass(frozen=True)
class Year(Block):
    """Sine and cosine of the day of the year of the first step ahead.

    Args:
        order: number of harmonics.
    """

    kind: ClassVar[str] = "year"
    order: int

    def features(self) -> tuple[Feature, ...]:
        """Return the sines, then the cosines."""
        return _waves("year", self.order)

    def values(self, view: View) -> FloatArray:
        """Return the waves."""
        day = view.times(1).dayofyear.to_numpy().reshape(view.origins.shape)
        return _wave_values(day / YEAR_DAYS, self.order)


@dataclass(frozen=True)
class Holidays(Block):
    """Whether some days are public holidays.

    Args:
        place: ISO country or subdivision.
        days: days relative to that of the origin; past ones matter because their values are looked at.
    """

    kind: ClassVar[str] = "holidays"
    place: str
    days: tuple[int, ...]

    def features(self) -> tuple[Feature, ...]:
        """Return one feature per day."""
        return tuple(Feature(f"holiday:day{day:+d}", "") for day in self.days)

    def values(self, view: View) -> FloatArray:
        """Return 1 for a holiday, else 0."""
        origin = view.times(0)
        shifted = [holiday_of_days(origin + np.timedelta64(day, "D"), self.place) for day in self.days]
        is_holiday = np.array([[bool(name) for name in names] for names in shifted], dtype=np.float64)
        return np.asarray(is_holiday.T).reshape(*view.origins.shape, len(self.days))


def _waves(name: str, order: int) -> tuple[Feature, ...]:
    return tuple(Feature(f"{name}:{wave}_{number}", "") for wave in ("sin", "cos") for number in range(1, order + 1))


def _wave_values(phase: FloatArray, order: int) -> FloatArray:
    angle = 2.0 * np.pi * phase[..., None] * np.arange(1, order + 1)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1)
