"""The rules of the decision: what each looks at, in words, and what is done then; the first that applies decides.

Here belong the two tables and nothing else. What they look at is in `loopcast.reflection.evidence`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from loopcast.reflection.evidence import (
    Action,
    Evidence,
    RebuildPolicy,
    count_rest,
    is_within,
)

WaitsFor = Literal["approval", "budget_spent", "outside_hours"]
OPENS_BUILD = ("rebuild", "experiment", "build_first")


@dataclass(frozen=True)
class Rule:
    """One rule.

    Args:
        name: what the decision calls it.
        condition: when it applies, in words.
        action: what is done; None: what the person asked for.
        applies: the same condition as code.
        tell: the reason in one sentence, with the figures.
    """

    name: str
    condition: str
    action: Action | None
    applies: Callable[[Evidence, RebuildPolicy], bool]
    tell: Callable[[Evidence, RebuildPolicy], str]


@dataclass(frozen=True)
class Wait:
    """Something that an action which opens a build waits for, unless a person asked for it.

    Args:
        name: what the decision calls it.
        condition: when it waits, in words.
        applies: the same as code; it is told the action too.
        tell: what is waited for, with the figures.
    """

    name: WaitsFor
    condition: str
    applies: Callable[[Action, Evidence, RebuildPolicy], bool]
    tell: Callable[[Evidence, RebuildPolicy], str]


def _tell_asked(evidence: Evidence, _: RebuildPolicy) -> str:
    asked = evidence.asked
    if asked is None:
        return ""
    verb = {"approve": "approved", "overrule": "overruled", "ask": "asked for"}[asked.kind]
    said = f"{verb} by {asked.by}" + (f": {asked.reason}" if asked.reason else "")
    told = f" ({asked.decision}: {asked.note})" if asked.decision else f" ({asked.note})" if asked.note else ""
    return said + told


def _is_just_built(evidence: Evidence, policy: RebuildPolicy) -> bool:
    was_built = evidence.has_zoo or evidence.versions_since_build > 0
    by_evidence = policy.when == "decision" or not evidence.has_zoo
    return was_built and by_evidence and evidence.versions_since_build < count_rest(evidence, policy)


def _tell_rest(evidence: Evidence, policy: RebuildPolicy) -> str:
    rest, usual = count_rest(evidence, policy), policy.min_versions_between
    longer = f", longer than the usual {usual} as the last build did not help" if rest > usual else ""
    return f"{evidence.versions_since_build} versions since the newest build, fewer than {rest}{longer}"


def _is_under_way(evidence: Evidence, policy: RebuildPolicy) -> bool:
    lasts = evidence.versions_since_build < GIVEN_UP * policy.min_versions_between
    return evidence.newest_build == "shadow" or (evidence.newest_build == "under_way" and lasts)


def _learns_first(evidence: Evidence, policy: RebuildPolicy) -> bool:
    learns = policy.retrain == "on_decision" and evidence.has_zoo
    return learns and evidence.judgement.is_worse and not evidence.episode.retrained


def _has_to_learn(evidence: Evidence, policy: RebuildPolicy) -> bool:
    learns = policy.retrain == "on_decision" and evidence.has_zoo and not evidence.judgement.is_worse
    return learns and (evidence.versions_since_retrain or 0) >= policy.min_versions_between


def _learned_lately(evidence: Evidence, policy: RebuildPolicy) -> bool:
    since = evidence.versions_since_retrain
    learns = policy.retrain == "on_decision" and evidence.judgement.is_worse and evidence.episode.retrained
    return learns and since is not None and since < policy.min_versions_between


def _is_scheduled(evidence: Evidence, policy: RebuildPolicy) -> bool:
    since = evidence.days_since_build
    return policy.when == "schedule" and (since is None or since >= policy.every_days)


def _was_overruled(evidence: Evidence, policy: RebuildPolicy) -> bool:
    since = evidence.versions_since_overruled
    return since is not None and since < policy.min_versions_between


def _did_not_help(evidence: Evidence, _: RebuildPolicy) -> bool:
    return evidence.judgement.is_worse and evidence.episode.builds > 0


def _tell_not_helped(evidence: Evidence, policy: RebuildPolicy) -> str:
    after = "a rebuilt zoo was not better" if evidence.newest_build == "rejected" else "a rebuilt zoo took force"
    return f"{after}, and still {_tell_errors(evidence, policy)}"


def _tell_errors(evidence: Evidence, _: RebuildPolicy) -> str:
    judgement = evidence.judgement
    found, due = judgement.production_mae or 0.0, judgement.promised_mae or 0.0
    line = f"MAE {found:.6g} over {judgement.scored_versions} versions is more than the promised {due:.6g}"
    return "; ".join([line, *([f"since {judgement.since}"] if judgement.since else []), *judgement.list_changes()])


def _is_old(evidence: Evidence, policy: RebuildPolicy) -> bool:
    return policy.max_age_days is not None and evidence.age_days >= policy.max_age_days


def _needs_approval(action: Action, _: Evidence, policy: RebuildPolicy) -> bool:
    return policy.approval == "all" or policy.approval == action == "experiment"


def _is_outside(_: Action, evidence: Evidence, policy: RebuildPolicy) -> bool:
    return policy.hours is not None and evidence.clock is not None and not is_within(evidence.clock, policy.hours)


GIVEN_UP = 2  # rests after which a build without an end has failed
RULES: tuple[Rule, ...] = (
    Rule(
        "asked",
        "a person approved, overruled or asked for it",
        None,
        lambda e, _: e.asked is not None,
        _tell_asked,
    ),
    Rule(
        "retrain_first",
        "`retrain: on_decision`, errors are worse than promised, and the zoo has not learned since they are",
        "retrain",
        _learns_first,
        lambda e, p: f"{_tell_errors(e, p)}; learning what is new costs least",
    ),
    Rule(
        "retrain_due",
        "`retrain: on_decision`, and the zoo learned `rest` versions ago",
        "retrain",
        _has_to_learn,
        lambda e, p: (
            f"{e.versions_since_retrain} versions since the zoo last learned, at most {p.min_versions_between}"
        ),
    ),
    Rule(
        "overruled",
        "a person said to keep the zoo, fewer than `rest` versions ago",
        "keep",
        _was_overruled,
        lambda e, p: f"overruled {e.versions_since_overruled} versions ago, which holds for {p.min_versions_between}",
    ),
    Rule(
        "pinned",
        "a person has pinned a zoo",
        "keep",
        lambda e, _: e.pinned is not None,
        lambda e, _: f"{e.pinned} is pinned",
    ),
    Rule(
        "build_under_way",
        "the newest build has not ended, fewer than twice `rest` versions ago, or its zoo is still in the shadow",
        "keep",
        _is_under_way,
        lambda e, _: f"the newest build, {e.versions_since_build} versions ago, has not ended",
    ),
    Rule(
        "too_soon",
        "fewer than `rest` versions since the newest build; twice, four, eight times as many after builds that did "
        "not help; not with `when: schedule`",
        "keep",
        _is_just_built,
        _tell_rest,
    ),
    Rule(
        "no_zoo",
        "no zoo is in force",
        "build_first",
        lambda e, _: not e.has_zoo,
        lambda *_: "no zoo is in force",
    ),
    Rule(
        "scheduled",
        "`when: schedule`, and the newest build is `every` old",
        "rebuild",
        _is_scheduled,
        lambda e, p: f"{e.days_since_build or 0.0:.6g} days since the newest build, one every {p.every_days:.6g}",
    ),
    Rule(
        "not_due",
        "`when: schedule`, and the newest build is younger",
        "keep",
        lambda _, p: p.when == "schedule",
        lambda e, p: f"{e.days_since_build or 0.0:.6g} days since the newest build, one every {p.every_days:.6g}",
    ),
    Rule(
        "never",
        "`when: never`",
        "keep",
        lambda _, p: p.when == "never",
        lambda *_: "the policy is never to rebuild",
    ),
    Rule(
        "situation_unmet",
        "three versions in a row ended where the zoo has no models",
        "rebuild",
        lambda e, p: e.versions_unmet >= p.unmet_versions,
        lambda e, _: f"{e.versions_unmet} versions in a row: {'; '.join(e.situations_unmet)}",
    ),
    Rule(
        "retrained_lately",
        "errors are worse than promised, and the zoo learned fewer than `rest` versions ago for that reason",
        "keep",
        _learned_lately,
        lambda e, p: (
            f"retrained {e.versions_since_retrain} versions ago; {p.min_versions_between} tell whether it helped"
        ),
    ),
    Rule(
        "rebuild_did_not_help",
        "errors are worse than promised, though a zoo was built anew since they are",
        "experiment",
        _did_not_help,
        _tell_not_helped,
    ),
    Rule(
        "worse_than_promised",
        "errors are worse than promised, beyond chance and `tolerance_pct`",
        "rebuild",
        lambda e, _: e.judgement.is_worse,
        _tell_errors,
    ),
    Rule(
        "too_old",
        "the build's newest target is older than `max_age`",
        "rebuild",
        _is_old,
        lambda e, p: f"the zoo is {e.age_days:.6g} days old, limit {p.max_age_days or 0.0:.6g}",
    ),
    Rule(
        "as_promised",
        "nothing of the above",
        "keep",
        lambda *_: True,
        lambda *_: "errors are within the promise and the zoo is young enough",
    ),
)
WAITS: tuple[Wait, ...] = (
    Wait(
        "approval",
        "`approval: all`, or `approval: experiment` and it is one",
        _needs_approval,
        lambda *_: "a person has to approve it",
    ),
    Wait(
        "budget_spent",
        "`budget.builds` builds were opened in the last `budget.per`",
        lambda _, e, p: e.builds_in_budget >= p.budget_builds,
        lambda e, p: f"{e.builds_in_budget} builds in the budget's time, at most {p.budget_builds}",
    ),
    Wait(
        "outside_hours",
        "it is not within `budget.hours`",
        _is_outside,
        lambda e, p: f"it is {e.clock}, builds start {p.hours}",
    ),
)
