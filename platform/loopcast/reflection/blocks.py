"""Errors by blocks: all errors of one forecast are one block, because they are made by the same zoo on the same day.

Here belong what is expected of a cell, and how cells become one number per block. What is concluded from the blocks is
in `loopcast.reflection.change`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.reflection.accuracy import NAIVE, NAIVE_ERROR
from loopcast.reflection.change import Blocks
from loopcast.zoo.zoo import BinPromise

COMBINATION = "combination"
WHOLE = "all"
PRIOR_WINDOWS = 8.0  # so many windows' worth a bin's mean counts next to that of one of its steps
LEAST_SHARE = 0.2  # of a usual block's cells, below which a block is too small to tell anything
RANGE = re.compile(r"S\+(\d+):S\+(\d+)")
BACKTEST_COLUMNS = ("timestamp", "cutoff", "samples_ahead", "member", "forecast", "target")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of n forecasts in b blocks, sorted by block, series and time.

    Args:
        names: of the blocks, rising, shape (b,).
        block: number of each error's block, shape (n,).
        series: number of its series, shape (n,).
        moment: its time in nanoseconds or any other unit, shape (n,).
        bin: name of its bin of samples ahead, shape (n,).
        error: actual minus forecast, target's unit, shape (n,).
        expected: the absolute error that is expected of it, target's unit, shape (n,).
        naive: mean absolute error of the seasonal naives at the same place, shape (n,); NaN where unknown.
    """

    names: tuple[str, ...]
    block: Ints
    series: Ints
    moment: Ints
    bin: npt.NDArray[np.object_]
    error: Floats
    expected: Floats
    naive: Floats

    def select(self, mask: Flags) -> "Errors":
        """Return some of the errors; the blocks stay, though some may be empty."""
        parts = (self.block, self.series, self.moment, self.bin, self.error, self.expected, self.naive)
        return Errors(self.names, *(part[mask] for part in parts))  # type: ignore[arg-type]

    def since(self, name: str) -> "Errors":
        """Return the errors of a block and all later ones."""
        return self.select(self.block >= self.names.index(name))

    @property
    def counts(self) -> Floats:
        """Errors per block, shape (b,)."""
        return np.bincount(self.block, minlength=len(self.names)).astype(np.float64)

    def mean(self, values: Floats) -> Floats:
        """Return the mean of some numbers per block, shape (b,); NaN where it has none, missing ones left out."""
        known = np.isfinite(values)
        count = np.bincount(self.block[known], minlength=len(self.names))
        total = np.bincount(self.block[known], weights=values[known], minlength=len(self.names))
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

    @property
    def overlap(self) -> int:
        """How many blocks look at the same time, on average and rounded, at least 1."""
        once = len(np.unique(np.stack([self.series, self.moment]), axis=1).T) if len(self.error) else 1
        return max(1, round(len(self.error) / once))


@dataclass(frozen=True, eq=False)
class Sequences:
    """The errors of a zoo, in its backtest and in production.

    Args:
        before: of the backtest; a block is a cutoff. Without any error where no backtest is known.
        after: of production; a block is a forecast's version.
    """

    before: Errors
    after: Errors


def line_up(cells: pd.DataFrame, promise: Sequence[BinPromise], reference: pd.DataFrame) -> Sequences:
    """Return the errors of backtest and production in one form, each with the absolute error that is expected of it.

    That is the mean over the backtest at the same number of samples ahead, pulled towards its bin's, times the series'
    own size; without a backtest what the zoo promised for the bin.

    Args:
        cells: see `loopcast.reflection.deterioration.judge`.
        promise: of the zoo in force, not empty.
        reference: the backtest of its build; may be empty.
    """
    keys = [str(name) for name in reference.columns if name not in BACKTEST_COLUMNS]
    before = _read_reference(reference, promise, keys)
    after = cells.rename(columns={"forecast_version": "block"})
    after = after if NAIVE_ERROR in after else after.assign(**{NAIVE_ERROR: np.nan})
    both = pd.concat([before[keys], after[keys]], ignore_index=True) if keys else None
    codes = np.zeros(len(before) + len(after), dtype=np.int64) if both is None else both.groupby(keys).ngroup()
    series = np.asarray(codes, dtype=np.int64)
    parts = [(before, series[: len(before)]), (after, series[len(before) :])]
    by_bin = {row.bin: row.mae for row in promise}
    expect = _Expectation(before, parts[0][1], by_bin)
    return Sequences(*(_to_errors(frame, numbers, expect) for frame, numbers in parts))


def take_blocks(errors: Errors, numbers: Floats) -> tuple[Blocks, list[str]]:
    """Return one number per block as blocks, with their names; those of few cells are left out.

    Blocks that look at the same time are joined: forecasts of the same hours miss them by the same, so that they tell
    no more than one. Neighbours are counted from the newest on; the oldest that are left over go.

    Args:
        errors: give the names and the sizes of the blocks.
        numbers: one per block, NaN where it has none, shape (b,).
    """
    counts = errors.counts
    usual = float(np.median(counts[counts > 0])) if (counts > 0).any() else 1.0
    taken = np.flatnonzero(np.isfinite(numbers) & (counts >= LEAST_SHARE * usual))
    blocks = Blocks(numbers[taken], np.minimum(counts[taken] / usual, 1.0))
    return join_neighbours(blocks, [errors.names[number] for number in taken], errors.overlap)


