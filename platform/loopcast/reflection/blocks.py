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


@dataclass(frozen=True, eq=False)
class Sequences:
    """The errors of a zoo, in its backtest and in production.

    Args:
        before: the backtest: `block` (the cutoff), `timestamp`, `bin`, `error`, `expected` and `naive_error`, oldest
            first.
        after: the same of production; `block` is the forecast's version.
        overlaps: blocks of either that look at the same time, at least 1: so many are taken as one.
        keys: names of the series keys.
    """

    before: pd.DataFrame
    after: pd.DataFrame
    overlaps: tuple[int, int]
    keys: tuple[str, ...]


def line_up(cells: pd.DataFrame, promise: Sequence[BinPromise], reference: pd.DataFrame) -> Sequences:
    """Return the errors of backtest and production in one form, each with the absolute error that is expected of it.

    That is the mean over the backtest at the same number of samples ahead, pulled towards its bin's, times the series'
    own size; without a backtest what the zoo promised for the bin.

    Args:
        cells: see `loopcast.reflection.deterioration.judge`.
        promise: of the zoo in force, not empty.
        reference: the backtest of its build; may be empty.
    """
    before = _read_reference(reference, promise)
    after = cells.rename(columns={"forecast_version": "block"}).sort_values(["block", "timestamp"], kind="stable")
    keys = tuple(str(name) for name in reference.columns if name not in BACKTEST_COLUMNS)
    after = after if NAIVE_ERROR in after else after.assign(**{NAIVE_ERROR: np.nan})
    frames = [_expect(frame, before, promise, keys) for frame in (before, after)]
    columns = [*keys, "block", "timestamp", "bin", "error", "expected", NAIVE_ERROR]
    known = [frame.loc[frame["expected"].notna(), columns].reset_index(drop=True) for frame in frames]
    return Sequences(known[0], known[1], (count_overlap(known[0], keys), count_overlap(known[1], keys)), keys)


def count_overlap(cells: pd.DataFrame, keys: Sequence[str]) -> int:
    """Return how many blocks look at the same time, on average and rounded, at least 1.

    Args:
        cells: with `timestamp` and the series keys.
        keys: names of the series keys.

    Examples:
        >>> count_overlap(pd.DataFrame({"block": ["a", "a", "b", "b"], "timestamp": [1, 2, 1, 2]}), [])
        2
    """
    once = len(cells.drop_duplicates([*keys, "timestamp"]))
    return max(1, round(len(cells) / max(1, once)))


def take_blocks(values: "pd.Series[float]", blocks: "pd.Series[str]") -> tuple[Blocks, list[str]]:
    """Return the blocks of some numbers per block, and their names; those of few cells are left out.

    Args:
        values: one number per block, by its name, NaN where it has none.
        blocks: the name of each cell's block.
    """
    counts = blocks.value_counts().reindex(values.index)
    share = counts / max(1.0, float(counts.median()))
    taken = values[np.isfinite(values) & (share >= LEAST_SHARE)]
    weights = np.minimum(share.reindex(taken.index).to_numpy(dtype=np.float64), 1.0)
    return Blocks(np.asarray(taken, dtype=np.float64), np.asarray(weights)), [str(name) for name in taken.index]


def join_overlapping(blocks: Blocks, names: list[str], overlap: int) -> tuple[Blocks, list[str]]:
    """Return one block for each so many neighbours, counted from the newest on; the oldest ones that are left over go.

    Forecasts of the same hours miss them by the same, so that they tell no more than one.

    Examples:
        >>> joined, names = join_overlapping(Blocks(np.arange(5.0), np.ones(5)), list("abcde"), 2)
        >>> joined.numbers.tolist(), names
        ([1.5, 3.5], ['b', 'd'])
    """
    if overlap == 1:
        return blocks, names
    n = len(blocks) // overlap
    rest = len(blocks) - n * overlap
    numbers, weights = (part[rest:].reshape(n, overlap) for part in (blocks.numbers, blocks.weights))
    means = (numbers * weights).sum(axis=1) / weights.sum(axis=1)
    return Blocks(means, weights.mean(axis=1)), names[rest::overlap]


def _read_reference(reference: pd.DataFrame, promise: Sequence[BinPromise]) -> pd.DataFrame:
    """Return the combination's errors in a backtest as cells, with those of the seasonal naives."""
    if reference.empty:
        columns = ["block", "timestamp", "samples_ahead", "bin", "error", NAIVE_ERROR]
        return pd.DataFrame(columns=columns).astype({"error": "float64", NAIVE_ERROR: "float64"})
    rows = reference[reference["member"] == COMBINATION]
    bins = name_bins(rows["samples_ahead"].to_numpy(dtype=np.int64), promise)
    naive = reference[reference["member"].str.startswith(NAIVE)]
    naive = naive.assign(**{NAIVE_ERROR: (naive["target"] - naive["forecast"]).abs()})
    identity = [name for name in reference.columns if name not in ("member", "forecast", "target", "samples_ahead")]
    rows = rows.merge(naive.groupby(identity, as_index=False)[[NAIVE_ERROR]].mean(), on=identity, how="left")
    told = rows.assign(block=rows["cutoff"].astype("str"), bin=bins, error=rows["target"] - rows["forecast"])
    return told.sort_values(["block", "timestamp"], kind="stable", ignore_index=True)


def name_bins(samples_ahead: npt.NDArray[np.int64], promise: Sequence[BinPromise]) -> npt.NDArray[np.object_]:
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


def _expect(
    cells: pd.DataFrame, before: pd.DataFrame, promise: Sequence[BinPromise], keys: tuple[str, ...]
) -> pd.DataFrame:
    """Return cells with the absolute error that is expected of each; NaN where nothing is promised for it."""
    promised = {row.bin: row.mae for row in promise}
    by_bin = cells["bin"].map(promised).astype("float64").fillna(promised.get(WHOLE, np.nan))
    if before.empty or "samples_ahead" not in cells:
        return cells.assign(expected=by_bin)
    size = before.assign(size=before["error"].abs())
    expected = cells["samples_ahead"].map(_step_profile(size)).astype("float64").fillna(by_bin)
    if keys:
        means = size.groupby(list(keys)).agg(own=("size", "mean")).reset_index()
        own = cells[list(keys)].merge(means, on=list(keys), how="left")["own"].to_numpy()
        expected = expected * np.where(np.isnan(own), 1.0, own / max(float(size["size"].mean()), 1e-300))
    return cells.assign(expected=expected)


def _step_profile(size: pd.DataFrame) -> "pd.Series[float]":
    """Return the mean absolute error by samples ahead, pulled towards the mean of its bin."""
    steps = size.groupby("samples_ahead").agg(
        found=("size", "mean"), bin=("bin", "first"), windows=("block", "nunique")
    )
    usual = steps["bin"].map(size.groupby("bin")["size"].mean())
    return (steps["found"] * steps["windows"] + usual * PRIOR_WINDOWS) / (steps["windows"] + PRIOR_WINDOWS)
