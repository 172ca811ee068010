"""One variable's newest stretch: cut from its layout, and everything that charts, drift and outliers say of it.

Which variables and series are looked at, and at what rate of false alarms, is decided in
`loopcast.dataops.quality.fitness`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.quality.drift import DriftOptions, DriftResult, detect_drift
from loopcast.dataops.quality.residuals import NORMAL_MAD, Residuals, take_residuals
from loopcast.dataops.quality.signals import find_signals, trace_residuals, trace_values

Floats = npt.NDArray[np.float64]
Row = dict[str, object]

FEWEST_VALUES = 60
OUTLIER_MADS = 6.0
CONTROL_COLUMNS = ("variable", "series", "rule", "timestamp", "value", "limit", "score")


@dataclass(frozen=True, eq=False)
class Stretch:
    """The values of one variable, from its first to its last.

    Args:
        variable: its name.
        series: label of the series; `(all)` for all together.
        timestamps: the grid, shape (n,).
        numbers: shape (n,), nan where missing.
        window: newest steps, judged for drift as a whole; all before them is the reference.
        first: first step that the charts judge; n: none.
    """

    variable: str
    series: str
    timestamps: pd.DatetimeIndex
    numbers: Floats
    window: int
    first: int

    @property
    def n_reference(self) -> int:
        """Steps that say what is usual."""
        return len(self.timestamps) - self.window


@dataclass(frozen=True, eq=False)
class Finding:
    """What was found in a stretch.

    Args:
        rows: what fired, as rows of the control table.
        drift: the newest window against the reference; None where it was not asked for.
        n_outliers: values far from what was expected one step before.
        outliers: the worst of them: `variable`, `timestamp`, `value`, `score` (robust standard deviations).
        residuals: of the small model.
    """

    rows: list[Row]
    drift: DriftResult | None
    n_outliers: int
    outliers: list[Row]
    residuals: Residuals


def cut_stretch(
    values: Floats,
    timestamps: pd.DatetimeIndex,
    *,
    variable: str,
    series: str,
    window: int,
    since: pd.Timestamp | None,
) -> Stretch | None:
    """Return a variable's values from its first to its last; None where they are too few to judge anything.

    Args:
        values: on the grid, shape (t,).
        timestamps: the grid, shape (t,).
        variable: its name.
        series: label of the series.
        window: newest steps that are judged; at most a fifth of the stretch.
        since: first timestamp that the update brought; None: nothing is judged by the charts.
    """
    present = np.flatnonzero(np.isfinite(values))
    if len(present) < FEWEST_VALUES:
        return None
    inside = slice(int(present[0]), int(present[-1]) + 1)
    kept, stamps = values[inside].copy(), timestamps[inside]
    newest = min(window, len(kept) // 5)
    place = len(kept) if since is None else int(np.searchsorted(stamps.to_numpy(), np.datetime64(since)))
    stretch = Stretch(variable, series, stamps, kept, newest, max(place, len(kept) - newest))
    return stretch if np.isfinite(kept[: stretch.n_reference]).sum() >= FEWEST_VALUES else None


def look_at(stretch: Stretch, *, periods: tuple[int, ...], share: float, worst: int = 3, with_drift: bool) -> Finding:
    """Return what the charts, the drift test and the search for outliers say of a stretch.

    Args:
        stretch: the values.
        periods: seasonal periods in steps.
        share: share of stretches without a cause in which any chart may fire, in (0, 1); the same for drift.
        worst: outliers to name.
        with_drift: whether drift is looked for.
    """
    residuals = take_residuals(stretch.numbers, n_reference=stretch.n_reference, periods=periods)
    drift = detect_drift(residuals, window=stretch.window, options=DriftOptions(share)) if with_drift else None
    places, scores = find_outliers(residuals.innovations)
    named = [
        {
            "variable": stretch.variable,
            "timestamp": stretch.timestamps[place],
            "value": stretch.numbers[place],
            "score": score,
        }
        for place, score in zip(places[:worst], scores[:worst], strict=True)
    ]
    rows = _find_rows(stretch, residuals, share=share) + _find_drift_rows(stretch, drift)
    return Finding(rows, drift, len(places), named, residuals)


def find_outliers(innovations: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the steps of outliers, the worst first, and their distances in robust standard deviations.

    Args:
        innovations: one-step residuals, shape (n,).

    References:
        Hampel (1974), JASA 69(346): |x - median| / (1.4826 MAD), here above 6.

    Examples:
        >>> places, scores = find_outliers(np.array([-1.0, 1.0, 0.5, -0.5, 30.0]))
        >>> places.tolist()
        [4]
    """
    present = innovations[np.isfinite(innovations)]
    center = float(np.median(present)) if len(present) else 0.0
    spread = NORMAL_MAD * float(np.median(np.abs(present - center))) if len(present) else 0.0
    if spread <= 0:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    scores = np.nan_to_num(np.abs(innovations - center) / spread)
    places = np.flatnonzero(scores > OUTLIER_MADS)
    places = places[np.argsort(-scores[places], kind="stable")]
    return places, scores[places]


def _find_rows(stretch: Stretch, residuals: Residuals, *, share: float) -> list[Row]:
    """Return what the charts found in the values that the update brought."""
    if stretch.first >= len(stretch.timestamps):
        return []
    n_reference = stretch.n_reference
    paths = trace_values(stretch.numbers, n_reference=n_reference)
    paths |= trace_residuals(residuals) if residuals.model.sigma > 0 else {}
    signals = find_signals(paths, n_reference=n_reference, first=stretch.first, share=share)
    return [
        _to_row(stretch, signal.rule, stretch.timestamps[signal.place], signal.value, signal.limit)
        for signal in signals
    ]


def _find_drift_rows(stretch: Stretch, drift: DriftResult | None) -> list[Row]:
    if drift is None or not drift.is_drift:
        return []
    name = drift.statistic
    return [_to_row(stretch, f"drift_{name}", stretch.timestamps[-1], drift.reached[name], drift.limits[name])]


def _to_row(stretch: Stretch, rule: str, timestamp: pd.Timestamp, value: float, limit: float) -> Row:
    cells = (stretch.variable, stretch.series, rule, timestamp, value, limit, value / limit)
    return dict(zip(CONTROL_COLUMNS, cells, strict=True))
