"""Forecasts of a zoo for a panel, as tables: the combination with its interval, and every member.

Each series is forecast from its own last target. Which zoo to use and where tables are kept do not belong here.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from loopcast.dataops.frequency import regular_grid
from loopcast.errors import CallerError
from loopcast.zoo.arrays import BoolArray, FloatArray, IntArray, take_positions
from loopcast.zoo.build import bin_name, series_keys
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.panel import Panel, local_starts, stored_timestamps
from loopcast.zoo.spec import bin_width
from loopcast.zoo.weights import combine, effective_weights
from loopcast.zoo.zoo import Block, Zoo

NO_MODEL = 1 << 30  # a lead that no origin can have


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a zoo says about a panel's future.

    Args:
        forecasts: forecast table, see `loopcast.schemas.forecast_schema`.
        members: member forecast table, see `loopcast.schemas.member_forecast_schema`.
        situations_unmet: what the zoo had no model for, and what was done instead.
        notes: variables with less history than the zoo looks back; what is missing counts as usual.
    """

    forecasts: pd.DataFrame
    members: pd.DataFrame
    situations_unmet: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Steps:
    """Forecasts in wall-clock steps 1..H from each series' origin; the last axis of `members` is the zoo's members.

    Args:
        panel: reaches to the last target.
        origins: shape (S,); -1 for a series without a value.
        forecast: shape (S, H).
        lower: shape (S, H).
        upper: shape (S, H).
        members: shape (S, H, M).
        weights: weight each member really had, shape (S, H, M).
        model_index: shape (S, H); -1 where no model but the seasonal naive spoke.
        lead: steps from the origin to the one the models were asked from, shape (S,), negative for an earlier
            one; NO_MODEL without.
        unmet: see `Prediction`.
        notes: see `Prediction`.
    """

    panel: Panel
    origins: IntArray
    forecast: FloatArray
    lower: FloatArray
    upper: FloatArray
    members: FloatArray
    weights: FloatArray
    model_index: IntArray
    lead: IntArray
    unmet: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def predict(zoo: Zoo, panel: Panel) -> Prediction:
    """Return the production forecasts of a zoo from each series' last target.

    Where the zoo has no models for the origin's time of day, they are asked from the nearest one that it knows; steps
    they cannot reach are taken from the seasonal naive, as is an unknown series. Both are said.

    Args:
        zoo: the zoo in force.
        panel: a version; the minimal history is enough.

    Raises:
        CallerError: the panel's target or frequency is not the zoo's.
    """
    steps = predict_steps(zoo, panel)
    rows = forecast_rows(zoo, steps)
    return Prediction(
        forecasts=rows.frame(steps, zoo),
        members=rows.member_frame(steps, zoo),
        situations_unmet=steps.unmet,
        notes=steps.notes,
    )


def predict_steps(zoo: Zoo, panel: Panel) -> Steps:
    """Return the forecasts of a zoo in wall-clock steps from each series' last target."""
    if (panel.spec.target, panel.spec.frequency) != (zoo.target, zoo.frequency):
        found = f"{panel.spec.target} at {panel.spec.frequency}"
        raise CallerError(
            f"found a panel of {found}; expected {zoo.target} at {zoo.frequency}, as the zoo was built for"
        )
    origins = panel.last
    n_steps = count_steps(zoo, panel, origins)
    panel = panel.extend(max(0, int(origins.max()) + 2 * n_steps + 1 + day_steps(zoo) - len(panel.local)))
    numbers = {key: number for number, key in enumerate(zoo.series)}
    series = np.array([numbers.get(key, -1) for key in series_keys(panel)], dtype=np.int64)
    out = start_steps(zoo, panel, origins, n_steps)
    for block in zoo.blocks:
        fill_block(out, block, zoo, series)
    unmet = describe_unmet(panel, origins, series, out.lead)
    return replace(out, unmet=unmet, notes=describe_history(zoo, panel, origins))


def day_steps(zoo: Zoo) -> int:
    """Return the number of steps between two origins of a situation."""
    return max(block.situation.stride for block in zoo.blocks)


def count_steps(zoo: Zoo, panel: Panel, origins: IntArray) -> int:
    """Return the most wall-clock steps that any series' horizon holds."""
    known = np.unique(origins[origins >= 0])
    _, first = np.unique(panel.time_of_day(known), return_index=True)
    counts = [zoo.spec.horizon.count_steps(panel.local[int(p)], zoo.frequency) for p in known[first]]
    return max([1, *counts])


