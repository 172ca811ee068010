"""Drift: whether the newest window of a variable is still what its reference window says, with calibrated limits.

Drawing the null windows is in `loopcast.dataops.quality.calibration`, the residuals come from
`loopcast.dataops.quality.residuals`.

Why not the textbook's limits: dependent values repeat each other, so that a window of them is like a far smaller sample
of independent ones, and every test that counts them as independent cries wolf. Here each statistic's limit is what it
reaches in windows drawn from the reference itself, block by block.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loopcast.dataops.quality.calibration import draw_blocks, fit_gumbel_limit
from loopcast.dataops.quality.recursion import carry_on
from loopcast.dataops.quality.residuals import Residuals

Floats = npt.NDArray[np.float64]

FEWEST_REFERENCE, FEWEST_WINDOW = 60, 8
STATISTICS = ("jump", "level", "scale", "dependence", "ks", "wasserstein")


@dataclass(frozen=True)
class DriftOptions:
    """How drift is judged.

    Args:
        false_alarms: share of windows without drift that may be named, in (0, 1), all statistics together.
        draws: null windows that the limits are taken from; at least 1 / false_alarms.
        block: steps that are drawn together, so that dependence left in the residuals stays in them.
        seed: of the draws.
    """

    false_alarms: float = 0.01
    draws: int = 399
    block: int = 24
    seed: int = 0


@dataclass(frozen=True)
class DriftResult:
    """What the newest window looks like against its reference.

    Args:
        score: the largest statistic over its limit; above 1 is drift; nan where there was too little to judge.
        statistic: which one that was.
        reached: each statistic's value.
        limits: each statistic's limit.
        psi: population stability index of the residuals, for information: it has no calibrated limit.
        reason: why nothing was judged; empty where it was.
    """

    score: float
    statistic: str
    reached: Mapping[str, float]
    limits: Mapping[str, float]
    psi: float
    reason: str = ""

    @property
    def is_drift(self) -> bool:
        """Whether a statistic is above its limit."""
        return self.score > 1.0


def detect_drift(residuals: Residuals, *, window: int, options: DriftOptions = DriftOptions()) -> DriftResult:
    """Return whether the newest window has drifted from the reference.

    Statistics, of the window's innovations e and anomalies d in units of the reference's sigma:

    - `jump`: the best-fitting step in level, max over its onset of |x'e| / sqrt(x'x) where x is what a step looks like
      after the autoregression (1 at the onset, 1 - sum phi long after: a pulse where phi is near 1); a single outlier,
      which fits the pattern (1, -phi) better, is no step;
    - `level`: |mean of d|: a slow drift away from the frozen seasonal means;
    - `scale`: |log of mean |e| in the window over that in the reference|;
    - `dependence`: |autocorrelation of e at one step|: zero as long as the reference's phi hold;
    - `ks`, `wasserstein`: distance of the window's distribution of e from the reference's.

    Limits: the same statistics of windows drawn from the reference's innovations by moving blocks (and passed through
    the autoregression for d), widened by 1 + window / reference because the reference itself is a sample,
    such that all together are exceeded in `false_alarms` of the drawn windows; and not below what the reference's own
    windows reach, so that a season longer than the reference is no drift as long as it goes on as it did.

    Args:
        residuals: of the reference and all that follows; the last `window` steps are judged.
        window: steps to judge.
        options: how.

    References:
        Tsay (1988), Outliers, level shifts and variance changes in time series, Journal of Forecasting 7, eq. 7-12;
        Kuensch (1989), Annals of Statistics 17(3) for moving blocks; Massey (1951) for Kolmogorov-Smirnov.
    """
    model, sigma = residuals.model, residuals.model.sigma
    reference = _present(residuals.innovations[: residuals.n_reference])
    known = residuals.anomalies[: residuals.n_reference]
    newest, anomalies = _present(residuals.innovations[-window:]), _present(residuals.anomalies[-window:])
    reason = _find_reason(len(reference), min(len(newest), len(anomalies)), sigma)
    if reason:
        return DriftResult(float("nan"), "", {}, {}, float("nan"), reason)
    rng = np.random.default_rng(options.seed)
    drawn = draw_blocks(reference / sigma, length=2 * window, draws=options.draws, block=options.block, rng=rng)
    levels = carry_on(drawn, model.phi)[:, window:]
    judge = _Judge(np.sort(reference) / sigma, model.phi)
    found = judge.measure((newest / sigma)[None, :], (anomalies / sigma)[None, :])
    null = judge.measure(drawn[:, window : window + len(newest)], levels[:, : len(anomalies)])
    past = judge.measure(*(_slide(x, len(newest)) for x in (reference / sigma, _present(known) / sigma)))
    limits = _find_limits(null, past, widening=1.0 + len(newest) / len(reference), share=options.false_alarms)
    values = {name: float(found[name][0]) for name in STATISTICS}
    scores = {name: values[name] / limits[name] for name in STATISTICS}
    worst = max(scores, key=scores.__getitem__)
    return DriftResult(scores[worst], worst, values, limits, stability_index(reference, newest))


def stability_index(reference: Floats, newest: Floats, *, bins: int = 10) -> float:
    """Return the population stability index: sum (p - q) ln(p / q) over the reference's quantile bins; 0 is best.

    Args:
        reference: numbers of the reference, shape (n,).
        newest: numbers to compare, shape (m,).
        bins: how many.

    References:
        Siddiqi (2006), Credit Risk Scorecards, chapter 7. Half a count is added to each bin, so that none is empty.

    Examples:
        >>> round(stability_index(np.arange(100.0), np.arange(100.0)), 6)
        0.0
    """
    edges = np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
    p, q = (np.bincount(np.searchsorted(edges, x), minlength=bins) + 0.5 for x in (newest, reference))
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


@dataclass(frozen=True, eq=False)
class _Judge:
    """The statistics of windows against one reference; windows are rows.

    Args:
        reference: its innovations, standardized and sorted.
        phi: the autoregression.
    """

    reference: Floats
    phi: Floats

    def measure(self, innovations: Floats, levels: Floats) -> dict[str, Floats]:
        ordered = np.sort(innovations, axis=-1)
        ratio = np.abs(innovations).mean(axis=-1) / np.abs(self.reference).mean()
        return {
            "jump": find_step(innovations, self.phi),
            "level": np.abs(levels.mean(axis=-1)),
            "scale": np.abs(np.log(np.maximum(ratio, 1e-12))),
            "dependence": _correlate(innovations),
            "ks": measure_ks(self.reference, ordered),
            "wasserstein": measure_wasserstein(self.reference, ordered),
        }


def find_step(innovations: Floats, phi: Floats) -> Floats:
    """Return how well a step in level explains the innovations, at its best onset, in standard deviations.

    Args:
        innovations: standardized, time on the last axis.
        phi: coefficients of the autoregression that the innovations come from.

    References:
        Tsay (1988), eq. 7-12: the filtered patterns of a level shift and of an additive outlier.
    """
    order, length = len(phi), innovations.shape[-1]
    rest = 1.0 - phi.sum()
    shift = np.concatenate([[1.0], 1.0 - np.cumsum(phi)[:-1]]) if order else np.zeros(0)
    after = np.cumsum(innovations[..., ::-1], axis=-1)[..., ::-1]
    padded = np.concatenate([innovations, np.zeros((*innovations.shape[:-1], order + 1))], axis=-1)
    explained, weight = rest * after, rest**2 * np.arange(length, 0, -1)
    outlier, outlier_weight = innovations.copy(), np.ones(length)
    for lag in range(order):
        there = np.arange(length) + lag < length
        explained = explained + (shift[lag] - rest) * padded[..., lag : lag + length]
        weight = weight + (shift[lag] ** 2 - rest**2) * there
    for lag in range(1, order + 1):
        outlier = outlier - phi[lag - 1] * padded[..., lag : lag + length]
        outlier_weight = outlier_weight + phi[lag - 1] ** 2 * (np.arange(length) + lag < length)
    step = np.abs(explained) / np.sqrt(np.maximum(weight, 1e-12))
    spike = np.abs(outlier) / np.sqrt(outlier_weight)
    # The last point may be either; what follows it will tell.
    is_step = (step >= spike) & (np.arange(length) < length - 1)
    return np.asarray(np.where(is_step, step, 0.0).max(axis=-1))


def measure_ks(reference: Floats, windows: Floats) -> Floats:
    """Return the Kolmogorov-Smirnov distance of each window from the reference; both sorted on the last axis."""
    size = windows.shape[-1]
    up_to = np.searchsorted(reference, windows, side="right") / len(reference)
    below = np.searchsorted(reference, windows, side="left") / len(reference)
    steps = np.arange(1, size + 1) / size
    return np.asarray(np.maximum(np.abs(up_to - steps), np.abs(below - steps + 1.0 / size)).max(axis=-1))


def measure_wasserstein(reference: Floats, windows: Floats) -> Floats:
    """Return the mean distance of each window's sorted values from the reference's quantiles at the same shares."""
    size = windows.shape[-1]
    quantiles = np.quantile(reference, (np.arange(size) + 0.5) / size)
    return np.asarray(np.abs(windows - quantiles).mean(axis=-1))


def _correlate(innovations: Floats) -> Floats:
    """Return the absolute autocorrelation at one step, of values pulled in to four standard deviations."""
    clipped = np.clip(innovations, -4.0, 4.0)
    power = (clipped**2).sum(axis=-1)
    return np.asarray(np.abs((clipped[..., 1:] * clipped[..., :-1]).sum(axis=-1)) / np.maximum(power, 1e-12))


def _find_limits(
    null: Mapping[str, Floats], past: Mapping[str, Floats], *, widening: float, share: float
) -> dict[str, float]:
    """Return each statistic's limit, such that all together are exceeded in a share of the drawn windows.

    What the reference's own windows reach is never beyond it: a year's season, say, no autoregression knows about.
    """
    each = {name: np.quantile(null[name], 0.99) for name in STATISTICS}
    floors = {name: max(float(limit), 1e-9) for name, limit in each.items()}
    largest = np.max([null[name] / floors[name] for name in STATISTICS], axis=0)
    # The k-th largest of n draws is exceeded by one more draw with probability k / (n + 1).
    rank = max(1, int(share * (len(largest) + 1)))
    together = float(np.sort(largest)[-rank])
    own = {name: fit_gumbel_limit(past[name], share=share / len(STATISTICS)) for name in STATISTICS}
    return {name: widening * max(floors[name] * together, own[name]) for name in STATISTICS}


def _slide(values: Floats, window: int) -> Floats:
    """Return windows of the values, each overlapping the one before by three quarters; one to each row."""
    return np.lib.stride_tricks.sliding_window_view(values, min(window, len(values)))[:: max(1, window // 4)]


def _present(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _find_reason(n_reference: int, n_window: int, sigma: float) -> str:
    if n_reference < FEWEST_REFERENCE or n_window < FEWEST_WINDOW:
        return f"too short: {n_reference} values to refer to and {n_window} to judge"
    return "" if sigma > 0 else "constant in the reference"
