"""The data as members see them: series times a regular grid, with gaps as NaN, and local wall-clock time.

Reading versions and filling gaps do not belong here: a panel never invents a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods, is_sub_daily, local_time, regular_grid, step_ns
from loopcast.dataops.table import TableSpec
from loopcast.errors import DataError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, TimeArray, last_present


@dataclass(frozen=True, eq=False)
class Panel:
    """One or many series on a common regular grid.

    Args:
        spec: the table's specification.
        keys: one row per series with its series keys; no columns for a single series. Length S.
        local: regular grid of the local wall-clock times at which the periods start, length T. An hour that the
            clock skips is a missing value, of an hour that it repeats the first one counts.
        y: target, shape (S, T), NaN = missing.
        x: number predictors by name, each of shape (S, T).
        ignored: predictors that no member uses, with the reason.
        imputed: which values were filled in and not measured, per variable of shape (S, T); empty: none.
        codes: category predictors by name, each of shape (S, T): the number of the level, NaN = missing.
        levels: what the codes mean, per category predictor; another panel of the same data may have other levels.
    """

    spec: TableSpec
    keys: pd.DataFrame
    local: pd.DatetimeIndex
    y: FloatArray
    x: Mapping[str, FloatArray]
    ignored: Mapping[str, str]
    imputed: Mapping[str, BoolArray] = field(default_factory=lambda: MappingProxyType({}))
    codes: Mapping[str, FloatArray] = field(default_factory=lambda: MappingProxyType({}))
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def known_ahead(self) -> tuple[str, ...]:
        """Names of the number predictors whose values are known for the whole horizon."""
        return tuple(v.name for v in self.spec.predictors if v.known_ahead and v.name in self.x)

    @property
    def last(self) -> IntArray:
        """Position of each series' last present target, shape (S,); -1 where there is none."""
        return last_present(self.y)

    def time_of_day(self, positions: IntArray) -> IntArray:
        """Return the local minute of the day at positions; 0 for periods of a day or longer."""
        if not is_sub_daily(self.spec.frequency):
            return np.zeros(positions.shape, dtype=np.int64)
        times = self.local.to_numpy()[np.clip(positions, 0, None)]
        minutes = (times - times.astype("datetime64[D]")).astype("timedelta64[m]").astype(np.int64)
        return np.where(positions >= 0, minutes, -1)

    def times(self, positions: IntArray) -> TimeArray:
        """Return the local times at positions; NaT before the start."""
        times = self.local.to_numpy()[np.clip(positions, 0, None)]
        return np.where(positions >= 0, times, np.datetime64("NaT"))

    def select(self, series: IntArray) -> "Panel":
        """Return the panel of some series, in the order asked for."""
        x = MappingProxyType({name: values[series] for name, values in self.x.items()})
        keys = self.keys.iloc[series].reset_index(drop=True)
        imputed = MappingProxyType({name: mask[series] for name, mask in self.imputed.items()})
        codes = MappingProxyType({name: values[series] for name, values in self.codes.items()})
        return replace(self, keys=keys, y=self.y[series], x=x, imputed=imputed, codes=codes)

    def since(self, start: int) -> "Panel":
        """Return the panel from a position on."""
        x = MappingProxyType({name: values[:, start:] for name, values in self.x.items()})
        imputed = MappingProxyType({name: mask[:, start:] for name, mask in self.imputed.items()})
        codes = MappingProxyType({name: values[:, start:] for name, values in self.codes.items()})
        return replace(self, local=self.local[start:], y=self.y[:, start:], x=x, imputed=imputed, codes=codes)

    def values(self, name: str) -> FloatArray:
        """Return a variable's values or codes, shape (S, T); all missing where the panel does not have it."""
        if name == self.spec.target:
            return self.y
        known = self.x if name in self.x else self.codes
        return known[name] if name in known else np.full(self.y.shape, np.nan)

    def measured(self, name: str) -> FloatArray:
        """Return a variable's values with imputed ones missing, shape (S, T)."""
        values = self.values(name)
        return np.where(self.imputed[name], np.nan, values) if name in self.imputed else values

    def extend(self, periods: int) -> "Panel":
        """Return the panel with `periods` more timestamps at the end, all values missing there."""
        grid = regular_grid(self.local[0], self.spec.frequency, periods=len(self.local) + periods)
        pad = ((0, 0), (0, periods))
        x = {name: np.pad(values, pad, constant_values=np.nan) for name, values in self.x.items()}
        y = np.pad(self.y, pad, constant_values=np.nan)
        imputed = MappingProxyType({name: np.pad(mask, pad) for name, mask in self.imputed.items()})
        codes = {name: np.pad(values, pad, constant_values=np.nan) for name, values in self.codes.items()}
        return replace(self, local=grid, y=y, x=MappingProxyType(x), imputed=imputed, codes=MappingProxyType(codes))

    def cut(self, origins: IntArray, *, ahead: int | None = None) -> "Panel":
        """Return the panel as it was known at each series' origin: later targets and predictors missing.

        Predictors that ended before the last target, or ran on after it, do so relative to the origin as well, so
        that the shape of the end is the same. One that is declared as known ahead, and has no value after the last
        target, counts as known for `ahead` steps. A gap that the origin lies in was filled from later values: it is
        a gap again.

        Args:
            origins: position of the last known target, shape (S,).
            ahead: steps of the horizon: the grid ends so many steps after the newest origin, and nothing beyond is
                known. None: the grid stays, and predictors known ahead keep all their values.
        """
        known = self if ahead is None else self._until(int(origins.max()) + 1 + ahead)
        y = known.known_until(self.spec.target, origins)
        made = {**known.x, **known.codes}
        for name in made:
            lead = last_present(self.values(name)) - self.last
            if not self.spec.variable(name).known_ahead:
                made[name] = known.known_until(name, origins + np.minimum(lead, 0))
            elif ahead is not None:
                made[name] = known.known_until(name, origins + np.where(lead > 0, np.minimum(lead, ahead), ahead))
        x = MappingProxyType({name: made[name] for name in self.x})
        return replace(known, y=y, x=x, codes=MappingProxyType({name: made[name] for name in self.codes}))

    def _until(self, stop: int) -> "Panel":
        """Return the panel on a grid of `stop` timestamps, cut off or extended."""
        if stop > len(self.local):
            return self.extend(stop - len(self.local))
        x = MappingProxyType({name: values[:, :stop] for name, values in self.x.items()})
        imputed = MappingProxyType({name: mask[:, :stop] for name, mask in self.imputed.items()})
        codes = MappingProxyType({name: values[:, :stop] for name, values in self.codes.items()})
        return replace(self, local=self.local[:stop], y=self.y[:, :stop], x=x, imputed=imputed, codes=codes)

    def known_until(self, name: str, ends: IntArray) -> FloatArray:
        """Return a variable's values up to each series' end, without imputed ones that nothing measured follows."""
        values, time = self.values(name), np.arange(len(self.local))
        if name not in self.imputed and len(ends) and (ends == ends[0]).all():
            known = np.full(values.shape, np.nan)
            stop = max(0, int(ends[0]) + 1)
            known[:, :stop] = values[:, :stop]
            return known
        before = time <= ends[:, None]
        if name in self.imputed:
            before &= time <= last_present(np.where(before, self.measured(name), np.nan))[:, None]
        return np.where(before, values, np.nan)