def join_neighbours(blocks: Blocks, names: list[str], count: int) -> tuple[Blocks, list[str]]:
    """Return one block for each so many neighbours, named by its first.

    Examples:
        >>> joined, names = join_neighbours(Blocks(np.arange(5.0), np.ones(5)), list("abcde"), 2)
        >>> joined.numbers.tolist(), names
        ([1.5, 3.5], ['b', 'd'])
    """
    if count == 1:
        return blocks, names
    n = len(blocks) // count
    rest = len(blocks) - n * count
    numbers, weights = (part[rest:].reshape(n, count) for part in (blocks.numbers, blocks.weights))
    means = (numbers * weights).sum(axis=1) / weights.sum(axis=1)
    return Blocks(means, weights.mean(axis=1)), names[rest::count]


def name_bins(samples_ahead: Ints, promise: Sequence[BinPromise]) -> npt.NDArray[np.object_]:
    """Return the name of the promise's bin that each number of samples ahead is in; `all` where none holds it.

    Examples:
        >>> name_bins(np.array([1, 25, 60]), [BinPromise(f"S+{n}:S+{n + 23}", 9, 1.0, 1.0, 90.0) for n in (1, 25)])
        array(['S+1:S+24', 'S+25:S+48', 'all'], dtype=object)
    """
    names = np.full(len(samples_ahead), WHOLE, dtype=object)
    for row in promise:
        found = RANGE.fullmatch(row.bin)
        if found is not None:
            names[(samples_ahead >= int(found[1])) & (samples_ahead <= int(found[2]))] = row.bin
    return names


def _read_reference(reference: pd.DataFrame, promise: Sequence[BinPromise], keys: list[str]) -> pd.DataFrame:
    """Return the combination's errors in a backtest as cells, with those of the seasonal naives."""
    if reference.empty:
        columns = ["block", "timestamp", "samples_ahead", "bin", "error", NAIVE_ERROR]
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in columns})
    is_own = (reference["member"] == COMBINATION).to_numpy()
    is_naive = reference["member"].str.startswith(NAIVE).to_numpy(dtype=bool)
    place = reference.groupby([*keys, "cutoff", "timestamp"], sort=False).ngroup().to_numpy()
    error = (reference["target"] - reference["forecast"]).to_numpy(dtype=np.float64)
    count = np.bincount(place[is_naive], minlength=place.max() + 1)
    total = np.bincount(place[is_naive], weights=np.abs(error[is_naive]), minlength=place.max() + 1)
    naive = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    rows = reference[is_own]
    bins = name_bins(rows["samples_ahead"].to_numpy(dtype=np.int64), promise)
    rows = rows.assign(block=rows["cutoff"].astype("str"), bin=bins, error=error[is_own])
    return rows.assign(**{NAIVE_ERROR: naive[place[is_own]]}).reset_index(drop=True)


class _Expectation:
    """The absolute error that is expected of a cell, by its samples ahead and its series, else by its bin."""

    def __init__(self, before: pd.DataFrame, series: Ints, by_bin: dict[str, float]) -> None:
        """Learn it from the backtest's cells.

        Args:
            before: see `_read_reference`.
            series: number of each one's series.
            by_bin: mean absolute error that was promised for each bin.
        """
        self._by_bin = by_bin
        size = before["error"].abs().to_numpy(dtype=np.float64)
        self._steps = _step_profile(before, size) if len(before) else np.empty(0)
        count = np.bincount(series) if len(series) else np.empty(0)
        total = np.bincount(series, weights=size) if len(series) else np.empty(0)
        own = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        self._series = own / max(float(size.mean()), 1e-300) if len(size) else own

    def __call__(self, cells: pd.DataFrame, series: Ints) -> Floats:
        """Return it for some cells, NaN where nothing is promised."""
        promised = cells["bin"].map(self._by_bin).to_numpy(dtype=np.float64)
        promised = np.where(np.isnan(promised), self._by_bin.get(WHOLE, np.nan), promised)
        if not len(self._steps) or "samples_ahead" not in cells:
            return np.asarray(promised, dtype=np.float64)
        step = cells["samples_ahead"].to_numpy(dtype=np.int64)
        known = step < len(self._steps)
        expected = np.where(known, self._steps[np.where(known, step, 0)], np.nan)
        expected = np.where(np.isnan(expected), promised, expected)
        share = np.append(self._series, np.nan)[np.minimum(series, len(self._series))]
        return np.asarray(expected * np.where(np.isnan(share), 1.0, share))


def _step_profile(before: pd.DataFrame, size: Floats) -> Floats:
    """Return the mean absolute error by samples ahead, pulled towards the mean of its bin; NaN for steps not met."""
    step = before["samples_ahead"].to_numpy(dtype=np.int64)
    bins, _ = pd.factorize(before["bin"])
    usual = (np.bincount(bins, weights=size) / np.bincount(bins))[bins]
    count = np.bincount(step)
    windows = np.minimum(count, before["block"].nunique())
    found, near = (np.bincount(step, weights=part) / np.maximum(count, 1) for part in (size, usual))
    profile = np.asarray((found * windows + near * PRIOR_WINDOWS) / (windows + PRIOR_WINDOWS), dtype=np.float64)
    profile[count == 0] = np.nan
    return profile


def _to_errors(cells: pd.DataFrame, series: Ints, expect: _Expectation) -> Errors:
    """Return cells as arrays, those without an expectation left out."""
    expected = expect(cells, series)
    block, names = pd.factorize(cells["block"], sort=True)
    moment = cells["timestamp"].to_numpy().astype(np.int64)
    order = np.lexsort([moment, series, block])
    order = order[np.isfinite(expected[order])]
    return Errors(
        names=tuple(str(name) for name in names),
        block=block[order].astype(np.int64),
        series=series[order],
        moment=moment[order],
        bin=cells["bin"].to_numpy(dtype=object)[order],
        error=cells["error"].to_numpy(dtype=np.float64)[order],
        expected=expected[order],
        naive=cells[NAIVE_ERROR].to_numpy(dtype=np.float64)[order],
    )
