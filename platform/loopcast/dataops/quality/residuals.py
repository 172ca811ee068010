"""One-step residuals of a variable by a small model that needs no zoo: seasonal means and an autoregression.

What is concluded from residuals is in `loopcast.dataops.quality.drift` and `loopcast.dataops.quality.signals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ORDER = 3
FEWEST_CYCLES, BETTER = 4, 0.98
CLIP_MADS = 6.0
NORMAL_MAD = 1.4826


@dataclass(frozen=True, eq=False)
class ResidualModel:
    """What a reference window says about the next value.

    The value expected at t, with s(t) the mean of the reference at t's place in the season, is

        s(t) + phi_1 (y(t-1) - s(t-1)) + ... + phi_p (y(t-p) - s(t-p)).

    Args:
        seasonal: mean at each place in the season, in the variable's unit, shape (period,); place 0 is the reference's
            first value; one mean for all where there is no season.
        phi: coefficients of the autoregression, shape (p,).
        sigma: standard deviation of the residuals in the reference, in the variable's unit, at least 0.
    """

    seasonal: Floats
    phi: Floats
    sigma: float


@dataclass(frozen=True, eq=False)
class Residuals:
    """A variable seen by its reference model.

    Args:
        model: fitted on the first `n_reference` values.
        n_reference: length of the reference window.
        anomalies: the values less their seasonal means, shape (n,); nan where missing.
        innovations: the values less what the model expected one step before, shape (n,); nan where any is missing.
    """

    model: ResidualModel
    n_reference: int
    anomalies: Floats
    innovations: Floats


def take_residuals(values: Floats, *, n_reference: int, periods: Sequence[int] = ()) -> Residuals:
    """Return the one-step residuals of a model that is fitted on the first values only.

    In the reference each value is held against the mean of the *other* cycles (n / (n - 1) times its distance from
    the mean of all), so that residuals there are as large as those of values that the model has not seen.

    Args:
        values: one variable on a regular grid, shape (n,); nan where missing.
        n_reference: how many of them, from the first on, the model is fitted on.
        periods: seasonal periods in steps that may be used, for instance (24, 168).

    References:
        Least squares for autoregressions: Hamilton, Time Series Analysis (1994), section 5.2.
    """
    seasonal, others = _choose_season(values[:n_reference], periods)
    places = np.arange(len(values)) % len(seasonal)
    anomalies = values - seasonal[places]
    anomalies[:n_reference] *= others[places[:n_reference]]
    phi = _fit_autoregression(anomalies[:n_reference], order=ORDER)
    innovations = anomalies - _lags(anomalies, len(phi)) @ phi
    known = innovations[:n_reference][np.isfinite(innovations[:n_reference])]
    sigma = float(known.std()) if len(known) else 0.0
    # Below this the spread is rounding of a constant.
    sigma = sigma if sigma > 1e-12 * max(1.0, float(np.abs(seasonal).max())) else 0.0
    return Residuals(ResidualModel(seasonal, phi, sigma), n_reference, anomalies, innovations)


def _choose_season(values: Floats, periods: Sequence[int]) -> tuple[Floats, Floats]:
    """Return the means of the season that says most about cycles it has not seen, and n / (n - 1) at each place.

    Seasons that the values do not hold four times are left out; a longer one must be better than a shorter one.
    """
    best, error = (np.zeros(1), np.ones(1)), np.inf
    for period in sorted({1, *periods}):
        if FEWEST_CYCLES * period > len(values):
            continue
        means, counts = _seasonal_means(values, period)
        others = counts / np.maximum(counts - 1.0, 1.0)
        places = np.arange(len(values)) % period
        distances = (values - means[places]) * others[places]
        found = float(np.nanmean(distances**2)) if np.isfinite(distances).any() else np.inf
        if found < BETTER * error:
            best, error = (means, others), found
    return best


def _seasonal_means(values: Floats, period: int) -> tuple[Floats, Floats]:
    """Return the mean at each place in the season, and how many values it is of.

    Values far from the median of their place are pulled in first: one spike must not bend a place of the season.
    """
    rows = np.full(-(-len(values) // period) * period, np.nan)
    rows[: len(values)] = values
    cycles = rows.reshape(-1, period)
    counts = np.isfinite(cycles).sum(axis=0)
    if not counts.any():
        return np.zeros(period), counts.astype(np.float64)
    cycles[0, counts == 0] = np.nanmedian(values)
    medians = np.nanmedian(cycles, axis=0)
    return medians + np.nanmean(_clip(cycles - medians), axis=0), counts.astype(np.float64)


def _clip(values: Floats) -> Floats:
    """Return the values pulled in to six robust standard deviations; as they are where most of them are zero."""
    present = np.abs(values[np.isfinite(values)])
    spread = NORMAL_MAD * float(np.median(present)) if len(present) else 0.0
    return np.clip(values, -CLIP_MADS * spread, CLIP_MADS * spread) if spread > 0 else values


def _fit_autoregression(anomalies: Floats, *, order: int) -> Floats:
    """Return the coefficients by least squares, on values pulled in to six robust standard deviations."""
    clipped = _clip(anomalies)
    design = _lags(clipped, order)
    whole = np.isfinite(design).all(axis=1) & np.isfinite(clipped)
    if whole.sum() <= 10 * order:
        return np.zeros(0)
    return np.asarray(np.linalg.lstsq(design[whole], clipped[whole], rcond=None)[0], dtype=np.float64)


def _lags(values: Floats, order: int) -> Floats:
    """Return the values 1..order steps before each, shape (n, order)."""
    lagged = np.full((len(values), order), np.nan)
    for lag in range(1, order + 1):
        lagged[lag:, lag - 1] = values[:-lag]
    return lagged
