"""Forecasts of a zoo for a panel, as tables: the combination with its interval, and every member.

Each series is forecast from its own last target. Which zoo to use and where tables are kept do not belong here.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import regular_grid
from loopcast.zoo.arrays import IntArray
from loopcast.zoo.build import bin_name
from loopcast.zoo.choice import day_steps
from loopcast.zoo.panel import Panel, local_starts, stored_timestamps
from loopcast.zoo.spec import bin_width
from loopcast.zoo.steps import Steps, predict_steps
from loopcast.zoo.zoo import Zoo


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a zoo says about a panel's future.

    Args:
        forecasts: forecast table, see `loopcast.schemas.forecast_schema`.
        members: member forecast table, see `loopcast.schemas.member_forecast_schema`.
        quantiles: quantile table, see `loopcast.schemas.quantile_schema`; no rows unless the zoo's specification names
            probabilities.
        situations_unmet: what the zoo had no model for, and what was done instead.
        notes: variables with values missing inside of what the zoo looks at; each counts as its usual value.
    """

    forecasts: pd.DataFrame
    members: pd.DataFrame
    quantiles: pd.DataFrame
    situations_unmet: tuple[str, ...]
    notes: tuple[str, ...]


def predict(zoo: Zoo, panel: Panel) -> Prediction:
    """Return the production forecasts of a zoo from each series' last target.

    Where the zoo has no models for the origin's time of day, they are asked from the nearest one that it knows; steps
    they cannot reach are taken from the seasonal naive, as is an unknown series. Both are said.

    Args:
        zoo: the zoo in force.
        panel: a version; the minimal history is enough.

    Raises:
        CallerError: the panel's target or frequency is not the zoo's.
        HistoryError: values lack that the zoo cannot do without, see `loopcast.zoo.minimal`.
    """
    steps = predict_steps(zoo, panel)
    rows = forecast_rows(zoo, steps)
    return Prediction(
        forecasts=rows.frame(steps, zoo),
        members=rows.member_frame(steps, zoo),
        quantiles=rows.quantile_frame(steps, zoo),
        situations_unmet=steps.unmet,
        notes=steps.notes,
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of the forecast table: series, wall-clock step, stored time of target and origin."""

    series: IntArray
    step: IntArray
    timestamp: pd.DatetimeIndex
    origin: pd.DatetimeIndex
    samples_ahead: IntArray
    relative_day: IntArray

    def identify(self, steps: Steps, rows: IntArray) -> pd.DataFrame:
        """Return series keys, timestamp, origin and samples ahead of some rows, in the order asked for."""
        keys = steps.panel.keys.iloc[self.series[rows]].reset_index(drop=True)
        columns = {
            "timestamp": self.timestamp[rows],
            "origin": self.origin[rows],
            "samples_ahead": self.samples_ahead[rows],
        }
        return pd.DataFrame({**{str(name): keys[name] for name in keys.columns}, **columns})

    def frame(self, steps: Steps, zoo: Zoo) -> pd.DataFrame:
        """Return the forecast table."""
        cell = (self.series, self.step - 1)
        width = bin_width(zoo.frequency)
        number = (self.samples_ahead - 1) // width
        names = {int(value): bin_name(int(value), width) for value in np.unique(number)}
        return self.identify(steps, np.arange(len(self.series))).assign(
            relative_day=self.relative_day,
            bin=pd.Series([names[int(value)] for value in number], dtype="str"),
            forecast=steps.forecast[cell],
            lower=steps.lower[cell],
            upper=steps.upper[cell],
            level=float(zoo.spec.level),
            forecast_type=pd.Series(["production"] * len(self.series), dtype="str"),
            model_index=steps.model_index[cell],
        )

    def member_frame(self, steps: Steps, zoo: Zoo) -> pd.DataFrame:
        """Return the member forecast table: one row per member that said something."""
        parts = []
        for index, name in enumerate(zoo.member_names):
            values = steps.members[self.series, self.step - 1, index]
            rows = np.flatnonzero(np.isfinite(values))
            label = pd.Series([name] * len(rows), dtype="str")
            parts.append(self.identify(steps, rows).assign(member=label, forecast=values[rows]))
        return pd.concat(parts, ignore_index=True)

    def quantile_frame(self, steps: Steps, zoo: Zoo) -> pd.DataFrame:
        """Return the quantile table: one row per forecast and probability."""
        probabilities = np.array(zoo.spec.quantiles, dtype=np.float64)
        rows = np.repeat(np.arange(len(self.series)), len(probabilities))
        values = steps.quantiles[self.series, self.step - 1].reshape(-1)
        return self.identify(steps, rows).assign(
            probability=np.tile(probabilities, len(self.series)), quantile=values.astype(np.float64)
        )


def forecast_rows(zoo: Zoo, steps: Steps) -> Rows:
    """Return which stored timestamps each series' horizon holds; a repeated local hour is there twice."""
    spec, origins = steps.panel.spec, steps.origins
    known = origins >= 0
    first = int(origins[known].min()) if known.any() else 0
    anchor = stored_timestamps(steps.panel.local[first : first + 1], spec)[0]
    last = int(origins.max()) + steps.forecast.shape[1]
    stored = regular_grid(anchor, zoo.frequency, periods=last - first + 1 + day_steps(zoo), time_zone=spec.time_zone)
    local = local_starts(stored, spec)
    wall = steps.panel.local.get_indexer(local)
    origin_stored = stored.get_indexer(stored_timestamps(steps.panel.local[np.clip(origins, 0, None)], spec))
    step = wall[None, :] - origins[:, None]
    inside = zoo.spec.horizon.is_inside(
        local.to_numpy(), steps.panel.local[np.clip(origins, 0, None)].to_numpy()[:, None]
    )
    later = np.arange(len(stored)) > origin_stored[:, None]
    mask = known[:, None] & later & (step >= 1) & (step <= steps.forecast.shape[1]) & inside
    series, column = np.nonzero(mask)
    days = local.to_numpy().astype("datetime64[D]").astype(np.int64)
    return Rows(
        series=series.astype(np.int64),
        step=step[mask].astype(np.int64),
        timestamp=stored[column],
        origin=stored[origin_stored[series]],
        samples_ahead=(column - origin_stored[series]).astype(np.int64),
        relative_day=days[column] - days[origin_stored[series]],
    )
