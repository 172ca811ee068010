"""The calendar member: what the target usually is at that time of year, weekday and time of day, on its newest level.

For horizons so long that the last values tell little. What looks at the values before an origin does not belong here.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.errors import ModelError
from loopcast.zoo.arrays import FloatArray, IntArray, as_floats, from_floats, take_positions
from loopcast.zoo.holiday import holiday_of_days
from loopcast.zoo.members.base import Contributions, FittedMember, Json, Member, Offset, Situation, Term
from loopcast.zoo.panel import Panel

HALF_LIFE_YEARS = 2.0  # after which a value counts half
YEAR_WAVES, DAY_WAVES = 3, 12  # harmonics of the yearly and of the daily profile
CHANGING_DAY_WAVES, CHANGING_YEAR_WAVES = 4, 2  # those of the daily profile, and of weekdays, that change over the year
RIDGE_DAYS, TREND_RIDGE_DAYS = 0.125, 30.0  # penalties, in days of data
FEWEST_DAYS = 14
TERMS = ("level", "time of year", "kind of day", "time of day")
YEAR_DAYS = 365.25


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

    def columns(self, local: pd.DatetimeIndex) -> tuple[FloatArray, IntArray]:
        """Return the columns of each time, shape (T, K), and the number of the term each belongs to, shape (K,).

        The first column is constant; the trend, which ends at the origin, has none.
        """
        hours = (local.hour + local.minute / 60.0).to_numpy()
        year = waves((local.dayofyear.to_numpy() - 1 + hours / 24.0) / YEAR_DAYS, YEAR_WAVES)
        day = waves(hours / 24.0, min(DAY_WAVES, self.per_day // 2))
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


@dataclass(frozen=True, eq=False)
class Sums:
    """What was learned of each series: sums over its values, older ones counting less.

    Args:
        gram: products of columns, the trend last, shape (S, K + 1, K + 1).
        moment: products of columns and target, shape (S, K + 1).
    """

    gram: FloatArray
    moment: FloatArray

    def forget(self, steps: IntArray, half_life: float) -> "Sums":
        """Return the sums some steps later, shape (S,)."""
        share = 0.5 ** (steps / half_life)
        return Sums(self.gram * share[:, None, None], self.moment * share[:, None])

    def add(self, panel: Panel, calendar: Calendar, since: IntArray, ends: IntArray) -> "Sums":
        """Return the sums with the values after `since` up to `ends`."""
        gram, moment = self.gram.copy(), self.moment.copy()
        first, last = max(0, int(since.min()) + 1), int(ends.max()) + 1
        if first >= last:
            return self
        local = panel.local[first:last]
        design = np.column_stack([calendar.columns(local)[0], calendar.years(local)])
        target = panel.measured(panel.spec.target)[:, first:last]
        position = np.arange(first, last)
        half_life = HALF_LIFE_YEARS * YEAR_DAYS * calendar.per_day
        for series in range(len(ends)):
            rows = np.isfinite(target[series]) & (position > since[series]) & (position <= ends[series])
            chosen = design[rows]
            weighted = chosen * 0.5 ** ((ends[series] - position[rows]) / half_life)[:, None]
            gram[series] += weighted.T @ chosen
            moment[series] += weighted.T @ target[series, rows]
        return Sums(gram, moment)

    def solve(self, per_day: int) -> FloatArray:
        """Return the ridge coefficients, shape (S, K + 1); NaN for a series without a value."""
        penalty = np.full(self.gram.shape[1], RIDGE_DAYS * per_day)
        penalty[0], penalty[-1] = 1e-9, TREND_RIDGE_DAYS * per_day
        made = np.linalg.solve(self.gram + np.diag(penalty), self.moment[..., None])[..., 0]
        return np.where(self.gram[:, :1, 0] > 0, made, np.nan)


class CalendarProfile(Member):
    """Ridge regression on the calendar; `parameters`: none."""

    kind = "calendar_profile"

    def fit(self, panel: Panel, situation: Situation, ends: IntArray) -> "FittedCalendarProfile":
        """Return the profile of each series."""
        days = (
            int(np.isfinite(panel.y[:, : int(ends.max(initial=-1)) + 1]).sum(axis=1).max(initial=0)) / situation.stride
        )
        if days < FEWEST_DAYS:
            raise ModelError(f"found {days:.1f} days of history; a calendar profile needs {FEWEST_DAYS}")
        calendar = Calendar(situation.stride, situation.holidays, panel.local[int(ends.max())].isoformat())
        width = calendar.columns(panel.local[:1])[0].shape[1] + 1
        nothing = Sums(np.zeros((len(ends), width, width)), np.zeros((len(ends), width)))
        sums = nothing.add(panel, calendar, np.full(len(ends), -1, dtype=np.int64), ends)
        return FittedCalendarProfile(self.name, panel.spec.target, situation.steps, calendar, sums)


class FittedCalendarProfile(FittedMember):
    """See `CalendarProfile`."""

    kind = "calendar_profile"

    def __init__(self, name: str, target: str, steps: int, calendar: Calendar, sums: Sums) -> None:
        """Keep what was learned."""
        self.name, self.target, self.steps, self.calendar, self.sums = name, target, steps, calendar, sums
        self.coefficients = sums.solve(calendar.per_day)

    def update(self, panel: Panel, ends: IntArray, *, since: IntArray) -> "FittedCalendarProfile":
        """Return the profile after new values; the cost does not depend on the history."""
        half_life = HALF_LIFE_YEARS * YEAR_DAYS * self.calendar.per_day
        sums = self.sums.forget(np.maximum(ends - since, 0), half_life).add(panel, self.calendar, since, ends)
        return FittedCalendarProfile(self.name, self.target, self.steps, self.calendar, sums)

    def predict(self, panel: Panel, origins: IntArray) -> FloatArray:
        """Return the profile at the targets' times on the level of the origin."""
        return np.asarray(self._addends(panel, origins).sum(axis=3))

    def contributions(self, panel: Panel, origins: IntArray) -> Contributions:
        """Return level with trend, time of year, kind of day, and time of day with what kinds of day do to it."""
        return Contributions(tuple(Term(name, "") for name in TERMS), self._addends(panel, origins))

    def _addends(self, panel: Panel, origins: IntArray) -> FloatArray:
        beyond = int(np.max(origins, initial=0)) + self.steps + 1 - len(panel.local)
        grid = panel.extend(max(0, beyond)).local
        known = origins >= 0
        first = int(origins[known].min()) if known.any() else 0
        columns, term = self.calendar.columns(grid[first:])
        positions = origins[:, :, None] - first + np.arange(1, self.steps + 1)
        parts = [
            take_positions(self.coefficients[:, :-1][:, term == number] @ columns[:, term == number].T, positions)
            for number in range(len(TERMS))
        ]
        years = self.calendar.years(grid[np.clip(origins, 0, None).ravel()]).reshape(origins.shape)
        parts[0] = parts[0] + (self.coefficients[:, -1:] * years)[:, :, None]
        return np.where(known[:, :, None, None], np.stack(parts, axis=3), np.nan)

    def offsets(self) -> tuple[Offset, ...]:
        """Return the origin's value: nothing before it is looked at."""
        return (Offset(self.target, 0, 0),)

    def importances(self) -> Mapping[str, float]:
        """Return the calendar alone."""
        return {"": 100.0}

    def to_document(self) -> Json:
        """Return calendar, coefficients to be read, and sums as arrays."""
        return {
            "name": self.name,
            "target": self.target,
            "steps": self.steps,
            "per_day": self.calendar.per_day,
            "place": self.calendar.place,
            "anchor": self.calendar.anchor,
            "coefficients": as_floats(self.coefficients),
            "gram": self.sums.gram,
            "moment": self.sums.moment,
        }

    @classmethod
    def from_document(cls, document: Json) -> "FittedCalendarProfile":
        """Return the member that `to_document` wrote."""
        calendar = Calendar(document["per_day"], document["place"], document["anchor"])
        sums = Sums(from_floats(document["gram"]), from_floats(document["moment"]))
        return cls(document["name"], document["target"], document["steps"], calendar, sums)
