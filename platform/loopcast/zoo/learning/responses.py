"""Columns by which a target responds to a predictor: piecewise linear in its value and recent means, by time of day.

What such columns are usually at a time of year, and what they are regressed on, does not belong here.
"""

from dataclasses import dataclass

import numpy as np

from loopcast.zoo.arrays import FloatArray

SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the predictor at which the slope may change
DAYS = (1, 3)  # means over so many days respond as well as the value itself
DEPTH_DAYS = max(DAYS)
FEWEST = 0.9  # share of the times at which a predictor must be known


@dataclass(frozen=True)
class Response:
    """One predictor's columns.

    Args:
        predictor: column name.
        knots: values at which the slope may change, ascending.
        scale: what values are divided by, above 0.
    """

    predictor: str
    knots: tuple[float, ...]
    scale: float

    def columns(self, values: FloatArray, day: FloatArray, per_day: int) -> FloatArray:
        """Return the columns at each time, shape (T, C); NaN where the recent past is not known.

        Args:
            values: of the predictor, shape (T,).
            day: waves of the time of day, shape (T, D).
            per_day: steps in a day.
        """
        made = []
        for measure in (values, *(recent_mean(values, count) for count in mean_lengths(per_day))):
            bent = np.stack(
                [measure - self.knots[0], *(np.maximum(measure - knot, 0.0) for knot in self.knots)], axis=1
            )
            bent = bent / self.scale
            made += [bent, (bent[:, :, None] * day[:, None]).reshape(len(values), -1)]
        return np.concatenate(made, axis=1)


def mean_lengths(per_day: int) -> tuple[int, ...]:
    """Return over how many steps the recent means go."""
    return tuple(days * per_day for days in DAYS if days * per_day > 1)


def count_columns(day_columns: int, per_day: int) -> int:
    """Return how many columns one predictor has.

    Examples:
        >>> count_columns(4, 24)
        90
    """
    return (1 + len(mean_lengths(per_day))) * (1 + len(SHARES)) * (1 + day_columns)


def find_response(predictor: str, values: FloatArray) -> Response | None:
    """Return how a target may respond to a predictor; None where too little is known or nothing moves.

    Args:
        predictor: column name.
        values: at the times at which the target is known, shape (T,).
    """
    known = values[np.isfinite(values)]
    if len(known) < FEWEST * len(values) or not len(known):
        return None
    knots, scale = np.quantile(known, SHARES), float(known.std())
    return Response(predictor, tuple(float(knot) for knot in knots), scale) if scale > 0 else None


def recent_mean(values: FloatArray, count: int) -> FloatArray:
    """Return the mean of the newest `count` values at each time, shape (T,); NaN where one of them is not known.

    Examples:
        >>> recent_mean(np.array([1.0, 3.0, 5.0]), 2).tolist()
        [nan, 2.0, 4.0]
    """
    if len(values) < count:
        return np.full(len(values), np.nan)
    filled = np.where(np.isfinite(values), values, 0.0)
    total = np.concatenate([[0.0], np.cumsum(filled)])
    missing = np.concatenate([[0], np.cumsum(~np.isfinite(values))])
    mean = np.where(missing[count:] == missing[:-count], (total[count:] - total[:-count]) / count, np.nan)
    return np.concatenate([np.full(count - 1, np.nan), mean])
