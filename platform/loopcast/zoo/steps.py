"""A zoo asked from each series' last target: combination, interval and members in wall-clock steps, as arrays.

Tables with stored timestamps are made in `loopcast.zoo.predict`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from loopcast.errors import CallerError
from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.ask import ask
from loopcast.zoo.choice import NO_MODEL, count_steps, day_steps, find_rows, find_series
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.panel import Panel, find_predictor_ends
from loopcast.zoo.reach import crop_panel, describe_history, find_panel_reach, require_history
from loopcast.zoo.weights import effective_weights
from loopcast.zoo.zoo import Block, Zoo


@dataclass(frozen=True, eq=False)
class Asked:
    """What the models of one block were asked, and what they said.

    Args:
        panel: the data, series in the block's order.
        origins: shape (S, 1); -1 for a series that was not asked.
        made: what members said, shape (S, 1, H, M).
        stages: their combination before each of C corrections and after the last, shape (S, 1, H, C + 1).
    """

    panel: Panel
    origins: IntArray
    made: FloatArray
    stages: FloatArray


@dataclass(frozen=True, eq=False)
class Steps:
    """Forecasts in wall-clock steps 1..H from each series' origin; the last axis of `members` is the zoo's members.

    Args:
        panel: reaches to the last target.
        origins: shape (S,); -1 for a series without a value.
        forecast: shape (S, H).
        lower: shape (S, H).
        upper: shape (S, H).
        quantiles: those that the specification names, shape (S, H, P).
        members: shape (S, H, M).
        weights: weight each member really had, shape (S, H, M).
        model_index: shape (S, H); -1 where no model but the seasonal naive spoke.
        lead: steps from the origin to the one the models were asked from, shape (S,), negative for an earlier
            one; NO_MODEL without.
        block: number of the block that was asked, shape (S,); -1 without.
        asked: what each block that was asked had to say, by its number.
        unmet: see `loopcast.zoo.predict.Prediction`.
        notes: see `loopcast.zoo.predict.Prediction`.
    """

    panel: Panel
    origins: IntArray
    forecast: FloatArray
    lower: FloatArray
    upper: FloatArray
    quantiles: FloatArray
    members: FloatArray
    weights: FloatArray
    model_index: IntArray
    lead: IntArray
    block: IntArray
    asked: Mapping[int, Asked] = field(default_factory=dict)
    unmet: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def predict_steps(zoo: Zoo, panel: Panel) -> Steps:
    """Return the forecasts of a zoo in wall-clock steps from each series' last target."""
    if (panel.spec.target, panel.spec.frequency) != (zoo.target, zoo.frequency):
        found = f"{panel.spec.target} at {panel.spec.frequency}"
        raise CallerError(
            f"found a panel of {found}; expected {zoo.target} at {zoo.frequency}, as the zoo was built for"
        )
    origins, series = panel.last, find_series(zoo, panel)
    n_steps = count_steps(zoo, panel, origins)
    reach, chosen, lead = find_panel_reach(zoo, panel)
    ends = dict(find_predictor_ends(panel, n_steps))
    require_history(panel, origins, reach)
    notes = describe_history(panel, origins, reach)
    panel, origins = crop_panel(panel, origins, reach, after=2 * n_steps + 1 + day_steps(zoo))
    out = replace(start_steps(zoo, panel, origins, n_steps), block=chosen, lead=lead, notes=notes)
    asked = {int(number): fill_block(out, int(number), zoo, series) for number in np.unique(chosen[chosen >= 0])}
    unmet = (*describe_unmet(panel, origins, series, lead), *describe_ends(zoo, chosen, ends))
    return replace(out, asked=asked, unmet=unmet)


