"""What the zoo is measured against in the same run: recipes as widely used libraries apply them, nothing tuned.

Nothing of the product is imported here.
"""

import lightgbm
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LAGS = (*range(1, 25), 48, 72, 96, 120, 144, 168)
WINDOWS = (24, 168)


def boost_on_lags(series: list[Floats], horizon: int, *, season: int, seed: int = 0) -> Floats:
    """Return recursive forecasts of one LightGBM for all series, on lags and moving averages of seasonal differences.

    Args:
        series: one array per series, oldest value first, longer than the deepest lag and a season.
        horizon: samples ahead.
        season: period of the difference, in steps.
        seed: of the model.

    Returns:
        Shape (series, horizon).
    """
    depth = max(*LAGS, *WINDOWS)
    scales = np.array([max(np.abs(values[season:] - values[:-season]).mean(), 1e-9) for values in series])
    changes = [(y[season:] - y[:-season]) / scale for y, scale in zip(series, scales, strict=True)]
    rows = np.concatenate([make_rows(np.lib.stride_tricks.sliding_window_view(d[:-1], depth)) for d in changes])
    target = np.concatenate([d[depth:] for d in changes])
    options = {"objective": "l2", "learning_rate": 0.05, "seed": seed, "num_threads": 1, "verbosity": -1}
    model = lightgbm.train(options, lightgbm.Dataset(rows, target), num_boost_round=200)
    past, made = np.stack([d[-depth:] for d in changes]), np.empty((len(series), horizon))
    for step in range(horizon):
        made[:, step] = model.predict(make_rows(past), num_threads=1)
        past = np.concatenate([past[:, 1:], made[:, step, None]], axis=1)
    level = np.stack([y[-season:] for y in series])
    for start in range(0, horizon, season):
        width = min(season, horizon - start)
        made[:, start : start + width] = made[:, start : start + width] * scales[:, None] + level[:, :width]
        level = made[:, start : start + season]
    return made


def make_rows(past: Floats) -> Floats:
    """Return lags and moving averages of windows of the past, newest value last; shape (rows, columns)."""
    lags = np.stack([past[:, -lag] for lag in LAGS], axis=1)
    means = np.stack([past[:, -window:].mean(axis=1) for window in WINDOWS], axis=1)
    return np.concatenate([lags, means], axis=1)
