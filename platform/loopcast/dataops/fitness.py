"""Whether a version's newest values are fit to use: profile, charts and drift of every variable, put together.

Each part has its own module (`profile`, `signals`, `drift`, `residuals`); reading versions is in `loopcast.loop`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.drift import DriftOptions, DriftResult, detect_drift
from loopcast.dataops.frequency import seasonal_periods
from loopcast.dataops.profile import ALL_SERIES, Layout, profile_layout
from loopcast.dataops.residuals import NORMAL_MAD, Residuals, take_residuals
from loopcast.dataops.signals import Signal, find_signals, trace_residuals, trace_values
from loopcast.dataops.table import TableSpec

Floats = npt.NDArray[np.float64]

FEWEST_VALUES = 60
OUTLIER_MADS = 6.0
WORST_OUTLIERS = 3
CYCLES, SHORTEST_REFERENCE, LONGEST_REFERENCE, SHORTEST_WINDOW = 12, 200, 8_000, 28
CONTROL_COLUMNS = ("variable", "rule", "timestamp", "value", "limit", "score")


@dataclass(frozen=True)
class Windows:
    """How much of a version is looked at.

    Args:
        reference: steps that say what is usual, before the window.
        window: newest steps, judged for drift as a whole.
    """

    reference: int
    window: int

    @property
    def steps(self) -> int:
        """Both together."""
        return self.reference + self.window


@dataclass(frozen=True)
class FitnessOptions:
    """How much may be named without a cause.

    Args:
        false_alarms: share of versions in which any chart of any variable may fire without a cause, in (0, 1); the
            same for drift.
    """

    false_alarms: float = 0.05


@dataclass(frozen=True, eq=False)
class Fitness:
    """What was found in one version.

    Args:
        profile: see `loopcast.schemas.profile_schema`.
        control: see `loopcast.schemas.control_schema`; the furthest beyond its limit first.
        outliers: the worst of each variable: `variable`, `timestamp`, `value`, `score` (robust sigmas).
        chart: the target's standardized residuals over the newest steps: `timestamp`, `value`, `upper`, `lower`.
    """

    profile: pd.DataFrame
    control: pd.DataFrame
    outliers: pd.DataFrame
    chart: pd.DataFrame


def choose_windows(frequency: str) -> Windows:
    """Return twelve of the longest season to refer to and one to judge, within bounds.

    Examples:
        >>> choose_windows("h"), choose_windows("D")
        (Windows(reference=2016, window=168), Windows(reference=200, window=28))
    """
    season = max(seasonal_periods(frequency))
    reference = min(max(CYCLES * season, SHORTEST_REFERENCE), LONGEST_REFERENCE)
    return Windows(reference, max(SHORTEST_WINDOW, min(season, reference // 6)))


def assess(
    layout: Layout,
    spec: TableSpec,
    *,
    touched: Mapping[str, pd.Timestamp | None],
    windows: Windows,
    options: FitnessOptions = FitnessOptions(),
) -> Fitness:
    """Return the profile of a stretch of a version, and what is not as it used to be in its newest values.

    Args:
        layout: the stretch on its grid.
        spec: the table's specification.
        touched: first timestamp that the update brought, per variable; none: nothing is judged of it.
        windows: how much is reference, how much is judged.
        options: how much may be named without a cause.
    """
    share = options.false_alarms / max(1, len(spec.variables))
    views = [
        _look_at(layout, variable.name, touched.get(variable.name), spec=spec, windows=windows, share=share)
        for variable in spec.variables
    ]
    profile = profile_layout(layout, spec)
    for column in ("outliers", "drift_score", "note"):
        found = {view.variable: getattr(view, column) for view in views}
        overall = profile["series"] == ALL_SERIES
        profile[column] = profile["variable"].map(found).where(overall, "" if column == "note" else np.nan)
    control = pd.DataFrame([row for view in views for row in view.rows], columns=list(CONTROL_COLUMNS))
    outliers = pd.DataFrame(
        [row for view in views for row in view.worst], columns=["variable", "timestamp", "value", "score"]
    )
    target = next(view for view in views if view.variable == spec.target)
    return Fitness(
        profile.astype({"outliers": "float64", "drift_score": "float64", "note": "str"}),
        control.sort_values("score", ascending=False, kind="stable", ignore_index=True),
        outliers,
        target.chart,
    )


@dataclass(frozen=True, eq=False)
class _View:
    """What was found of one variable."""

    variable: str
    outliers: float
    drift_score: float
    note: str
    rows: list[dict[str, object]]
    worst: list[dict[str, object]]
    chart: pd.DataFrame


def _look_at(
    layout: Layout, name: str, since: pd.Timestamp | None, *, spec: TableSpec, windows: Windows, share: float
) -> _View:
    """Return what charts, drift and outliers say of one variable, over all series together."""
    values = _combine(layout.cells[name], windows) if spec.variable(name).kind == "number" else np.zeros(0)
    present = np.flatnonzero(np.isfinite(values))
    values = values[: present[-1] + 1] if len(present) else values[:0]
    window = min(windows.window, len(values) // 5)
    n_reference = len(values) - window
    empty = pd.DataFrame({"timestamp": layout.timestamps[:0], "value": [], "lower": [], "upper": []})
    if len(present) < FEWEST_VALUES or n_reference < FEWEST_VALUES:
        note = "too short" if spec.variable(name).kind == "number" else "category"
        return _View(name, float("nan"), float("nan"), note, [], [], empty)
    residuals = take_residuals(values, n_reference=n_reference, periods=seasonal_periods(spec.frequency))
    drift = detect_drift(residuals, window=window, options=DriftOptions(false_alarms=share))
    first = max(n_reference, _find_place(layout.timestamps, since)) if since is not None else len(values)
    paths = trace_values(values) | (trace_residuals(residuals) if residuals.model.sigma > 0 else {})
    signals = find_signals(paths, n_reference=n_reference, first=first, share=share) if first < len(values) else []
    places, scores = find_outliers(residuals.innovations)
    return _View(
        name,
        float(len(places)),
        drift.score,
        drift.reason,
        [*_to_rows(name, signals, layout.timestamps), *_drift_rows(name, drift, layout.timestamps[len(values) - 1])],
        [
            {"variable": name, "timestamp": layout.timestamps[place], "value": values[place], "score": score}
            for place, score in list(zip(places, scores, strict=True))[:WORST_OUTLIERS]
        ],
        _to_chart(residuals, layout.timestamps, n=2 * window),
    )


def find_outliers(innovations: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Return the steps of outliers, the worst first, and their distances in robust standard deviations.

    Args:
        innovations: one-step residuals, shape (n,).

    References:
        Hampel (1974), JASA 69(346): |x - median| / (1.4826 MAD), here above 6.
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


def _combine(cells: Floats, windows: Windows) -> Floats:
    """Return one series as it is; of several the mean of each step, every series on its own robust scale.

    So a series that comes or goes does not shift the mean.
    """
    if len(cells) == 1 or not cells.size:
        return cells.reshape(-1)[: cells.shape[1]].copy()
    known = np.isfinite(cells[:, : max(1, cells.shape[1] - windows.window)]).sum(axis=1) >= FEWEST_VALUES
    kept = cells[known]
    if not len(kept):
        return np.zeros(0)
    center = np.nanmedian(kept, axis=1, keepdims=True)
    spread = np.nanmedian(np.abs(kept - center), axis=1, keepdims=True)
    scaled = (kept - center) / np.where(spread > 0, spread, 1.0)
    counts = np.isfinite(scaled).sum(axis=0)
    return np.where(counts > 0, np.nansum(scaled, axis=0) / np.maximum(counts, 1), np.nan)


def _find_place(stamps: pd.DatetimeIndex, moment: pd.Timestamp) -> int:
    return int(np.searchsorted(stamps.to_numpy(), np.datetime64(moment)))


def _to_rows(name: str, signals: list[Signal], stamps: pd.DatetimeIndex) -> list[dict[str, object]]:
    return [
        _to_row(name, signal.rule, stamps[signal.place], signal.value, signal.limit, signal.value / signal.limit)
        for signal in signals
    ]


def _drift_rows(name: str, drift: DriftResult, stamp: pd.Timestamp) -> list[dict[str, object]]:
    if not drift.is_drift:
        return []
    value, limit = drift.reached[drift.statistic], drift.limits[drift.statistic]
    return [_to_row(name, f"drift_{drift.statistic}", stamp, value, limit, drift.score)]


def _to_row(*cells: object) -> dict[str, object]:
    return dict(zip(CONTROL_COLUMNS, cells, strict=True))


def _to_chart(residuals: Residuals, stamps: pd.DatetimeIndex, *, n: int) -> pd.DataFrame:
    scaled = residuals.innovations / (residuals.model.sigma or 1.0)
    frame = pd.DataFrame({"timestamp": stamps[: len(scaled)], "value": scaled, "lower": -3.0, "upper": 3.0})
    return frame.tail(n).reset_index(drop=True)
