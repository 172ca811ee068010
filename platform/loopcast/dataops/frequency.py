"""Regular grids of timestamps, seasonal periods and horizons, all derived from a frequency alias; and its estimate.

Reading and validating timestamps of an update does not belong here, see `loopcast.dataops.updates`.
"""

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.frequencies import to_offset

from loopcast.errors import CallerError

DAY_NS = 86_400_000_000_000
CALENDAR_HORIZON = re.compile(r"^([1-9]\d*)(D|W|M)$")


def step_ns(frequency: str) -> int | None:
    """Return the length of one period in nanoseconds; None for calendar periods (months, quarters, years).

    Args:
        frequency: pandas offset alias, for instance `h`, `15min`, `D`, `MS`.

    Raises:
        CallerError: pandas does not know the alias.

    Examples:
        >>> step_ns("15min") // 1_000_000_000
        900
        >>> step_ns("MS") is None
        True
    """
    try:
        offset = to_offset(frequency)
    except ValueError as error:
        raise CallerError(f"found the frequency {frequency!r}; expected a pandas offset alias") from error
    if isinstance(offset, pd.offsets.Day):
        return DAY_NS * offset.n
    if isinstance(offset, pd.offsets.Week):
        return 7 * DAY_NS * offset.n
    return int(offset.nanos) if isinstance(offset, pd.offsets.Tick) else None


def is_sub_daily(frequency: str) -> bool:
    """Return whether one period is shorter than a day."""
    length = step_ns(frequency)
    return length is not None and length < DAY_NS


