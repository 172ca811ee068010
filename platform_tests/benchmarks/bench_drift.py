"""Drift: false alarms next to the textbook's on raw values, power and delay on planted drifts, cost of a test."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.signal import lfilter

from loopcast.dataops.quality.control_charts import chart_individuals
from loopcast.dataops.quality.drift import DriftOptions, detect_drift, stability_index
from loopcast.dataops.quality.residuals import take_residuals

Floats = npt.NDArray[np.float64]

REFERENCE, WINDOW, STEP = 2016, 168, 24  # twelve weeks of hours, one week, a day per version
SERIES, DRIFTS = 120, 25
NOMINAL = 0.01
PHIS = (0.0, 0.5, 0.9, 0.97)


def main() -> None:
    """Print three tables."""
    print(f"reference {REFERENCE}, window {WINDOW}, nominal {100 * NOMINAL:g} %; AR(1) of standard deviation 1")
    print(f"\nfalse alarms without drift, percent of {SERIES} series [95 % interval]; beside: usual limits, raw")
    print(f"{'phi':>5}{'ours':>18}{'KS p < 0.05':>14}{'PSI > 0.2':>12}{'XmR points':>12}{'seconds':>10}")
    for phi in PHIS:
        print(f"{phi:>5}" + _false_alarms(phi), flush=True)
    print(f"\nfound within 7 versions of {STEP} steps, percent of {DRIFTS}, and median delay in versions")
    print(f"{'planted':<34}" + "".join(f"{f'phi {phi:g}':>16}" for phi in PHIS))
    for name, change in CHANGES.items():
        print(f"{name:<34}" + "".join(f"{_power(phi, change):>16}" for phi in PHIS), flush=True)


def make_noise(phi: float, seed: int, *, length: int) -> Floats:
    """Return the noise of an AR(1) of standard deviation one."""
    return np.asarray(np.random.default_rng(seed).normal(size=length) * np.sqrt(1 - phi**2))


def follow(noise: Floats, phi: float, *, start: float = 0.0) -> Floats:
    """Return the autoregression of a noise."""
    return np.asarray(lfilter([1.0], [1.0, -phi], noise, zi=[phi * start])[0])


def is_drift(values: Floats) -> bool:
    """Return whether drift is named at a version's end, given all values so far."""
    newest = values[-(REFERENCE + WINDOW) :]
    residuals = take_residuals(newest, n_reference=len(newest) - WINDOW, periods=(24, 168))
    return detect_drift(residuals, window=WINDOW, options=DriftOptions(NOMINAL)).is_drift


def _false_alarms(phi: float) -> str:
    named, ks, psi, points, seconds = [], [], [], [], []
    for seed in range(SERIES):
        values = follow(make_noise(phi, seed, length=300 + REFERENCE + WINDOW), phi)[300:]
        started = time.process_time()
        named.append(is_drift(values))
        seconds.append(time.process_time() - started)
        reference, window = values[:REFERENCE], values[REFERENCE:]
        ks.append(stats.ks_2samp(reference, window).pvalue < 0.05)
        psi.append(stability_index(reference, window) > 0.2)
        points.append(chart_individuals(reference)["western_electric_1"].mean())
    ours = stats.binomtest(sum(named), SERIES).proportion_ci()
    told = f"{100 * np.mean(named):.1f} [{100 * ours.low:.1f}, {100 * ours.high:.1f}]"
    others = f"{100 * np.mean(ks):>14.0f}{100 * np.mean(psi):>12.0f}{100 * np.mean(points):>12.1f}"
    return f"{told:>18}{others}{np.median(seconds):>10.3f}"


def _power(phi: float, change: Callable[[float, int], Floats]) -> str:
    delays = [_delay(change(phi, seed)) for seed in range(DRIFTS)]
    found = [delay for delay in delays if delay]
    return f"{100 * len(found) / DRIFTS:.0f} %" + (f", {np.median(found):.0f}" if found else "")


def _delay(values: Floats) -> int:
    """Return the version after the change that names it; 0 if none of seven does."""
    ends = (REFERENCE + WINDOW + STEP * version for version in range(1, 8))
    return next((version for version, end in enumerate(ends, 1) if is_drift(values[:end])), 0)


def _plant(
    *, level: float = 0.0, variance: float = 1.0, to_phi: float | None = None, scale: float = 1.0, dead: bool = False
) -> Callable[[float, int], Floats]:
    """Return what makes a series that changes after the reference and a first window."""
    start = 300 + REFERENCE + WINDOW

    def make(phi: float, seed: int) -> Floats:
        noise = make_noise(phi, 10_000 + seed, length=start + 7 * STEP)
        noise[start:] *= np.sqrt(variance)
        before = follow(noise[:start], phi)
        later = phi if to_phi is None else to_phi
        ratio = np.sqrt((1 - later**2) / (1 - phi**2))  # the standard deviation stays one
        after = follow(noise[start:] * ratio, later, start=before[-1])
        after = np.full(len(after), before[-1]) if dead else after * scale + level
        return np.concatenate([before, after])[300:]

    return make


CHANGES = {
    **{f"level + {size:g} sd": _plant(level=size) for size in (0.5, 1.0, 2.0)},
    **{f"variance of the noise x {size:g}": _plant(variance=size) for size in (1.5, 2.0)},
    "phi becomes 0.5 (from 0.5: 0.9)": lambda phi, seed: _plant(to_phi=0.9 if phi == 0.5 else 0.5)(phi, seed),
    "all values x 2": _plant(scale=2.0),
    "constant": _plant(dead=True),
}