def find_positions(panel: Panel, times: TimeArray) -> IntArray:
    """Return the positions of local times on a panel's grid, negative before its start; -1 for NaT."""
    unique, inverse = np.unique(times, return_inverse=True)
    start, frequency = panel.local[0], panel.spec.frequency
    places = [-1 if pd.isna(time) else count_periods(start, pd.Timestamp(time), frequency) for time in unique]
    return np.array(places, dtype=np.int64)[inverse].reshape(times.shape)


def find_predictor_ends(panel: Panel, steps: int) -> tuple[tuple[str, int], ...]:
    """Return the shape of a panel's end: steps from the last target to each predictor's last value.

    The series whose value ended first counts. At most 0 for a measured predictor; 1 .. steps for one known ahead, where
    one without any value after the last target counts as known throughout, as it is declared.

    Args:
        panel: the data.
        steps: of the horizon.
    """
    found = []
    for name, values in panel.x.items():
        there = np.isfinite(values).any(axis=1) & (panel.last >= 0)
        if there.any():
            lead = int((last_present(values) - panel.last)[there].min())
            ahead = min(lead, steps) if lead > 0 else steps
            found.append((name, ahead if name in panel.known_ahead else min(lead, 0)))
    return tuple(found)


def lacks_horizon(panel: Panel, origins: IntArray) -> bool:
    """Return whether a predictor known ahead has no value after the origins, shape (S,), in any series."""
    asked = origins >= 0
    return any((last_present(panel.x[name]) <= origins)[asked].all() for name in panel.known_ahead) and bool(
        asked.any()
    )


def local_starts(stored: pd.DatetimeIndex, spec: TableSpec) -> pd.DatetimeIndex:
    """Return the local wall-clock time at which each stored period starts."""
    return local_time(stored - marks_shift(spec), spec.time_zone)


def marks_shift(spec: TableSpec) -> pd.Timedelta:
    """Return by how much a stored timestamp lies after the start of its period."""
    length = step_ns(spec.frequency)
    if spec.timestamp_marks == "start" or length is None:
        return pd.Timedelta(0)
    return pd.Timedelta(length, unit="ns")