def start_steps(zoo: Zoo, panel: Panel, origins: IntArray, n_steps: int) -> Steps:
    """Return the seasonal naive of the longest period with the interval of its own past errors."""
    n_series, ahead = len(origins), np.arange(1, n_steps + 1)
    forecast = np.full((n_series, n_steps), np.nan)
    for period in (*zoo.seasonal_periods[::-1], 1):
        back = period * -(-ahead // period)
        guess = take_positions(fill_seasonal(panel.y, period), origins[:, None] + (ahead - back))
        forecast = np.where(np.isfinite(forecast), forecast, guess)
    past = panel.y[:, : int(origins.max()) + 1]
    period = min(zoo.seasonal_periods[-1], max(1, past.shape[1] // 2))
    change = np.sort(past[:, period:] - past[:, :-period], axis=1)
    count = np.isfinite(change).sum(axis=1)
    tail = (100.0 - zoo.spec.level) / 200.0
    rows = np.arange(n_series)
    ends = [
        np.where(count > 0, change[rows, (share * np.maximum(count - 1, 0)).astype(np.int64)], 0.0)
        if change.shape[1]
        else np.zeros(n_series)
        for share in (tail, 1.0 - tail)
    ]
    empty = np.zeros((n_series, n_steps, len(zoo.member_names)))
    return Steps(
        panel=panel, origins=origins, forecast=forecast,
        lower=forecast + np.minimum(ends[0], 0.0)[:, None], upper=forecast + np.maximum(ends[1], 0.0)[:, None],
        members=np.full(empty.shape, np.nan), weights=empty,
        model_index=np.full(forecast.shape, -1, dtype=np.int64), lead=np.full(n_series, NO_MODEL, dtype=np.int64),
    )  # fmt: skip


def block_leads(block: Block, panel: Panel, origins: IntArray) -> IntArray:
    """Return the steps from each origin to the nearest one at the block's time of day; NO_MODEL for no origin."""
    stride = block.situation.stride
    minutes = (block.situation.time_of_day - panel.time_of_day(origins)) % 1440
    signed = np.where(minutes > 720, minutes - 1440, minutes)
    return np.where(origins >= 0, np.round(signed * stride / 1440).astype(np.int64), NO_MODEL)


def fill_block(out: Steps, block: Block, zoo: Zoo, series: IntArray) -> None:
    """Write a block's forecasts over those that were made from further away; `out` is this module's own."""
    place = {int(number): row for row, number in enumerate(block.series)}
    rows = np.array([place.get(int(number), -1) for number in series], dtype=np.int64)
    lead = block_leads(block, out.panel, out.origins)
    better = (rows >= 0) & (lead < NO_MODEL) & (np.abs(lead) < np.abs(out.lead))
    if not better.any():
        return
    chosen = np.flatnonzero(better)
    aligned, origins = align_series(out, chosen, rows[chosen], lead, len(block.series))
    made, weights = ask_members(block, aligned, origins)
    forecast = combine(made, weights)
    lower, upper = block.intervals.around(forecast)
    low, high = block.bounds[:, None, None, 0], block.bounds[:, None, None, 1]
    forecast, lower, upper = (np.clip(values, low, high) for values in (forecast, lower, upper))
    member_columns = [zoo.member_names.index(member.name) for member in block.members]
    n_steps = out.forecast.shape[1]
    step = np.arange(n_steps)[None, :] - lead[chosen][:, None]
    row = rows[chosen][:, None]
    usable = (step >= 0) & (step < block.situation.steps)
    inside = np.clip(step, 0, block.situation.steps - 1)
    usable &= np.isfinite(forecast[row, 0, inside])
    target = (
        np.broadcast_to(chosen[:, None], step.shape)[usable],
        np.broadcast_to(np.arange(n_steps), step.shape)[usable],
    )
    source = (np.broadcast_to(row, step.shape)[usable], 0, inside[usable])
    out.forecast[target], out.lower[target], out.upper[target] = forecast[source], lower[source], upper[source]
    out.model_index[target] = block.first_index + inside[usable]
    share = effective_weights(made, weights)
    for index, column in enumerate(member_columns):
        out.members[(*target, column)] = made[(*source, index)]
        out.weights[(*target, column)] = share[(*source, index)]
    out.lead[chosen] = lead[chosen]


def align_series(out: Steps, chosen: IntArray, rows: IntArray, lead: IntArray, n_series: int) -> tuple[Panel, IntArray]:
    """Return the panel and origins in the order of a block's series; a series that is not there has no values."""
    order = np.full(n_series, int(chosen[0]), dtype=np.int64)
    order[rows] = chosen
    origins = np.full((n_series, 1), -1, dtype=np.int64)
    origins[rows, 0] = out.origins[chosen] + lead[chosen]
    return out.panel.select(order), origins


def ask_members(block: Block, panel: Panel, origins: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the members' forecasts, shape (S, 1, H, M), and their weights, broadcastable to it."""
    made = np.stack([member.predict(panel, origins) for member in block.members], axis=3)
    return made, block.weights[:, None]


def describe_unmet(panel: Panel, origins: IntArray, series: IntArray, lead: IntArray) -> tuple[str, ...]:
    """Return one sentence per reason why models were not asked, or not from the origin itself."""
    said = []
    unknown = int(((series < 0) & (origins >= 0)).sum())
    if unknown:
        said.append(f"{unknown} series unknown to the zoo: seasonal naive instead")
    if (origins < 0).any():
        said.append(f"{int((origins < 0).sum())} series without a target value: no forecast")
    for steps in np.unique(lead[(lead != 0) & (lead != NO_MODEL)]):
        minutes = int(panel.time_of_day(origins[lead == steps])[0])
        moment = f"{minutes // 60:02d}:{minutes % 60:02d}"
        asked = f"{abs(steps)} steps {'later' if steps > 0 else 'earlier'}"
        said.append(f"no models for origins at {moment}: asked {asked}, seasonal naive where they do not reach")
    return tuple(said)


def describe_history(zoo: Zoo, panel: Panel, origins: IntArray) -> tuple[str, ...]:
    """Return one sentence for each variable whose history is shorter than the zoo looks back."""
    said = []
    for offset in zoo.minimal_history:
        values = panel.y if offset.variable == zoo.target else panel.x.get(offset.variable)
        if values is None:
            said.append(f"{offset.variable} is not there: its terms count as usual")
            continue
        first = np.isfinite(values).argmax(axis=1)
        short = (origins >= 0) & ((origins + offset.first < first) | ~np.isfinite(values).any(axis=1))
        if short.any():
            said.append(f"{int(short.sum())} series with less than {-offset.first} steps of {offset.variable}")
    return tuple(said)


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of the forecast table: series, wall-clock step, stored time of target and origin."""

    series: IntArray
    step: IntArray
    timestamp: pd.DatetimeIndex
    origin: pd.DatetimeIndex
    samples_ahead: IntArray
    relative_day: IntArray

    def keys(self, steps: Steps, mask: BoolArray) -> dict[str, "pd.Series[str]"]:
        """Return the series keys of the rows that the mask keeps."""
        frame = steps.panel.keys.iloc[self.series[mask]].reset_index(drop=True)
        return {str(name): frame[name] for name in frame.columns}

    def frame(self, steps: Steps, zoo: Zoo) -> pd.DataFrame:
        """Return the forecast table."""
        cell = (self.series, self.step - 1)
        every = np.ones(len(self.series), dtype=bool)
        width = bin_width(zoo.frequency)
        number = (self.samples_ahead - 1) // width
        names = {int(value): bin_name(int(value), width) for value in np.unique(number)}
        return pd.DataFrame(
            {
                **self.keys(steps, every),
                "timestamp": self.timestamp,
                "origin": self.origin,
                "samples_ahead": self.samples_ahead,
                "relative_day": self.relative_day,
                "bin": pd.Series([names[int(value)] for value in number], dtype="str"),
                "forecast": steps.forecast[cell],
                "lower": steps.lower[cell],
                "upper": steps.upper[cell],
                "level": np.full(len(self.series), float(zoo.spec.level)),
                "forecast_type": pd.Series(["production"] * len(self.series), dtype="str"),
                "model_index": steps.model_index[cell],
            }
        )

    def member_frame(self, steps: Steps, zoo: Zoo) -> pd.DataFrame:
        """Return the member forecast table: one row per member that said something."""
        parts = []
        for index, name in enumerate(zoo.member_names):
            values = steps.members[self.series, self.step - 1, index]
            mask = np.isfinite(values)
            columns = {
                **self.keys(steps, mask),
                "timestamp": self.timestamp[mask],
                "origin": self.origin[mask],
                "samples_ahead": self.samples_ahead[mask],
                "member": pd.Series([name] * int(mask.sum()), dtype="str"),
                "forecast": values[mask],
            }
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)


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
