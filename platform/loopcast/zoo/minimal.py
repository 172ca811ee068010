"""The minimal history of a zoo: which values of which variable a forecast looks at, and what it cannot do without.

`predict` crops every panel to that window first, so a forecast from the window alone is the forecast from the whole
history, to the last bit. Reading the window from a store does not belong here.

What happens when somebody removes a row from the minimal history:

- The oldest row of a variable: refused by name. An older value may stand in its place, because then the history is
  long enough and merely has a gap; and a series never owes more than it had when the zoo was built.
- A row in the middle: a missing value, imputed as the use case says or treated as the zoo treats missing ones; noted.
- The newest row: the data end a step earlier, so the origin and the window move a step back, and the oldest row is
  the one that lacks. A measured predictor that alone ends earlier has missing values there; noted.
- A row of the horizon, for a predictor known ahead: refused by name where the zoo was built with the whole horizon
  known; else its terms count as usual, as they did at the build.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import count_periods, shift_time
from loopcast.zoo.arrays import first_present, last_present
from loopcast.zoo.choice import NO_MODEL, choose_blocks
from loopcast.zoo.panel import Panel
from loopcast.zoo.reach import crop_panel, find_lacking, find_panel_reach, find_reach, time_at
from loopcast.zoo.zoo import Zoo


@dataclass(frozen=True)
class Window:
    """The minimal history of one variable.

    Args:
        variable: column name.
        first: local time of the oldest period looked at.
        last: local time of the newest one; after the origin where values are known ahead.
        rows: periods per series, both ends included.
        refused_without: newest period without which no forecast is made; None where only the oldest one is owed.
    """

    variable: str
    first: pd.Timestamp
    last: pd.Timestamp
    rows: int
    refused_without: pd.Timestamp | None


def required_window(zoo: Zoo, origin: pd.Timestamp) -> tuple[Window, ...]:
    """Return the minimal history for a forecast of all series of a zoo, from the zoo alone.

    Args:
        zoo: the zoo in force.
        origin: local time of the last target: the start of its period.

    Returns:
        One window per variable, wide enough for every series.
    """
    series = np.arange(len(zoo.series), dtype=np.int64)
    n_steps = max(1, zoo.spec.horizon.count_steps(origin, zoo.frequency))
    minute = (origin.hour * 60 + origin.minute) if any(b.situation.stride > 1 for b in zoo.blocks) else 0
    everyone = np.ones(len(series), dtype=bool)
    _, lead = choose_blocks(zoo, np.full(len(series), minute), series, n_steps, known=everyone)
    origins = np.full(len(series), origin.to_datetime64())
    reach = find_reach(zoo, series, origins, lead=np.where(lead == NO_MODEL, 0, lead), n_steps=n_steps)
    return tuple(
        Window(
            variable=part.variable,
            first=shift_time(origin, zoo.frequency, int(part.first.min())),
            last=shift_time(origin, zoo.frequency, int(part.last.max())),
            rows=int((part.last - part.first).max()) + 1,
            refused_without=shift_time(origin, zoo.frequency, int(part.ahead.max())) if part.ahead.any() else None,
        )
        for part in reach
    )


def count_missing_steps(zoo: Zoo, panel: Panel, *, n_series: int) -> int:
    """Return how many steps before a stretch of the history must be looked at as well; 0: it tells all there is.

    Args:
        zoo: the zoo in force.
        panel: the newest rows.
        n_series: series of the whole dataset.
    """
    origins, (reach, _, _) = panel.last, find_panel_reach(zoo, panel)
    known = origins >= 0
    short = max((int(-(origins + part.first)[known].min(initial=0)) for part in reach), default=0)
    if known.sum() < n_series or (not short and any(lack.is_old for lack in find_lacking(panel, origins, reach))):
        return 3 * len(panel.local)  # an unknown number: the stretch grows fast
    return max(0, short)


def needed_windows(zoo: Zoo, panel: Panel) -> tuple[Window, ...]:
    """Return the minimal history of all series of a panel, from their own origins.

    Where the oldest value of a window is missing or imputed, the window begins with the one before it, and where its
    newest one is imputed, it ends with the one after it: so its rows, taken alone, are enough as well.
    """
    origins, (reach, _, _) = panel.last, find_panel_reach(zoo, panel)
    known = origins >= 0
    found = []
    for part in reach if known.any() else ():
        edge, end, values = origins + part.first, origins + part.last, panel.measured(part.variable)
        time = np.arange(values.shape[1])
        before = last_present(np.where(time <= edge[:, None], values, np.nan))
        first = np.where(part.owed & (before >= 0), before, edge)
        if part.variable in panel.imputed:  # a gap that the end lies in was filled from the value after it
            after = first_present(np.where(time >= end[:, None], values, np.nan))
            inside = np.clip(end, 0, len(time) - 1)
            end = np.where(panel.imputed[part.variable][np.arange(len(end)), inside] & (end == inside), after, end)
        newest = (origins + part.ahead)[part.ahead > 0]
        found.append(
            Window(
                variable=part.variable,
                first=time_at(panel, int(first[known].min())),
                last=time_at(panel, int(end[known].max())),
                rows=int((end - first)[known].max()) + 1,
                refused_without=time_at(panel, int(newest.max())) if len(newest) else None,
            )
        )
    return tuple(found)


def crop_to_window(zoo: Zoo, panel: Panel) -> Panel:
    """Return the panel that a forecast works on: the window, and the horizon after it."""
    origins, (reach, _, _) = panel.last, find_panel_reach(zoo, panel)
    return crop_panel(panel, origins, reach, after=int(max(part.last.max() for part in reach)) + 1)[0]


def count_new_steps(zoo: Zoo, end: pd.Timestamp) -> int:
    """Return how many steps before the minimal history a retrain looks back, to what a zoo has not yet learned from.

    Series that came later than the others learn from what is there.

    Args:
        zoo: models and their state.
        end: local time of the newest row.
    """
    until = max(pd.Timestamp(block.until[~np.isnat(block.until)].max()) for block in zoo.blocks)
    return max(0, count_periods(until, end, zoo.frequency)) + max(block.situation.steps for block in zoo.blocks)
