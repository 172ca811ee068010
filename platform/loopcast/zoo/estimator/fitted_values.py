"""What a zoo says of times that are past: forecasts from earlier origins by the models as they are now.

They are in-sample: the models have learned from these times. Out-of-sample errors are the backtest's.
"""

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray, take_positions
from loopcast.zoo.ask import ask
from loopcast.zoo.choice import find_rows, find_series
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.panel import Panel
from loopcast.zoo.retrain import align_panel, find_origins
from loopcast.zoo.zoo import Block, Zoo

CELLS_AT_ONCE = 2_000_000


def fit_past(
    zoo: Zoo, panel: Panel, positions: IntArray, probabilities: tuple[float, ...] = ()
) -> tuple[FloatArray, FloatArray]:
    """Return forecasts of past times, shape (S, F), and their quantiles, shape (S, F, P).

    Each is made from the newest origin of its situation before it that reaches it, or from the step before. Where
    the models cannot say anything yet it is the value one season earlier, or the value before; at a series' first
    value and before it, nothing.

    Args:
        zoo: the models.
        panel: the data.
        positions: on the panel's grid, at most those of the last targets, shape (S, F); negative ones are not asked.
        probabilities: in (0, 1), ascending.
    """
    series = find_series(zoo, panel)
    forecast = np.full(positions.shape, np.nan)
    for period in (*zoo.seasonal_periods, 1):
        guess = take_positions(fill_seasonal(panel.y, period), positions - period)
        forecast = np.where(np.isfinite(forecast), forecast, guess)
    quantiles = np.repeat(forecast[..., None], len(probabilities), axis=2)
    for block in zoo.blocks:
        rows = find_rows(block, series)
        here = np.flatnonzero(rows >= 0)
        if not len(here):
            continue
        asked = np.full((len(block.series), positions.shape[1]), -1, dtype=np.int64)
        asked[rows[here]] = positions[here]
        made, step = fit_block(block, panel, rows, asked)
        row, nothing = rows[here], np.zeros((len(asked), 1, block.situation.steps))
        low, high = block.bounds[row, :1], block.bounds[row, 1:]
        said = np.clip(np.where(np.isfinite(made[row]), made[row], forecast[here]), low, high)
        offsets = block.intervals.quantiles(nothing, np.array(probabilities))[row[:, None], 0, step[row] - 1]
        forecast[here] = said
        quantiles[here] = np.clip(said[..., None] + offsets, low[..., None], high[..., None])
    return forecast, quantiles


def fit_block(block: Block, panel: Panel, rows: IntArray, positions: IntArray) -> tuple[FloatArray, IntArray]:
    """Return a block's forecasts of past times, NaN where it says nothing, and the steps at which it made them.

    Args:
        block: its models.
        panel: the data.
        rows: row of each of the panel's series in the block, -1 for one that is not there.
        positions: of the times, series in the block's order, shape (S, F); negative ones are not asked.
    """
    aligned, known = align_panel(panel, rows, len(block.series))
    last, stride = find_origins(aligned, block.situation, known)[:, None], block.situation.stride
    back = -((positions - 1 - last) // stride) * stride
    step = positions - last + back
    within = step <= block.situation.steps
    back, step = np.where(within, back, last - positions + 1), np.where(within, step, 1)
    back = np.where((positions >= 0) & (last >= 0), back, 0)
    view = aligned.cut(last[:, 0], ahead=block.situation.steps)
    needed, place = np.unique(back, return_inverse=True)
    parts, many = [], max(1, CELLS_AT_ONCE // (len(last) * block.situation.steps))
    for start in range(0, len(needed), many):
        origins = np.where(last >= 0, last - needed[start : start + many], -1)
        parts.append(ask(block.members, block.learned, block.corrections, view, origins)[1][..., -1])
    made = np.concatenate(parts, axis=1)
    found = made[np.arange(len(made))[:, None], place.reshape(back.shape), step - 1]
    return np.where(positions >= 0, found, np.nan), step
