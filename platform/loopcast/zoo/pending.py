"""Forecasts that wait for their actuals: made when a zoo has learned, learned from when the actuals are there.

What is learned from them is in `loopcast.zoo.retrain`.
"""

import numpy as np

from loopcast.zoo.arrays import IntArray
from loopcast.zoo.ask import ask
from loopcast.zoo.panel import Panel, lacks_horizon
from loopcast.zoo.zoo import Block, Pending


def make_pending(block: Block, panel: Panel, origins: IntArray) -> Pending:
    """Return a block's forecasts from its newest origins, to learn from later.

    Args:
        block: its models and state.
        panel: the data, series in the block's order.
        origins: shape (S,); negative for a series that is not asked.
    """
    asked = np.where(origins >= 0, panel.times(origins), np.datetime64("NaT"))[:, None]
    if lacks_horizon(panel, origins):
        shape = (len(origins), 1, block.situation.steps)
        nothing = np.full((*shape, len(block.members)), np.nan), np.full((*shape, len(block.corrections) + 1), np.nan)
        return Pending(asked, *nothing, is_blind=True)
    return Pending(asked, *ask(block.members, block.learned, block.corrections, panel, origins[:, None]))


def join_pending(old: Pending, new: Pending) -> Pending:
    """Return the forecasts of both, older ones first."""
    return Pending(
        np.concatenate([old.origins, new.origins], axis=1),
        np.concatenate([old.forecasts, new.forecasts], axis=1),
        np.concatenate([old.stages, new.stages], axis=1),
        new.is_blind,
    )
