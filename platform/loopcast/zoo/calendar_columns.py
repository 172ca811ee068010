"""Columns of the calendar: time of year, kind of day, time of day, and what they do to each other.

What is regressed on them does not belong here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.holiday import holiday_of_days

YEAR_DAYS = 365.25
YEAR_WAVES, DAY_WAVES = 3, 12  # harmonics of the yearly and of the daily profile
CHANGING_DAY_WAVES, CHANGING_YEAR_WAVES = 4, 2  # those of the daily profile, and of weekdays, that change over the year
TERMS = ("level", "time of year", "kind of day", "time of day")


@dataclass(frozen=True)
class Calendar:
    """How times become columns.

    Args:
        per_day: steps in a day, at least 1.
        place: where public holidays are taken from, or None.
        anchor: local time from which years are counted, ISO 8601.
    """

    per_day: int
    place: str | None
    anchor: str

    def years(self, local: pd.DatetimeIndex) -> FloatArray:
        """Return the years from the anchor to each time."""
        return np.asarray((local - pd.Timestamp(self.anchor)) / pd.Timedelta(days=YEAR_DAYS), dtype=np.float64)

    @property
    def day_count(self) -> int:
        """Number of harmonics of the daily profile."""
        return min(DAY_WAVES, self.per_day // 2)

    def day_waves(self, local: pd.DatetimeIndex) -> FloatArray:
        """Return the harmonics of the time of day, shape (T, 2 day_count)."""
        return waves((local.hour + local.minute / 60.0).to_numpy() / 24.0, self.day_count)

    def columns(self, local: pd.DatetimeIndex) -> tuple[FloatArray, IntArray]:
        """Return the columns of each time, shape (T, K), and the number of the term each belongs to, shape (K,).

        The first column is constant; the trend, which ends at the origin, has none.
        """
        hours = (local.hour + local.minute / 60.0).to_numpy()
        year = waves((local.dayofyear.to_numpy() - 1 + hours / 24.0) / YEAR_DAYS, YEAR_WAVES)
        day = self.day_waves(local)
        weekday = local.dayofweek.to_numpy()
        free = np.array([bool(name) for name in holiday_of_days(local, self.place)], dtype=bool)
        kind = np.where(free, 3, np.maximum(weekday - 4, 0))
        kinds, days = np.eye(4)[kind], np.eye(8)[np.where(free, 7, weekday)]
        parts = [
            (0, np.ones((len(local), 1))),
            (1, year),
            (2, days),
            (2, cross(kinds[:, 1:], year[:, : 2 * CHANGING_YEAR_WAVES])),
            (3, cross(kinds, day)),
            (3, cross(year, day[:, : 2 * CHANGING_DAY_WAVES])),
        ]
        term = np.concatenate([np.full(part.shape[1], number, dtype=np.int64) for number, part in parts])
        return np.concatenate([part for _, part in parts], axis=1), term


def waves(phase: FloatArray, count: int) -> FloatArray:
    """Return sines and cosines of the first harmonics, shape (T, 2 count).

    Args:
        phase: in periods, shape (T,).
        count: number of harmonics.
    """
    angle = 2.0 * np.pi * phase[:, None] * np.arange(1, count + 1)
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(len(phase), 2 * count)


def cross(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return all products of columns, shape (T, left columns x right columns)."""
    return np.asarray((left[:, :, None] * right[:, None]).reshape(len(left), -1))
