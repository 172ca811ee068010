"""The backtest as a table: every member's forecasts at origins that re-create the shape of the version's end.

The rolling itself is the zoo's (`loopcast.zoo.rolling`); ranking is the leaderboard's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray
from loopcast.zoo.measures import seasonal_naive_scale
from loopcast.zoo.panel import Panel, stored_timestamps
from loopcast.zoo.rolling import Failure, Rolling, roll
from loopcast.zoo.spec import ZooSpec

COMBINATION = "combination"


@dataclass(frozen=True, eq=False)
class Backtest:
    """Out-of-sample forecasts with their targets.

    Args:
        cells: see `loopcast.schemas.backtest_schema`; cells without a target are left out.
        failures: members that were left out, with the reason.
        scale: each series' mean absolute seasonal change before the first cutoff, shape (series,).
        series_keys: names of the series keys.
        keys: series keys, one row per series.
        rolling: the same as arrays, for `build_zoo(panel, spec, rolling=...)`.
    """

    cells: pd.DataFrame
    failures: tuple[Failure, ...]
    scale: FloatArray
    series_keys: tuple[str, ...]
    keys: pd.DataFrame
    rolling: tuple[Rolling, ...]


def backtest(panel: Panel, spec: ZooSpec) -> Backtest:
    """Return the backtest of all members and of their combination.

    The combination of a window is weighted by what earlier windows had shown at its origin, never by its own errors.

    Args:
        panel: a version.
        spec: horizon, members, number of windows.

    Raises:
        DataError: no target value at all.
        ModelError: every member failed.
    """
    rolling = roll(panel, spec)
    cells = pd.concat([backtest_cells(part, spec) for part in rolling], ignore_index=True)
    period = rolling[0].situation.periods[0]
    scale = np.full(len(panel.keys), np.nan)
    for part in rolling:
        first = part.origins[:, :1] if part.origins.shape[1] else part.panel.last[:, None]
        before = np.where(np.arange(part.panel.y.shape[1]) <= first, part.panel.y, np.nan)
        scale[part.series] = seasonal_naive_scale(before, period)
    failures = tuple(dict.fromkeys(failure for part in rolling for failure in part.failures))
    return Backtest(cells, failures, scale, panel.spec.series_keys, panel.keys, rolling)


def backtest_cells(rolling: Rolling, spec: ZooSpec) -> pd.DataFrame:
    """Return one situation's cells, sorted by member, series, cutoff and timestamp."""
    panel = rolling.panel.extend(rolling.situation.steps)
    step = np.arange(1, rolling.situation.steps + 1)
    position = np.clip(rolling.origins[:, :, None] + step, 0, None)
    local = panel.local.to_numpy()
    inside = spec.horizon.is_inside(local[position], local[np.clip(rolling.origins, 0, None)][:, :, None])
    stored = stored_timestamps(panel.local, panel.spec).to_numpy()
    usable = np.isfinite(rolling.targets) & inside & ~np.isnat(stored[position])
    usable &= ~np.isnat(stored[np.clip(rolling.origins, 0, None)])[:, :, None]
    every = np.concatenate([rolling.forecasts, rolling.combined[..., None]], axis=3)
    names = (*rolling.members, COMBINATION)
    parts = []
    for index, name in enumerate(names):
        mask = usable & np.isfinite(every[..., index])
        series, window, ahead = np.nonzero(mask)
        keys = panel.keys.iloc[series].reset_index(drop=True)
        columns = {
            **{str(column): keys[column] for column in keys.columns},
            "timestamp": stored[position[mask]],
            "cutoff": stored[rolling.origins[series, window]],
            "samples_ahead": (ahead + 1).astype(np.int64),
            "member": pd.Series([name] * len(series), dtype="str"),
            "forecast": every[..., index][mask],
            "target": rolling.targets[mask],
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def member_names(cells: pd.DataFrame) -> Sequence[str]:
    """Return the members in a table of cells, in order of appearance."""
    return [str(name) for name in cells["member"].unique()]
