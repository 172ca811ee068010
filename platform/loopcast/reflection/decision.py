"""The decision that ends each turn of the loop, from evidence and a policy; pure, with its reasons written down.

Gathering the evidence from stored reports is the caller's part.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from loopcast.reflection.deterioration import Judgement
from loopcast.zoo.rebuild import Scope

NOTHING_JUDGED = Judgement()

Action = Literal["keep", "retrain", "rebuild", "experiment", "build_first"]


@dataclass(frozen=True)
class RebuildPolicy:
    """When a zoo is built again.

    Args:
        max_age_days: age of the newest target that the zoo learned from, in days of data; None: no limit.
        min_versions_between: versions between two builds, whatever the errors.
        unmet_versions: so many versions in a row with an origin that the zoo has no models for ask for a build; a
            single one may be no more than a missing last hour.
    """

    max_age_days: float | None = 28.0
    min_versions_between: int = 7
    unmet_versions: int = 3


@dataclass(frozen=True)
class Evidence:
    """What is known when a decision is taken.

    Args:
        has_zoo: whether any zoo is in force.
        versions_since_build: versions since the newest build, released or not.
        age_days: days between the last target the zoo learned from and the newest one.
        judgement: whether production is worse than promised.
        versions_unmet: newest versions in a row whose prediction met a situation without models.
        situations_unmet: what the newest prediction said.
        pinned: the zoo that a person has pinned; None: none is.
        rejected_in_a_row: newest builds in a row whose zoo did not take force because it was not better.
    """

    has_zoo: bool
    versions_since_build: int = 0
    age_days: float = 0.0
    judgement: Judgement = NOTHING_JUDGED
    versions_unmet: int = 0
    situations_unmet: tuple[str, ...] = ()
    pinned: str | None = None
    rejected_in_a_row: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence in JSON's own types."""
        told = {"situations_unmet": list(self.situations_unmet), "judgement": self.judgement.to_dict()}
        return {**asdict(self), **told}


@dataclass(frozen=True)
class Decision:
    """What to do next, and why.

    Args:
        action: `keep`, `retrain`, `rebuild`, `experiment` (return to experimentation) or `build_first`.
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
    return Decision(action, rule, reason, {**evidence.to_dict(), "policy": asdict(policy)})


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
    judgement = evidence.judgement
    if judgement.is_worse:
        found = f"MAE {judgement.production_mae:.6g} over {judgement.scored_versions} versions"
        return "rebuild", "worse_than_promised", f"{found} is more than the promised {judgement.promised_mae:.6g}"
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
