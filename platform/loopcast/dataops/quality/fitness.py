"""Whether a version's newest values are fit to use: profile, charts, drift and alignment of all variables together.

What is found in one variable is in `loopcast.dataops.quality.stretch`; reading versions is in `loopcast.loop.profile`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopcast.dataops.frequency import seasonal_periods
from loopcast.dataops.quality.calibration import find_block_limit
from loopcast.dataops.quality.profile import ALL_SERIES, Layout, profile_layout
from loopcast.dataops.quality.stretch import CONTROL_COLUMNS, FEWEST_VALUES, Finding, Row, Stretch, cut_stretch, look_at
from loopcast.dataops.table import TableSpec

Floats = npt.NDArray[np.float64]

CYCLES, SHORTEST_REFERENCE, LONGEST_REFERENCE, SHORTEST_WINDOW = 12, 200, 8_000, 28
FEWEST_ALIGNMENTS = 5
# What fired, in words: the rules of `signals`, `drift` and the alignment.
MEANINGS = {
    "individuals": "values far from what was expected one step before",
    "moving_range": "a leap from one residual to the next",
    "ewma": "values that lean to one side",
    "cusum": "values that lean to one side for long",
    "western_electric_2_4": "runs of residuals on one side",
    "nelson_2_8": "patterns in the residuals",
    "stuck": "one value for too many steps",
    "missing": "more values missing than usual",
    "ends_early": "the newest values have not come, next to the target's",
    "drift_jump": "a step in level",
    "drift_level": "a level that has drifted away",
    "drift_scale": "noise that has grown or died down",
    "drift_dependence": "each value depends otherwise on the one before",
    "drift_ks": "another distribution of the residuals",
    "drift_wasserstein": "another distribution of the residuals",
}


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
    """How much may be named without a cause, and how many series of a panel are looked at one by one.

    Args:
        false_alarms: share of versions in which any chart of any variable may fire without a cause, in (0, 1); the
            same for drift.
        most_series: series whose target has charts of its own, those with the most missing values first.
    """

    false_alarms: float = 0.02
    most_series: int = 20


@dataclass(frozen=True, eq=False)
class Fitness:
    """What was found in one version.

    Args:
        profile: see `loopcast.schemas.profile_schema`.
        control: see `loopcast.schemas.control_schema`; the furthest beyond its limit first.
        outliers: the worst of each variable: `variable`, `timestamp`, `value`, `score` (robust standard deviations).
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
    alignments: Sequence[Mapping[str, float]] = (),
    options: FitnessOptions = FitnessOptions(),
) -> Fitness:
    """Return the profile of a stretch of a version, and what is not as it used to be in its newest values.

    In a panel the charts and drift tests of a variable look at the mean over its series, each on its own robust scale;
    the target's charts look at single series too.

    Args:
        layout: the stretch on its grid.
        spec: the table's specification.
        touched: first timestamp that the update brought, per variable; none: nothing is judged of it.
        windows: how much is reference, how much is judged.
        alignments: `ends_at` of each variable in earlier versions.
        options: how much may be named without a cause.
    """
    profile = profile_layout(layout, spec)
    share = options.false_alarms / max(1, len(spec.variables))
    periods = seasonal_periods(spec.frequency)
    stretches = {
        variable.name: cut_stretch(
            _combine(layout.cells[variable.name], windows),
            layout.timestamps,
            variable=variable.name,
            series=ALL_SERIES,
            window=windows.window,
            since=touched.get(variable.name),
        )
        for variable in spec.variables
        if variable.kind == "number"
    }
    found = {
        name: look_at(stretch, periods=periods, share=share, with_drift=True)
        for name, stretch in stretches.items()
        if stretch is not None
    }
    single = _look_at_series(layout, profile, spec, touched=touched, windows=windows, options=options)
    rows = [row for finding in [*found.values(), *single] for row in finding.rows]
    rows += judge_alignment(profile, alignments, layout.timestamps[-1]) if len(layout.timestamps) else []
    control = pd.DataFrame(rows, columns=list(CONTROL_COLUMNS))
    outliers = [row for finding in found.values() for row in finding.outliers]
    return Fitness(
        _add_findings(profile, found),
        control.sort_values("score", ascending=False, kind="stable", ignore_index=True),
        pd.DataFrame(outliers, columns=["variable", "timestamp", "value", "score"]),
        _to_chart(stretches.get(spec.target), found.get(spec.target), share=share),
    )


def explain_signals(control: pd.DataFrame, *, most: int = 5) -> list[str]:
    """Return a sentence for each of the signals furthest beyond their limits.

    Args:
        control: see `loopcast.schemas.control_schema`.
        most: how many.
    """
    return [
        f"{row['variable']}{'' if row['series'] == ALL_SERIES else ' of ' + row['series']}: {MEANINGS[row['rule']]} "
        f"({row['rule']} {row['value']:.3g}, limit {row['limit']:.3g}, from {row['timestamp']})"
        for row in control.head(most).to_dict("records")
    ]


