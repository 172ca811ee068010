"""Control charts: individuals and moving range, EWMA, CUSUM, and the run rules of Western Electric and Nelson.

Here are the textbook's definitions, for any numbers in time order. Which limits keep quiet on dependent data is in
`loopcast.dataops.quality.calibration`, what is charted in `loopcast.dataops.quality.signals`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.quality.recursion import carry_on

# 3 / d2 and D4 for ranges of two points, d2 = 1.128, D4 = 3.267: Montgomery (2013), appendix VI.
INDIVIDUALS_FACTOR, RANGE_FACTOR, D2 = 2.66, 3.267, 1.128

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rule = Callable[[Floats], Flags]


@dataclass(frozen=True)
class Ewma:
    """How an exponentially weighted moving average is charted.

    Args:
        weight: weight of the newest point, in (0, 1].
        width: limits in standard deviations of the average; 2.814 at weight 0.1 gives an average run length of 500.
    """

    weight: float = 0.1
    width: float = 2.814


@dataclass(frozen=True)
class Cusum:
    """How cumulative sums are charted, in standard deviations.

    Args:
        slack: what each point is allowed, half the shift to be found.
        limit: decision interval; 5 at slack 0.5 gives an average run length of 465.
    """

    slack: float = 0.5
    limit: float = 5.0


def estimate_sigma(values: Floats) -> float:
    """Return the standard deviation told by the mean moving range: mean |x[t] - x[t-1]| / 1.128; nan without any.

    References:
        Shewhart charts for individuals: Montgomery, Introduction to Statistical Quality Control (2013), eq. 6.33.

    Examples:
        >>> round(estimate_sigma(np.array([1.0, 2.0, 1.0])), 4)
        0.8865
    """
    ranges = np.abs(np.diff(values))
    present = ranges[np.isfinite(ranges)]
    return float(present.mean()) / D2 if len(present) else float("nan")


def chart_individuals(values: Floats, *, center: float | None = None, sigma: float | None = None) -> pd.DataFrame:
    """Return the individuals chart: `value`, `center`, `lower`, `upper` and one column of signals per run rule.

    Args:
        values: numbers in time order, shape (n,); missing ones signal nothing and break every run.
        center: known mean; None: the mean of the values.
        sigma: known standard deviation; None: from the mean moving range, so that the limits are 2.66 of it away.

    Returns:
        One row per value; the signal columns are `western_electric_1..4` and `nelson_1..8`.

    References:
        Montgomery (2013), eq. 6.33; for the rules see `western_electric_rules` and `nelson_rules`.
    """
    middle = float(np.nanmean(values)) if center is None else center
    spread = estimate_sigma(values) if sigma is None else sigma
    frame = _to_frame(values, middle, np.full(len(values), 3.0 * spread))
    z = standardize(values, middle, spread)
    return frame.assign(**{name: rule(z) for name, rule in {**WESTERN_ELECTRIC, **NELSON}.items()})


def chart_moving_ranges(values: Floats, *, sigma: float | None = None) -> pd.DataFrame:
    """Return the moving range chart: `value`, `center`, `lower` (0), `upper` and `signal`.

    Args:
        values: the individuals in time order, shape (n,).
        sigma: their known standard deviation; None: from the mean moving range.

    References:
        Montgomery (2013), section 6.4: center = mean range (1.128 sigma), upper limit = 3.267 times the center.
    """
    ranges = np.abs(np.diff(values, prepend=np.nan))
    center = D2 * (estimate_sigma(values) if sigma is None else sigma)
    upper = RANGE_FACTOR * center
    return pd.DataFrame({"value": ranges, "center": center, "lower": 0.0, "upper": upper, "signal": ranges > upper})


def chart_ewma(values: Floats, *, center: float, sigma: float, options: Ewma = Ewma()) -> pd.DataFrame:
    """Return the EWMA chart with its widening limits: `value`, `center`, `lower`, `upper`, `signal`.

    Args:
        values: numbers in time order, shape (n,).
        center: their mean in control.
        sigma: their standard deviation in control.
        options: weight and width.

    References:
        Lucas and Saccucci (1990), Technometrics 32(1): variance of the average after t points
        sigma^2 w / (2 - w) (1 - (1 - w)^(2t)).
    """
    steps = np.arange(1, len(values) + 1)
    share = options.weight / (2.0 - options.weight) * (1.0 - (1.0 - options.weight) ** (2 * steps))
    average = center + sigma * trace_ewma(standardize(values, center, sigma), weight=options.weight)
    frame = _to_frame(average, center, options.width * sigma * np.sqrt(share))
    return frame.assign(signal=(frame["value"] > frame["upper"]) | (frame["value"] < frame["lower"]))


def chart_cusum(values: Floats, *, center: float, sigma: float, options: Cusum = Cusum()) -> pd.DataFrame:
    """Return the tabular CUSUM in standard deviations: `value` (the larger of both sums), `center`, `lower`, `upper`,
    `above`, `below`, `signal`.

    Args:
        values: numbers in time order, shape (n,).
        center: their mean in control.
        sigma: their standard deviation in control.
        options: slack and decision interval.

    References:
        Page (1954), Biometrika 41; Montgomery (2013), eq. 9.2 and 9.3.
    """  # noqa: D205
    above, below = trace_cusum(standardize(values, center, sigma), slack=options.slack)
    larger = np.maximum(above, below)
    frame = pd.DataFrame({"value": larger, "center": 0.0, "lower": 0.0, "upper": options.limit})
    return frame.assign(above=above, below=below, signal=larger > options.limit)


def standardize(values: Floats, center: float, sigma: float) -> Floats:
    """Return the values in standard deviations from the center; all zero where there is no spread."""
    return (values - center) / sigma if sigma > 0 else np.where(np.isnan(values), np.nan, 0.0)


def trace_ewma(z: Floats, *, weight: float) -> Floats:
    """Return the exponentially weighted moving average of standardized values; a missing one counts as on the center.

    Args:
        z: standardized values in time order, time on the last axis.
        weight: weight of the newest point.
    """
    return carry_on(weight * np.nan_to_num(z), np.array([1.0 - weight]))


def trace_cusum(z: Floats, *, slack: float) -> tuple[Floats, Floats]:
    """Return the upper and lower cumulative sums of standardized values; a missing one leaves them where they were.

    Args:
        z: standardized values in time order, time on the last axis.
        slack: what each point is allowed.
    """
    steps = np.stack([z - slack, -z - slack])
    totals = np.nancumsum(steps, axis=-1)
    # max(0, C + step) unrolled: the sum so far less its smallest value so far, which is at most the empty sum.
    sums = totals - np.minimum(np.minimum.accumulate(totals, axis=-1), 0.0)
    return sums[0], sums[1]


def count_trailing(flags: Flags, window: int) -> npt.NDArray[np.int64]:
    """Return how many of the newest `window` flags are set, point by point; before the first point none are.

    Examples:
        >>> count_trailing(np.array([True, True, False, True]), 3).tolist()
        [1, 2, 2, 2]
    """
    totals = np.cumsum(flags, axis=-1, dtype=np.int64)
    earlier = np.zeros_like(totals)
    earlier[..., window:] = totals[..., :-window]
    return totals - earlier


def _beyond(z: Floats, *, sigmas: float, wanted: int, window: int) -> Flags:
    """Return where `wanted` of the newest `window` points, the newest among them, are beyond a zone on one side."""
    sides = (z > sigmas, z < -sigmas)
    found = [side & (count_trailing(side, window) >= wanted) for side in sides]
    return found[0] | found[1]


def _trending(z: Floats) -> Flags:
    """Return where six points in a row rose, or fell, steadily: five steps of one sign."""
    steps = np.diff(z, axis=-1, prepend=np.nan)
    return np.asarray((count_trailing(steps > 0, 5) == 5) | (count_trailing(steps < 0, 5) == 5))


def _alternating(z: Floats) -> Flags:
    """Return where fourteen points in a row went up and down in turn: twelve changes of direction."""
    steps = np.sign(np.diff(z, axis=-1, prepend=np.nan))
    turns = np.zeros(z.shape, dtype=bool)
    turns[..., 1:] = steps[..., 1:] * steps[..., :-1] < 0
    return np.asarray(count_trailing(turns, 12) == 12)


def _all(flags: Flags, window: int) -> Flags:
    return np.asarray(count_trailing(flags, window) == window)


# Western Electric Company, Statistical Quality Control Handbook (1956), p. 25-27, as in Champ and Woodall (1987),
# Technometrics 29(4): the zone rules hold on either side; their combination has an average run length of 91.75.
WESTERN_ELECTRIC: Mapping[str, Rule] = {
    "western_electric_1": lambda z: _beyond(z, sigmas=3, wanted=1, window=1),
    "western_electric_2": lambda z: _beyond(z, sigmas=2, wanted=2, window=3),
    "western_electric_3": lambda z: _beyond(z, sigmas=1, wanted=4, window=5),
    "western_electric_4": lambda z: _beyond(z, sigmas=0, wanted=8, window=8),
}
# Nelson (1984), The Shewhart control chart: tests for special causes, Journal of Quality Technology 16(4), figure 1.
NELSON: Mapping[str, Rule] = {
    "nelson_1": lambda z: _beyond(z, sigmas=3, wanted=1, window=1),
    "nelson_2": lambda z: _beyond(z, sigmas=0, wanted=9, window=9),
    "nelson_3": _trending,
    "nelson_4": _alternating,
    "nelson_5": lambda z: _beyond(z, sigmas=2, wanted=2, window=3),
    "nelson_6": lambda z: _beyond(z, sigmas=1, wanted=4, window=5),
    "nelson_7": lambda z: _all(np.abs(z) < 1, 15),
    "nelson_8": lambda z: _all(np.abs(z) > 1, 8),
}


def any_rule(z: Floats, rules: Mapping[str, Rule] = WESTERN_ELECTRIC) -> Flags:
    """Return where any of the rules signals.

    Args:
        z: standardized values in time order, time on the last axis.
        rules: by name.
    """
    return np.asarray(np.logical_or.reduce([rule(z) for rule in rules.values()]))


def _to_frame(values: Floats, center: float, half_width: Floats) -> pd.DataFrame:
    return pd.DataFrame({"value": values, "center": center, "lower": center - half_width, "upper": center + half_width})
