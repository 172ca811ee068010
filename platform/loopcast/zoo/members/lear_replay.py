"""What a LASSO member would have said at every origin of the past, each time knowing no more than there was then.

It learns row by row, as updates do. Members that learn from another's errors need that; nothing else belongs here.
"""

from dataclasses import replace

import numpy as np

from loopcast.zoo.arrays import FloatArray, IntArray
from loopcast.zoo.dictionary.rows import Rows, read_rows, waiting
from loopcast.zoo.learning.scaling import Scaling
from loopcast.zoo.members.base import Situation
from loopcast.zoo.members.lear import FittedLear, learn
from loopcast.zoo.panel import Panel

CHOOSE_EVERY = 28  # rows after which penalties are chosen again


def replay_lear(
    fitted: FittedLear, panel: Panel, situation: Situation, origins: IntArray
) -> tuple[FittedLear, FloatArray]:
    """Return the member after the last origin, and what it would have said at each.

    Args:
        fitted: a member that has learned nothing that was due after the first origin.
        panel: what is known, no target after the last origin.
        situation: what is forecast.
        origins: one stride apart, oldest first, shape (S, N).

    Returns:
        The member, and forecasts of shape (S, N, H), in the target's unit.
    """
    rows, center = read_rows(panel, fitted.dictionary, origins)
    lag, state, made = waiting(situation), fitted.state, []
    for place in range(origins.shape[1]):
        if place >= lag:
            now = slice(place - lag, place - lag + 1)
            due = Rows(rows.features[:, now], rows.targets[:, now], rows.scale[:, now])
            learned = state.learned + 1
            state = replace(learn(state, due, fitted.half_lives, choose=learned % CHOOSE_EVERY == 0), learned=learned)
            fitted = FittedLear(fitted.name, situation, fitted.dictionary, fitted.half_lives, state)
        here = slice(place, place + 1)
        made.append(fitted.predict_rows(rows.features[:, here], Scaling(center[:, here], rows.scale[:, here])))
    return fitted, np.concatenate(made, axis=1)
