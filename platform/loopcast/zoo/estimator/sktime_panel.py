"""Data frames as sktime has them, with one row per series and time, as arrays on a regular grid, and grown by updates.

Which time is which position is in `loopcast.zoo.estimator.time_axis`; building and forecasting are not done here.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np
import pandas as pd

from loopcast.dataops.table import TableSpec, Variable
from loopcast.errors import DataError
from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.estimator.time_axis import TimeAxis, find_axis
from loopcast.zoo.panel import Panel

TARGET = -1  # where y stands among the columns
TEXT = "a category: no member uses text yet"


@dataclass(frozen=True, eq=False)
class Rows:
    """Where the rows of a frame belong.

    Args:
        instances: the series, in order of appearance; None where the frame is a single one.
        series: number of each row's series.
        times: the time of each row as a position in `unique`.
        unique: the times met, sorted.
    """

    instances: pd.Index | None
    series: IntArray
    times: IntArray
    unique: pd.Index


def read_rows(index: pd.Index) -> Rows:
    """Return where the rows of an index belong, level by level and not row by row.

    Examples:
        >>> index = pd.MultiIndex.from_product([["b", "a"], [3, 4]])
        >>> read_rows(index).series.tolist(), list(read_rows(index).instances)
        ([0, 0, 1, 1], ['b', 'a'])
    """
    if not isinstance(index, pd.MultiIndex):
        return Rows(None, np.zeros(len(index), dtype=np.int64), np.arange(len(index), dtype=np.int64), index)
    codes = np.asarray(index.codes[-1], dtype=np.int64)
    used = np.bincount(codes, minlength=len(index.levels[-1])) > 0
    unique = index.levels[-1][used]
    if used.all():
        unique = index.levels[-1]  # with its frequency
    sizes = tuple(len(level) for level in index.levels[:-1])
    numbers = np.ravel_multi_index([np.asarray(code) for code in index.codes[:-1]], sizes)
    series, _ = pd.factorize(numbers)
    first = np.flatnonzero(np.diff(np.maximum.accumulate(series), prepend=-1))
    instances = index[first].droplevel(-1)
    return Rows(instances, series.astype(np.int64), (np.cumsum(used) - 1)[codes], unique.rename(index.names[-1]))


@dataclass(frozen=True, eq=False)
class History:
    """Everything that was said about S series, on one grid.

    Args:
        axis: what the positions are.
        instances: index values of the series; None for a single one without a name.
        target: column of y.
        columns: columns of X, all of them.
        text: which of these hold text.
        y: shape (S, T), NaN = missing.
        x: numbers of X by position in `columns`, each of shape (S, T).
        ends: position of the last row of y of each series, shape (S,).
    """

    axis: TimeAxis
    instances: pd.Index | None
    target: Hashable
    columns: tuple[Hashable, ...]
    text: frozenset[int]
    y: FloatArray
    x: Mapping[int, FloatArray]
    ends: IntArray

    def add(self, y: pd.DataFrame | None, x: pd.DataFrame | None) -> "History":
        """Return the history with rows added or corrected; a row that is there counts, also where it is empty.

        Raises:
            DataError: X lacks a column, or a time does not lie on the grid.
        """
        grown = self
        if y is not None and len(y):
            grown = write_rows(grown, y.index, {TARGET: y.iloc[:, 0]})
        if x is not None and len(x) and self.columns:
            absent = [name for name in self.columns if name not in x.columns]
            if absent:
                raise DataError(f"found X without {absent}; expected {list(self.columns)}, as it was fitted on")
            numbers = {place: x[name] for place, name in enumerate(self.columns) if place not in self.text}
            grown = write_rows(grown, x.index, numbers)
        return grown

    def of(self, place: int) -> FloatArray:
        """Return the values of a column of X, or of y for TARGET."""
        return self.y if place == TARGET else self.x[place]

    def padded(self, *, series: int = 0, before: int = 0, after: int = 0) -> "History":
        """Return the history with room for more series and times, all values missing there."""
        if not (series or before or after):
            return self
        pad = ((0, series), (before, after))
        return replace(
            self,
            axis=self.axis.starting(-before) if before else self.axis,
            y=np.pad(self.y, pad, constant_values=np.nan),
            x={place: np.pad(values, pad, constant_values=np.nan) for place, values in self.x.items()},
            ends=np.pad(np.where(self.ends >= 0, self.ends + before, -1), (0, series), constant_values=-1),
        )

    def panel(self, measured: Sequence[Hashable] = ()) -> Panel:
        """Return the panel of what was known at each series' end; predictors keep their later values.

        Args:
            measured: columns of X that are known up to now only; all others are known ahead.
        """
        names = name_columns(self.target, self.columns)
        variables = [Variable(names[0])]
        for place, (column, name) in enumerate(zip(self.columns, names[1:], strict=True)):
            kind: Literal["number", "category"] = "category" if place in self.text else "number"
            variables.append(Variable(name, kind, known_ahead=column not in measured))
        keys = key_frame(self.instances)
        spec = TableSpec(
            timestamp="time",
            frequency=self.axis.frequency,
            target=names[0],
            variables=tuple(variables),
            series_keys=tuple(keys.columns),
            time_zone=self.axis.time_zone,
        )
        later = np.arange(self.y.shape[1]) > self.ends[:, None]
        return Panel(
            spec=spec,
            keys=keys,
            local=self.axis.local(self.y.shape[1]),
            y=np.where(later, np.nan, self.y) if np.isfinite(self.y[later]).any() else self.y,
            x=MappingProxyType({names[place + 1]: values for place, values in self.x.items()}),
            ignored=MappingProxyType({names[place + 1]: TEXT for place in self.text}),
        )

    def label(self, times: pd.Index, repeats: int) -> pd.Index:
        """Return the index of forecasts: the times of one series after the other.

        Args:
            times: of all forecasts, series by series.
            repeats: forecasts per series.
        """
        if self.instances is None:
            return times
        numbers = np.repeat(np.arange(len(self.instances)), repeats)
        series = self.instances.take(numbers)
        levels = [series.get_level_values(level) for level in range(series.nlevels)]
        return pd.MultiIndex.from_arrays([*levels, times], names=[*series.names, times.name])


def write_rows(history: History, index: pd.Index, columns: "Mapping[int, pd.Series[float]]") -> History:
    """Return the history with the rows of some columns, which may be TARGET, in place of what was there."""
    rows = read_rows(index)
    history, place = join_series(history, rows.instances, is_target=TARGET in columns)
    series, positions = place[rows.series], history.axis.number(rows.unique)[rows.times]
    known = series >= 0
    if not known.any():
        return history
    before = max(0, -int(positions[known].min()))
    after = max(0, int(positions[known].max()) + 1 - history.y.shape[1])
    history, series, positions = history.padded(before=before, after=after), series[known], positions[known] + before
    cells = (series * history.y.shape[1] + positions)[::-1]  # of a repeated local hour the first counts
    made = {name: overwrite(history.of(name), column[known], cells) for name, column in columns.items()}
    if TARGET not in made:
        return replace(history, x={**history.x, **made})
    newest = np.full(len(history.ends), -1, dtype=np.int64)
    np.maximum.at(newest, series, positions)
    return replace(history, y=made[TARGET], ends=np.where(newest >= 0, newest, history.ends))


def join_series(history: History, instances: pd.Index | None, *, is_target: bool) -> tuple[History, IntArray]:
    """Return the history with the new series of a target, and the number of each series; -1 where it is unknown.

    Raises:
        DataError: a single series beside a panel.
    """
    if (instances is None) != (history.instances is None):
        raise DataError("found a single series beside a panel; expected the kind that it was fitted on")
    if instances is None or history.instances is None:
        return history, np.zeros(1, dtype=np.int64)
    place = np.asarray(history.instances.get_indexer(instances), dtype=np.int64)
    new = np.flatnonzero(place < 0)
    if not is_target or not len(new):
        return history, place
    place[new] = len(history.instances) + np.arange(len(new))
    return replace(history.padded(series=len(new)), instances=history.instances.append(instances[new])), place


def overwrite(old: FloatArray, column: "pd.Series[float]", cells: IntArray) -> FloatArray:
    """Return values with those of a column at cells, which are those of its rows in reverse."""
    values = old.copy().reshape(-1)
    numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
    values[cells] = np.where(np.isfinite(numbers), numbers, np.nan)[::-1]
    return values.reshape(old.shape)


def start_history(y: pd.DataFrame, x: pd.DataFrame | None) -> History:
    """Return the history that data begin with.

    Args:
        y: one column; rows are times, or series and times.
        x: predictors with the same kind of index; may go on after y. None: there are none.

    Raises:
        DataError: no row, or an index that is neither of times nor of integers.
    """
    if not len(y):
        raise DataError("found no row of y; expected one at least")
    rows = read_rows(y.index)
    axis = find_axis(rows.unique.sort_values() if not rows.unique.is_monotonic_increasing else rows.unique)
    columns = () if x is None else tuple(x.columns)
    text = frozenset(
        place for place, name in enumerate(columns) if x is not None and not pd.api.types.is_numeric_dtype(x[name])
    )
    n_series = 1 if rows.instances is None else len(rows.instances)
    empty = np.full((n_series, 1), np.nan)
    history = History(
        axis=axis,
        instances=rows.instances,
        target=y.columns[0],
        columns=columns,
        text=text,
        y=empty,
        x={place: empty for place in range(len(columns)) if place not in text},
        ends=np.full(n_series, -1, dtype=np.int64),
    )
    return history.add(y, x)


def name_columns(target: Hashable, columns: Sequence[Hashable]) -> list[str]:
    """Return the names of target and predictors as text, no two the same.

    Examples:
        >>> name_columns(0, [0, 1, "1"])
        ['0', '0_x', '1', '1_x']
    """
    names: list[str] = []
    for column in (target, *columns):
        name = str(column)
        while name in names:
            name += "_x"
        names.append(name)
    return names


def key_frame(instances: pd.Index | None) -> pd.DataFrame:
    """Return the series keys as columns with names, one row per series."""
    if instances is None:
        return pd.DataFrame(index=pd.RangeIndex(1))
    names = name_columns("time", [f"key_{n}" if name is None else name for n, name in enumerate(instances.names)])[1:]
    return pd.DataFrame(
        {name: instances.get_level_values(number).to_numpy() for number, name in enumerate(names)},
    )