def stored_timestamps(local: pd.DatetimeIndex, spec: TableSpec) -> pd.DatetimeIndex:
    """Return local period starts as stored; NaT where the clock skips that time, the first of two repeated ones."""
    if spec.time_zone is not None:
        first = np.ones(len(local), dtype=bool)
        zoned = local.tz_localize(spec.time_zone, ambiguous=first, nonexistent="NaT")
        local = zoned.tz_convert("UTC").tz_localize(None)
    return (local + marks_shift(spec)).as_unit("us")


def panel_from_frame(frame: pd.DataFrame, spec: TableSpec) -> Panel:
    """Return the panel of a dataset frame; rows that are not there become missing values.

    Args:
        frame: dataset frame: keys, timestamp, variables; unique keys, any order.
        spec: the table's specification.

    Raises:
        DataError: no rows, a missing column, a timestamp off the grid or a key that occurs twice.
    """
    absent = [name for name in (*spec.keys, spec.target) if name not in frame.columns]
    if absent or frame.empty:
        raise DataError(
            f"found {len(frame)} rows without {absent or 'any row'}; expected {list(spec.keys)} and {spec.target}"
        )
    stamps = local_starts(pd.DatetimeIndex(frame[spec.timestamp]).as_unit("us"), spec)
    grid = regular_grid(stamps.min(), spec.frequency, end=stamps.max())
    column = grid.get_indexer(stamps)
    if (column < 0).any():
        wrong = stamps[column < 0][0]
        raise DataError(f"found the timestamp {wrong}; expected the grid of {spec.frequency} from {grid[0]}")
    row, keys = number_series(frame, spec)
    if frame.duplicated(list(spec.keys)).any():
        raise DataError(f"found a key twice; expected unique {list(spec.keys)}")
    cells = (row * len(grid) + column)[::-1]  # the first of a repeated local hour is written last and stays
    shape = (len(keys), len(grid))
    numbers = [v.name for v in spec.predictors if v.kind == "number" and v.name in frame.columns]
    x = {name: scatter_values(frame[name], cells, shape) for name in numbers}
    texts = [v.name for v in spec.predictors if v.kind == "category" and v.name in frame.columns]
    coded = {name: pd.factorize(frame[name], sort=True) for name in texts}
    codes = {
        name: scatter_values(pd.Series(found).where(found >= 0), cells, shape) for name, (found, _) in coded.items()
    }
    return Panel(
        spec=spec,
        keys=keys,
        local=grid,
        y=scatter_values(frame[spec.target], cells, shape),
        x=MappingProxyType(x),
        ignored=MappingProxyType({}),
        codes=MappingProxyType(codes),
        levels=MappingProxyType({name: tuple(map(str, levels)) for name, (_, levels) in coded.items()}),
    )


def number_series(frame: pd.DataFrame, spec: TableSpec) -> tuple[IntArray, pd.DataFrame]:
    """Return each row's series number and the sorted frame of series keys (S rows)."""
    if not spec.series_keys:
        return np.zeros(len(frame), dtype=np.int64), pd.DataFrame(index=pd.RangeIndex(1))
    names = list(spec.series_keys)
    groups = frame.groupby(names, sort=True, dropna=False)
    keys = frame[names].drop_duplicates().sort_values(names).reset_index(drop=True)
    return np.asarray(groups.ngroup(), dtype=np.int64), keys


def scatter_values(column: "pd.Series[float]", cells: IntArray, shape: tuple[int, int]) -> FloatArray:
    """Return a column's values on the grid, shape (series, time); `cells` are those of the rows in reverse."""
    values = np.full(shape[0] * shape[1], np.nan)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values[cells] = np.where(np.isfinite(numbers), numbers, np.nan)[::-1]
    return values.reshape(shape)


def exists_on_clock(local: pd.DatetimeIndex, spec: TableSpec) -> BoolArray:
    """Return which local times there are: a clock change skips some; without a time zone, all."""
    if spec.time_zone is None:
        return np.ones(len(local), dtype=bool)
    return np.asarray(stored_timestamps(local, spec).notna())


def frame_from_panel(panel: Panel) -> pd.DataFrame:
    """Return a panel's rows as a dataset frame: keys, timestamp, number variables, `<variable>_was_imputed`.

    Rows without any value, and local times that a clock change skips, are left out.
    """
    spec, names = panel.spec, [v.name for v in panel.spec.variables if v.name == panel.spec.target or v.name in panel.x]
    stored = stored_timestamps(panel.local, spec)
    there = np.any([np.isfinite(panel.values(name)) for name in names], axis=0) & np.asarray(stored.notna())
    row, column = np.nonzero(there)
    keys = {str(name): panel.keys[name].to_numpy()[row] for name in panel.keys.columns}
    values = {name: panel.values(name)[row, column] for name in names}
    nothing = np.zeros(panel.y.shape, dtype=bool)
    flags = {f"{name}_was_imputed": panel.imputed.get(name, nothing)[row, column] for name in names}
    return pd.DataFrame({**keys, spec.timestamp: stored[column], **values, **flags})
