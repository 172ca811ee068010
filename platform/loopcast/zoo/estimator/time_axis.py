"""Which time of a pandas index is which position on a regular grid, and back: real times, periods and integers.

Values do not belong here; series and their values are in `loopcast.zoo.estimator.sktime_panel`.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.frequency import (
    count_periods,
    estimate_frequency,
    is_sub_daily,
    regular_grid,
    shift_time,
    step_ns,
)
from loopcast.errors import DataError
from loopcast.zoo.arrays import IntArray

INTEGER_START = pd.Timestamp("1700-01-01")  # integers are laid on a grid of days: room for 200,000 steps


@dataclass(frozen=True)
class TimeAxis:
    """The regular grid that an index lies on; position 0 is its first time.

    Args:
        dtype: of the index: datetime64, period or integer, as pandas writes it.
        frequency: pandas offset alias of the grid.
        start: local time at which the period at position 0 starts, naive.
        first: number of position 0: the integer itself, or the ordinal of the period; 0 for times.
        step: integers, or ordinals, between two positions.
        time_zone: of the index; None for naive times.
        name: of the index.
    """

    dtype: str
    frequency: str
    start: pd.Timestamp
    first: int = 0
    step: int = 1
    time_zone: str | None = None
    name: Hashable = None

    @property
    def is_integer(self) -> bool:
        """Whether time is a number, without a calendar."""
        return not self.dtype.startswith(("datetime", "period"))

    def number(self, times: pd.Index) -> IntArray:
        """Return the position of each time; negative before the start.

        Raises:
            DataError: a time that does not lie on the grid, or an index of another kind.

        Examples:
            >>> find_axis(pd.RangeIndex(3, 9)).number(pd.Index([3, 10])).tolist()
            [0, 7]
        """
        if _kind(times) != ("integer" if self.is_integer else self.dtype.partition("[")[0].rstrip("0123456789")):
            raise DataError(f"found times of {times.dtype}; expected {self.dtype}, as in the data it was fitted on")
        if isinstance(times, pd.PeriodIndex):
            return _divide(times.asi8 - self.first, self.step, times)
        if not isinstance(times, pd.DatetimeIndex):
            return _divide(times.to_numpy(dtype=np.int64) - self.first, self.step, times)
        local, length = _local(times), step_ns(self.frequency)
        if length is not None:
            return _divide(local.asi8 - self.start.as_unit("us").to_numpy().astype(np.int64), length // 1000, times)
        low = min(self.start, local.min())
        grid = regular_grid(low, self.frequency, end=local.max())
        found = grid.get_indexer(local)
        if (found < 0).any():
            raise _off_grid(times[found < 0], self.frequency)
        return np.asarray(found - count_periods(low, self.start, self.frequency), dtype=np.int64)

    def label(self, positions: IntArray) -> pd.Index:
        """Return the times at positions as the index has them; with a frequency where they follow one another."""
        numbers = self.first + self.step * positions
        if self.is_integer:
            return pd.Index(numbers, dtype=self.dtype, name=self.name)
        if self.dtype.startswith("period"):
            freq = self.dtype.removeprefix("period[").removesuffix("]")
            return pd.PeriodIndex(pd.arrays.PeriodArray(numbers, dtype=pd.PeriodDtype(freq)), name=self.name)
        return self._stamp(self._times(positions), follow=len(positions) > 0 and bool((np.diff(positions) == 1).all()))

    def ahead(self, ends: IntArray, steps: IntArray) -> tuple[pd.Index, IntArray]:
        """Return the times some steps after each end, series by series, and their positions of shape (S, F).

        An hour that the clock skips or repeats is a step like any other.
        """
        if self.time_zone is None or not is_sub_daily(self.frequency):
            positions = ends[:, None] + steps
            return self.label(positions.ravel()), positions
        after = steps_later(np.tile(steps, len(ends)), step_ns(self.frequency) or 0)
        times = self.label(np.repeat(ends, len(steps))) + after
        return times.rename(self.name), self.number(times).reshape(len(ends), len(steps))

    def local(self, periods: int) -> pd.DatetimeIndex:
        """Return the local times at which the periods at positions 0, 1, ... start."""
        return regular_grid(self.start, self.frequency, periods=periods)

    def starting(self, position: int) -> "TimeAxis":
        """Return the axis whose position 0 is this one's `position`."""
        start = shift_time(self.start, self.frequency, position)
        moved = 0 if self.dtype.startswith("datetime") else self.step * position
        return replace(self, start=start, first=self.first + moved)

    def _times(self, positions: IntArray) -> pd.DatetimeIndex:
        length = step_ns(self.frequency)
        if length is not None:
            return pd.DatetimeIndex(self.start.as_unit("us").to_numpy() + steps_later(positions, length))
        low = min(0, int(positions.min(initial=0)))
        start = shift_time(self.start, self.frequency, low)
        grid = regular_grid(start, self.frequency, periods=int(positions.max(initial=0)) + 1 - low)
        return grid.take(positions - low)

    def _stamp(self, times: pd.DatetimeIndex, *, follow: bool) -> pd.DatetimeIndex:
        if self.time_zone is not None:
            first = np.ones(len(times), dtype=bool)
            times = times.tz_localize(self.time_zone, ambiguous=first, nonexistent="shift_forward")
            return pd.DatetimeIndex(times.astype(self.dtype), name=self.name)
        times = pd.DatetimeIndex(times.astype(self.dtype), name=self.name)
        return pd.DatetimeIndex(times, freq=self.frequency) if follow else times


