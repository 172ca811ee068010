"""The newest versions in figures: how they came in, how long their forecasts took, how good those were.

Everything is read from records and manifests, and of so many versions only; what it means for the use case as a whole
is said in `loopcast.loop.overview`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from loopcast.errors import NotFoundError
from loopcast.loop.judging.accuracy import CELLS
from loopcast.loop.profile import PROFILES
from loopcast.loop.project import Project
from loopcast.loop.zoos.forces import FORECASTS
from loopcast.store.outputs import OutputManifest
from loopcast.store.version_records import VersionRecord, version_key, version_number

NEWEST = 30
NAIVE = "mae_seasonal_naive"


@dataclass(frozen=True)
class Recent:
    """The newest versions of a use case.

    Args:
        claimed: versions that ever took a number.
        looked_at: of how many newest ones this is.
        refused: how many of these were refused.
        latencies_s: seconds from the claim of each to its first forecast.
        scored: forecasts of theirs and earlier ones that met their actuals.
        mae: mean absolute error of those, target's unit; None: nothing is scored yet.
        naive_mae: the same of the best seasonal naive.
        coverage_pct: share of actuals inside the interval, percent.
        trend: mean absolute error of each report, oldest first.
        drift_score: of the newest profile: strongest drift statistic over its limit; above 1 is drift.
        signals: control charts and drift tests that fired in the newest profile.
    """

    claimed: int = 0
    looked_at: int = 0
    refused: int = 0
    latencies_s: tuple[float, ...] = ()
    scored: int = 0
    mae: float | None = None
    naive_mae: float | None = None
    coverage_pct: float | None = None
    trend: tuple[tuple[str, float], ...] = ()
    drift_score: float | None = None
    signals: int | None = None

    @property
    def skill_pct(self) -> float | None:
        """By how much the error is below that of the best seasonal naive, percent."""
        return None if self.mae is None or not self.naive_mae else 100.0 * (1.0 - self.mae / self.naive_mae)

    def latency_s(self, quantile: float) -> float | None:
        """Return a quantile (0 to 1) of the seconds from claim to forecast; None where there is no forecast."""
        return float(np.quantile(self.latencies_s, quantile)) if self.latencies_s else None


def read_recent(project: Project, *, last_n: int = NEWEST) -> Recent:
    """Return the newest versions in figures; reading as much whatever the number of versions.

    Args:
        project: the use case.
        last_n: so many of the newest versions, accepted or not.
    """
    claimed = version_number(project.store.versions.next_key()) - 1
    keys = [version_key(number) for number in range(max(1, claimed - last_n + 1), claimed + 1)]
    found = [(key, record) for key in keys if (record := find_record(project, key))]
    refused = sum(record.status == "refused" for _, record in found)
    accepted = [key for key, record in found if record.status == "accepted"]
    reports = [one for key in accepted if (one := project.store.outputs.manifest(CELLS, key)) and "mae" in one.facts]
    profile = _newest_profile(project, accepted)
    return Recent(
        claimed=claimed,
        looked_at=len(keys),
        refused=refused,
        latencies_s=tuple(taken for key in accepted if (taken := _time_forecast(project, key)) is not None),
        trend=tuple((report.partition, float(report.facts["mae"])) for report in reports),
        drift_score=profile.get("drift_score"),
        signals=int(profile["signals"]) if "signals" in profile else None,
        **_measure(reports),
    )


def find_record(project: Project, version: str) -> VersionRecord | None:
    """Return a version's record, None where it is not settled."""
    try:
        return project.store.versions.record(version)
    except NotFoundError:
        return None


def _time_forecast(project: Project, version: str) -> float | None:
    """Return the seconds from a version's claim to its first forecast, None where it has none."""
    try:
        made = project.store.outputs.manifest_at(FORECASTS, version, 1)
    except NotFoundError:
        return None
    return (made.written_at - project.store.versions.claim_of(version).claimed_at).total_seconds()


def _newest_profile(project: Project, accepted: Sequence[str]) -> dict[str, Any]:
    """Return the facts of the newest profile among some versions."""
    made = (project.store.outputs.manifest(PROFILES, key) for key in reversed(accepted))
    return next((manifest.facts for manifest in made if manifest), {})


def _measure(reports: Sequence[OutputManifest]) -> dict[str, Any]:
    """Return the measures over all cells of some reports, each weighing as much as it has cells."""
    counts = np.array([report.facts["n"] for report in reports], dtype=np.float64)
    if not counts.sum():
        return {}
    naives = {name for report in reports for name in report.facts if name.startswith(NAIVE)}
    means = {name: _average(reports, name, counts) for name in ("mae", "coverage_pct", *naives)}
    known = [value for name in naives if (value := means[name]) is not None]
    return {
        "scored": int(counts.sum()),
        "mae": means["mae"],
        "coverage_pct": means["coverage_pct"],
        "naive_mae": min(known, default=None),
    }


def _average(reports: Sequence[OutputManifest], name: str, counts: Any) -> float | None:
    """Return the mean of a figure over the cells of the reports; None where one of them lacks it."""
    values = [report.facts.get(name) for report in reports]
    return None if None in values else float(np.average(np.array(values, dtype=np.float64), weights=counts))
