"""How hard a target is to forecast, 0 to 100: the combination's error beside that of repeating the season before.

Errors of single members are in `loopcast.experimentation.leaderboard`.
"""

from collections.abc import Sequence

import numpy as np

from loopcast.zoo.arrays import take_positions
from loopcast.zoo.fill import fill_seasonal
from loopcast.zoo.rolling import Rolling


def find_difficulty(rolling: Sequence[Rolling]) -> float | None:
    """Return the difficulty: 0, every backtest forecast is right; 100, none is better than the best seasonal naive.

    It is 100 times the combination's mean absolute error over that of the seasonal naive with the best period, out of
    sample and on the same cells, at most 100; None where there is nothing to compare.

    References:
        Hyndman and Koehler (2006), Another look at measures of forecast accuracy, section 2.4, relative measures.
    """
    errors, naives = [], []
    for part in rolling:
        errors.append(np.abs(part.targets - part.combined).ravel())
        naives.append(np.stack([naive_errors(part, period).ravel() for period in part.situation.periods]))
    periods = min(len(naive) for naive in naives)
    error, naive = np.concatenate(errors), np.concatenate([one[:periods] for one in naives], axis=1)
    known = np.isfinite(error) & np.isfinite(naive).all(axis=0)
    best = naive[:, known].mean(axis=1).min() if known.any() else 0.0
    return float(np.clip(100.0 * error[known].mean() / best, 0.0, 100.0)) if best > 0 else None


def naive_errors(rolling: Rolling, period: int) -> np.ndarray:
    """Return the absolute errors of repeating the last season before each origin, shape (S, W, H)."""
    ahead = np.arange(1, rolling.situation.steps + 1)
    back = period * -(-ahead // period)
    positions = rolling.origins[:, :, None] + (ahead - back)
    return np.abs(rolling.targets - take_positions(fill_seasonal(rolling.panel.y, period), positions))
