"""The decision that ends each turn of the loop, from evidence and a policy; pure, with its reasons written down.

Gathering the evidence from stored reports is the caller's part.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from loopcast.zoo.rebuild import Scope
from loopcast.zoo.zoo import BinPromise

Action = Literal["keep", "rebuild", "build_first"]


@dataclass(frozen=True)
class RebuildPolicy:
    """When a zoo is built again.

    Args:
        max_age_days: age of the newest target that the zoo learned from, in days of data; None: no limit.
        tolerance_pct: by how much production errors may exceed the promise, percent.
        window: newest versions whose forecasts are judged.
        min_scored_versions: versions with scored forecasts that a judgement takes.
        min_versions_between: versions between two builds, whatever the errors.
        unmet_versions: so many versions in a row with an origin that the zoo has no models for ask for a build; a
            single one may be no more than a missing last hour.
    """

    max_age_days: float | None = 28.0
    tolerance_pct: float = 25.0
    window: int = 14
    min_scored_versions: int = 7
    min_versions_between: int = 7
    unmet_versions: int = 3


@dataclass(frozen=True)
class Evidence:
    """What is known when a decision is taken.

    Args:
        has_zoo: whether any zoo is in force.
        versions_since_build: versions since the newest build, released or not.
        age_days: days between the last target the zoo learned from and the newest one.
        production_mae: mean absolute error over the trailing window, target's unit; None: nothing scored.
        promised_mae: the zoo's own out-of-sample error for the same bins; None: it made no promise.
        scored_versions: versions in the window with scored forecasts.
        versions_unmet: newest versions in a row whose prediction met a situation without models.
        situations_unmet: what the newest prediction said.
    """

    has_zoo: bool
    versions_since_build: int = 0
    age_days: float = 0.0
    production_mae: float | None = None
    promised_mae: float | None = None
    scored_versions: int = 0
    versions_unmet: int = 0
    situations_unmet: tuple[str, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What to do next, and why.

    Args:
        action: `keep`, `rebuild` or `build_first`.
        rule: the rule that decided.
        reason: one sentence with the figures.
        evidence: everything that was known, as JSON values.
    """

    action: Action
    rule: str
    reason: str
    evidence: dict[str, object]


def decide(evidence: Evidence, policy: RebuildPolicy | None = None) -> Decision:
    """Return the decision: the first rule that applies, in the order no zoo, too soon, unmet, worse, age.

    Examples:
        >>> decide(Evidence(has_zoo=False)).action
        'build_first'
        >>> decide(Evidence(has_zoo=True, versions_since_build=30, age_days=29.0)).rule
        'too_old'
    """
    policy = policy or RebuildPolicy()
    action, rule, reason = find_rule(evidence, policy)
    known = {**asdict(evidence), "situations_unmet": list(evidence.situations_unmet), "policy": asdict(policy)}
    return Decision(action=action, rule=rule, reason=reason, evidence=known)


def find_rule(evidence: Evidence, policy: RebuildPolicy) -> tuple[Action, str, str]:
    """Return action, rule and reason."""
    if evidence.versions_since_build < policy.min_versions_between and (
        evidence.has_zoo or evidence.versions_since_build > 0
    ):
        since = f"{evidence.versions_since_build} versions since the newest build"
        return "keep", "too_soon", f"{since}, fewer than {policy.min_versions_between}"
    if not evidence.has_zoo:
        return "build_first", "no_zoo", "no zoo is in force"
    if evidence.versions_unmet >= policy.unmet_versions:
        said = "; ".join(evidence.situations_unmet)
        return "rebuild", "situation_unmet", f"{evidence.versions_unmet} versions in a row: {said}"
    if is_worse_than_promised(evidence, policy):
        limit = f"{policy.tolerance_pct:.6g} % above the promised {evidence.promised_mae:.6g}"
        found = f"MAE {evidence.production_mae:.6g} over {evidence.scored_versions} versions"
        return "rebuild", "worse_than_promised", f"{found} is more than {limit}"
    if policy.max_age_days is not None and evidence.age_days >= policy.max_age_days:
        return "rebuild", "too_old", f"the zoo is {evidence.age_days:.6g} days old, limit {policy.max_age_days:.6g}"
    return "keep", "as_promised", "errors are within the promise and the zoo is young enough"


def choose_scope(rule: str) -> Scope:
    """Return which situations the build that a rule asks for makes anew: those without models, or all.

    Examples:
        >>> choose_scope("situation_unmet"), choose_scope("too_old")
        ('new_situations', 'all')
    """
    return "new_situations" if rule == "situation_unmet" else "all"


def is_worse_than_promised(evidence: Evidence, policy: RebuildPolicy) -> bool:
    """Return whether enough forecasts were scored and their error exceeds the promise by the tolerance."""
    if evidence.production_mae is None or evidence.promised_mae is None:
        return False
    limit = evidence.promised_mae * (1.0 + policy.tolerance_pct / 100.0)
    return evidence.scored_versions >= policy.min_scored_versions and evidence.production_mae > limit


@dataclass(frozen=True)
class TrailingError:
    """Production error of the newest versions beside what was promised for the same bins; None where unknown."""

    production_mae: float | None
    promised_mae: float | None
    scored_versions: int


def compare_with_promise(
    cells: pd.DataFrame, promise: Sequence[BinPromise], policy: RebuildPolicy, *, since: str | None = None
) -> TrailingError:
    """Return the trailing production error and the promise, averaged over the bins in the same proportion.

    Args:
        cells: scored forecasts (`AccuracyReport.cells`) with the column `forecast_version`.
        promise: of the zoo in force.
        policy: gives the window.
        since: first version to look at, for instance the first one forecast by the zoo in force.
    """
    if since is not None:
        cells = cells[cells["forecast_version"] >= since]
    newest = sorted(cells["forecast_version"].unique())[-policy.window :]
    cells = cells[cells["forecast_version"].isin(newest)]
    promised = {row.bin: row.mae for row in promise}
    if cells.empty or not promised:
        return TrailingError(None, None, 0)
    expected = cells["bin"].map(promised).fillna(promised.get("all", float("nan")))
    return TrailingError(float(cells["error"].abs().mean()), float(expected.mean()), len(newest))
