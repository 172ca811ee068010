"""Whether the promises of a contract are kept: what is observed, how often it was kept, how much may still go wrong.

Here belongs judging small frames. Not here: where they are read (`loopcast.loop.contract`) and what is promised
(`loopcast.dataops.contract.contract`).

Each clause is judged on *occasions*, kept or not: the updates of the window, the expected rows of the data, or, for
timeliness, the hours in which an update was overdue or not. The share kept is its attainment; what the target leaves
over is its error budget. The window is 30 days; for data in periods longer than a day it is 30 periods.

References:
    Beyer, B., Murphy, N., Rensin, D., Kawahara, K., Thorne, S. (eds., 2018), The Site Reliability Workbook, ch. 2
    (error budget = 1 - target) and ch. 5 (burn rate = share of failures / error budget).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.contract.contract import Clause, Contract
from loopcast.dataops.frequency import regular_grid, step_ns
from loopcast.dataops.table import TableSpec

WINDOW = pd.Timedelta("30D")
WINDOW_PERIODS = 30
RECENT_SHARE = 7 / 30


@dataclass(frozen=True)
class Evidence:
    """What promises are judged on.

    Args:
        updates: one row per settled update, oldest first, those of the window and the accepted one before it: `at`
            (naive, UTC), `accepted`, `is_first` (the first upload: no regular update), `rows_sent`, `rows` (of the
            dataset after it).
        data: keys and variables of the newest rows, of the window at least; any columns not judged may be missing.
        spec: the table's columns, keys, time and frequency.
        now: the present time, naive, UTC.
    """

    updates: pd.DataFrame
    data: pd.DataFrame
    spec: TableSpec
    now: pd.Timestamp


@dataclass(frozen=True)
class Attainment:
    """How one promise is kept.

    Args:
        clause: the promise.
        observed: what is observed now, in the clause's unit; None where there was no occasion or it is not checked.
        deviation: observed minus the bound it breaks; 0 is best.
        kept: whether what is observed is what is promised; None where nothing is.
        attainment_pct: share of the occasions of the window on which the promise was kept, percent; 100 is best.
        budget_left_pct: share of the error budget that is left, percent; negative where more than all is spent.
        burn_rate: failures of the newest 7/30 of the window over what the target allows; above 1 is too fast.
    """

    clause: Clause
    observed: float | None = None
    deviation: float | None = None
    kept: bool | None = None
    attainment_pct: float | None = None
    budget_left_pct: float | None = None
    burn_rate: float | None = None


@dataclass(frozen=True)
class _Judged:
    """What is observed, and the occasions (`at`, `good`, `bad`) of the window that ends at `until`."""

    observed: float | None
    occasions: pd.DataFrame
    until: pd.Timestamp
    window: pd.Timedelta = WINDOW


def data_window(spec: TableSpec) -> pd.Timedelta:
    """Return the window over which data are judged.

    Examples:
        >>> data_window(TableSpec("t", "h", "y", ())), data_window(TableSpec("t", "MS", "y", ()))
        (Timedelta('30 days 00:00:00'), Timedelta('930 days 00:00:00'))
    """
    length = step_ns(spec.frequency)
    period = pd.Timedelta(length, unit="ns") if length else _calendar_period(spec.frequency)
    return max(WINDOW, WINDOW_PERIODS * period)


def judge_contract(contract: Contract, evidence: Evidence) -> tuple[Attainment, ...]:
    """Return how each promise is kept, in the order of the contract."""
    return tuple(_judge(clause, evidence) for clause in contract.clauses)


def to_table(attained: tuple[Attainment, ...]) -> pd.DataFrame:
    """Return one row per promise: clause, promised, observed, deviation, attainment, target, budget left, burn rate."""
    rows = [
        {
            "clause": item.clause.name,
            "promised": item.clause.promise,
            "observed": item.observed,
            "unit": item.clause.unit,
            "deviation": item.deviation,
            "kept": "-" if item.kept is None else "yes" if item.kept else "no",
            "attainment_pct": item.attainment_pct,
            "target_pct": None if item.clause.measure == "unchecked" else item.clause.target_pct,
            "budget_left_pct": item.budget_left_pct,
            "burn_rate": item.burn_rate,
        }
        for item in attained
    ]
    numbers = ("observed", "deviation", "attainment_pct", "target_pct", "budget_left_pct", "burn_rate")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))


def _judge(clause: Clause, evidence: Evidence) -> Attainment:
    if clause.measure == "by_construction":
        return Attainment(clause, kept=True, deviation=0.0, attainment_pct=100.0, budget_left_pct=100.0, burn_rate=0.0)
    judged = _MEASURES[clause.measure](clause, evidence) if clause.measure in _MEASURES else None
    if judged is None or judged.observed is None:
        return Attainment(clause)
    deviation = _deviate(clause, judged.observed)
    allowed = 1.0 - clause.target_pct / 100.0
    failed, recent = _share_bad(judged, judged.window), _share_bad(judged, judged.window * RECENT_SHARE)
    return Attainment(
        clause,
        observed=judged.observed,
        deviation=deviation,
        kept=deviation == 0.0,
        attainment_pct=100.0 * (1.0 - failed),
        budget_left_pct=100.0 * (1.0 - failed / allowed) if allowed > 0 else 100.0 * (failed == 0.0),
        burn_rate=recent / allowed if allowed > 0 else 0.0 if recent == 0.0 else None,
    )


def _deviate(clause: Clause, observed: float) -> float:
    """Return how far an observation is outside the bounds, 0 inside."""
    if clause.minimum is not None and observed < clause.minimum:
        return observed - clause.minimum
    if clause.maximum is not None and observed > clause.maximum:
        return observed - clause.maximum
    return 0.0


def _share_bad(judged: _Judged, window: pd.Timedelta) -> float:
    """Return the share of the occasions of a window, that ends where the evidence does, that were not kept."""
    inside = judged.occasions[judged.occasions["at"] > judged.until - window]
    good, bad = float(inside["good"].sum()), float(inside["bad"].sum())
    return bad / (good + bad) if good + bad > 0 else 0.0


def _judge_timeliness(clause: Clause, evidence: Evidence) -> _Judged:
    """Hours in which the newest accepted update was not older than promised, and those in which it was."""
    arrivals = evidence.updates.loc[evidence.updates["accepted"], "at"]
    if arrivals.empty:
        return _Judged(None, _occasions([], [], []), evidence.now)
    starts = ((evidence.now - arrivals) / pd.Timedelta("1h")).to_numpy(dtype="float64")  # ages, in hours
    ends = np.append(starts[1:], min(0.0, starts[-1]))
    window = WINDOW / pd.Timedelta("1h")
    covered = np.maximum(np.minimum(starts, window) - ends, 0.0)
    overdue = np.maximum(np.minimum(starts - (clause.maximum or 0.0), window) - ends, 0.0)
    at = evidence.now - pd.to_timedelta(ends, unit="h")
    return _Judged(float((starts - ends)[-2:].max()), _occasions(at, covered - overdue, overdue), evidence.now)


def _judge_validity(clause: Clause, evidence: Evidence) -> _Judged:  # noqa: ARG001 - one of the measures
    """Updates that were accepted, and those that were refused."""
    updates = evidence.updates[evidence.updates["at"] > evidence.now - WINDOW]
    accepted = updates["accepted"].astype("float64")
    observed = None if updates.empty else 100.0 * float(accepted.mean())
    return _Judged(observed, _occasions(updates["at"], accepted, 1.0 - accepted), evidence.now)


def _judge_updates(clause: Clause, evidence: Evidence) -> _Judged:
    """Accepted updates whose number is inside the bounds: rows sent, or rows of the dataset after them."""
    column = "rows_sent" if clause.measure == "rows_per_update" else "rows"
    counted = evidence.updates["accepted"] & ~(evidence.updates["is_first"] & (column == "rows_sent"))
    updates = evidence.updates[counted]
    good = np.array([float(_deviate(clause, value) == 0.0) for value in updates[column]])
    observed = None if updates.empty else float(updates[column].iloc[-1])
    return _Judged(observed, _occasions(updates["at"], good, 1.0 - good), evidence.now)


def _judge_completeness(clause: Clause, evidence: Evidence) -> _Judged:  # noqa: ARG001 - one of the measures
    """Expected rows that are there: every period of every series, from its first row on."""
    spec, data, until = evidence.spec, *_until_last_target(evidence)
    if data.empty:
        return _Judged(None, _occasions([], [], []), until)
    times = data[spec.timestamp]
    grid = regular_grid(times.min(), spec.frequency, end=until, time_zone=spec.time_zone)
    firsts = times.groupby([data[key] for key in spec.series_keys]).min() if spec.series_keys else times.head(1)
    expected = np.searchsorted(np.sort(firsts.to_numpy()), grid.to_numpy(), side="right")
    there = np.minimum(times.value_counts().reindex(grid, fill_value=0).to_numpy(), expected)
    return _share_of(_occasions(grid, there, expected - there), until, window=data_window(spec), good=True)


def _judge_missing(clause: Clause, evidence: Evidence) -> _Judged:
    """Cells of a column that are not empty, and those that are."""
    data, until = _until_last_target(evidence)
    empty = data[clause.column].isna().to_numpy(dtype="float64")
    occasions = _occasions(data[evidence.spec.timestamp], 1.0 - empty, empty)
    return _share_of(occasions, until, window=data_window(evidence.spec), good=False)


def _until_last_target(evidence: Evidence) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Return the rows up to the last target value, in order: what lies ahead of it is known ahead, not measured."""
    spec = evidence.spec
    data = evidence.data.sort_values(spec.timestamp)
    measured = data.loc[data[spec.target].notna(), spec.timestamp]
    until = measured.max() if len(measured) else evidence.now
    return data[data[spec.timestamp] <= until], until