def judge_alignment(
    profile: pd.DataFrame, alignments: Sequence[Mapping[str, float]], timestamp: pd.Timestamp
) -> list[Row]:
    """Return a row for each variable that ends far earlier, next to the target, than it did in earlier versions.

    Args:
        profile: `variable`, `series`, `ends_at`.
        alignments: `ends_at` of each variable in earlier versions, five or more.
        timestamp: the version's last.
    """
    rows: list[Row] = []
    overall = profile[profile["series"] == ALL_SERIES]
    for name, ends_at in zip(overall["variable"], overall["ends_at"], strict=True):
        behind = [max(0.0, -one[name]) for one in alignments if name in one]
        if len(behind) < FEWEST_ALIGNMENTS or np.isnan(ends_at):
            continue
        now, limit = max(0.0, -ends_at), 2.0 * max(behind) + 1.0
        cells = (name, ALL_SERIES, "ends_early", timestamp, now, limit, now / limit)
        rows += [dict(zip(CONTROL_COLUMNS, cells, strict=True))] if now > limit else []
    return rows


def _look_at_series(
    layout: Layout,
    profile: pd.DataFrame,
    spec: TableSpec,
    *,
    touched: Mapping[str, pd.Timestamp | None],
    windows: Windows,
    options: FitnessOptions,
) -> list[Finding]:
    """Return what the charts say of the target in single series of a panel, bounded."""
    ours = profile[(profile["variable"] == spec.target) & (profile["series"] != ALL_SERIES)]
    chosen = ours.sort_values("missing_pct", ascending=False, kind="stable")["series"].head(options.most_series)
    places = {label: place for place, label in enumerate(layout.series)}
    stretches = [
        cut_stretch(
            layout.cells[spec.target][places[label]],
            layout.timestamps,
            variable=spec.target,
            series=label,
            window=windows.window,
            since=touched.get(spec.target),
        )
        for label in chosen
    ]
    share = options.false_alarms / max(1, len(stretches))
    periods = seasonal_periods(spec.frequency)
    return [look_at(stretch, periods=periods, share=share, with_drift=False) for stretch in stretches if stretch]


def _add_findings(profile: pd.DataFrame, found: Mapping[str, Finding]) -> pd.DataFrame:
    """Return the profile with outliers, drift score and what was not judged, on the rows over all series."""
    outliers, drifts, notes = [], [], []
    for name, series, kind in zip(profile["variable"], profile["series"], profile["kind"], strict=True):
        finding = found.get(name) if series == ALL_SERIES else None
        drift = finding.drift if finding else None
        outliers.append(float(finding.n_outliers) if finding else np.nan)
        drifts.append(drift.score if drift else np.nan)
        unjudged = "too short" if kind == "number" else "category: no charts"
        notes.append("" if series != ALL_SERIES else drift.reason if drift else unjudged)
    return profile.assign(outliers=outliers, drift_score=drifts, note=pd.Series(notes, dtype="str"))


def _combine(cells: Floats, windows: Windows) -> Floats:
    """Return one series as it is; of several the mean of each step, every series on its own robust scale.

    So a series that comes or goes does not shift the mean.
    """
    if len(cells) == 1:
        return np.asarray(cells[0])
    known = np.isfinite(cells[:, : max(0, cells.shape[1] - windows.window)]).sum(axis=1) >= FEWEST_VALUES
    kept = cells[known]
    if not len(kept):
        return np.full(cells.shape[1], np.nan)
    center = np.nanmedian(kept, axis=1, keepdims=True)
    spread = np.nanmedian(np.abs(kept - center), axis=1, keepdims=True)
    scaled = (kept - center) / np.where(spread > 0, spread, 1.0)
    counts = np.isfinite(scaled).sum(axis=0)
    return np.asarray(np.where(counts > 0, np.nansum(scaled, axis=0) / np.maximum(counts, 1), np.nan))


def _to_chart(stretch: Stretch | None, finding: Finding | None, *, share: float) -> pd.DataFrame:
    """Return the residuals of the newest two windows and what windows of the reference reach; none if not judged."""
    if stretch is None or finding is None or not finding.residuals.model.sigma > 0:
        return pd.DataFrame(columns=["timestamp", "value", "lower", "upper"])
    scaled = finding.residuals.innovations / finding.residuals.model.sigma
    path = np.abs(scaled[: stretch.n_reference])
    limit = max(3.0, find_block_limit(path, length=stretch.window, share=share))
    frame = pd.DataFrame({"timestamp": stretch.timestamps, "value": scaled, "lower": -limit, "upper": limit})
    return frame.tail(2 * stretch.window).reset_index(drop=True)
