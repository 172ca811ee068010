"""Deterioration: whether production is worse than the zoo promised, beyond chance.

Here belongs the judgement of scored forecasts against the zoo's own out-of-sample errors. What follows from it is the
decision's (`loopcast.reflection.decision`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from loopcast.zoo.zoo import BinPromise


@dataclass(frozen=True)
class Limits:
    """How sure a judgement must be.

    Args:
        tolerance_pct: percent that production errors may exceed the promise before it matters, however surely.
        window: newest versions whose forecasts are judged.
        min_scored_versions: versions with scored forecasts that a judgement takes.
        false_alarms_per_year: how often a zoo that is as promised may be taken for worse.
        versions_per_year: how many versions a year has.
    """

    tolerance_pct: float = 10.0
    window: int = 14
    min_scored_versions: int = 7
    false_alarms_per_year: float = 1.0
    versions_per_year: float = 365.0


@dataclass(frozen=True)
class BinJudgement:
    """One bin of samples ahead, or `all`.

    Args:
        bin: its name.
        n: scored forecasts in the window.
        production_mae: their mean absolute error, target's unit.
        promised_mae: what the zoo promised for as many of the same bins, target's unit.
        is_worse: whether the difference is beyond chance and tolerance.
    """

    bin: str
    n: int
    production_mae: float
    promised_mae: float
    is_worse: bool


@dataclass(frozen=True)
class Judgement:
    """Production errors of the newest versions beside what was promised.

    Args:
        is_worse: whether they are worse than promised, beyond chance and tolerance.
        since: the first version from which on they are; None where they are not.
        scored_versions: versions with scored forecasts that were judged.
        production_mae: mean absolute error over the window, target's unit; None: nothing scored.
        promised_mae: the promise for the same bins, target's unit; None: there is none.
        score: the statistic of the test; None where it cannot be told.
        limit: what it must not exceed.
        bins: the same per bin.
    """

    is_worse: bool = False
    since: str | None = None
    scored_versions: int = 0
    production_mae: float | None = None
    promised_mae: float | None = None
    score: float | None = None
    limit: float | None = None
    bins: tuple[BinJudgement, ...] = ()

    @property
    def excess_pct(self) -> float | None:
        """By how many percent production exceeds the promise."""
        if self.production_mae is None or not self.promised_mae:
            return None
        return 100.0 * (self.production_mae / self.promised_mae - 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Return the judgement in JSON's own types."""
        return {**asdict(self), "bins": [asdict(row) for row in self.bins], "excess_pct": self.excess_pct}


def judge(
    cells: pd.DataFrame,
    promise: Sequence[BinPromise],
    limits: Limits | None = None,
    *,
    reference: pd.DataFrame,  # noqa: ARG001 - the calibration by blocks takes it
) -> Judgement:
    """Return whether the newest scored forecasts are worse than promised.

    Args:
        cells: scored forecasts of the zoo in force, oldest first: `forecast_version`, `timestamp`, `bin`, `forecast`,
            `lower`, `upper`, `actual`, `error`, and the series keys.
        promise: of the zoo in force.
        limits: how sure it must be.
        reference: the zoo's own out-of-sample errors, from which chance is calibrated: the combination's rows of the
            backtest (`loopcast.schemas.backtest_schema`); empty where there are none.
    """
    limits = limits or Limits()
    newest = sorted(cells["forecast_version"].unique())[-limits.window :]
    cells = cells[cells["forecast_version"].isin(newest)]
    promised = {row.bin: row.mae for row in promise}
    if cells.empty or not promised:
        return Judgement()
    expected = cells["bin"].map(promised).fillna(promised.get("all", float("nan")))
    found, due = float(cells["error"].abs().mean()), float(expected.mean())
    is_worse = len(newest) >= limits.min_scored_versions and found > due * (1.0 + limits.tolerance_pct / 100.0)
    return Judgement(is_worse, newest[0] if is_worse else None, len(newest), found, due)