def steps_per_day(frequency: str) -> int:
    """Return the number of periods in a day without a clock change; 1 for a day or longer.

    Examples:
        >>> steps_per_day("h"), steps_per_day("15min"), steps_per_day("MS")
        (24, 96, 1)
    """
    length = step_ns(frequency)
    return max(1, DAY_NS // length) if length else 1


def seasonal_periods(frequency: str) -> tuple[int, ...]:
    """Return the seasonal periods in steps, shortest first; `(1,)` where the calendar suggests none.

    Args:
        frequency: pandas offset alias.

    Examples:
        >>> seasonal_periods("h"), seasonal_periods("15min"), seasonal_periods("D")
        ((24, 168), (96, 672), (7,))
        >>> seasonal_periods("W"), seasonal_periods("MS"), seasonal_periods("QS")
        ((52,), (12,), (4,))
    """
    length = step_ns(frequency)
    if length is None:
        per_year = {"M": 12, "B": 12, "Q": 4}
        return (per_year.get(frequency.lstrip("0123456789")[:1], 1),)
    if length < DAY_NS:
        day = DAY_NS // length
        return (day, 7 * day) if day > 1 else (7,)
    return {DAY_NS: (7,), 7 * DAY_NS: (52,)}.get(length, (1,))


def regular_grid(
    start: pd.Timestamp,
    frequency: str,
    *,
    end: pd.Timestamp | None = None,
    periods: int | None = None,
    time_zone: str | None = None,
) -> pd.DatetimeIndex:
    """Return the regular grid from `start`, as stored (naive; UTC where there is a time zone).

    Days and longer periods are stepped in local time, so that a local midnight stays one over clock changes.

    Args:
        start: first stored timestamp, naive.
        frequency: pandas offset alias.
        end: last stored timestamp, naive; give either this or `periods`.
        periods: number of timestamps.
        time_zone: IANA name of the use case's zone, or None for wall-clock time.

    Returns:
        Timestamps of unit microseconds.

    Examples:
        >>> grid = regular_grid(pd.Timestamp("2026-03-28 23:00"), "D", periods=3, time_zone="Europe/Oslo")
        >>> [stamp.hour for stamp in grid]
        [23, 22, 22]
    """
    zoned = time_zone is not None and not is_sub_daily(frequency)
    if zoned:
        start = start.tz_localize("UTC").tz_convert(time_zone)
        end = None if end is None else end.tz_localize("UTC").tz_convert(time_zone)
    if end is not None:
        grid = pd.date_range(start, end, freq=frequency, unit="us")
    else:
        grid = pd.date_range(start, periods=periods or 0, freq=frequency, unit="us")
    return grid.tz_convert("UTC").tz_localize(None) if zoned else grid


def shift_time(moment: pd.Timestamp, frequency: str, steps: int) -> pd.Timestamp:
    """Return the time some steps later on the regular grid, or earlier where steps are negative.

    Args:
        moment: naive time on the grid.
        frequency: pandas offset alias.
        steps: number of periods.

    Examples:
        >>> str(shift_time(pd.Timestamp("2026-03-01"), "MS", -2))
        '2026-01-01 00:00:00'
    """
    return moment if steps == 0 else moment + steps * to_offset(frequency)


def count_periods(start: pd.Timestamp, end: pd.Timestamp, frequency: str) -> int:
    """Return the number of steps from one time on the regular grid to another, negative where that is earlier.

    Examples:
        >>> count_periods(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-03-01"), "MS")
        2
        >>> count_periods(pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-01"), "h")
        -24
    """
    length = step_ns(frequency)
    if length is not None:
        return int((end - start) / pd.Timedelta(length, unit="ns"))
    if end < start:
        return -count_periods(end, start, frequency)
    return len(regular_grid(start, frequency, end=end)) - 1


def local_time(timestamps: pd.DatetimeIndex, time_zone: str | None) -> pd.DatetimeIndex:
    """Return stored timestamps as naive local wall-clock time of unit microseconds."""
    if time_zone is None:
        return timestamps.as_unit("us")
    return timestamps.tz_localize("UTC").tz_convert(time_zone).tz_localize(None).as_unit("us")


def calendar_unit_number(local: npt.NDArray[np.datetime64], unit: Literal["D", "W", "M"]) -> npt.NDArray[np.int64]:
    """Return the running number of the day, week (from Monday) or month each local timestamp lies in."""
    if unit == "M":
        return local.astype("datetime64[M]").astype(np.int64)
    days = local.astype("datetime64[D]").astype(np.int64)
    return days if unit == "D" else (days + 3) // 7


@dataclass(frozen=True)
class Horizon:
    """How far ahead to forecast: a number of steps, or whole local calendar units.

    Args:
        steps: number of periods, or 0 where `count` and `unit` say it.
        count: number of whole calendar units after the one the origin lies in.
        unit: `D`, `W` or `M`.
    """

    steps: int = 0
    count: int = 0
    unit: Literal["D", "W", "M"] = "D"

    @classmethod
    def parse(cls, text: str | int) -> "Horizon":
        """Return the horizon that `24` or `"1D"` means.

        Raises:
            CallerError: neither a positive number of steps nor a number of calendar units.

        Examples:
            >>> Horizon.parse("1D").count, Horizon.parse(48).steps
            (1, 48)
        """
        if str(text).isdecimal() and int(text) > 0:
            return cls(steps=int(text))
        match = CALENDAR_HORIZON.match(str(text))
        if match is None:
            raise CallerError(f"found the horizon {text!r}; expected steps (24) or calendar units (1D, 1W, 1M)")
        unit: Literal["D", "W", "M"] = {"D": "D", "W": "W", "M": "M"}[match[2]]  # type: ignore[assignment]
        return cls(count=int(match[1]), unit=unit)

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return str(self.steps) if self.steps else f"{self.count}{self.unit}"

    def is_inside(self, local: npt.NDArray[np.datetime64], origin: npt.NDArray[np.datetime64]) -> npt.NDArray[np.bool_]:
        """Return which local timestamps a forecast from the origin covers, as far as the calendar says.

        Args:
            local: local timestamps after the origin, any shape.
            origin: local timestamps of the origins, broadcastable.
        """
        if self.steps:
            return np.ones(np.broadcast_shapes(local.shape, origin.shape), dtype=bool)
        last = calendar_unit_number(origin, self.unit) + self.count
        return np.asarray(calendar_unit_number(local, self.unit) <= last)

    def count_steps(self, origin: pd.Timestamp, frequency: str) -> int:
        """Return the number of wall-clock steps from a local origin to the end of the horizon.

        Args:
            origin: local timestamp of the last known period (its start).
            frequency: pandas offset alias.

        Examples:
            >>> Horizon.parse("1D").count_steps(pd.Timestamp("2017-10-01 23:00"), "h")
            24
            >>> Horizon.parse("1D").count_steps(pd.Timestamp("2017-10-01 22:00"), "h")
            25
        """
        if self.steps:
            return self.steps
        days = {"D": 1, "W": 7, "M": 31}[self.unit] * (self.count + 1)
        grid = regular_grid(origin, frequency, periods=days * steps_per_day(frequency) + 1)[1:]
        return int(self.is_inside(grid.to_numpy(), np.asarray(origin.to_datetime64())).sum())


_UNITS_S = (("D", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_MONTHS = {1: "MS", 3: "QS", 12: "YS"}


@dataclass(frozen=True)
class FrequencyEstimate:
    """The sampling period that timestamps seem to have.

    Args:
        frequency: pandas offset alias; None where there are fewer than two timestamps in each series.
        share: share of the steps that have just this length, 0 to 1; gaps and irregular times lower it.
    """

    frequency: str | None
    share: float


def estimate_frequency(timestamps: pd.Series, *, series: pd.DataFrame | None = None) -> FrequencyEstimate:
    """Return the most common step between the timestamps of a series, from seconds to years.

    Gaps and clock changes do not matter as long as most steps are whole; the smaller of equally common steps wins.

    Args:
        timestamps: naive times on the local clock, in any order; NaT is left out.
        series: the columns that tell series apart, with the same rows; None or no columns: one series.

    Examples:
        >>> estimate_frequency(pd.Series(pd.date_range("2026-01-01", periods=9, freq="15min"))).frequency
        '15min'
        >>> estimate_frequency(pd.Series(pd.date_range("2026-01-01", periods=9, freq="MS"))).frequency
        'MS'
    """
    names = [] if series is None else list(series.columns)
    times = pd.DataFrame({"time": timestamps.to_numpy()})
    times["series"] = series.groupby(names, sort=False).ngroup().to_numpy() if series is not None and names else 0
    times = times.dropna().drop_duplicates().sort_values(["series", "time"], ignore_index=True)
    monthly = _estimate_months(times)
    if monthly is not None:
        return monthly
    seconds = times.groupby("series")["time"].diff().dropna().dt.total_seconds()
    counts = seconds[seconds >= 1].round().value_counts().sort_index()
    if counts.empty:
        return FrequencyEstimate(None, 0.0)
    step = int(counts.idxmax())
    weekday = times["time"].dt.weekday.mode()
    return FrequencyEstimate(_name_step(step, int(weekday.iloc[0])), float(counts.max() / counts.sum()))


def _estimate_months(times: pd.DataFrame) -> FrequencyEstimate | None:
    """Return the estimate for times that are all at the start, or all at the end, of months; None for others."""
    stamps = times["time"].dt
    is_midnight = bool((times["time"] == stamps.normalize()).all())
    ending = "S" if bool(stamps.is_month_start.all()) else "E" if bool(stamps.is_month_end.all()) else None
    if ending is None or not is_midnight:
        return None
    number = stamps.year * 12 + stamps.month
    steps = number.groupby(times["series"]).diff().dropna()
    counts = steps.value_counts().sort_index()
    if counts.empty:
        return None
    months = int(counts.idxmax())
    base = max(length for length in _MONTHS if months % length == 0)
    alias = _MONTHS[base][0] + ending
    return FrequencyEstimate(alias if months == base else f"{months // base}{alias}", float(counts.max() / len(steps)))


def _name_step(seconds: int, weekday: int) -> str:
    """Return the alias of a step, of whole weeks by the weekday they begin on."""
    if seconds % (7 * 86_400) == 0:
        weeks = seconds // (7 * 86_400)
        return f"{'' if weeks == 1 else weeks}W-{_WEEKDAYS[weekday]}"
    unit, length = next((unit, length) for unit, length in _UNITS_S if seconds % length == 0)
    return unit if seconds == length else f"{seconds // length}{unit}"