def start_steps(zoo: Zoo, panel: Panel, origins: IntArray, n_steps: int) -> Steps:
    """Return the seasonal naive of the longest period with the interval of its own past errors."""
    n_series, ahead = len(origins), np.arange(1, n_steps + 1)
    forecast = np.full((n_series, n_steps), np.nan)
    for period in (*zoo.seasonal_periods[::-1], 1):
        back = period * -(-ahead // period)
        guess = take_positions(fill_seasonal(panel.y, period), origins[:, None] + (ahead - back))
        forecast = np.where(np.isfinite(forecast), forecast, guess)
    tail = (100.0 - zoo.spec.level) / 200.0
    ends = naive_errors(zoo, panel, origins, (tail, 1.0 - tail, *zoo.spec.quantiles))
    empty = np.zeros((n_series, n_steps, len(zoo.member_names)))
    return Steps(
        panel=panel,
        origins=origins,
        forecast=forecast,
        lower=forecast + np.minimum(ends[:, :1], 0.0),
        upper=forecast + np.maximum(ends[:, 1:2], 0.0),
        quantiles=forecast[..., None] + ends[:, None, 2:],
        members=np.full(empty.shape, np.nan),
        weights=empty,
        model_index=np.full(forecast.shape, -1, dtype=np.int64),
        lead=np.full(n_series, NO_MODEL, dtype=np.int64),
        block=np.full(n_series, -1, dtype=np.int64),
    )


def naive_errors(zoo: Zoo, panel: Panel, origins: IntArray, probabilities: tuple[float, ...]) -> FloatArray:
    """Return quantiles of the seasonal naive's past errors, shape (S, P); 0 where there are none."""
    past = panel.y[:, : int(origins.max()) + 1]
    period = min(zoo.seasonal_periods[-1], max(1, past.shape[1] // 2))
    change = np.sort(past[:, period:] - past[:, :-period], axis=1)
    count = np.isfinite(change).sum(axis=1)[:, None]
    if not change.shape[1]:
        return np.zeros((len(past), len(probabilities)))
    column = (np.array(probabilities) * np.maximum(count - 1, 0)).astype(np.int64)
    return np.where(count > 0, np.take_along_axis(change, column, axis=1), 0.0)


@dataclass(frozen=True, eq=False)
class Cells:
    """Which cells of `Steps` come from which cells of a block.

    Args:
        series: row in `Steps`, shape (C,).
        column: step in `Steps` - 1, shape (C,).
        row: series in the block, shape (C,).
        step: step in the block - 1, shape (C,).
    """

    series: IntArray
    column: IntArray
    row: IntArray
    step: IntArray


def match_cells(out: Steps, block: Block, rows: IntArray, chosen: IntArray, lead: IntArray) -> Cells:
    """Return the cells of the chosen series that a block's models reach."""
    step = np.arange(out.forecast.shape[1])[None, :] - lead[chosen][:, None]
    picked, column = np.nonzero((step >= 0) & (step < block.situation.steps))
    return Cells(chosen[picked], column, rows[chosen][picked], step[picked, column])


def fill_block(out: Steps, number: int, zoo: Zoo, series: IntArray) -> Asked:
    """Write a block's forecasts over the seasonal naive's, and return them; `out` is this module's own."""
    block = zoo.blocks[number]
    rows = find_rows(block, series)
    lead, chosen = out.lead, np.flatnonzero(out.block == number)
    aligned, origins = align_series(out, chosen, rows[chosen], lead, len(block.series))
    made, stages = ask(block.members, block.learned, block.corrections, aligned, origins)
    forecast = stages[..., -1]
    low, high = block.bounds[:, None, None, 0], block.bounds[:, None, None, 1]
    lower, upper = block.intervals.around(forecast, level=zoo.spec.level)
    quantiles = block.intervals.quantiles(forecast, np.array(zoo.spec.quantiles))
    cells = match_cells(out, block, rows, chosen, lead)
    source = (cells.row, 0, cells.step)
    usable = np.isfinite(forecast[source])
    cells = Cells(cells.series[usable], cells.column[usable], cells.row[usable], cells.step[usable])
    target, source = (cells.series, cells.column), (cells.row, 0, cells.step)
    for table, values in ((out.forecast, forecast), (out.lower, lower), (out.upper, upper)):
        table[target] = np.clip(values, low, high)[source]
    out.quantiles[target] = np.clip(quantiles, low[..., None], high[..., None])[source]
    out.model_index[target] = block.first_index + cells.step
    share = effective_weights(made, block.weights[:, None])
    for index, member in enumerate(block.members):
        column = zoo.member_names.index(member.name)
        out.members[(*target, column)] = made[(*source, index)]
        out.weights[(*target, column)] = share[(*source, index)]
    return Asked(aligned, origins, made, stages)


def align_series(out: Steps, chosen: IntArray, rows: IntArray, lead: IntArray, n_series: int) -> tuple[Panel, IntArray]:
    """Return the panel and origins in the order of a block's series; a series that is not there has no values."""
    order = np.full(n_series, int(chosen[0]), dtype=np.int64)
    order[rows] = chosen
    origins = np.full((n_series, 1), -1, dtype=np.int64)
    origins[rows, 0] = out.origins[chosen] + lead[chosen]
    return out.panel.select(order), origins


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


def describe_ends(zoo: Zoo, chosen: IntArray, predictor_ends: Mapping[str, int]) -> tuple[str, ...]:
    """Return one sentence per predictor that ends before the models that were asked expect it to."""
    said: dict[str, str] = {}
    for number in np.unique(chosen[chosen >= 0]):
        for name, end in zoo.blocks[int(number)].situation.predictor_ends:
            now = predictor_ends.get(name)
            if now is None or now < end:
                found = "has no value" if now is None else f"ends at step {now} from the last target"
                said[name] = f"no models for where {name} {found}: those for {end} asked, what lacks counts as usual"
    return tuple(said.values())
