"""Promises: the errors that may be expected of a zoo in force; given with its build, and again when it has to stay.

Where a new zoo was not better, what the champion reached beside it is what can be had now: from then on that is its
promise, so that an alarm goes on to mean something new. Here belong keeping and reading promises; judging by them is in
`loopcast.loop.judging.judgement`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice

import pandas as pd

from loopcast.experimentation.backtest import COMBINATION
from loopcast.experimentation.leaderboard import NAIVE
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import BACKTESTS, ZooInForce, find_zoo, next_version, read_promise
from loopcast.reflection.blocks import name_bins
from loopcast.schemas import backtest_schema, check_table
from loopcast.zoo.measures import mean_absolute_error, root_mean_squared_error
from loopcast.zoo.zoo import BinPromise

PROMISES = "promises"
NEWEST = 20  # renewals that are looked at: of zoos that were in force lately


@dataclass(frozen=True, eq=False)
class Promise:
    """The errors that may be expected of a zoo.

    Args:
        bins: per bin of samples ahead.
        reference: the forecasts that it rests on (`loopcast.schemas.backtest_schema`); no rows: not known.
        from_version: the first version whose forecasts are judged by it.
        build: the build in which it was renewed; None: it is the one that the zoo was released with.
    """

    bins: tuple[BinPromise, ...]
    reference: pd.DataFrame
    from_version: str
    build: str | None = None


def renew_promise(
    project: Project, champion: ZooInForce, replayed: pd.DataFrame, cells: pd.DataFrame, *, build: str, now: datetime
) -> None:
    """Keep what a champion reached beside a challenger as its promise from the next version on.

    Args:
        project: the use case.
        champion: the zoo that stays in force.
        replayed: its forecasts: series keys, `timestamp`, `cutoff`, `forecast`.
        cells: the backtest of the challenger: gives targets, samples ahead and the seasonal naives.
        build: the challenger's.
        now: the present time, aware.
    """
    reference = _line_up(replayed, cells, project.store.spec.series_keys)
    bins = _measure(reference, read_promise(project, champion.digest)[0])
    if not bins:
        return
    pins = {"zoo": champion.zoo, "zoo_digest": champion.digest, "build": build, "code_version": project.code_version}
    project.store.outputs.write(
        PROMISES, build, reference, pins=pins, now=now, facts={"bins": [asdict(row) for row in bins]}
    )
    value = {"zoo": champion.zoo, "digest": champion.digest, "build": build, "from_version": next_version(project)}
    mae = {"mae": bins[0].mae, "n": bins[0].n}
    project.store.references.append(PROMISES, {**value, **mae}, now=now)


def find_promise(project: Project, entry: ZooInForce) -> Promise:
    """Return the promise that holds for a zoo that is in force."""
    outputs = project.store.outputs
    newest = islice(project.store.references.walk_back(PROMISES), NEWEST)
    renewed = next((one.value for one in newest if one.value["digest"] == entry.digest), None)
    if renewed is not None:
        manifest = outputs.manifest(PROMISES, renewed["build"])
        if manifest is not None:
            bins = tuple(BinPromise(**row) for row in manifest.facts["bins"])
            start = max(entry.from_version, renewed["from_version"])
            return Promise(bins, outputs.read(PROMISES, renewed["build"]), start, renewed["build"])
    bins, _ = read_promise(project, entry.digest)
    build = find_zoo(project, entry.zoo).build
    known = outputs.manifest(BACKTESTS, build) is not None
    return Promise(bins, outputs.read(BACKTESTS, build) if known else pd.DataFrame(), entry.from_version)


def _line_up(replayed: pd.DataFrame, cells: pd.DataFrame, series_keys: Sequence[str]) -> pd.DataFrame:
    """Return the champion's forecasts and those of the seasonal naives as a backtest."""
    place = [*series_keys, "timestamp", "cutoff"]
    asked = cells[cells["member"] == COMBINATION].drop(columns=["forecast"])
    own = asked.merge(replayed[[*place, "forecast"]], on=place)
    naives = cells[cells["member"].str.startswith(NAIVE)].merge(own[place], on=place)
    table = pd.concat([own[list(cells.columns)], naives[list(cells.columns)]], ignore_index=True)
    return check_table(table, backtest_schema(series_keys))


def _measure(reference: pd.DataFrame, before: Sequence[BinPromise]) -> tuple[BinPromise, ...]:
    """Return what was reached per bin, `all` first; of the intervals what was promised before still holds."""
    own = reference[reference["member"] == COMBINATION].dropna(subset=["target"])
    names = name_bins(own["samples_ahead"].to_numpy(dtype="int64"), before)
    parts = {row.bin: own if row.bin == "all" else own[names == row.bin] for row in before}
    return tuple(
        BinPromise(
            bin=row.bin,
            n=len(part),
            mae=mean_absolute_error(part["target"].to_numpy(), part["forecast"].to_numpy()),
            rmse=root_mean_squared_error(part["target"].to_numpy(), part["forecast"].to_numpy()),
            coverage_pct=row.coverage_pct,
        )
        for row in before
        if len(part := parts[row.bin])
    )
