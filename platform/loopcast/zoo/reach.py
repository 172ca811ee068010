"""What a zoo looks at of a panel: how far each variable reaches back and ahead, what lacks, and nothing else left in.

What that means for a minimal update is in `loopcast.zoo.minimal`, which also says what is refused and what is not.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods, regular_grid, shift_time, step_ns
from loopcast.errors import HistoryError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, TimeArray, first_present
from loopcast.zoo.choice import NO_MODEL, choose_blocks, count_steps, find_series
from loopcast.zoo.panel import Panel, exists_on_clock, find_predictor_ends, marks_shift
from loopcast.zoo.zoo import Availability, Zoo

SHOWN = 3


@dataclass(frozen=True, eq=False)
class Reach:
    """What is looked at of one variable, in steps relative to each series' origin.

    Args:
        variable: column name.
        first: oldest step, shape (S,).
        last: newest step, shape (S,).
        owed: whether a value must stand at the oldest step or before it, shape (S,).
        ahead: steps 1 .. ahead must all be there, shape (S,).
    """

    variable: str
    first: IntArray
    last: IntArray
    owed: BoolArray
    ahead: IntArray


@dataclass(frozen=True)
class Lack:
    """A variable's values that a series owes and does not have.

    Args:
        variable: column name.
        series: number of the series in the panel.
        first: local time of the oldest one that lacks.
        last: local time of the newest one.
        is_old: whether they lack at the old end, so that reading further back may find an earlier value.
    """

    variable: str
    series: int
    first: pd.Timestamp
    last: pd.Timestamp
    is_old: bool


def find_reach(zoo: Zoo, series: IntArray, origins: TimeArray, *, lead: IntArray, n_steps: int) -> tuple[Reach, ...]:
    """Return what a zoo looks at from some origins.

    Args:
        zoo: the zoo in force.
        series: numbers of the series in the zoo's list, -1 for an unknown one, shape (S,).
        origins: local times of their last targets, NaT where there is none, shape (S,).
        lead: steps from each origin to the one that the models are asked from, shape (S,).
        n_steps: steps of the horizon.
    """
    known = {item.variable: item for item in zoo.availability}
    found = []
    for offset in zoo.minimal_history:
        age, ahead = _at_build(known.get(offset.variable), series, origins, zoo.frequency)
        first = np.maximum(offset.first + np.minimum(lead, 0), -np.where(age < 0, NO_MODEL, age))
        last = np.full(len(series), n_steps) if offset.last > 0 else offset.last + np.maximum(lead, 0)
        found.append(
            Reach(
                variable=offset.variable,
                first=np.minimum(first, last),
                last=last,
                owed=(age >= 0) & ~np.isnat(origins),
                ahead=np.where(np.isnat(origins), 0, np.minimum(ahead, n_steps)),
            )
        )
    return tuple(found)


def _at_build(
    known: Availability | None, series: IntArray, origins: TimeArray, frequency: str
) -> tuple[IntArray, IntArray]:
    """Return the steps from a variable's first value at the build to the origins (-1: none), and the steps ahead."""
    if known is None:
        return np.full(len(series), -1, dtype=np.int64), np.zeros(len(series), dtype=np.int64)
    first = np.array([start or "NaT" for start in known.first], dtype="datetime64[ns]")[series]
    ahead = np.array(known.ahead, dtype=np.int64)[series]
    met = (series >= 0) & ~np.isnat(origins)
    age = np.full(len(series), -1, dtype=np.int64)
    known_ends = ~np.isnat(first) & ~np.isnat(origins)
    length = step_ns(frequency)
    if length is not None:
        age[known_ends] = (origins[known_ends] - first[known_ends]) // np.timedelta64(length, "ns")
    else:
        codes, unique = pd.MultiIndex.from_arrays([first[known_ends], origins[known_ends]]).factorize()
        age[known_ends] = np.array([count_periods(start, end, frequency) for start, end in unique], dtype=np.int64)[
            codes
        ]
    return np.where(met, age, -1), np.where(met, ahead, 0)


def find_panel_reach(zoo: Zoo, panel: Panel) -> tuple[tuple[Reach, ...], IntArray, IntArray]:
    """Return what a zoo looks at of a panel from its origins, and which blocks are asked with which leads."""
    origins, series = panel.last, find_series(zoo, panel)
    n_steps = count_steps(zoo, panel, origins)
    chosen, lead = choose_blocks(
        zoo,
        panel.time_of_day(origins),
        series,
        n_steps,
        known=origins >= 0,
        predictor_ends=dict(find_predictor_ends(panel, n_steps)),
    )
    asked = np.where(lead == NO_MODEL, 0, lead)
    return find_reach(zoo, series, panel.times(origins), lead=asked, n_steps=n_steps), chosen, lead