def _share_of(occasions: pd.DataFrame, until: pd.Timestamp, *, window: pd.Timedelta, good: bool) -> _Judged:
    """Return occasions with the share of the good or the bad ones in the window as what is observed, in percent."""
    inside = occasions[occasions["at"] > until - window]
    total = float(inside["good"].sum() + inside["bad"].sum())
    part = float(inside["good" if good else "bad"].sum())
    return _Judged(100.0 * part / total if total else None, occasions, until, window)


def _calendar_period(frequency: str) -> pd.Timedelta:
    """Return the length of one month, quarter or year, the longest there is of each."""
    start = pd.Timestamp("2024-01-01")
    offset = pd.tseries.frequencies.to_offset(frequency)
    return max((start + (n + 1) * offset) - (start + n * offset) for n in range(1, 13))


def _occasions(at: object, good: object, bad: object) -> pd.DataFrame:
    return pd.DataFrame({"at": pd.DatetimeIndex(at), "good": np.asarray(good), "bad": np.asarray(bad)})  # type: ignore[arg-type]


_MEASURES: Mapping[str, Callable[[Clause, Evidence], _Judged]] = {
    "timeliness": _judge_timeliness,
    "validity": _judge_validity,
    "rows": _judge_updates,
    "rows_per_update": _judge_updates,
    "completeness": _judge_completeness,
    "missing_share": _judge_missing,
}
