"""The decision that ends each turn of the loop, from evidence and a policy; pure, with its reasons written down.

The rules are in `loopcast.reflection.rules`; gathering the evidence from stored reports is the caller's part.
"""

from dataclasses import asdict, dataclass
from typing import Any

from loopcast.reflection.evidence import Action, Evidence, RebuildPolicy
from loopcast.reflection.rules import OPENS_BUILD, RULES, WAITS, Rule, Wait, WaitsFor
from loopcast.zoo.rebuild import Scope
from loopcast.zoo.spec import Search


@dataclass(frozen=True)
class Decision:
    """What to do next, and why.

    Args:
        action: `keep`, `retrain`, `rebuild`, `experiment` (return to experimentation) or `build_first`.
        rule: the rule that decided.
        reason: one sentence with the figures.
        evidence: everything that was known, as JSON values.
        scope: which situations the build makes anew.
        waits_for: what the action waits for; None: nothing.
    """

    action: Action
    rule: str
    reason: str
    evidence: dict[str, Any]
    scope: Scope = "all"
    waits_for: WaitsFor | None = None

    @property
    def opens_build(self) -> bool:
        """Whether a build is opened now."""
        return self.action in OPENS_BUILD and self.waits_for is None

    @property
    def search(self) -> Search:
        """How widely the build searches: a return to experimentation tries more than what is configured."""
        return "wide" if self.action == "experiment" else "usual"


def decide(evidence: Evidence, policy: RebuildPolicy | None = None) -> Decision:
    """Return the decision: that of the first rule that applies, and what it waits for.

    Examples:
        >>> decide(Evidence(has_zoo=False)).action
        'build_first'
        >>> decide(Evidence(has_zoo=True, versions_since_build=30, age_days=29.0)).rule
        'too_old'
        >>> night = RebuildPolicy(hours="22:00-06:00")
        >>> decide(Evidence(has_zoo=True, versions_since_build=30, age_days=29.0, clock="14:05"), night).waits_for
        'outside_hours'
    """
    policy = policy or RebuildPolicy()
    rule = find_rule(evidence, policy)
    action = rule.action or (evidence.asked.action if evidence.asked else "keep")
    wait = find_wait(action, evidence, policy)
    reason = rule.tell(evidence, policy) + (f"; waits: {wait.tell(evidence, policy)}" if wait else "")
    scope = evidence.asked.scope if evidence.asked else choose_scope(rule.name)
    known = {**evidence.to_dict(), "policy": asdict(policy)}
    return Decision(action, rule.name, reason, known, scope, wait.name if wait else None)


def find_rule(evidence: Evidence, policy: RebuildPolicy) -> Rule:
    """Return the first rule that applies."""
    return next(rule for rule in RULES if rule.applies(evidence, policy))


def find_wait(action: Action, evidence: Evidence, policy: RebuildPolicy) -> Wait | None:
    """Return what an action waits for; None where it opens no build, or a person asked for it."""
    if action not in OPENS_BUILD or evidence.asked is not None:
        return None
    return next((wait for wait in WAITS if wait.applies(action, evidence, policy)), None)


def choose_scope(rule: str) -> Scope:
    """Return which situations the build that a rule asks for makes anew: those without models, or all.

    Examples:
        >>> choose_scope("situation_unmet"), choose_scope("too_old")
        ('new_situations', 'all')
    """
    return "new_situations" if rule == "situation_unmet" else "all"