def find_lacking(panel: Panel, origins: IntArray, reach: Sequence[Reach]) -> Iterator[Lack]:
    """Yield what the series of a panel owe and do not have, variable by variable.

    Args:
        panel: any stretch of the history; a value before the window shows that the history is long enough.
        origins: positions of the last targets, shape (S,).
        reach: what is looked at.
    """
    newest_owed = max((int((origins + part.ahead).max(initial=0)) for part in reach), default=0)
    grid = regular_grid(panel.local[0], panel.spec.frequency, periods=max(len(panel.local), newest_owed + 1))
    exists = exists_on_clock(grid, panel.spec)
    for part in reach:
        values = panel.values(part.variable)
        oldest = first_present(values)
        edge = origins + part.first
        for row in np.flatnonzero(part.owed & (oldest > edge)):
            newest = min(int(oldest[row]) - 1, int(origins[row] + part.last[row]))
            yield _lack(panel, part.variable, int(row), int(edge[row]), max(newest, int(edge[row])), is_old=True)
        for row in np.flatnonzero(part.ahead > 0):
            steps = origins[row] + np.arange(1, part.ahead[row] + 1)
            inside = steps[steps < values.shape[1]]
            there = inside[np.isfinite(values[row, inside])]
            missing = np.setdiff1d(steps[exists[steps]], there)
            if len(missing):
                yield _lack(panel, part.variable, int(row), int(missing[0]), int(missing[-1]), is_old=False)


def _lack(panel: Panel, variable: str, series: int, first: int, last: int, *, is_old: bool) -> Lack:
    return Lack(variable, series, time_at(panel, first), time_at(panel, last), is_old)


def require_history(panel: Panel, origins: IntArray, reach: Sequence[Reach]) -> None:
    """Raise where a series owes values that are not there.

    Raises:
        HistoryError: names the variables and the timestamps as the user writes them, a few of them.
    """
    lacking = list(find_lacking(panel, origins, reach))
    if not lacking:
        return
    shift = marks_shift(panel.spec)
    said = [_describe_lack(lack, panel, shift) for lack in lacking[:SHOWN]]
    more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
    raise HistoryError(
        f"the zoo lacks history: found no value of {'; '.join(said)}{more}. Send these rows in an update "
        "(`loopcast minimal` lists all that is needed), or build a zoo on the history there is"
    )


def _describe_lack(lack: Lack, panel: Panel, shift: pd.Timedelta) -> str:
    times = str(lack.first + shift) if lack.first == lack.last else f"{lack.first + shift} .. {lack.last + shift}"
    key = ", ".join(str(value) for value in panel.keys.iloc[lack.series]) if len(panel.keys.columns) else ""
    return f"{lack.variable} {'up to' if lack.is_old else 'at'} {times}" + (f" for {key}" if key else "")


def describe_history(panel: Panel, origins: IntArray, reach: Sequence[Reach]) -> tuple[str, ...]:
    """Return one sentence for each variable with values missing inside of its window."""
    said = []
    exists = exists_on_clock(panel.local, panel.spec)
    for part in reach:
        values, time = panel.values(part.variable), np.arange(panel.y.shape[1])
        start = np.maximum(origins + part.first, first_present(values))
        stop = (origins + part.last)[:, None]
        inside = (origins >= 0)[:, None] & (time >= start[:, None]) & (time <= stop) & exists
        beyond = np.maximum((origins + part.last)[origins >= 0] - (panel.y.shape[1] - 1), 0).sum()
        missing = int((inside & ~np.isfinite(values)).sum()) + int(beyond)
        if missing:
            total = int(inside.sum()) + int(beyond)
            said.append(f"{part.variable}: {missing} of {total} values are missing; each counts as its usual value")
    return tuple(said)


def crop_panel(panel: Panel, origins: IntArray, reach: Sequence[Reach], *, after: int) -> tuple[Panel, IntArray]:
    """Return the panel with nothing but what is looked at, on a grid that follows from the origins alone, and these.

    Args:
        panel: any stretch of the history that holds the window.
        origins: positions of the last targets, shape (S,); -1 where there is none.
        reach: what is looked at.
        after: steps that the grid goes on after the newest origin.
    """
    known = origins >= 0
    deepest = np.min([part.first for part in reach], axis=0)
    start = int((origins + deepest)[known].min()) if known.any() else 0
    stop = int(origins.max()) + after
    spans = {part.variable: (origins + part.first, origins + part.last) for part in reach}
    made = {name: _regrid(panel.values(name), spans[name], start, stop) for name in spans if name != panel.spec.target}
    codes = MappingProxyType({name: values for name, values in made.items() if name in panel.codes})
    x = {name: values for name, values in made.items() if name not in codes}
    y = _regrid(panel.y, spans[panel.spec.target], start, stop)
    masks = {
        name: _regrid(mask.astype(np.float64), spans[name], start, stop) > 0
        for name, mask in panel.imputed.items()
        if name in spans
    }
    first = time_at(panel, start)
    grid = regular_grid(first, panel.spec.frequency, periods=stop - start)
    cropped = replace(panel, local=grid, y=y, x=MappingProxyType(x), imputed=MappingProxyType(masks), codes=codes)
    return cropped, np.where(known, origins - start, -1)


def _regrid(values: FloatArray, span: tuple[IntArray, IntArray], start: int, stop: int) -> FloatArray:
    """Return the values at positions from start up to, but without, stop; those outside of a series' span missing."""
    out = np.full((len(values), stop - start), np.nan)
    low, high = max(start, 0), min(stop, values.shape[1])
    time = np.arange(low, high)
    inside = (time >= span[0][:, None]) & (time <= span[1][:, None])
    out[:, low - start : high - start] = np.where(inside, values[:, low:high], np.nan)
    return out


def time_at(panel: Panel, position: int) -> pd.Timestamp:
    """Return the local time at a position, on the panel's grid or beyond it."""
    return shift_time(panel.local[0], panel.spec.frequency, position)
