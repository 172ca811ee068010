"""The points of a version that are worth a look: largest changes, largest errors, widest intervals, a bounded number.

Here belongs the ranking. Why a point is what it is, is said by `loopcast.reflection.root_cause`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from loopcast.zoo.arrays import FloatArray

LIMIT = 10
CHANGE, ERROR, WIDTH, DETERIORATION = "change", "error", "width", "deterioration"
MOST_DETERIORATED = 3  # each may be of another forecast, whose models have to be restored


def rank_points(forecasts: pd.DataFrame, *, series_keys: Sequence[str], limit: int = LIMIT) -> pd.DataFrame:
    """Return the sharpest points, each once, with `rank`, `reason` and `score`.

    All scores are in interval widths, so that they can be compared: `change` is the distance from the previous forecast
    and `error` that from the actual, in widths of the point's own interval (what was promised for it); `width` is by
    how much the interval is wider than is usual for its series in that forecast, in usual widths; `deterioration` is
    the error of a forecast made since errors are worse than promised. At most half of the points come in by one reason,
    at most three by the last.

    Args:
        forecasts: rows of the forecast table with `forecast_version`, and, NaN where there is none, `previous_forecast`
            and `actual`; with `is_since`, whether a row is one of those since errors are worse (none are where it is
            left out).
        series_keys: names of the series keys.
        limit: most points to return.
    """
    width = (forecasts["upper"] - forecasts["lower"]).to_numpy()
    groups = [*series_keys, "forecast_version"]
    usual = forecasts.assign(width=width).groupby(groups)["width"].transform("median").to_numpy()
    scale = _scale(width, usual, forecasts["forecast"].to_numpy())
    value = forecasts["forecast"].to_numpy()
    missed = np.abs(value - forecasts["actual"].to_numpy()) / scale
    is_since = forecasts["is_since"].to_numpy() if "is_since" in forecasts else np.zeros(len(forecasts), dtype=bool)
    scores = {
        CHANGE: np.abs(value - forecasts["previous_forecast"].to_numpy()) / scale,
        ERROR: np.where(is_since, np.nan, missed),
        DETERIORATION: np.where(is_since, missed, np.nan),
        WIDTH: np.where(forecasts["actual"].isna(), (width - usual) / _scale(usual, usual, value), np.nan),
    }
    chosen: dict[int, dict[str, float]] = {}
    for reason, score in scores.items():
        known = np.flatnonzero(score >= 0)
        most = min(max(1, limit // 2), MOST_DETERIORATED if reason == DETERIORATION else limit)
        for row in known[np.argsort(-score[known], kind="stable")][:most]:
            chosen.setdefault(int(row), {})[reason] = float(score[row])
    rows = sorted(chosen, key=lambda row: -max(chosen[row].values()))[:limit]
    points = forecasts.iloc[rows].reset_index(drop=True)
    reasons = pd.Series([", ".join(sorted(chosen[row], key=lambda name: -chosen[row][name])) for row in rows])
    return points.assign(
        rank=np.arange(1, len(rows) + 1),
        reason=reasons.astype("str"),
        score=np.array([max(chosen[row].values()) for row in rows], dtype=np.float64),
    )


def _scale(width: FloatArray, usual: FloatArray, value: FloatArray) -> FloatArray:
    """Return what distances are measured in; an interval without any width gives none, so the next best does."""
    scale = np.where(width > 0, width, usual)
    return np.where(scale > 0, scale, np.maximum(np.abs(value), 1e-12))
