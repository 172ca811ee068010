"""What a decision is taken from: the policy, the evidence, and the episode of deterioration that goes on.

Here belong these values and how an episode goes on. The rules are in `loopcast.reflection.rules`, gathering the
evidence is the caller's part.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from loopcast.reflection.deterioration import Judgement
from loopcast.zoo.rebuild import Scope

Action = Literal["keep", "retrain", "rebuild", "experiment", "build_first"]
BuildState = Literal["under_way", "shadow", "in_force", "rejected"]
Asking = Literal["approve", "overrule", "ask"]

NOTHING_JUDGED = Judgement()
MOST_DOUBLINGS = 3


@dataclass(frozen=True)
class RebuildPolicy:
    """When a zoo is built or taught again.

    Args:
        max_age_days: age of the newest target that the zoo learned from, in days of data; None: no limit.
        min_versions_between: versions between two builds, whatever the errors (the rest); doubled after each build
            that did not help, up to eight times as many.
        unmet_versions: so many versions in a row with an origin that the zoo has no models for ask for a build; a
            single one may be no more than a missing last hour.
        when: `decision`: by evidence; `schedule`: every so often, whatever the errors; `never`.
        every_days: data time between two builds by schedule, days.
        retrain: `on_decision`: a zoo learns what is new when it is decided so; else this is not decided here.
        budget_builds: most builds that are opened without a person in the budget's time.
        hours: when builds may start, such as `22:00-06:00`; None: at any time.
        approval: what waits for a person: `none`, `experiment`, or `all` that opens a build.
        min_scored_versions: versions with scored forecasts that tell that errors are as promised again.
    """

    max_age_days: float | None = 28.0
    min_versions_between: int = 7
    unmet_versions: int = 3
    when: Literal["decision", "schedule", "never"] = "decision"
    every_days: float = 7.0
    retrain: Literal["every_version", "on_decision", "never"] = "every_version"
    budget_builds: int = 8
    hours: str | None = None
    approval: Literal["none", "experiment", "all"] = "none"
    min_scored_versions: int = 7


@dataclass(frozen=True)
class Asked:
    """What a person wants.

    Args:
        kind: whether a decision is approved, overruled, or something is asked for.
        action: what is to be done.
        scope: which situations a rebuild makes anew.
        by: who.
        reason: why.
        decision: the decision approved or overruled; None: it is asked for.
        note: what the decision had said, or why nothing can be done any more.
        is_late: whether nothing can be done any more.
    """

    kind: Asking
    action: Action
    scope: Scope
    by: str
    reason: str
    decision: str | None = None
    note: str = ""
    is_late: bool = False


@dataclass(frozen=True)
class Episode:
    """A time in which production is worse than promised, until it is seen to be as promised again.

    Args:
        since: the version after which it was first decided on; None: there is no such time now.
        builds: builds opened in it.
        retrained: whether a retrain was decided in it.
    """

    since: str | None = None
    builds: int = 0
    retrained: bool = False


CALM = Episode()


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
        newest_build: what became of the newest build; None: there was none.
        days_since_build: data time since the newest build, days; None: there was none.
        builds_in_budget: builds opened without a person in the budget's time.
        clock: time of day on the use case's clock, such as `14:05`; None: not known, and so at no forbidden time.
        versions_since_retrain: versions since the zoo last learned, by a retrain or its build; None: not known.
        versions_since_overruled: versions since a person said to keep the zoo; None: nobody did.
        episode: the time of deterioration that goes on.
        asked: what a person wants; None: nothing.
    """

    has_zoo: bool
    versions_since_build: int = 0
    age_days: float = 0.0
    judgement: Judgement = NOTHING_JUDGED
    versions_unmet: int = 0
    situations_unmet: tuple[str, ...] = ()
    pinned: str | None = None
    rejected_in_a_row: int = 0
    newest_build: BuildState | None = None
    days_since_build: float | None = None
    builds_in_budget: int = 0
    clock: str | None = None
    versions_since_retrain: int | None = None
    versions_since_overruled: int | None = None
    episode: Episode = CALM
    asked: Asked | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evidence in JSON's own types."""
        told = {"situations_unmet": list(self.situations_unmet), "judgement": self.judgement.to_dict()}
        return {**asdict(self), **told}


def follow_episode(episode: Episode, judgement: Judgement, policy: RebuildPolicy, *, version: str) -> Episode:
    """Return the episode with a new judgement: it begins when production is worse, and ends when it is seen not to be.

    A judgement from too few scored versions, as after a new zoo has taken force, ends nothing.

    Args:
        episode: as it was after the last decision.
        judgement: the new one.
        policy: says how many scored versions are enough.
        version: the version decided on.
    """
    if judgement.is_worse:
        return episode if episode.since else replace(episode, since=version)
    return CALM if judgement.scored_versions >= policy.min_scored_versions else episode


def note_action(episode: Episode, action: Action) -> Episode:
    """Return the episode after an action was carried out in it; a time that is no episode stays none."""
    if episode.since is None or action == "keep":
        return episode
    if action == "retrain":
        return replace(episode, retrained=True)
    return replace(episode, builds=episode.builds + 1)


def count_rest(evidence: Evidence, policy: RebuildPolicy) -> int:
    """Return the versions to wait after the newest build: doubled for each one in a row that did not help.

    In an episode only its own builds count: that nothing better was found while all was well says nothing of it.

    Examples:
        >>> [count_rest(Evidence(has_zoo=True, rejected_in_a_row=n), RebuildPolicy()) for n in (0, 1, 2, 9)]
        [7, 14, 28, 56]
        >>> count_rest(Evidence(has_zoo=True, rejected_in_a_row=2, episode=Episode("v00000009")), RebuildPolicy())
        7
    """
    failed = evidence.rejected_in_a_row
    if evidence.episode.since is not None:
        failed = evidence.episode.builds - (evidence.newest_build == "in_force")
    return policy.min_versions_between << min(max(failed, 0), MOST_DOUBLINGS)


def is_within(clock: str, hours: str) -> bool:
    """Return whether a time of day lies within hours, which may go over midnight; the end is outside.

    Examples:
        >>> [is_within(clock, "22:00-06:00") for clock in ("21:59", "22:00", "05:59", "06:00")]
        [False, True, True, False]
    """
    start, end = hours.split("-")
    return start <= clock < end if start < end else clock >= start or clock < end