def find_axis(times: pd.Index) -> TimeAxis:
    """Return the regular grid that times lie on.

    Args:
        times: unique and sorted; gaps are allowed.

    Raises:
        DataError: neither times nor periods nor integers.

    Examples:
        >>> find_axis(pd.period_range("2026-01", periods=3, freq="Q")).frequency
        'QS-JAN'
        >>> find_axis(pd.Index([5, 10, 20])).step
        5
    """
    kind, dtype, name = _kind(times), str(times.dtype), times.name
    if isinstance(times, pd.PeriodIndex):
        offset, start = pd.PeriodDtype(times.freqstr).freq, times[0].start_time.as_unit("us")
        frequency = period_frequency(offset, start)
        return TimeAxis(dtype, frequency, start, first=int(times.asi8[0]), step=int(offset.n), name=name)
    if isinstance(times, pd.DatetimeIndex):
        zone = None if times.tz is None else str(times.tz)
        return TimeAxis(dtype, _find_frequency(times), _local(times)[0], time_zone=zone, name=name)
    if kind != "integer":
        raise DataError(f"found an index of {dtype}; expected times, periods or integers")
    numbers = times.to_numpy(dtype=np.int64)
    step = int(np.gcd.reduce(np.diff(numbers))) if len(numbers) > 1 else 1
    return TimeAxis(dtype, "D", INTEGER_START, first=int(numbers[0]), step=max(1, step), name=name)


def period_frequency(offset: pd.offsets.BaseOffset, start: pd.Timestamp) -> str:
    """Return the alias of the grid on which periods start.

    Args:
        offset: of the periods.
        start: of one of them.
    """
    unit, many = offset.name.partition("-")[0].removesuffix("E"), "" if offset.n == 1 else str(offset.n)
    if unit == "W":
        return f"{many}W-{start.day_name()[:3].upper()}"
    if unit in {"Q", "Y"}:
        return f"{many}{unit}S-{start.month_name()[:3].upper()}"
    return f"{many}MS" if unit == "M" else str(offset.freqstr)


def steps_later(steps: IntArray, length: int) -> npt.NDArray[np.timedelta64]:
    """Return the time that steps of so many nanoseconds take, in microseconds."""
    return np.asarray(steps * (length // 1000)).astype("timedelta64[us]")


def _find_frequency(times: pd.DatetimeIndex) -> str:
    """Return the alias of an index: its own, or what most of its steps are; a single time counts as a day."""
    if times.freq is not None:
        return str(times.freq.freqstr)
    local = _local(times)
    inferred = pd.infer_freq(local) if len(local) > 2 else None
    return inferred or estimate_frequency(pd.Series(local)).frequency or "D"


def _kind(times: pd.Index) -> str:
    if isinstance(times, pd.PeriodIndex):
        return "period"
    if isinstance(times, pd.DatetimeIndex):
        return "datetime"
    return "integer" if pd.api.types.is_integer_dtype(times.dtype) else str(times.dtype)


def _local(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return times.tz_localize(None).as_unit("us") if times.tz is not None else times.as_unit("us")


def _divide(distance: IntArray, length: int, times: pd.Index) -> IntArray:
    positions, rest = np.divmod(np.asarray(distance, dtype=np.int64), length)
    if rest.any():
        raise _off_grid(times[rest != 0], f"every {length}")
    return np.asarray(positions, dtype=np.int64)


def _off_grid(times: pd.Index, grid: str) -> DataError:
    return DataError(f"found the time {times[0]} ({len(times)} in all); expected the regular grid ({grid})")
