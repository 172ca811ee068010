"""The daily retrain: same terms, new coefficients. What came since a zoo last learned goes into its state.

Weights, corrections and intervals learn from the forecasts that were made, members from the new rows. Building anew
does not belong here, see `loopcast.zoo.build` and `loopcast.zoo.rebuild`.
"""

from dataclasses import replace

import numpy as np

from loopcast.zoo.arrays import BoolArray, IntArray, take_positions
from loopcast.zoo.ask import ask
from loopcast.zoo.choice import find_rows, find_series
from loopcast.zoo.corrections.base import FittedCorrection, Made
from loopcast.zoo.members.base import Situation
from loopcast.zoo.panel import Panel, find_positions
from loopcast.zoo.pending import join_pending, make_pending
from loopcast.zoo.zoo import Block, Pending, Zoo


def retrain(zoo: Zoo, panel: Panel) -> Zoo:
    """Return the zoo after it has learned from everything that came since it last did; itself where nothing did.

    It walks from origin to origin of each situation, as if it had been retrained at each of them in turn.

    Args:
        zoo: models and their state.
        panel: a later version; the minimal history and what is new are enough. Series that the zoo does not know are
            left alone.
    """
    blocks = tuple(retrain_block(block, panel, find_rows(block, find_series(zoo, panel))) for block in zoo.blocks)
    if all(new is old for new, old in zip(blocks, zoo.blocks, strict=True)):
        return zoo
    return replace(zoo, blocks=blocks)


def retrain_block(block: Block, panel: Panel, rows: IntArray) -> Block:
    """Return a block after it has learned.

    Args:
        block: its models.
        panel: the data.
        rows: row of each of the panel's series in the block, -1 for one that is not there.
    """
    here = np.flatnonzero(rows >= 0)
    if not len(here):
        return block
    aligned, known = align_panel(panel, rows, len(block.series))
    learned = find_positions(aligned, block.until)
    last = find_origins(aligned, block.situation, known)
    stride = block.situation.stride
    behind = np.where(known & (last > learned), (last - learned) // stride, 0)
    for step in range(int(behind.max(initial=0)), 0, -1):
        origins = np.where(behind >= step, last - (step - 1) * stride, learned)
        block = advance(block, aligned, learned, origins)
        learned = origins
    return block


def align_panel(panel: Panel, rows: IntArray, n_series: int) -> tuple[Panel, BoolArray]:
    """Return the panel with its series in a block's order, and which of them are there."""
    order, known = np.zeros(n_series, dtype=np.int64), np.zeros(n_series, dtype=bool)
    here = np.flatnonzero(rows >= 0)
    order[rows[here]], known[rows[here]] = here, True
    return panel.select(order), known


def find_origins(panel: Panel, situation: Situation, known: BoolArray) -> IntArray:
    """Return each series' newest position at the situation's time of day; -1 without a target."""
    last = panel.last
    minutes = (panel.time_of_day(last) - situation.time_of_day) % 1440
    back = minutes * situation.stride // 1440 if situation.calendar else np.zeros_like(last)
    return np.where(known & (last >= 0), last - back, -1)


def advance(block: Block, panel: Panel, since: IntArray, origins: IntArray) -> Block:
    """Return a block that has gone on by one origin.

    Args:
        block: its models and state.
        panel: the data, series in the block's order.
        since: positions of the origins up to which it has learned, shape (S,).
        origins: positions of the new ones; equal to `since` for series without one.
    """
    view = panel.cut(origins, ahead=block.situation.steps)
    moved = origins > since
    block = learn_pending(see_again(block, panel, since), view, origins, moved)
    members = tuple(member.update(view, origins, since=since) for member in block.members)
    until = np.where(moved, view.times(origins), block.until)
    block = replace(block, members=members, until=until)
    return replace(block, pending=join_pending(block.pending, make_pending(block, view, np.where(moved, origins, -1))))


def see_again(block: Block, panel: Panel, since: IntArray) -> Block:
    """Return a block whose newest pending forecast is made, where the predictors of its horizon were not there before.

    Nothing was learned since, so it is the forecast that somebody got who gave them only for that.

    Args:
        block: its models and state.
        panel: the data, series in the block's order.
        since: positions of the origins up to which it has learned, shape (S,).
    """
    old = block.pending
    if not old.is_blind or not old.origins.shape[1]:
        return block
    asked = np.where(np.isnat(old.origins[:, -1]), -1, since)
    view = panel.cut(since, ahead=block.situation.steps)
    made, stages = ask(block.members, block.learned, block.corrections, view, asked[:, None])
    seen = Pending(old.origins[:, -1:], made, stages)
    before = Pending(old.origins[:, :-1], old.forecasts[:, :-1], old.stages[:, :-1])
    return replace(block, pending=join_pending(before, seen))


def learn_pending(block: Block, panel: Panel, origins: IntArray, moved: BoolArray) -> Block:
    """Return a block whose weights, corrections and intervals learned from forecasts whose targets are known now.

    A series that stands still does not keep the others waiting: what it has not brought by then is not learned from.
    """
    places = find_positions(panel, block.pending.origins)
    passed = places + block.situation.steps <= origins[:, None]
    due = (passed | np.isnat(block.pending.origins) | ~moved[:, None]).all(axis=0)
    count = int(np.cumprod(due).sum())  # in the order in which they were made
    for window in range(count):
        block = learn_window(block, panel, places, window)
    rest = block.pending
    kept = Pending(rest.origins[:, count:], rest.forecasts[:, count:], rest.stages[:, count:])
    return replace(block, pending=kept)


def learn_window(block: Block, panel: Panel, places: IntArray, window: int) -> Block:
    """Return a block that has learned from one window of its pending forecasts."""
    now = slice(window, window + 1)
    positions = places[:, now, None] + np.arange(1, block.situation.steps + 1)
    there = ~np.isnat(block.pending.origins[:, now])[:, :, None]
    targets = np.where(there, take_positions(panel.measured(panel.spec.target), positions), np.nan)
    forecasts, stages = block.pending.forecasts[:, now], block.pending.stages[:, now]
    names = tuple(member.name for member in block.members)
    corrections: tuple[FittedCorrection, ...] = tuple(
        correction.update(Made(panel, places[:, now], names, forecasts, stages[..., number]), targets)
        for number, correction in enumerate(block.corrections)
    )
    return replace(
        block,
        learned=block.learned.learn(forecasts[:, 0], targets[:, 0]),
        corrections=corrections,
        intervals=block.intervals.update(targets - stages[..., -1]),
        n_windows=block.n_windows + 1,
    )
